"""Experiments, trials and trial components, as pipelines make them and as users make them by hand.

A trial component names its trials itself (`_trials`), since it may be part of several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.limits import Row
from pipeline.local.api import Body, action, public
from pipeline.local.api.listing import Listing
from pipeline.local.api.tags import store_tags
from pipeline.local.api.tracking.trial_components import described
from pipeline.local.errors import ResourceNotFound, ValidationException
from pipeline.local.names import last_part
from pipeline.local.store import AlreadyExists

if TYPE_CHECKING:
    from pipeline.local.service import Service

EXPERIMENT: Final = "experiment"
TRIAL: Final = "experiment-trial"
COMPONENT: Final = "experiment-trial-component"
POINTS: Final = "metric-points"
"""Batches of metric points, below the name of their component; `metrics` writes them."""
PARITY: Final = (
    Row(
        area="experiments",
        subject="deleting an experiment that has trials, a trial that has components, a component in a trial",
        here="ValidationException that says what to delete first",
        aws="refused, as documented; the texts are not established",
    ),
)

_WORDS: Final = {EXPERIMENT: "Experiment", TRIAL: "Trial", COMPONENT: "TrialComponent"}
_COMPONENT_MEMBERS: Final = (
    "Status",
    "StartTime",
    "EndTime",
    "Parameters",
    "InputArtifacts",
    "OutputArtifacts",
    "MetadataProperties",
)
_MAPS: Final = ("Parameters", "InputArtifacts", "OutputArtifacts")


@action("CreateExperiment")
def create_experiment(service: Service, request: Body) -> Body:
    """Make an experiment. Raises ValidationException if there is one of that name."""
    return {"ExperimentArn": _create(service, EXPERIMENT, request, ("Description",), {})}


@action("DescribeExperiment")
def describe_experiment(service: Service, request: Body) -> Body:
    """The experiment."""
    return public(find(service, EXPERIMENT, request["ExperimentName"]))


@action("ListExperiments")
def list_experiments(service: Service, request: Body) -> Body:
    """All experiments."""
    return _listed(service, EXPERIMENT, service.store.list(EXPERIMENT), request)


@action("UpdateExperiment")
def update_experiment(service: Service, request: Body) -> Body:
    """Change display name and description."""
    return {"ExperimentArn": _update(service, EXPERIMENT, request, ("DisplayName", "Description"))}


@action("DeleteExperiment")
def delete_experiment(service: Service, request: Body) -> Body:
    """Remove an experiment whose trials have been deleted."""
    with service.store.transaction():
        body = find(service, EXPERIMENT, request["ExperimentName"])
        if service.store.list(TRIAL, parent=body["ExperimentName"]):
            raise ValidationException(
                f"Experiment {body['ExperimentName']} has trials: all of them must be deleted first."
            )
        service.store.delete(EXPERIMENT, body["ExperimentName"])
    return {"ExperimentArn": body["ExperimentArn"]}


@action("CreateTrial")
def create_trial(service: Service, request: Body) -> Body:
    """Make a trial of an experiment that exists. Raises ResourceNotFound, ValidationException."""
    with service.store.transaction():
        experiment = find(service, EXPERIMENT, request["ExperimentName"])["ExperimentName"]
        own: Body = {"ExperimentName": experiment}
        return {"TrialArn": _create(service, TRIAL, request, ("MetadataProperties",), own, parent=experiment)}


@action("DescribeTrial")
def describe_trial(service: Service, request: Body) -> Body:
    """The trial."""
    return public(find(service, TRIAL, request["TrialName"]))


@action("ListTrials")
def list_trials(service: Service, request: Body) -> Body:
    """All trials, those of an experiment, or those that a component is part of."""
    trials = service.store.list(TRIAL)
    if "ExperimentName" in request:
        name = find(service, EXPERIMENT, request["ExperimentName"])["ExperimentName"]
        trials = [trial for trial in trials if trial["ExperimentName"] == name]
    if "TrialComponentName" in request:
        parts = find(service, COMPONENT, request["TrialComponentName"]).get("_trials", [])
        trials = [trial for trial in trials if trial["TrialName"] in parts]
    return _listed(service, TRIAL, trials, request)


@action("UpdateTrial")
def update_trial(service: Service, request: Body) -> Body:
    """Change the display name."""
    return {"TrialArn": _update(service, TRIAL, request, ("DisplayName",))}


@action("DeleteTrial")
def delete_trial(service: Service, request: Body) -> Body:
    """Remove a trial that has no components."""
    with service.store.transaction():
        body = find(service, TRIAL, request["TrialName"])
        if any(body["TrialName"] in part.get("_trials", []) for part in service.store.list(COMPONENT)):
            raise ValidationException(
                f"Trial {body['TrialName']} has trial components: all of them must be disassociated first."
            )
        service.store.delete(TRIAL, body["TrialName"])
    return {"TrialArn": body["TrialArn"]}


@action("CreateTrialComponent")
def create_component(service: Service, request: Body) -> Body:
    """Make a trial component that is part of no trial yet. Raises ValidationException if there is one of that name."""
    return {"TrialComponentArn": _create(service, COMPONENT, request, _COMPONENT_MEMBERS, {"_trials": []})}


@action("DescribeTrialComponent")
def describe_component(service: Service, request: Body) -> Body:
    """The trial component, by name or ARN, with what is known of the job it stands for."""
    return public(described(service, find(service, COMPONENT, request["TrialComponentName"])))


@action("ListTrialComponents")
def list_components(service: Service, request: Body) -> Body:
    """All components, or those of a trial, of an experiment, or of a source. Raises ValidationException."""
    if len([member for member in ("ExperimentName", "SourceArn", "TrialName") if member in request]) > 1:
        raise ValidationException("Only one of ExperimentName, SourceArn and TrialName can be given.")
    components = service.store.list(COMPONENT)
    if "SourceArn" in request:
        components = [c for c in components if c.get("Source", {}).get("SourceArn") == request["SourceArn"]]
    trials = _trials_wanted(service, request)
    if trials is not None:
        components = [c for c in components if trials.intersection(c.get("_trials", []))]
    return _listed(service, COMPONENT, [described(service, c) for c in components], request)


@action("UpdateTrialComponent")
def update_component(service: Service, request: Body) -> Body:
    """Change what is named; parameters and artifacts are added to, or removed by the ...ToRemove lists."""
    with service.store.transaction():
        body = find(service, COMPONENT, request["TrialComponentName"])
        changes: Body = {name: request[name] for name in ("Status", "StartTime", "EndTime") if name in request}
        for name in _MAPS:
            removed = request.get(f"{name}ToRemove", [])
            merged = body.get(name, {}) | request.get(name, {})
            changes[name] = {key: value for key, value in merged.items() if key not in removed} or None
        arn = _update(service, COMPONENT, request, ("DisplayName",), changes)
    return {"TrialComponentArn": arn}


@action("DeleteTrialComponent")
def delete_component(service: Service, request: Body) -> Body:
    """Remove a component that is part of no trial."""
    with service.store.transaction():
        body = find(service, COMPONENT, request["TrialComponentName"])
        if body.get("_trials"):
            raise ValidationException(
                f"TrialComponent {body['TrialComponentName']} is part of the trial {body['_trials'][0]}: "
                "it must be disassociated from all trials first."
            )
        service.store.delete(COMPONENT, body["TrialComponentName"])
        for batch in service.store.list(POINTS, parent=body["TrialComponentName"]):
            service.store.delete(POINTS, batch["name"])
    return {"TrialComponentArn": body["TrialComponentArn"]}


@action("AssociateTrialComponent")
def associate(service: Service, request: Body) -> Body:
    """Make a component part of a trial; again is no error."""
    return _associate(service, request, part_of=True)


@action("DisassociateTrialComponent")
def disassociate(service: Service, request: Body) -> Body:
    """End a component's being part of a trial."""
    return _associate(service, request, part_of=False)


def find(service: Service, kind: str, name_or_arn: str) -> Body:
    """The stored experiment, trial or component. Raises ResourceNotFound."""
    name = last_part(name_or_arn)
    found = service.store.get(kind, name)
    if found is None or name_or_arn not in (name, found[f"{_WORDS[kind]}Arn"]):
        raise ResourceNotFound(f"{_WORDS[kind]} '{name_or_arn}' does not exist.")
    return found


def _create(
    service: Service, kind: str, request: Body, members: tuple[str, ...], own: Body, *, parent: str = ""
) -> str:
    word = _WORDS[kind]
    name = request[f"{word}Name"]
    arn = service.arns.of(kind, name)
    now = service.clock.now()
    body: Body = {
        f"{word}Name": name,
        f"{word}Arn": arn,
        "DisplayName": request.get("DisplayName", name),
        "CreationTime": now,
        "LastModifiedTime": now,
        "CreatedBy": {},
        "LastModifiedBy": {},
        **{member: request[member] for member in members if member in request},
        **own,
    }
    with service.store.transaction():
        try:
            service.store.insert(kind, name, body, arn=arn, parent=parent)
        except AlreadyExists:
            raise ValidationException(
                f"{word} names must be unique within an AWS account and region. {word} with name ({name}) already "
                "exists."
            ) from None
        store_tags(service, arn, request.get("Tags"))
    return arn


def _update(service: Service, kind: str, request: Body, members: tuple[str, ...], changes: Body | None = None) -> str:
    word = _WORDS[kind]
    with service.store.transaction():
        body = find(service, kind, request[f"{word}Name"])
        named = {member: request[member] for member in members if member in request}
        now = {"LastModifiedTime": service.clock.now()}
        service.store.merge(kind, body[f"{word}Name"], **(changes or {}), **named, **now)
    return str(body[f"{word}Arn"])


def _listed(service: Service, kind: str, bodies: list[Body], request: Body) -> Body:
    word = _WORDS[kind]
    page, token = Listing(f"{word}Name").page(bodies, request, lambda body: _summary(kind, body))
    return {f"{word}Summaries": page, **token}


def _summary(kind: str, body: Body) -> Body:
    word = _WORDS[kind]
    members = [f"{word}Name", f"{word}Arn", "DisplayName", "CreationTime", "LastModifiedTime"]
    if kind == COMPONENT:
        members += ["Status", "StartTime", "EndTime", "CreatedBy", "LastModifiedBy"]
    summary = {member: body[member] for member in members if member in body}
    if "Source" in body:
        summary[f"{word}Source"] = body["Source"]
    return summary


def _trials_wanted(service: Service, request: Body) -> set[str] | None:
    if "TrialName" in request:
        return {find(service, TRIAL, request["TrialName"])["TrialName"]}
    if "ExperimentName" in request:
        name = find(service, EXPERIMENT, request["ExperimentName"])["ExperimentName"]
        return {trial["TrialName"] for trial in service.store.list(TRIAL, parent=name)}
    return None


def _associate(service: Service, request: Body, *, part_of: bool) -> Body:
    with service.store.transaction():
        trial = find(service, TRIAL, request["TrialName"])
        component = find(service, COMPONENT, request["TrialComponentName"])
        others = [name for name in component.get("_trials", []) if name != trial["TrialName"]]
        trials = [*others, trial["TrialName"]] if part_of else others
        service.store.merge(COMPONENT, component["TrialComponentName"], _trials=trials)
    return {"TrialComponentArn": component["TrialComponentArn"], "TrialArn": trial["TrialArn"]}
