"""The desired state, put together from the settings: the definition, the code that it names, role and tags.

The definition names the code by its content's hash, so the two are made together.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from pipeline.config.pipeline_kind import PipelineKind
from pipeline.config.settings import Settings
from pipeline.deploy.bundle import Bundle
from pipeline.deploy.plan import Desired

_DESCRIPTIONS: Final = {
    PipelineKind.RELEASE: "Releases a version of the model registry: an approval starts it.",
    PipelineKind.WATCH: "Compares what the endpoint is asked with its version's test set: a schedule starts it.",
}


def desired(settings: Settings, *, cache: Path | None, part: PipelineKind = PipelineKind.TRAINING) -> Desired:
    """The pipeline that these settings describe; `cache` is a folder that keeps composed definitions.

    `part` says which of them. Raises DefinitionError, SettingsError, DataError.
    """
    from pipeline.compose.definition_text import compose

    bundle = Bundle.of(scripts_folder())
    code_uri = bundle.uri(settings.bucket, settings.prefix)
    return Desired(
        name=settings.name_of(part),
        definition=compose(settings, code_uri=code_uri, cache=cache, part=part),
        role=settings.role,
        bucket=settings.bucket,
        prefix=settings.prefix,
        bundle=bundle,
        tags=dict(settings.tags),
        description=_DESCRIPTIONS.get(part, settings.description),
        parallelism=settings.parallelism,
        kms_key=settings.kms_key,
    )


def scripts_folder() -> Path:
    """The folder of the scripts that go into the bundle."""
    spec = importlib.util.find_spec("scripts")
    assert spec is not None and spec.submodule_search_locations, "the distribution ships the scripts"
    return Path(next(iter(spec.submodule_search_locations)))
