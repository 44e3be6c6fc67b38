"""Settings to the text of the pipeline's definition, by the SageMaker SDK, which is kept quiet and offline.

Composing is a pure function: it opens no socket, reads no credentials, profile or SDK configuration of the user,
and gives the same bytes on every machine. The SDK is imported inside, since that takes seconds.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from pipeline.definition import canonical
from pipeline.settings import Settings

# What the SDK is to see of the environment while it composes. The keys are never used: nothing is called.
_ENVIRONMENT: Final[Mapping[str, str | None]] = {
    "AWS_ACCESS_KEY_ID": "composing",
    "AWS_SECRET_ACCESS_KEY": "composing",
    "AWS_SESSION_TOKEN": None,
    "AWS_PROFILE": None,
    "AWS_DEFAULT_PROFILE": None,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAGEMAKER_VALIDATE_ROLE": "false",
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": None,
    "SAGEMAKER_USER_CONFIG_OVERRIDE": None,
}

_SDK_CONFIG: Final = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}


def compose(settings: Settings, *, code_uri: str) -> str:
    """The canonical definition of the pipeline; `code_uri` is the S3 prefix of the uploaded scripts.

    Not for use from several threads at once: the environment of the process is changed while it runs.
    """
    with _environment({**_ENVIRONMENT, "AWS_DEFAULT_REGION": settings.region}), _quiet():
        return canonical(_without_nulls(json.loads(_definition(settings, code_uri))))


def _definition(settings: Settings, code_uri: str) -> str:
    import boto3
    from sagemaker.core.config.config_manager import SageMakerConfig
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    from pipeline.build import build

    with _replaced(SageMakerConfig, "validate_sagemaker_config", lambda *_: None):
        session = PipelineSession(
            boto_session=boto3.Session(region_name=settings.region),
            default_bucket=settings.bucket,
            sagemaker_config=_SDK_CONFIG,
        )
        text: str = build(settings, session, code_uri=code_uri).definition()
        return text


def _without_nulls(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition without the top-level members that say nothing."""
    return {name: value for name, value in definition.items() if value is not None}


@contextmanager
def _environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """The process's environment with these values, None for absent; as it was afterwards."""
    before = {name: os.environ.get(name) for name in values}
    try:
        _set(values)
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """No log lines and no warnings, and the root logger as it was: importing the SDK configures it."""
    root = logging.getLogger()
    handlers, level, disabled = list(root.handlers), root.level, logging.root.manager.disable
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
def _replaced(owner: type, name: str, value: object) -> Iterator[None]:
    """An attribute replaced for a while.

    The SDK validates its configuration against a JSON schema at every look-up, about a hundred times in one
    composition: five seconds in which nothing is decided, as the configuration is ours.
    """
    before = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
