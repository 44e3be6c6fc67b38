"""The kinds of record that the store holds, and the members of those that our own code writes and reads.

A `Kind` is the word for a kind in the store and, mostly, in ARNs; it carries the type of its records. Members are those
of AWS's Describe responses; those that begin with `_` are the service's own, and `public` takes them out of what
clients see. Kinds whose records hold what a client gave, checked by AWS's own model, have a plain `Body`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, NotRequired, TypedDict, TypeVar

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import type_defs as aws

Body = dict[str, Any]
"""A request, an answer or a record as JSON."""
R = TypeVar("R")


class Kind(str, Generic[R]):
    """One kind, with records of type `R`."""


class ProcessingJob(TypedDict):
    """A processing job; inputs and outputs have the API's defaults."""

    ProcessingJobName: str
    ProcessingJobArn: str
    ProcessingJobStatus: str
    CreationTime: float
    LastModifiedTime: float
    AppSpecification: aws.AppSpecificationOutputTypeDef
    ProcessingResources: aws.ProcessingResourcesOutputTypeDef
    StoppingCondition: aws.ProcessingStoppingConditionTypeDef
    RoleArn: str
    ProcessingInputs: NotRequired[list[aws.ProcessingInputTypeDef]]
    ProcessingOutputConfig: NotRequired[aws.ProcessingOutputConfigOutputTypeDef]
    Environment: NotRequired[dict[str, str]]
    NetworkConfig: NotRequired[aws.NetworkConfigOutputTypeDef]
    ExperimentConfig: NotRequired[aws.ExperimentConfigTypeDef]
    ProcessingStartTime: NotRequired[float]
    ProcessingEndTime: NotRequired[float]
    FailureReason: NotRequired[str]
    ExitMessage: NotRequired[str]


class Transition(TypedDict):
    """A secondary status of a training job; the last one has no end while the job runs."""

    Status: str
    StatusMessage: str
    StartTime: float
    EndTime: NotRequired[float]


class FinalMetric(TypedDict):
    """The last value of a metric."""

    MetricName: str
    Value: float
    Timestamp: float


class TrainingJob(TypedDict):
    """A training job; channels have the API's defaults."""

    TrainingJobName: str
    TrainingJobArn: str
    TrainingJobStatus: str
    CreationTime: float
    LastModifiedTime: float
    SecondaryStatus: str
    SecondaryStatusTransitions: list[Transition]
    AlgorithmSpecification: aws.AlgorithmSpecificationOutputTypeDef
    ResourceConfig: aws.ResourceConfigOutputTypeDef
    StoppingCondition: aws.StoppingConditionTypeDef
    OutputDataConfig: aws.OutputDataConfigTypeDef
    ModelArtifacts: aws.ModelArtifactsTypeDef
    EnableNetworkIsolation: bool
    RoleArn: NotRequired[str]
    HyperParameters: NotRequired[dict[str, str]]
    InputDataConfig: NotRequired[list[aws.ChannelOutputTypeDef]]
    CheckpointConfig: NotRequired[aws.CheckpointConfigTypeDef]
    Environment: NotRequired[dict[str, str]]
    TuningJobArn: NotRequired[str]
    TrainingStartTime: NotRequired[float]
    TrainingEndTime: NotRequired[float]
    TrainingTimeInSeconds: NotRequired[int]
    BillableTimeInSeconds: NotRequired[int]
    FinalMetricDataList: NotRequired[list[FinalMetric]]
    FailureReason: NotRequired[str]
    _TunedHyperParameters: NotRequired[dict[str, str]]
    """Of a training job that a tuning job has started, as are the next two."""
    _Objective: NotRequired[dict[str, str]]
    _DefinitionName: NotRequired[str]


class TransformJob(TypedDict):
    """A transform job."""

    TransformJobName: str
    TransformJobArn: str
    TransformJobStatus: str
    CreationTime: float
    LastModifiedTime: float
    ModelName: str
    TransformInput: aws.TransformInputTypeDef
    TransformOutput: aws.TransformOutputTypeDef
    TransformResources: aws.TransformResourcesTypeDef
    DataProcessing: aws.DataProcessingTypeDef
    DataCaptureConfig: NotRequired[aws.BatchDataCaptureConfigTypeDef]
    ModelClientConfig: NotRequired[aws.ModelClientConfigTypeDef]
    Environment: NotRequired[dict[str, str]]
    MaxConcurrentTransforms: NotRequired[int]
    MaxPayloadInMB: NotRequired[int]
    BatchStrategy: NotRequired[str]
    TransformStartTime: NotRequired[float]
    TransformEndTime: NotRequired[float]
    FailureReason: NotRequired[str]


class VariantPlan(TypedDict):
    """A production variant as it is deployed: a copy, so that what becomes of its model does not matter."""

    VariantName: str
    Weight: float
    InstanceCount: int
    Containers: list[Body]
    Shown: Body
    """What DescribeEndpoint tells as the configuration has it."""
    Direct: NotRequired[bool]
    ServerlessConfig: NotRequired[Body]
    HealthTimeout: NotRequired[float]


class Deploying(TypedDict):
    """What an endpoint is being brought to; the last three as the configuration has them."""

    EndpointConfigName: str
    Variants: list[VariantPlan]
    DeploymentConfig: NotRequired[Body]
    DataCaptureConfig: NotRequired[Body]
    AsyncInferenceConfig: NotRequired[Body]
    ExplainerConfig: NotRequired[Body]
    MetricsConfig: NotRequired[Body]


class EndpointRecord(TypedDict):
    """An endpoint."""

    EndpointName: str
    EndpointArn: str
    EndpointConfigName: str
    EndpointStatus: str
    ProductionVariants: list[Body]
    CreationTime: float
    LastModifiedTime: float
    FailureReason: NotRequired[str]
    PendingDeploymentSummary: NotRequired[Body]
    LastDeploymentConfig: NotRequired[Body]
    DataCaptureConfig: NotRequired[Body]
    _Deploying: NotRequired[Deploying]
    """What is on its way."""
    _Variants: NotRequired[list[VariantPlan]]
    """What serves now, with its folder and what is captured of it."""
    _Folder: NotRequired[str]
    _CaptureConfig: NotRequired[Body]


class Parallelism(TypedDict):
    """ParallelismConfiguration."""

    MaxParallelExecutionSteps: NotRequired[int]


class ExecutionRecord(TypedDict):
    """An execution of a pipeline."""

    PipelineArn: str
    PipelineExecutionArn: str
    PipelineExecutionDisplayName: str
    PipelineExecutionStatus: str
    CreationTime: float
    LastModifiedTime: float
    CreatedBy: Body
    LastModifiedBy: Body
    PipelineVersionId: int
    PipelineExecutionDescription: NotRequired[str]
    FailureReason: NotRequired[str]
    ParallelismConfiguration: NotRequired[Parallelism]
    SelectiveExecutionConfig: NotRequired[Body]
    PipelineExperimentConfig: NotRequired[dict[str, str]]
    MLflowConfig: NotRequired[Body]
    _pipeline: str
    _id: str
    _parameters: list[dict[str, str]]
    """As they were given at the start."""
    _values: Body
    """All parameters by name, typed."""
    _role: str
    _selected: NotRequired[list[str]]
    """The steps of a selective execution."""
    _end: NotRequired[float]
    _taking_up: NotRequired[int]
    """How often it was taken up at a start that the service did not survive."""


class Iteration(TypedDict):
    """Which iteration of which ForEach step a child belongs to."""

    ParentStepName: str
    Index: int
    Item: str


class StepChanges(TypedDict, total=False):
    """What changes in the record of a step while it runs; a member set to None goes."""

    StepStatus: str
    AttemptCount: int
    Metadata: Body
    EndTime: float
    FailureReason: str | None
    CacheHitResult: dict[str, str]
    IterationContext: Iteration
    _name: str | None
    """The name under which its resource was, or was about to be, created."""
    _resource: str | None
    """The resource as its Describe action wants it named."""
    _properties: Body
    """What references find, where that is no resource's Describe response."""
    _cache_key: str | None
    _wanted: str | None
    """The endpoint configuration that an Endpoint step wants to be served."""
    _token: str
    """Of a Callback step."""
    _told: bool
    """Whether the queue of a Callback step was told of the stop."""
    _items: list[Any]
    """Of a ForEach step."""
    _taking_up: int | None


class StepRecord(StepChanges):
    """A step of an execution, from the moment it is scheduled."""

    StepName: str
    StartTime: float
    _type: str
    StepDisplayName: NotRequired[str]
    StepDescription: NotRequired[str]
    SelectiveExecutionResult: NotRequired[dict[str, str]]


class CallbackRecord(TypedDict):
    """A token that a Callback step waits for, and its answer once there is one."""

    execution: str
    step: str
    outputs: NotRequired[list[dict[str, str]]]
    failure: NotRequired[str]


class CachedStep(TypedDict):
    """A run of a step that later executions may reuse."""

    execution: str
    ended: float
    """Epoch seconds."""
    metadata: Body
    resource: str
    _name: str


PIPELINE: Final = Kind[Body]("pipeline")
PIPELINE_VERSION: Final = Kind[Body]("pipeline-version")
EXECUTION: Final = Kind[ExecutionRecord]("pipeline-execution")
STEP: Final = Kind[StepRecord]("execution-step")
CALLBACK: Final = Kind[CallbackRecord]("callback")
CACHE: Final = Kind[CachedStep]("step-cache")

PROCESSING_JOB: Final = Kind[ProcessingJob]("processing-job")
TRAINING_JOB: Final = Kind[TrainingJob]("training-job")
TRANSFORM_JOB: Final = Kind[TransformJob]("transform-job")
TUNING_JOB: Final = Kind[Body]("hyper-parameter-tuning-job")

MODEL: Final = Kind[Body]("model")
ENDPOINT_CONFIG: Final = Kind[Body]("endpoint-config")
ENDPOINT: Final = Kind[EndpointRecord]("endpoint")

MODEL_PACKAGE_GROUP: Final = Kind[Body]("model-package-group")
MODEL_PACKAGE: Final = Kind[Body]("model-package")

EXPERIMENT: Final = Kind[Body]("experiment")
TRIAL: Final = Kind[Body]("experiment-trial")
TRIAL_COMPONENT: Final = Kind[Body]("experiment-trial-component")
METRIC_POINTS: Final = Kind[Body]("metric-points")
"""Batches of metric points, below the name of their component."""
ARTIFACT: Final = Kind[Body]("artifact")
ACTION: Final = Kind[Body]("action")
CONTEXT: Final = Kind[Body]("context")
ASSOCIATION: Final = Kind[Body]("association")


def public(record: Mapping[str, Any]) -> Body:
    """A record as clients see it: without the members that are the service's own."""
    return {key: value for key, value in record.items() if not key.startswith("_")}
