"""Rules between the members of a request, which botocore's model cannot express: one table, a row each with its source.

They are looked at after the model and before the action, so an action may take them for granted. Only what AWS is known
to refuse is here: what its documentation forbids in so many words, or what somebody saw it refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.limits import Row
from pipeline.local.errors import ValidationException
from pipeline.local.kinds import TUNING_JOB, Body, Kind

PARITY: Final = (
    Row(
        area="batch transform",
        subject="a filter with two ranges, `$[0:2,5:]`",
        here="refused when the job is created, in AWS's words",
        aws="the job is created, and fails with these words in its data log",
    ),
    Row(
        area="jobs",
        subject="an image of another region",
        here="refused to clients, who sign for the service's region; steps of an execution may have been made for any",
        aws="refused to both",
    ),
)

_API: Final = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/"
_SPOT: Final = "https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html"


_WARM_START: Final = _API + "API_HyperParameterTuningJobWarmStartConfig.html"
_REGISTRY: Final = re.compile(r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?)/.+")
_BRACKETS: Final = re.compile(r"\[([^\]']*)\]")
_BATCH: Final = "MaximumBatchSize"
_JSON_LINES: Final = "application/jsonlines"
_OPERATORS: Final = "['$', '[', ']', '*', '.', ' ', ',', ':', '-', ''']"


@dataclass(frozen=True)
class Around:
    """What a rule may know besides the request."""

    region: str | None = None
    """The region that the request was signed for; None for what a pipeline asks, which may be made for any region."""
    stored: Callable[[Kind[Body], str], Body | None] = lambda kind, name: None
    """The stored body of a resource, by its kind and name."""


@dataclass(frozen=True)
class Rule:
    """What must hold of a request to one action."""

    operation: str
    problems: Callable[[Body, Around], Iterator[str]]
    """A text for each way in which a request breaks it."""
    source: str
    """Where AWS says so, or `report` for what was seen of the service."""


def check(operation: str, request: Body, around: Around) -> None:
    """Raise ValidationException for the first rule that a request breaks."""
    if problem := first_problem(operation, request, around):
        raise ValidationException(problem)


def first_problem(operation: str, request: Body, around: Around) -> str:
    """What the first rule says that a request breaks; else an empty text."""
    broken = (rule.problems(request, around) for rule in RULES if rule.operation == operation)
    return next((problem for problems in broken for problem in problems), "")


def _processing_names(request: Body, around: Around) -> Iterator[str]:
    names = [given["InputName"] for given in request.get("ProcessingInputs", [])]
    names += [given["OutputName"] for given in request.get("ProcessingOutputConfig", {}).get("Outputs", [])]
    for name in _twice(names):
        yield f"The names of ProcessingInputs and ProcessingOutputs must be unique; {name!r} is given more than once."


def _processing_paths(request: Body, around: Around) -> Iterator[str]:
    given = request.get("ProcessingInputs", [])
    paths = [one["S3Input"]["LocalPath"] for one in given if one.get("S3Input", {}).get("LocalPath")]
    for path in _twice(path.rstrip("/") for path in paths):
        yield f"The LocalPath of each of ProcessingInputs must be unique; {path!r} is given more than once."


def _wait_without_spot(request: Body, around: Around) -> Iterator[str]:
    if "MaxWaitTimeInSeconds" in request.get("StoppingCondition", {}) and not request.get("EnableManagedSpotTraining"):
        yield "MaxWaitTimeInSeconds cannot be given unless EnableManagedSpotTraining is true."


def _wait_with_spot(request: Body, around: Around) -> Iterator[str]:
    stopping = request.get("StoppingCondition", {})
    most = stopping.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        return
    if most is None:
        yield "MaxWaitTimeInSeconds is required if EnableManagedSpotTraining is true."
    elif most < stopping.get("MaxRuntimeInSeconds", 86_400):
        yield "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"


def _one_kind_of_input(request: Body, around: Around) -> Iterator[str]:
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    for given, (one, other) in (
        *((given, ("S3Input", "DatasetDefinition")) for given in request.get("ProcessingInputs", [])),
        *((given, ("S3Output", "FeatureStoreOutput")) for given in outputs),
    ):
        if one in given and other in given:
            name = given.get("InputName") or given.get("OutputName")
            yield f"{name!r} must specify exactly one of either {one} or {other} types."


def _processing_preferences(request: Body, around: Around) -> Iterator[str]:
    cluster = request.get("ProcessingResources", {}).get("ClusterConfig", {})
    if "InstancePreferences" in cluster:
        yield from _together("InstancePreferences", cluster, "InstanceType")
        yield from _counts(cluster["InstancePreferences"])


def _training_preferences(request: Body, around: Around) -> Iterator[str]:
    resources = request.get("ResourceConfig", {})
    preferences = resources.get("InstancePreferences")
    if preferences is None:
        return
    yield from _together("InstancePreferences", resources, "InstanceType", "InstanceGroups", "InstancePlacementConfig")
    if request.get("EnableManagedSpotTraining"):
        yield "InstancePreferences and EnableManagedSpotTraining are mutually exclusive."
    if any(one.get("TrainingPlanArns") for one in preferences):
        yield from _together("TrainingPlanArns of InstancePreferences", resources, "TrainingPlanArn")
    yield from _counts(preferences)


def _together(member: str, given: Body, *others: str) -> Iterator[str]:
    yield from (f"{member} and {other} are mutually exclusive." for other in others if other in given)


def _counts(preferences: list[Body]) -> Iterator[str]:
    if len({"InstanceCount" in one for one in preferences}) > 1:
        yield "InstancePreferences: either all of them must have an InstanceCount, or none."


def _debugger_names(request: Body, around: Around) -> Iterator[str]:
    for member in ("DebugRuleConfigurations", "ProfilerRuleConfigurations"):
        for name in _twice(given["RuleConfigurationName"] for given in request.get(member, [])):
            yield f"RuleConfigurationName of {member} must be unique; {name!r} is given more than once."


def _training_image(request: Body, around: Around) -> Iterator[str]:
    algorithm = request.get("AlgorithmSpecification", {})
    if algorithm.get("TrainingImageConfig", {}).get("TrainingRepositoryAccessMode") == "Vpc":
        return
    for region, suffix in _abroad(algorithm.get("TrainingImage"), around):
        yield (
            f"Invalid DNS suffix '{suffix}' for region '{region}' in training image. Please provide the valid"
            f" <region>.<dns-suffix>: '{around.region}.{suffix}'"
        )


def _processing_image(request: Body, around: Around) -> Iterator[str]:
    image = request.get("AppSpecification", {}).get("ImageUri")
    for region, _ in _abroad(image, around):
        yield f"Invalid region {region} in image URI {image}. Please provide an image URI in region {around.region}."


def _model_images(request: Body, around: Around) -> Iterator[str]:
    for container in (request.get("PrimaryContainer", {}), *request.get("Containers", [])):
        if container.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc":
            continue
        for _ in _abroad(container.get("Image"), around):
            yield (
                f'Region of "{container["Image"]}" does not match expected region of {around.region}. Cross region ECR'
                " image pulls are not allowed."
            )


def _abroad(image: str | None, around: Around) -> Iterator[tuple[str, str]]:
    """The region and the DNS suffix of an image in ECR that is of another region than the request."""
    found = _REGISTRY.fullmatch(image or "")
    if found and around.region and found[1] != around.region:
        yield found[1], found[2]


def _hostnames(request: Body, around: Around) -> Iterator[str]:
    containers = request.get("Containers", [])
    if len({"ContainerHostname" in container for container in containers}) > 1:
        yield "ContainerHostname must be given for every container definition of Containers, or for none."


def _shadows(request: Body, around: Around) -> Iterator[str]:
    shadows = request.get("ShadowProductionVariants", [])
    if shadows and (len(shadows), len(request["ProductionVariants"])) != (1, 1):
        yield "With ShadowProductionVariants there can be one of ProductionVariants and one of them only."


def _cross_region_traffic(request: Body, around: Around) -> Iterator[str]:
    if "CrossRegionTrafficConfig" not in request:
        return
    if "AsyncInferenceConfig" in request:
        yield "CrossRegionTrafficConfig cannot be specified with AsyncInferenceConfig."
    if any("ServerlessConfig" in variant for variant in request["ProductionVariants"]):
        yield "CrossRegionTrafficConfig cannot be specified with serverless variants."


def _routing(request: Body, around: Around) -> Iterator[str]:
    for variant in request.get("ProductionVariants", []):
        routing = variant.get("RoutingConfig", {})
        prefix = routing.get("PrefixAwareRoutingConfig", {})
        if routing.get("RoutingStrategy") != "PREFIX_AWARE":
            if prefix:
                yield "PrefixAwareRoutingConfig can be specified only if RoutingStrategy is PREFIX_AWARE."
        elif missing := [name for name in ("PrefixLength", "ConcurrencyThreshold") if name not in prefix]:
            yield f"{' and '.join(missing)} must be given if RoutingStrategy is PREFIX_AWARE."


def _baseline(request: Body, around: Around) -> Iterator[str]:
    clarify = request.get("ExplainerConfig", {}).get("ClarifyExplainerConfig", {})
    baseline = clarify.get("ShapConfig", {}).get("ShapBaselineConfig", {})
    if "ShapBaseline" in baseline:
        yield from _together("ShapBaseline", baseline, "ShapBaselineUri")


def _capacities(request: Body, around: Around) -> Iterator[str]:
    deployment = request.get("DeploymentConfig", {})
    routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    rolling = deployment.get("RollingUpdatePolicy", {})
    for given, member, least in ((routing, "CanarySize", 1), (routing, "LinearStepSize", 10), (rolling, _BATCH, 5)):
        size = given.get(member, {})
        if size.get("Type") == "CAPACITY_PERCENT" and not least <= size["Value"] <= 50:
            yield f"{member} must be {least} to 50 percent of the variant's capacity, not {size['Value']}."


def _target_model(request: Body, around: Around) -> Iterator[str]:
    # An endpoint of localhost is never a multi-model endpoint: none can be created.
    if "TargetModel" in request:
        name = request["EndpointName"]
        yield f"Endpoint {name} is not a multi-model endpoint and does not support target model header."


def _ranges(request: Body, around: Around) -> Iterator[str]:
    for _, path in _filters(request):
        for inside in _BRACKETS.findall(path):
            if sum(":" in part for part in inside.split(",")) > 1:
                yield (
                    f"Invalid JsonPath: {path}: only single range filters of format (eg: [1:5]) are supported."
                    f" Format [{inside}] is not supported"
                )


def _underscores(request: Body, around: Around) -> Iterator[str]:
    types = {
        "InputFilter": request.get("TransformInput", {}).get("ContentType"),
        "OutputFilter": request.get("TransformOutput", {}).get("Accept"),
    }
    for member, path in _filters(request):
        if types[member] == _JSON_LINES and "_" in path:
            yield (
                f'Invalid {member}: "{path}". Unexpected "_" in JsonPath. Supported operators for "{_JSON_LINES}" are'
                f" {_OPERATORS}"
            )


def _filters(request: Body) -> Iterator[tuple[str, str]]:
    given = request.get("DataProcessing", {})
    yield from ((member, given[member]) for member in ("InputFilter", "OutputFilter") if member in given)


def _of_definitions(problems: Callable[[Body, Around], Iterator[str]]) -> Callable[[Body, Around], Iterator[str]]:
    """A rule for training jobs, for those that a tuning job would start."""

    def of_definitions(request: Body, around: Around) -> Iterator[str]:
        single = [request["TrainingJobDefinition"]] if "TrainingJobDefinition" in request else []
        for definition in (*single, *request.get("TrainingJobDefinitions", [])):
            yield from problems(definition, around)

    return of_definitions


def _hyperband(request: Body, around: Around) -> Iterator[str]:
    config = request["HyperParameterTuningJobConfig"]
    if config.get("Strategy") == "Hyperband" and config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
        yield "TrainingJobEarlyStoppingType must be Off to use the strategy Hyperband."


def _parents(request: Body, around: Around) -> Iterator[str]:
    for name in _parent_names(request):
        if around.stored(TUNING_JOB, name) is None:
            yield f"WarmStartConfig: Amazon SageMaker can't find a tuning job called {name}. Type another name."


def _parents_parameters(request: Body, around: Around) -> Iterator[str]:
    ours = _hyperparameters(request)
    for name in _parent_names(request):
        theirs = _hyperparameters(around.stored(TUNING_JOB, name) or {})
        if None not in (ours, theirs) and ours != theirs:
            yield (
                "The set of tunable plus static HyperParameter names is not the same across current and parent tuning"
                " jobs. Please ensure this set is constant when warm starting. Note that previously static"
                " HyperParameters can be tuned in warm start jobs and vice versa."
            )


def _parents_objective(request: Body, around: Around) -> Iterator[str]:
    ours = _objective(request)
    for name in _parent_names(request):
        theirs = _objective(around.stored(TUNING_JOB, name) or {})
        if ours and theirs and ours != theirs:
            yield f"The objective metric must be the same as that of the parent {name}, {theirs!r}, not {ours!r}."


def _parent_names(request: Body) -> list[str]:
    given = request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
    return [parent["HyperParameterTuningJobName"] for parent in given if "HyperParameterTuningJobName" in parent]


def _hyperparameters(job: Body) -> set[str] | None:
    """Names of all hyperparameters, static and tuned; None for a job of several definitions, or of none."""
    definition = job.get("TrainingJobDefinition")
    if definition is None:
        return None
    tuned = definition.get("HyperParameterRanges") or job["HyperParameterTuningJobConfig"].get("ParameterRanges", {})
    return {one["Name"] for ranges in tuned.values() for one in ranges} | set(
        definition.get("StaticHyperParameters", {})
    )


def _objective(job: Body) -> str | None:
    if "TrainingJobDefinition" not in job:
        return None
    ours = job["TrainingJobDefinition"].get("TuningObjective")
    found: Body = ours or job["HyperParameterTuningJobConfig"].get("HyperParameterTuningJobObjective", {})
    return str(found["MetricName"]) if "MetricName" in found else None


def _specification_names(request: Body, around: Around) -> Iterator[str]:
    for name in _twice(given["Name"] for given in request.get("AdditionalInferenceSpecifications", [])):
        yield f"The names of AdditionalInferenceSpecifications must be unique; {name!r} is given more than once."


def _parameter_values(request: Body, around: Around) -> Iterator[str]:
    for name, value in request.get("Parameters", {}).items():
        if "StringValue" in value and "NumberValue" in value:
            yield f"The parameter {name!r} must have a StringValue or a NumberValue, not both."


def _twice(names: Iterable[str]) -> list[str]:
    seen = list(names)
    return sorted({name for name in seen if seen.count(name) > 1})


_TUNING: Final = "CreateHyperParameterTuningJob"

RULES: Final = (
    Rule("CreateProcessingJob", _processing_names, "report"),
    Rule("CreateProcessingJob", _processing_paths, "report"),
    Rule("CreateProcessingJob", _one_kind_of_input, _API + "API_CreateProcessingJob.html"),
    Rule("CreateProcessingJob", _processing_preferences, _API + "API_ProcessingClusterConfig.html"),
    Rule("CreateProcessingJob", _processing_image, "report"),
    Rule("CreateTrainingJob", _wait_without_spot, _SPOT),
    Rule("CreateTrainingJob", _wait_with_spot, _API + "API_StoppingCondition.html"),
    Rule("CreateTrainingJob", _training_preferences, _API + "API_ResourceConfig.html"),
    Rule("CreateTrainingJob", _debugger_names, _API + "API_DebugRuleConfiguration.html"),
    Rule("CreateTrainingJob", _training_image, "report"),
    Rule(_TUNING, _of_definitions(_wait_without_spot), _SPOT),
    Rule(_TUNING, _of_definitions(_wait_with_spot), _API + "API_StoppingCondition.html"),
    Rule(_TUNING, _of_definitions(_training_preferences), _API + "API_ResourceConfig.html"),
    Rule(_TUNING, _of_definitions(_training_image), "report"),
    Rule(_TUNING, _hyperband, _API + "API_HyperParameterTuningJobConfig.html"),
    Rule(_TUNING, _parents, _WARM_START),
    Rule(_TUNING, _parents_parameters, "report"),
    Rule(_TUNING, _parents_objective, _WARM_START),
    Rule("CreateTransformJob", _ranges, "report"),
    Rule("CreateTransformJob", _underscores, "report"),
    Rule("CreateModel", _model_images, "report"),
    Rule("CreateModel", _hostnames, _API + "API_ContainerDefinition.html"),
    Rule("CreateModelPackage", _specification_names, _API + "API_AdditionalInferenceSpecificationDefinition.html"),
    Rule("CreateEndpointConfig", _shadows, _API + "API_CreateEndpointConfig.html"),
    Rule("CreateEndpointConfig", _cross_region_traffic, _API + "API_CreateEndpointConfig.html"),
    Rule("CreateEndpointConfig", _routing, _API + "API_ProductionVariantRoutingConfig.html"),
    Rule("CreateEndpointConfig", _baseline, _API + "API_ClarifyShapBaselineConfig.html"),
    Rule("CreateEndpoint", _capacities, _API + "API_TrafficRoutingConfig.html"),
    Rule("UpdateEndpoint", _capacities, _API + "API_TrafficRoutingConfig.html"),
    Rule("InvokeEndpoint", _target_model, "report"),
    Rule("CreateTrialComponent", _parameter_values, _API + "API_TrialComponentParameterValue.html"),
    Rule("UpdateTrialComponent", _parameter_values, _API + "API_TrialComponentParameterValue.html"),
)
