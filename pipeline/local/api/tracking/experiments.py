"""Experiments, trials and trial components, as pipelines make them and as users make them by hand.

A trial component names its trials itself (`_trials`), since it may be part of several.
"""

from __future__ import annotations

from typing import Final

from pipeline.limits import Row
from pipeline.local.api import action
from pipeline.local.api.resource_actions import ResourceActions, stamped
from pipeline.local.api.tracking.trial_components import described
from pipeline.local.api_errors import ValidationException
from pipeline.local.kinds import EXPERIMENT, METRIC_POINTS, TRIAL, TRIAL_COMPONENT, Body, public
from pipeline.local.service import Service

_SUMMARY: Final = ("DisplayName", "CreationTime", "LastModifiedTime")
EXPERIMENTS: Final = ResourceActions(
    EXPERIMENT,
    "Experiment",
    listed="ExperimentSummaries",
    summary=("ExperimentName", "ExperimentArn", *_SUMMARY, "ExperimentSource"),
)
EXPERIMENTS.offer("Describe", "List")
TRIALS: Final = ResourceActions(
    TRIAL,
    "Trial",
    listed="TrialSummaries",
    summary=("TrialName", "TrialArn", *_SUMMARY, "TrialSource"),
)
TRIALS.offer("Describe")
COMPONENTS: Final = ResourceActions(
    TRIAL_COMPONENT,
    "TrialComponent",
    listed="TrialComponentSummaries",
    summary=(
        "TrialComponentName",
        "TrialComponentArn",
        *_SUMMARY,
        *("TrialComponentSource", "Status", "StartTime", "EndTime", "CreatedBy", "LastModifiedBy"),
    ),
)
PARITY: Final = (
    Row(
        area="experiments",
        subject="deleting an experiment that has trials, a trial that has components, a component in a trial",
        here="ValidationException that says what to delete first",
        aws="refused, as documented; the texts are not established",
    ),
)

_MAPS: Final = ("Parameters", "InputArtifacts", "OutputArtifacts")


@action("CreateExperiment")
def create_experiment(service: Service, request: Body) -> Body:
    """Make an experiment. Raises ValidationException if there is one of that name."""
    name = request["ExperimentName"]
    return EXPERIMENTS.create(service, name, {"DisplayName": name} | stamped(service, request), request)


@action("UpdateExperiment")
def update_experiment(service: Service, request: Body) -> Body:
    """Change display name and description."""
    changes = {member: request[member] for member in ("DisplayName", "Description") if member in request}
    return EXPERIMENTS.change(service, request["ExperimentName"], **changes)


@action("DeleteExperiment")
def delete_experiment(service: Service, request: Body) -> Body:
    """Remove an experiment whose trials have been deleted."""
    with service.store.transaction():
        body = EXPERIMENTS.find(service, request["ExperimentName"])
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
        experiment = EXPERIMENTS.find(service, request["ExperimentName"])["ExperimentName"]
        body = {"DisplayName": request["TrialName"]} | stamped(service, request) | {"ExperimentName": experiment}
        return TRIALS.create(service, request["TrialName"], body, request, parent=experiment)


@action("ListTrials")
def list_trials(service: Service, request: Body) -> Body:
    """All trials, those of an experiment, or those that a component is part of."""
    trials = service.store.list(TRIAL)
    if "ExperimentName" in request:
        name = EXPERIMENTS.find(service, request["ExperimentName"])["ExperimentName"]
        trials = [trial for trial in trials if trial["ExperimentName"] == name]
    if "TrialComponentName" in request:
        parts = COMPONENTS.find(service, request["TrialComponentName"]).get("_trials", [])
        trials = [trial for trial in trials if trial["TrialName"] in parts]
    return TRIALS.page(service, request, trials)


@action("UpdateTrial")
def update_trial(service: Service, request: Body) -> Body:
    """Change the display name."""
    changes = {"DisplayName": request["DisplayName"]} if "DisplayName" in request else {}
    return TRIALS.change(service, request["TrialName"], **changes)


@action("DeleteTrial")
def delete_trial(service: Service, request: Body) -> Body:
    """Remove a trial that has no components."""
    with service.store.transaction():
        body = TRIALS.find(service, request["TrialName"])
        if any(body["TrialName"] in part.get("_trials", []) for part in service.store.list(TRIAL_COMPONENT)):
            raise ValidationException(
                f"Trial {body['TrialName']} has trial components: all of them must be disassociated first."
            )
        service.store.delete(TRIAL, body["TrialName"])
    return {"TrialArn": body["TrialArn"]}


@action("CreateTrialComponent")
def create_component(service: Service, request: Body) -> Body:
    """Make a trial component that is part of no trial yet. Raises ValidationException if there is one of that name."""
    name = request["TrialComponentName"]
    body = {"DisplayName": name, "_trials": []} | stamped(service, request)
    return COMPONENTS.create(service, name, body, request)


@action("DescribeTrialComponent")
def describe_component(service: Service, request: Body) -> Body:
    """The trial component, by name or ARN, with what is known of the job it stands for."""
    return public(described(service, COMPONENTS.find(service, request["TrialComponentName"])))


@action("ListTrialComponents")
def list_components(service: Service, request: Body) -> Body:
    """All components, or those of a trial, of an experiment, or of a source. Raises ValidationException."""
    if len([member for member in ("ExperimentName", "SourceArn", "TrialName") if member in request]) > 1:
        raise ValidationException("Only one of ExperimentName, SourceArn and TrialName can be given.")
    components = service.store.list(TRIAL_COMPONENT)
    if "SourceArn" in request:
        components = [c for c in components if c.get("Source", {}).get("SourceArn") == request["SourceArn"]]
    trials = _trials_wanted(service, request)
    if trials is not None:
        components = [c for c in components if trials.intersection(c.get("_trials", []))]
    return COMPONENTS.page(service, request, [described(service, c) for c in components])


@action("UpdateTrialComponent")
def update_component(service: Service, request: Body) -> Body:
    """Change what is named; parameters and artifacts are added to, or removed by the ...ToRemove lists."""
    with service.store.transaction():
        body = COMPONENTS.find(service, request["TrialComponentName"])
        plain = ("DisplayName", "Status", "StartTime", "EndTime")
        changes: Body = {name: request[name] for name in plain if name in request}
        for name in _MAPS:
            removed = request.get(f"{name}ToRemove", [])
            merged = body.get(name, {}) | request.get(name, {})
            changes[name] = {key: value for key, value in merged.items() if key not in removed} or None
        return COMPONENTS.change(service, request["TrialComponentName"], **changes)


@action("DeleteTrialComponent")
def delete_component(service: Service, request: Body) -> Body:
    """Remove a component that is part of no trial."""
    with service.store.transaction():
        body = COMPONENTS.find(service, request["TrialComponentName"])
        if body.get("_trials"):
            raise ValidationException(
                f"TrialComponent {body['TrialComponentName']} is part of the trial {body['_trials'][0]}: "
                "it must be disassociated from all trials first."
            )
        service.store.delete(TRIAL_COMPONENT, body["TrialComponentName"])
        for batch in service.store.list(METRIC_POINTS, parent=body["TrialComponentName"]):
            service.store.delete(METRIC_POINTS, batch["name"])
    return {"TrialComponentArn": body["TrialComponentArn"]}


@action("AssociateTrialComponent")
def associate(service: Service, request: Body) -> Body:
    """Make a component part of a trial; again is no error."""
    return _associate(service, request, part_of=True)


@action("DisassociateTrialComponent")
def disassociate(service: Service, request: Body) -> Body:
    """End a component's being part of a trial."""
    return _associate(service, request, part_of=False)


def _trials_wanted(service: Service, request: Body) -> set[str] | None:
    if "TrialName" in request:
        return {TRIALS.find(service, request["TrialName"])["TrialName"]}
    if "ExperimentName" in request:
        name = EXPERIMENTS.find(service, request["ExperimentName"])["ExperimentName"]
        return {trial["TrialName"] for trial in service.store.list(TRIAL, parent=name)}
    return None


def _associate(service: Service, request: Body, *, part_of: bool) -> Body:
    with service.store.transaction():
        trial = TRIALS.find(service, request["TrialName"])
        component = COMPONENTS.find(service, request["TrialComponentName"])
        others = [name for name in component.get("_trials", []) if name != trial["TrialName"]]
        trials = [*others, trial["TrialName"]] if part_of else others
        service.store.merge(TRIAL_COMPONENT, component["TrialComponentName"], _trials=trials)
    return {"TrialComponentArn": component["TrialComponentArn"], "TrialArn": trial["TrialArn"]}
