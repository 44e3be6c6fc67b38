"""The risks that a plan warns of: thresholds lowered below an approved model's, endpoints left running, doubtful steps.

The parts that compare definitions are pure; `found` asks the service for the rest, and only for what matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pipeline import versions
from pipeline.clients import Clients
from pipeline.definition.check import check
from pipeline.definition.known_values import Seen
from pipeline.definition.typed_parameters import values
from pipeline.deploy.plan import parsed
from pipeline.errors import DefinitionError
from pipeline.executions.execution_results import SIDES, comparisons
from pipeline.service_errors import error_code, is_absent, translated

_RUNNING: Final = ("InService", "Creating", "Updating", "SystemUpdating", "RollingBack")


def accepted(definition: str) -> tuple[str, ...]:
    """What the service takes though it may not do what is meant. Raises DefinitionError for what it would refuse."""
    problems = check(definition)
    refused = [str(problem).removeprefix("error: ") for problem in problems if problem.level == "error"]
    if refused:
        raise DefinitionError("\n  ".join(["the service would refuse the definition:", *refused]))
    return tuple(str(problem).removeprefix("warning: ") for problem in problems)


def found(clients: Clients, old: str, new: str) -> tuple[str, ...]:
    """The warnings about a deployed definition and the one that is to replace it. Raises ServiceError."""
    before, after = parsed(old), parsed(new)
    return (*_thresholds(clients, before, after), *_endpoints(clients, before, after))


def loosened(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Each threshold of a gate that lets more models through by its default, with both values."""
    before, after = _gates(old), _gates(new)
    for name, (side, value) in before.items():
        if name not in after:
            yield f"{name} ({side} {value:g}) is gone"
            continue
        now = after[name][1]
        if (now < value) if side in ("at least", "above") else (now > value):
            yield f"{name} goes from {side} {value:g} to {side} {now:g}"


def endpoints(definition: Mapping[str, Any]) -> set[str]:
    """The names of the endpoints that the pipeline deploys to unless an execution is told others."""
    return _names(definition, "Endpoint", "EndpointName")


def groups(definition: Mapping[str, Any]) -> set[str]:
    """The model package groups that the pipeline registers in unless an execution is told others."""
    return _names(definition, "RegisterModel", "ModelPackageGroupName")


def _thresholds(clients: Clients, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    lower = list(loosened(old, new))
    for group in sorted(groups(old)) if lower else ():
        changes = "; ".join(lower)
        try:
            version = _approved(clients, group)
        except _NotPermittedError:
            yield f"the gate lets more through: {changes}; no permission to see whether {group} has an approved model"
            continue
        if version:
            yield f"the gate lets more through than when {group}/{version}, which is approved, passed it: {changes}"


def _endpoints(clients: Clients, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(endpoints(old) - endpoints(new)):
        try:
            status = _endpoint_status(clients, name)
        except _NotPermittedError:
            yield f"endpoint {name} is no longer deployed to; no permission to see whether it runs"
            continue
        if status in _RUNNING:
            yield f"endpoint {name} is {status} and is left running: remove it with `pipeline clean` if nobody uses it"


def _gates(definition: Mapping[str, Any]) -> dict[str, tuple[str, float]]:
    """The parameters that a Condition holds figures of an evaluation to: the side and the default."""
    defaults = values(definition, {})
    found = {name: (SIDES[kind][0], defaults.get(name)) for kind, _, name in comparisons(definition)}
    return {name: (side, float(value)) for name, (side, value) in found.items() if isinstance(value, int | float)}


def _names(definition: Mapping[str, Any], kind: str, member: str) -> set[str]:
    """What the steps of one type have for a member, as far as it is fixed before an execution."""
    seen = Seen.of(definition, {}, lambda _: None)
    found = (
        seen.resolved(step.arguments.get(member), of=name) for name, step in seen.steps.items() if step.type == kind
    )
    return {value for value in found if isinstance(value, str)}


def _approved(clients: Clients, group: str) -> int | None:
    """The newest approved version of a group, None if it has none."""
    return _asked(lambda: next(versions.approved(clients, group), {})).get("ModelPackageVersion")


def _endpoint_status(clients: Clients, name: str) -> str:
    """The status of an endpoint, empty if there is none."""
    found = _asked(lambda: clients.sagemaker.describe_endpoint(EndpointName=name))
    return str(found.get("EndpointStatus", ""))


class _NotPermittedError(Exception):
    """Whoever plans may not ask; that makes a warning vaguer, and stops nobody."""


def _asked(ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """The answer, empty if there is no such thing. Raises _NotPermittedError, ServiceError."""
    from botocore.exceptions import ClientError

    with translated():
        try:
            return ask()
        except ClientError as error:
            if is_absent(error):
                return {}
            if error_code(error) in ("AccessDenied", "AccessDeniedException"):
                raise _NotPermittedError from error
            raise
