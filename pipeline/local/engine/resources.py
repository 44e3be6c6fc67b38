"""The resources that step types create: the actions of each, members of requests and answers, final states.

A table, so that Processing, Training, Transform and Tuning are one runner, and Model, RegisterModel and EndpointConfig
another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pipeline.local.kinds import (
    ENDPOINT,
    ENDPOINT_CONFIG,
    MODEL,
    MODEL_PACKAGE,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
    Body,
    Kind,
)
from pipeline.local.retried_calls import patiently
from pipeline.local.service_context import ServiceContext


@dataclass(frozen=True)
class Resource:
    """One kind of resource that a step makes."""

    noun: str
    """As in the names of its actions: Create<noun>, Describe<noun>, Stop<noun>."""
    kind: Kind[Any]
    """Its kind in the store."""
    metadata: str
    """The member of the step's Metadata that holds {"Arn": ...}."""
    name: str
    """The member of the request that names it."""
    arn: str
    """The member of the answer that holds its ARN."""
    role: str = ""
    """The member that the pipeline's role fills where the definition leaves it out."""
    status: str = ""
    """The member of its body that tells how it is; empty for what is there at once."""
    tags: bool = True
    experiment: bool = False
    """Whether its Create action takes an ExperimentConfig."""
    source: str = ""
    """The type that a trial component gives as its source."""

    @property
    def create(self) -> str:
        """The action that makes it."""
        return f"Create{self.noun}"

    @property
    def stop(self) -> str:
        """The action that stops it."""
        return f"Stop{self.noun}"

    def properties(self, service: ServiceContext, name: str) -> Body:
        """The answer of its Describe action."""
        body = patiently(service, f"Describe{self.noun}", {self.name: name})
        if self.kind == TUNING_JOB:
            ranked = {"SortBy": "FinalObjectiveMetricValue", "MaxResults": 50}
            request = {self.name: name, "SortOrder": _order(body)} | ranked
            jobs = patiently(service, "ListTrainingJobsForHyperParameterTuningJob", request)
            body |= {"TrainingJobSummaries": jobs["TrainingJobSummaries"]}
        return body


RESOURCES: Final[dict[str, Resource]] = {
    "Processing": Resource(
        "ProcessingJob",
        PROCESSING_JOB,
        "ProcessingJob",
        "ProcessingJobName",
        "ProcessingJobArn",
        role="RoleArn",
        status="ProcessingJobStatus",
        experiment=True,
        source="SageMakerProcessingJob",
    ),
    "Training": Resource(
        "TrainingJob",
        TRAINING_JOB,
        "TrainingJob",
        "TrainingJobName",
        "TrainingJobArn",
        role="RoleArn",
        status="TrainingJobStatus",
        experiment=True,
        source="SageMakerTrainingJob",
    ),
    "Transform": Resource(
        "TransformJob",
        TRANSFORM_JOB,
        "TransformJob",
        "TransformJobName",
        "TransformJobArn",
        status="TransformJobStatus",
        experiment=True,
        source="SageMakerTransformJob",
    ),
    "Tuning": Resource(
        "HyperParameterTuningJob",
        TUNING_JOB,
        "TuningJob",
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobArn",
        status="HyperParameterTuningJobStatus",
        role="TrainingJobDefinition.RoleArn",
    ),
    "Model": Resource("Model", MODEL, "Model", "ModelName", "ModelArn", role="ExecutionRoleArn"),
    "RegisterModel": Resource(
        "ModelPackage", MODEL_PACKAGE, "RegisterModel", "ModelPackageName", "ModelPackageArn", tags=False
    ),
    "EndpointConfig": Resource(
        "EndpointConfig", ENDPOINT_CONFIG, "EndpointConfig", "EndpointConfigName", "EndpointConfigArn"
    ),
    "Endpoint": Resource("Endpoint", ENDPOINT, "Endpoint", "EndpointName", "EndpointArn", status="EndpointStatus"),
}


def _order(tuning_job: Body) -> str:
    objective = tuning_job.get("HyperParameterTuningJobConfig", {}).get("HyperParameterTuningJobObjective", {})
    return "Ascending" if objective.get("Type") == "Minimize" else "Descending"
