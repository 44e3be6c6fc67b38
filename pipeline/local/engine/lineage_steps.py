"""The Lineage step: creates actions, artifacts and contexts, then associates them by name or ARN."""

from __future__ import annotations

from typing import Any, Final

from pipeline.definition.expression_values import EvaluationError, evaluate
from pipeline.local.api_errors import ApiError
from pipeline.local.engine.step_run import Ended, StepRun
from pipeline.local.kinds import Body, StepChanges
from pipeline.local.retried_calls import patiently

_ENTITIES: Final = (("Actions", "Action"), ("Artifacts", "Artifact"), ("Contexts", "Context"))


def run_lineage(run: StepRun) -> Ended:
    """Create the entities in the order of the definition. What was created stays when a later one is refused."""
    run.progress("Executing")
    arguments = evaluate(run.arguments, run.scope)
    made: dict[str, Body] = {kind: {} for _, kind in _ENTITIES}
    associations: list[Body] = []
    reason = None
    try:
        for member, kind in _ENTITIES:
            for request in _objects(arguments, member):
                arn = _call(run, f"Create{kind}", request)[f"{kind}Arn"]
                # The API lets an artifact go without a name: its own id then stands for it.
                made[kind][str(request.get(f"{kind}Name") or arn.rpartition("/")[2])] = arn
        for association in _objects(arguments, "Associations"):
            associations.append(_associate(run, association, made))
    except _RefusedError as refused:
        reason = str(refused)
    result: Body = {f"{kind}Arns": arns for kind, arns in made.items()} | {"Associations": associations}
    members: StepChanges = {"Metadata": {"Lineage": result}, "_properties": result}
    return Ended("Failed" if reason else "Succeeded", reason, members=members)


class _RefusedError(Exception):
    """An entity that the service did not take; the message is the step's failure reason."""


def _objects(arguments: Body, member: str) -> list[Body]:
    """A member of the arguments as a list of objects. Raises EvaluationError."""
    value = arguments.get(member) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise EvaluationError(f"{member} of the Lineage step is not a list of objects.")
    return value


def _associate(run: StepRun, association: Body, made: dict[str, Body]) -> Body:
    ends: Body = {
        "SourceArn": _arn(association.get("Source"), made),
        "DestinationArn": _arn(association.get("Destination"), made),
    }
    kind = association.get("AssociationType")
    _call(run, "AddAssociation", ends | ({"AssociationType": kind} if kind else {}))
    return ends


def _arn(end: Any, made: dict[str, Body]) -> str:
    """The ARN of an end: given, or that of an entity of this step by name and type. Raises _RefusedError."""
    if isinstance(end, dict) and "Arn" in end:
        return str(end["Arn"])
    try:
        return str(made[end["Type"]][end["Name"]])
    except (KeyError, TypeError):
        raise _RefusedError(f"ClientError: The association's end {end} is no entity of this step.") from None


def _call(run: StepRun, action: str, request: Body) -> Body:
    try:
        return patiently(run.service, action, request)
    except ApiError as error:
        text = f"ClientError: Failed to invoke sagemaker:{action}. Error Details: {error.message}"
        raise _RefusedError(text) from error
