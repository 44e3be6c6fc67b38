"""The experiment of a pipeline: one experiment and trial an execution joins, one trial component a job.

What exists already is joined. An experiment is a record beside the run: one that cannot be written fails nothing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from pipeline.definition.expression_values import EvaluationError, evaluate, render
from pipeline.limits import Row
from pipeline.local.api_errors import ApiError, ValidationException
from pipeline.local.engine.execution_records import Records
from pipeline.local.engine.readiness import ExecutionGraph
from pipeline.local.engine.resources import Resource
from pipeline.local.engine.scope import ExecutionScope
from pipeline.local.kinds import TRIAL_COMPONENT, Body, ExecutionRecord
from pipeline.local.retried_calls import patiently
from pipeline.local.service_context import ServiceContext

PARITY: Final = (
    Row(
        area="pipelines",
        subject="lineage of an execution",
        here="experiment, trial and trial components; artifacts, actions and contexts only where a client makes them",
        aws="artifacts, actions, contexts and associations too",
    ),
)


def join(request: Body, execution: ExecutionRecord) -> None:
    """Give a job the execution's experiment and trial; the display name of the step's own config stays."""
    given = request.pop("ExperimentConfig", None) or {}
    config = execution.get("PipelineExperimentConfig")
    if config:
        display = {"TrialComponentDisplayName": given.get("TrialComponentDisplayName")}
        request["ExperimentConfig"] = config | {key: value for key, value in display.items() if value}


def resolve_config(service: ServiceContext, definition: Body, execution: ExecutionRecord, mlflow: str | None) -> Body:
    """The members of an execution that say where its experiments are recorded. Raises ValidationException."""
    scope = _ConfigScope(service, execution, ExecutionGraph({}), Records(service, execution["PipelineExecutionArn"]))
    try:
        experiment = evaluate(definition.get("PipelineExperimentConfig"), scope)
        runs = evaluate(definition.get("MlflowConfig"), scope)
    except EvaluationError as error:
        raise ValidationException(f"PipelineExperimentConfig cannot be evaluated: {error}") from error
    if runs and mlflow is not None:
        runs["MlflowExperimentName"] = mlflow
    named = {key: render(value) for key, value in (experiment or {}).items()}
    return {
        "PipelineExperimentConfig": named if named.get("ExperimentName") else None,
        "MLflowConfig": runs or None,
    }


class _ConfigScope(ExecutionScope):
    """Names of experiments have the pipeline's name in lower case, as seen on AWS."""

    def variable(self, name: str) -> str:
        value = super().variable(name)
        return value.lower() if name == "PipelineName" else value


def open_trial(service: ServiceContext, execution: ExecutionRecord) -> None:
    """Create the execution's experiment and trial where they do not exist."""
    config = execution.get("PipelineExperimentConfig")
    if not config:
        return
    _tolerantly(service, "CreateExperiment", {"ExperimentName": config["ExperimentName"]})
    if "TrialName" in config:
        _tolerantly(service, "CreateTrial", dict(config))


def record_job(
    service: ServiceContext, execution: ExecutionRecord, resource: Resource, name: str, arn: str, request: Body
) -> None:
    """Create the trial component of a job and put it into the trial."""
    config = execution.get("PipelineExperimentConfig")
    if not config or "TrialName" not in config:
        return
    noun = {"ProcessingJob": "processing", "TrainingJob": "training", "TransformJob": "transform"}[resource.noun]
    component = f"{name}-aws-{noun}-job"[:120]
    display = request.get("ExperimentConfig", {}).get("TrialComponentDisplayName", component)
    _tolerantly(service, "CreateTrialComponent", {"TrialComponentName": component, "DisplayName": display})
    with suppress(KeyError):
        # A client cannot set Source: AWS makes these components itself.
        source = {"SourceArn": arn, "SourceType": resource.source}
        service.store.merge(TRIAL_COMPONENT, component, Source=source)
    _tolerantly(
        service,
        "AssociateTrialComponent",
        {"TrialComponentName": component, "TrialName": config["TrialName"]},
    )


def _tolerantly(service: ServiceContext, action: str, request: Body) -> None:
    with suppress(ApiError):  # it is there already
        patiently(service, action, request)
