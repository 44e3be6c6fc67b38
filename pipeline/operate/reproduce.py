"""A version trained again from what was recorded: the execution's definition and parameters, its code and its data.

What leads to the training step, and that step, run as a small pipeline of their own, from the raw data on and with
nothing reused; the pipeline goes when it has ended. Then weight is held against weight, bit by bit.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.clients import Clients
from pipeline.config.settings import REPRODUCE_SUFFIX, Settings
from pipeline.definition.graph import dependencies
from pipeline.definition.step_types import walk
from pipeline.errors import ServiceError, UsageError
from pipeline.executions import control
from pipeline.executions.execution_results import split
from pipeline.executions.execution_snapshot import definition_of, parameters_of, snapshot
from pipeline.operate.model_registry import RegisteredModel
from pipeline.operate.promotion import FROM
from pipeline.service_errors import error_code, is_absent, translated

if TYPE_CHECKING:
    from scripts.scoring.linear_model import LinearModel

_SHOWN: Final = 9


@dataclass(frozen=True)
class Reproduced:
    """How many numbers the artefact has, and what differs first; nothing where all are equal bit by bit."""

    count: int
    difference: str = ""


def reproduce(
    clients: Clients, settings: Settings, chosen: RegisteredModel, *, follow: Callable[[str], None]
) -> Reproduced:
    """Train again and compare; `follow` gets the execution's ARN and returns once it has succeeded.

    Raises UsageError for a version that was not trained here, ServiceError, and what `follow` raises.
    """
    with translated():
        version = clients.sagemaker.describe_model_package(ModelPackageName=chosen.arn)
    properties = version.get("CustomerMetadataProperties", {})
    if FROM in properties:
        raise UsageError(f"version {chosen.version} was promoted from {properties[FROM]}", hint="reproduce it there")
    job = properties.get("TrainingJobName", "")
    if not job or not chosen.execution:
        raise UsageError(
            f"version {chosen.version} does not say which execution and training job made it",
            hint="only versions that this pipeline registered can be reproduced",
        )
    step = next((step.name for step in snapshot(clients, chosen.execution).steps if step.job_name == job), "")
    if not step:
        raise UsageError(f"no step of {chosen.execution} ran the training job {job}")
    definition = training_alone(definition_of(clients, chosen.execution), step)
    name = f"{settings.name}{REPRODUCE_SUFFIX}"
    with _pipeline(clients, settings, name, definition):
        arn = control.start(clients, name, parameters_of(clients, chosen.execution))
        follow(arn)
        again = next(found.job_name for found in snapshot(clients, arn).steps if found.name == step)
    with translated():
        trained = clients.sagemaker.describe_training_job(TrainingJobName=again)["ModelArtifacts"]["S3ModelArtifacts"]
    return compared(_model(clients, chosen.artifact), _model(clients, trained))


def training_alone(definition: Mapping[str, Any], step: str) -> dict[str, Any]:
    """The definition cut down to a step and what it needs, with no cache."""
    placed = {found.name: found for found in walk(definition)}
    wanted, open_ = {step}, [step]
    while open_:
        for name in dependencies(placed[open_.pop()], placed):
            if name not in wanted:
                wanted.add(name)
                open_.append(name)
    steps = [
        {key: value for key, value in found.items() if key != "CacheConfig"}
        for found in definition["Steps"]
        if found["Name"] in wanted
    ]
    return {**definition, "Steps": steps}


def compared(was: LinearModel, now: LinearModel) -> Reproduced:
    """The first number that differs, in the order weights, bias, threshold; as bits, so that 0 is not -0."""
    import numpy as np

    if was.weight.shape != now.weight.shape:
        return Reproduced(was.weight.size, f"it has weights of {was.weight.shape}, now of {now.weight.shape}")
    parts = (
        ("weight", was.weight, now.weight),
        ("bias", was.bias, now.bias),
        ("threshold", np.array([was.threshold]), np.array([now.threshold])),
    )
    count = sum(before.size for _, before, _ in parts)
    for name, before, after in parts:
        bits = f"u{before.dtype.itemsize}"
        differs = np.flatnonzero(before.ravel().view(bits) != after.ravel().view(bits))
        if len(differs):
            first = int(differs[0])
            place = (
                f" of feature {first // before.shape[1]}, output {first % before.shape[1]}" if name == "weight" else ""
            )
            furthest = float(np.abs(before.astype(np.float64) - after.astype(np.float64)).max())
            return Reproduced(
                count,
                f"the {name}{place} was {before.ravel()[first]:.{_SHOWN}g} and is {after.ravel()[first]:.{_SHOWN}g}; "
                f"{len(differs):,} of {before.size:,} differ, by at most {furthest:.3g}",
            )
    return Reproduced(count)


@contextmanager
def _pipeline(clients: Clients, settings: Settings, name: str, definition: Mapping[str, Any]) -> Iterator[None]:
    from botocore.exceptions import ClientError

    tags = [{"Key": key, "Value": value} for key, value in sorted(settings.tags.items())]
    with translated():
        try:
            clients.sagemaker.create_pipeline(
                PipelineName=name,
                PipelineDefinition=json.dumps(definition),
                RoleArn=settings.role,
                ClientRequestToken=uuid.uuid4().hex,
                Tags=tags,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if is_absent(error) and "already exists" in str(error):
                raise UsageError(
                    f"{name} is there: another version is being reproduced, or one was interrupted",
                    hint=f"`pipeline executions --set name={name}` shows whether it runs; "
                    f"`aws sagemaker delete-pipeline --pipeline-name {name}` removes it",
                ) from None
            raise
    try:
        yield
    finally:
        with translated():
            try:
                clients.sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=uuid.uuid4().hex)
            except ClientError as error:
                if error_code(error) != "ConflictException":  # interrupted: its execution still runs
                    raise


def _model(clients: Clients, uri: str) -> LinearModel:
    from scripts.errors import ScriptError
    from scripts.scoring.linear_model import read_model

    bucket, key = split(uri)
    with translated():
        content = clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        return read_model(content)
    except ScriptError as error:
        raise ServiceError(f"{uri}: {error}") from None
