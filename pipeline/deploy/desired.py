"""The desired state, put together from the settings: the definition, the code that it names, role and tags.

The definition names each script's code by its content's hash, so the two are made together.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from pipeline.config.pipeline_kind import PipelineKind
from pipeline.config.settings import Settings
from pipeline.deploy.code_bundle import bundles
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

    found = bundles(scripts_folder())
    code = {script: bundle.uri(settings.bucket, settings.prefix) for script, bundle in found.items()}
    definition = compose(settings, code=code, cache=cache, part=part)
    return Desired(
        name=settings.name_of(part),
        definition=definition,
        role=settings.role,
        bucket=settings.bucket,
        prefix=settings.prefix,
        bundles=tuple(bundle for script, bundle in found.items() if f'"{code[script]}"' in definition),
        tags=dict(settings.tags),
        description=_DESCRIPTIONS.get(part, settings.description),
        parallelism=settings.parallelism,
        kms_key=settings.kms_key,
    )


def scripts_folder() -> Path:
    """The folder of the scripts that go into the bundles."""
    spec = importlib.util.find_spec("scripts")
    assert spec is not None and spec.submodule_search_locations, "the distribution ships the scripts"
    return Path(next(iter(spec.submodule_search_locations)))
