"""The Cleanup step: deletes objects that earlier steps wrote to S3, and says of each step what became of them.

Nothing is deleted that does not lie below an output of the step that is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pipeline.definition.expression_values import EvaluationError, evaluate
from pipeline.limits import Row
from pipeline.local.engine.step_run import Ended, StepRun
from pipeline.local.kinds import Body

PARITY: Final = (
    Row(
        area="pipelines",
        subject="Cleanup: which objects, and how the step ends",
        here="the artefacts of a Training step, or the named objects below an output of the step; a step that has not"
        " run is skipped; the Cleanup step fails if the outputs of one could not be deleted",
        aws="which objects is documented; how the step ends is not established",
    ),
)


class _RefusedError(Exception):
    """The outputs of a step cannot be deleted; the message says why."""


class _SkippedError(Exception):
    """What is needed to find the outputs of a step is not there."""


def run_cleanup(run: StepRun) -> Ended:
    """Delete the outputs of one step after the other; what cannot be deleted keeps none of the others."""
    run.progress("Executing")
    cleaned: list[str] = []
    failed: list[Body] = []
    skipped: list[str] = []
    for source in (run.arguments.get("Resources") or {}).get("S3") or []:
        name = str(source.get("StepName"))
        try:
            for uri in list(_uris(run, name, source.get("S3Uris"))):
                _delete(run, uri)
            cleaned.append(name)
        except _SkippedError:
            skipped.append(name)
        except _RefusedError as refused:
            failed.append({"StepName": name, "ErrorCode": "ClientError", "ErrorMessage": str(refused)})
    metadata = {"CleanedSteps": cleaned, "FailedSteps": failed, "SkippedSteps": skipped}
    reason = f"ClientError: {failed[0]['ErrorMessage']}" if failed else None
    return Ended("Failed" if failed else "Succeeded", reason, members={"Metadata": {"Cleanup": metadata}})


def _uris(run: StepRun, name: str, given: Any) -> Iterator[str]:
    """The objects to delete of one step. Raises _SkippedError, _RefusedError."""
    row = run.records.step(name)
    if row is None or not row.get("_resource"):
        raise _SkippedError
    try:
        properties = run.scope.properties(name)
    except EvaluationError:
        raise _SkippedError from None
    if properties.get("VpcConfig") or (properties.get("NetworkConfig") or {}).get("VpcConfig"):
        raise _RefusedError(f"The step {name} has a VpcConfig; its outputs cannot be cleaned up.")
    if given is None:
        yield from _artefacts(name, properties)
        return
    try:
        uris = evaluate(given, run.scope)
    except EvaluationError:
        raise _SkippedError from None
    below = tuple(f"{place.rstrip('/')}/" for place in _places(properties))
    for uri in uris:
        if not str(uri).startswith(below):
            raise _RefusedError(f"{uri} is not below an output of the step {name}.")
        yield str(uri)


def _artefacts(name: str, properties: Body) -> Iterator[str]:
    if "TrainingJobName" not in properties:
        raise _RefusedError(f"S3Uris must name the objects of the step {name}, which is no Training step.")
    model = (properties.get("ModelArtifacts") or {}).get("S3ModelArtifacts")
    if not model:
        raise _SkippedError
    yield str(model)
    yield f"{str(model).rpartition('/')[0]}/output.tar.gz"


def _places(properties: Body) -> Iterator[str]:
    """Where a job writes."""
    for output in (properties.get("ProcessingOutputConfig") or {}).get("Outputs") or []:
        yield str((output.get("S3Output") or {}).get("S3Uri"))
    for member in ("TransformOutput", "OutputDataConfig"):
        if place := (properties.get(member) or {}).get("S3OutputPath"):
            yield str(place)


def _delete(run: StepRun, uri: str) -> None:
    from pipeline.local.s3.store import S3Error

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        run.service.objects.delete(bucket, key)
    except S3Error as error:
        raise _RefusedError(f"{uri} cannot be deleted: {error.code}: {error.message}") from error
