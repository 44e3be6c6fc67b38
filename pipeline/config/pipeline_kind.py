"""The pipelines that one set of settings describes, and that one upsert brings."""

from __future__ import annotations

from enum import StrEnum


class PipelineKind(StrEnum):
    """What a pipeline is for."""

    TRAINING = "training"
    RELEASE = "release"
    WATCH = "watch"
