"""Rules of processing, training and transform jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.limits import Row
from pipeline.local.kinds import Body
from pipeline.local.request_rules.rule_type import API, REPORT, Around, Rule, abroad, together, twice

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

_SPOT: Final = "https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html"
_BRACKETS: Final = re.compile(r"\[([^\]']*)\]")
_JSON_LINES: Final = "application/jsonlines"
_OPERATORS: Final = "['$', '[', ']', '*', '.', ' ', ',', ':', '-', ''']"


def _processing_names(request: Body, around: Around) -> Iterator[str]:
    names = [given["InputName"] for given in request.get("ProcessingInputs", [])]
    names += [given["OutputName"] for given in request.get("ProcessingOutputConfig", {}).get("Outputs", [])]
    for name in twice(names):
        yield f"The names of ProcessingInputs and ProcessingOutputs must be unique; {name!r} is given more than once."


def _processing_paths(request: Body, around: Around) -> Iterator[str]:
    given = request.get("ProcessingInputs", [])
    paths = [one["S3Input"]["LocalPath"] for one in given if one.get("S3Input", {}).get("LocalPath")]
    for path in twice(path.rstrip("/") for path in paths):
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
        yield from together("InstancePreferences", cluster, "InstanceType")
        yield from _counts(cluster["InstancePreferences"])


def _training_preferences(request: Body, around: Around) -> Iterator[str]:
    resources = request.get("ResourceConfig", {})
    preferences = resources.get("InstancePreferences")
    if preferences is None:
        return
    yield from together("InstancePreferences", resources, "InstanceType", "InstanceGroups", "InstancePlacementConfig")
    if request.get("EnableManagedSpotTraining"):
        yield "InstancePreferences and EnableManagedSpotTraining are mutually exclusive."
    if any(one.get("TrainingPlanArns") for one in preferences):
        yield from together("TrainingPlanArns of InstancePreferences", resources, "TrainingPlanArn")
    yield from _counts(preferences)


def _counts(preferences: list[Body]) -> Iterator[str]:
    if len({"InstanceCount" in one for one in preferences}) > 1:
        yield "InstancePreferences: either all of them must have an InstanceCount, or none."


def _debugger_names(request: Body, around: Around) -> Iterator[str]:
    for member in ("DebugRuleConfigurations", "ProfilerRuleConfigurations"):
        for name in twice(given["RuleConfigurationName"] for given in request.get(member, [])):
            yield f"RuleConfigurationName of {member} must be unique; {name!r} is given more than once."


def _training_image(request: Body, around: Around) -> Iterator[str]:
    algorithm = request.get("AlgorithmSpecification", {})
    if algorithm.get("TrainingImageConfig", {}).get("TrainingRepositoryAccessMode") == "Vpc":
        return
    for region, suffix in abroad(algorithm.get("TrainingImage"), around):
        yield (
            f"Invalid DNS suffix '{suffix}' for region '{region}' in training image. Please provide the valid"
            f" <region>.<dns-suffix>: '{around.region}.{suffix}'"
        )


def _processing_image(request: Body, around: Around) -> Iterator[str]:
    image = request.get("AppSpecification", {}).get("ImageUri")
    for region, _ in abroad(image, around):
        yield f"Invalid region {region} in image URI {image}. Please provide an image URI in region {around.region}."


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


RULES: Final = (
    Rule("CreateProcessingJob", _processing_names, REPORT),
    Rule("CreateProcessingJob", _processing_paths, REPORT),
    Rule("CreateProcessingJob", _one_kind_of_input, API + "API_CreateProcessingJob.html"),
    Rule("CreateProcessingJob", _processing_preferences, API + "API_ProcessingClusterConfig.html"),
    Rule("CreateProcessingJob", _processing_image, REPORT),
    Rule("CreateTrainingJob", _wait_without_spot, _SPOT),
    Rule("CreateTrainingJob", _wait_with_spot, API + "API_StoppingCondition.html"),
    Rule("CreateTrainingJob", _training_preferences, API + "API_ResourceConfig.html"),
    Rule("CreateTrainingJob", _debugger_names, API + "API_DebugRuleConfiguration.html"),
    Rule("CreateTrainingJob", _training_image, REPORT),
    Rule("CreateTransformJob", _ranges, REPORT),
    Rule("CreateTransformJob", _underscores, REPORT),
)
OF_DEFINITIONS: Final = (_wait_without_spot, _wait_with_spot, _training_preferences, _training_image)
"""Rules of training jobs that hold of the definitions of tuning jobs, too."""
