"""Rules between members: what AWS refuses is refused, what it takes is taken."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.local.api_errors import ValidationException
from pipeline.local.request_rules import RULES, check, first_problem
from pipeline.local.request_rules.rule_type import Around

Body = dict[str, Any]
PATH = "/opt/ml/processing/in"
PERCENT = "CAPACITY_PERCENT"


def image(region: str = "eu-west-1", suffix: str = "amazonaws.com") -> str:
    return f"123456789012.dkr.ecr.{region}.{suffix}/linear-learner:1"


def processing(*names: str, outputs: tuple[str, ...] = (), paths: tuple[str, ...] = ()) -> Body:
    places = paths or tuple(f"{PATH}/{number}" for number, _ in enumerate(names))
    return {
        "ProcessingInputs": [
            {"InputName": name, "S3Input": {"LocalPath": path}} for name, path in zip(names, places, strict=True)
        ],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": name} for name in outputs]},
    }


def cluster(*counts: Body, **more: Any) -> Body:
    return {"ProcessingResources": {"ClusterConfig": {"InstancePreferences": list(counts), **more}}}


def spot(enabled: bool, **stopping: int) -> Body:
    return {"EnableManagedSpotTraining": enabled, "StoppingCondition": stopping}


def resources(*preferences: Body, **more: Any) -> Body:
    return {"ResourceConfig": {"InstancePreferences": list(preferences), **more}}


def trained_in(uri: str, **more: Any) -> Body:
    return {"AlgorithmSpecification": {"TrainingImage": uri, **more}}


def filtered(kind: str = "text/csv", **processing: str) -> Body:
    return {
        "TransformInput": {"ContentType": kind},
        "TransformOutput": {"Accept": kind},
        "DataProcessing": processing,
    }


def model(*containers: Body) -> Body:
    return {"Containers": list(containers)}


def variants(count: int = 1, shadows: int = 0, **more: Any) -> Body:
    return {"ProductionVariants": [{}] * count, "ShadowProductionVariants": [{}] * shadows, **more}


def routed(strategy: str, **prefix: int) -> Body:
    config = {"PrefixAwareRoutingConfig": prefix} if prefix else {}
    return variants() | {"ProductionVariants": [{"RoutingConfig": {"RoutingStrategy": strategy} | config}]}


def explained(**baseline: str) -> Body:
    return variants(ExplainerConfig={"ClarifyExplainerConfig": {"ShapConfig": {"ShapBaselineConfig": baseline}}})


def shifted(member: str, value: int, kind: str = PERCENT) -> Body:
    size = {member: {"Type": kind, "Value": value}}
    policy = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": size}}
    return {"DeploymentConfig": {"RollingUpdatePolicy": size} if member == "MaximumBatchSize" else policy}


def of_type(kind: str) -> Body:
    return {"DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": kind}}}}


def tuning(
    *tuned: str, static: tuple[str, ...] = (), objective: str = "loss", parent: str = "", config: Body | None = None
) -> Body:
    started: Body = {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent}]}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"MetricName": objective},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": name} for name in tuned]},
        }
        | (config or {}),
        "TrainingJobDefinition": {"StaticHyperParameters": dict.fromkeys(static, "1")},
    } | ({"WarmStartConfig": started} if parent else {})


def defined(definition: Body) -> Body:
    return tuning("a") | {"TrainingJobDefinition": definition}


def debugged(*names: str) -> Body:
    return {"DebugRuleConfigurations": [{"RuleConfigurationName": name} for name in names]}


def specified(*names: str) -> Body:
    return {"AdditionalInferenceSpecifications": [{"Name": name} for name in names]}


def valued(**value: Any) -> Body:
    return {"Parameters": {"rate": value}}


STORED = {"parent": tuning("a", "b", static=("c",)), "several": {"TrainingJobDefinitions": [{}]}}
AROUND = Around("eu-west-1", lambda kind, name: STORED.get(name))
TUNING = "CreateHyperParameterTuningJob"
CONFIG = "CreateEndpointConfig"
LINES = "application/jsonlines"
COUNT = {"InstanceCount": 1}
HYPERBAND = {"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Off"}
S3 = {"InputName": "a", "S3Input": {"LocalPath": PATH}}
TAKEN = [
    ("CreateProcessingJob", {}),
    ("CreateProcessingJob", processing("a", "b", outputs=("c",))),
    ("CreateProcessingJob", {"AppSpecification": {"ImageUri": image()}}),
    ("CreateProcessingJob", cluster(COUNT, COUNT, VolumeSizeInGB=1)),
    ("CreateTrainingJob", spot(False, MaxRuntimeInSeconds=60)),
    ("CreateTrainingJob", spot(True, MaxRuntimeInSeconds=60, MaxWaitTimeInSeconds=60)),
    ("CreateTrainingJob", resources({}, {}, InstanceCount=1) | {"EnableManagedSpotTraining": False}),
    ("CreateTrainingJob", resources({"TrainingPlanArns": ["p"]})),
    ("CreateTrainingJob", debugged("a", "b")),
    ("CreateTrainingJob", trained_in(image())),
    ("CreateTrainingJob", trained_in("linear-learner:1")),
    ("CreateTrainingJob", trained_in("registry.example.com/us-east-1/linear-learner")),
    (
        "CreateTrainingJob",
        trained_in(image("us-east-1"), TrainingImageConfig={"TrainingRepositoryAccessMode": "Vpc"}),
    ),
    (TUNING, tuning("a", config=HYPERBAND)),
    (TUNING, defined(spot(True, MaxWaitTimeInSeconds=90_000) | trained_in(image()))),
    (TUNING, tuning("a", "b", static=("c",), parent="parent")),
    (TUNING, tuning("a", "c", static=("b",), parent="parent")),
    (TUNING, tuning("z", parent="several", objective="other")),
    ("CreateTransformJob", filtered(InputFilter="$", OutputFilter="$[0,5:]")),
    ("CreateTransformJob", filtered(OutputFilter="$[1,2,3]")),
    ("CreateTransformJob", filtered(LINES, OutputFilter="$['id','SageMakerOutput']")),
    ("CreateModel", model({"Image": image()}, {"Image": image()})),
    ("CreateModel", model({"ContainerHostname": "a"}, {"ContainerHostname": "b"})),
    ("CreateModelPackage", specified("a", "b")),
    (CONFIG, variants(3)),
    (CONFIG, variants(1, 1)),
    (CONFIG, variants(CrossRegionTrafficConfig={})),
    (CONFIG, routed("RANDOM")),
    (CONFIG, routed("PREFIX_AWARE", PrefixLength=1, ConcurrencyThreshold=1)),
    (CONFIG, explained(ShapBaselineUri="s3://b/k")),
    ("CreateEndpoint", {}),
    ("UpdateEndpoint", shifted("CanarySize", 50)),
    ("UpdateEndpoint", shifted("LinearStepSize", 10)),
    ("UpdateEndpoint", shifted("MaximumBatchSize", 60, "INSTANCE_COUNT")),
    ("UpdateEndpoint", of_type("ALL_AT_ONCE")),
    ("InvokeEndpoint", {"EndpointName": "digits"}),
    ("CreateTrialComponent", valued(NumberValue=1.0)),
    ("UpdateTrialComponent", valued(StringValue="1")),
]
REFUSED = [
    ("CreateProcessingJob", processing("a", "a"), "names .* 'a' is given more than once"),
    ("CreateProcessingJob", processing("a", outputs=("a",)), "names .* 'a' is given more than once"),
    ("CreateProcessingJob", processing(outputs=("b", "b")), "names .* 'b' is given more than once"),
    ("CreateProcessingJob", processing("a", "b", paths=(PATH, PATH + "/")), "LocalPath of each"),
    ("CreateProcessingJob", {"ProcessingInputs": [S3 | {"DatasetDefinition": {}}]}, "exactly one of either S3Input"),
    (
        "CreateProcessingJob",
        {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": {}, "FeatureStoreOutput": {}}]}},
        "'o' must specify exactly one of either S3Output",
    ),
    ("CreateProcessingJob", cluster(COUNT, InstanceType="ml.m5.xlarge"), "InstanceType are mutually exclusive"),
    ("CreateProcessingJob", cluster(COUNT, {}), "either all of them"),
    (
        "CreateProcessingJob",
        {"AppSpecification": {"ImageUri": image("us-east-2")}},
        "^Invalid region us-east-2 in image URI .* Please provide an image URI in region eu-west-1",
    ),
    ("CreateTrainingJob", spot(False, MaxWaitTimeInSeconds=60), "cannot be given unless"),
    ("CreateTrainingJob", spot(True, MaxRuntimeInSeconds=60), "is required if"),
    ("CreateTrainingJob", spot(True, MaxWaitTimeInSeconds=60), "greater than or equal"),
    ("CreateTrainingJob", resources({}, InstanceType="ml.m5.xlarge"), "InstanceType are mutually exclusive"),
    ("CreateTrainingJob", resources({}, InstanceGroups=[]), "InstanceGroups are mutually exclusive"),
    (
        "CreateTrainingJob",
        resources({}) | spot(True, MaxWaitTimeInSeconds=90_000),
        "EnableManagedSpotTraining are mutually",
    ),
    ("CreateTrainingJob", resources({"TrainingPlanArns": ["p"]}, TrainingPlanArn="q"), "TrainingPlanArn are mutually"),
    ("CreateTrainingJob", resources({}, COUNT), "either all of them"),
    ("CreateTrainingJob", debugged("a", "a"), "'a' is given more than once"),
    (
        "CreateTrainingJob",
        trained_in(image("us-east-1")),
        "Invalid DNS suffix 'amazonaws.com' for region 'us-east-1' in training image.* 'eu-west-1.amazonaws.com'$",
    ),
    (TUNING, tuning("a", config=HYPERBAND | {"TrainingJobEarlyStoppingType": "Auto"}), "must be Off"),
    (TUNING, defined(spot(False, MaxWaitTimeInSeconds=60)), "cannot be given unless"),
    (TUNING, defined(spot(True, MaxRuntimeInSeconds=60)), "is required if"),
    (TUNING, defined(resources({}, InstanceType="ml.m5.xlarge")), "mutually exclusive"),
    (TUNING, defined(trained_in(image("us-east-1"))), "Invalid DNS suffix"),
    (TUNING, tuning("a", parent="nobody"), "can't find a tuning job called nobody"),
    (TUNING, tuning("a", static=("c",), parent="parent"), "HyperParameter names is not the same"),
    (TUNING, tuning("a", "d", static=("c",), parent="parent"), "HyperParameter names is not the same"),
    (TUNING, tuning("a", "b", static=("c",), objective="other", parent="parent"), "'loss', not 'other'"),
    ("CreateTransformJob", filtered(OutputFilter="$[0:2,246:]"), r"only single range .* Format \[0:2,246:\] is not"),
    ("CreateTransformJob", filtered(LINES, OutputFilter="$['account_id']"), 'Invalid OutputFilter: .* Unexpected "_"'),
    ("CreateModel", {"PrimaryContainer": {"Image": image("us-east-1")}}, "does not match expected region of eu-west-1"),
    ("CreateModel", model({"Image": image()}, {"Image": image("us-east-1")}), "Cross region ECR image pulls"),
    ("CreateModel", model({"ContainerHostname": "a"}, {}), "for every container definition"),
    ("CreateModelPackage", specified("a", "a"), "'a' is given more than once"),
    (CONFIG, variants(2, 1), "one of ProductionVariants"),
    (CONFIG, variants(CrossRegionTrafficConfig={}, AsyncInferenceConfig={}), "with AsyncInferenceConfig"),
    (
        CONFIG,
        {"CrossRegionTrafficConfig": {}, "ProductionVariants": [{"ServerlessConfig": {}}]},
        "with serverless variants",
    ),
    (CONFIG, routed("RANDOM", PrefixLength=1), "only if RoutingStrategy is PREFIX_AWARE"),
    (CONFIG, routed("PREFIX_AWARE", PrefixLength=1), "^ConcurrencyThreshold must be given"),
    (CONFIG, explained(ShapBaseline="1", ShapBaselineUri="s3://b/k"), "ShapBaselineUri are mutually exclusive"),
    ("CreateEndpoint", shifted("CanarySize", 51), "1 to 50 percent"),
    ("UpdateEndpoint", shifted("LinearStepSize", 9), "10 to 50 percent"),
    ("UpdateEndpoint", shifted("MaximumBatchSize", 4), "5 to 50 percent"),
    (
        "CreateEndpoint",
        {"DeploymentConfig": {**shifted("CanarySize", 5)["DeploymentConfig"], "RollingUpdatePolicy": {}}},
        "exclusive",
    ),
    ("UpdateEndpoint", of_type("CANARY"), "CanarySize must be given"),
    ("UpdateEndpoint", of_type("LINEAR"), "LinearStepSize must be given"),
    ("InvokeEndpoint", {"EndpointName": "digits", "TargetModel": "a.tar.gz"}, "digits is not a multi-model endpoint"),
    ("CreateTrialComponent", valued(NumberValue=1.0, StringValue="1"), "not both"),
    ("UpdateTrialComponent", valued(NumberValue=1.0, StringValue="1"), "not both"),
]


@pytest.mark.parametrize(
    ("operation", "request_"), TAKEN, ids=[f"{case[0]}-{number}" for number, case in enumerate(TAKEN)]
)
def test_what_is_taken(operation: str, request_: Body) -> None:
    check(operation, request_, AROUND)


@pytest.mark.parametrize(
    ("operation", "request_", "words"), REFUSED, ids=[f"{case[0]}-{number}" for number, case in enumerate(REFUSED)]
)
def test_what_is_refused(operation: str, request_: Body, words: str) -> None:
    with pytest.raises(ValidationException, match=words):
        check(operation, request_, AROUND)


def test_every_rule_is_broken_by_one_request_and_kept_by_another() -> None:
    for rule in RULES:
        broken = [
            bool(list(rule.problems(request, AROUND)))
            for operation, request, _ in REFUSED
            if operation == rule.operation
        ]
        assert any(broken), rule
        assert any(operation == rule.operation for operation, _ in TAKEN), rule


def test_what_a_pipeline_asks_may_have_images_of_any_region() -> None:
    assert not first_problem("CreateTrainingJob", trained_in(image("us-east-1")), Around())


def test_every_rule_has_a_source() -> None:
    assert all(rule.source == "report" or rule.source.startswith("https://docs.aws.amazon.com/") for rule in RULES)
