"""Settings to the text of the pipeline's definition, by the SageMaker SDK, which is kept quiet and offline.

Composing is a pure function: it opens no socket, reads no credentials, profile or SDK configuration of the user, and
gives the same bytes on every machine. The SDK is imported inside, since that takes seconds.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.compose.composed_cache import Memo
from pipeline.config.pipeline_kind import PipelineKind
from pipeline.definition.canonical_text import canonical
from pipeline.errors import DefinitionError

if TYPE_CHECKING:
    from pipeline.config.settings import Settings

# What the SDK sees of AWS in the environment while it composes: this and nothing else. The keys are never used,
# as nothing is called; without them it would ask the metadata service of an EC2 instance for some.
_SEEN: Final[Mapping[str, str]] = {
    "AWS_ACCESS_KEY_ID": "composing",
    "AWS_SECRET_ACCESS_KEY": "composing",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAGEMAKER_VALIDATE_ROLE": "false",
}
_HIDDEN_PREFIXES: Final = ("AWS_", "SAGEMAKER_")

# Given so that the user's own SDK configuration is not read; it also keeps the SDK from sending telemetry.
_SDK_CONFIG: Final = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}


def compose(
    settings: Settings,
    *,
    code: Mapping[str, str],
    cache: Path | None = None,
    part: PipelineKind = PipelineKind.TRAINING,
) -> str:
    """The canonical definition of the pipeline; `code` are S3 prefixes of uploaded code, by script.

    `part` says which of the pipelines that one set of settings describes.

    With `cache`, a folder, what was composed before from the very same settings, code and SDK is read from there.
    Raises `SettingsError` for an image or region that the SDK does not know, `DefinitionError` for a script that is not
    there. Not for several threads at once, since it changes the environment of the process while it runs.
    """
    if cache is None:
        return _composed(settings, code, part)
    inputs = (settings.model_dump_json(), json.dumps(code), part.value)
    memo = Memo.of(cache, *inputs)
    text = memo.read() if memo else None
    if text is None:
        text = _composed(settings, code, part)
        # The SDK and the steps were loaded meanwhile: what was composed is kept only if no code changed.
        if memo and Memo.of(cache, *inputs) == memo:
            memo.write(text)
    return text


def _composed(settings: Settings, code: Mapping[str, str], part: PipelineKind) -> str:
    with _environment({**_SEEN, "AWS_DEFAULT_REGION": settings.region}), _quiet(), _without_collections():
        definition: dict[str, Any] = json.loads(_definition(settings, code, part))
    # The SDK writes null for what is not used, such as MlflowConfig.
    return canonical({name: value for name, value in definition.items() if value is not None})


def _definition(settings: Settings, code: Mapping[str, str], part: PipelineKind) -> str:
    import boto3
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    from pipeline.compose.release_pipeline import build_release
    from pipeline.compose.training_pipeline import build_training
    from pipeline.compose.watch_pipeline import build_watch
    from steps.step_context import NoScriptError

    with _sdk_kept_to_itself():
        session = PipelineSession(
            boto_session=boto3.Session(region_name=settings.region),
            default_bucket=settings.bucket,
            sagemaker_config=_SDK_CONFIG,
        )
        builders = {
            PipelineKind.TRAINING: build_training,
            PipelineKind.RELEASE: build_release,
            PipelineKind.WATCH: build_watch,
        }
        try:
            text: str = builders[part](settings, session, code=code).definition()
        except NoScriptError as error:
            raise DefinitionError(f"a step runs scripts/{error}.py, which does not exist") from None
        return text


@contextmanager
def _sdk_kept_to_itself() -> Iterator[None]:
    """The SDK without three of its habits, none of which decides anything here.

    It validates its configuration, which is a constant here, against a JSON schema at every session and look-up, a
    hundred times in one composition, which takes five seconds; it makes a session for local mode, with clients and the
    user's `~/.sagemaker`, at every step to learn the name of a function; and in SageMaker Studio it tags jobs with the
    project that the folder lies in.
    """
    from sagemaker.core import _studio
    from sagemaker.core.config.config_manager import SageMakerConfig
    from sagemaker.core.helper import session_helper
    from sagemaker.mlops.workflow import steps

    client = steps.LocalSagemakerClient
    with ExitStack() as stack:
        stack.enter_context(_replaced(SageMakerConfig, "validate_sagemaker_config", lambda *_: None))
        stack.enter_context(_replaced(session_helper, "validate_sagemaker_config", lambda _: None))
        stack.enter_context(_replaced(steps, "LocalSagemakerClient", lambda: client.__new__(client)))
        stack.enter_context(_replaced(_studio, "_find_config", lambda *_: None))
        yield


@contextmanager
def _environment(seen: Mapping[str, str]) -> Iterator[None]:
    """The process's environment with nothing of AWS in it but this; as it was afterwards."""
    hidden = {name: value for name, value in os.environ.items() if name.startswith(_HIDDEN_PREFIXES)}
    try:
        _replace(hidden, seen)
        yield
    finally:
        _replace(seen, hidden)


def _replace(old: Mapping[str, str], new: Mapping[str, str]) -> None:
    for name in old:
        os.environ.pop(name, None)
    os.environ.update(new)


@contextmanager
def _quiet() -> Iterator[None]:
    """No log lines and no warnings, and the root logger as it was: importing the SDK configures it."""
    root = logging.getLogger()
    handlers, level, disabled = list(root.handlers), root.level, root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.disable(disabled)


@contextmanager
def _without_collections() -> Iterator[None]:
    """No search for garbage: the SDK makes a million objects that stay, and a fifth of its import is that search."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """An attribute of a module or class replaced for a while."""
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
