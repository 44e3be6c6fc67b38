"""How long the torture tests last: brief by default, at full length when PIPELINE_TORTURE is `full`."""

from __future__ import annotations

import os


def length(brief: int, full: int) -> int:
    """Rounds, seconds or examples of a torture test."""
    return full if os.environ.get("PIPELINE_TORTURE") == "full" else brief
