"""CreatePipeline and UpdatePipeline refuse what SageMaker refuses, in its words where they are on record.

Each case is a definition that somebody sent to AWS, or the documentation speaks of, and what came back.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.executions import IMAGE, check, create, definition, fail, token, work, writes
from tests.support.service import ROLE, LocalService

Body = dict[str, Any]
UNPARSABLE = "Unable to parse pipeline definition. "
PARAMETERS: list[Body] = [
    {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
    {"Name": "Rate", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
    {"Name": "Text", "DefaultValue": "x"},
]


def get(path: str) -> Body:
    return {"Get": path}


def json_get(reference: Any, path: Any = "a") -> Body:
    return {"Std:JsonGet": {"PropertyFile": get(reference), "Path": path}}


def condition(given: Any, name: str = "Gate") -> Body:
    arguments = {"Conditions": [given], "IfSteps": [], "ElseSteps": []}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def container(*words: Any) -> Body:
    return work("Work", arguments={"AppSpecification": {"ImageUri": IMAGE, "ContainerArguments": list(words)}})


def step(kind: str, arguments: Any, **more: Any) -> Body:
    return {"Name": "Step", "Type": kind, "Arguments": arguments} | more


def s3_input(index: int = 0, **more: str) -> Body:
    source = {"S3Uri": "s3://bucket/in", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix"}
    return {"InputName": f"in-{index}", "S3Input": source | more}


TRAINING: Body = {
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
EQUALS = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}

# Texts as AWS answered them.
ON_RECORD = {
    "a reference where a list belongs": (
        [work("Work", arguments={"ProcessingInputs": get("Parameters.Text")})],
        UNPARSABLE + "Expecting start of Json Array.",
    ),
    "a reference where an object belongs": (
        [work("Work", arguments={"AppSpecification": get("Parameters.Text")})],
        UNPARSABLE + "Expecting start of Json Object.",
    ),
    "a list where an object belongs": (
        [work("Work", arguments={"Environment": []})],
        UNPARSABLE + "Expecting start of Json Object.",
    ),
    "a member of the public API that the service lags behind": (
        [step("Model", {"PrimaryContainer": {"Image": IMAGE}, "AdditionalModelDataSources": []})],
        UNPARSABLE + "Unknown Argument member 'AdditionalModelDataSources'",
    ),
    "an unknown member far inside": (
        [step("Training", TRAINING | {"ResourceConfig": {**TRAINING["ResourceConfig"], "Count": 1}})],
        UNPARSABLE + "Unknown Argument member 'Count'",
    ),
    "the name of a package": (
        [step("RegisterModel", {"ModelPackageGroupName": "group", "ModelPackageName": "name"})],
        UNPARSABLE + "Unknown Argument member 'ModelPackageName'",
    ),
    "data capture by an EndpointConfig step": (
        [step("EndpointConfig", {"ProductionVariants": [{"VariantName": "a"}], "DataCaptureConfig": {}})],
        UNPARSABLE + "Unknown Argument member 'DataCaptureConfig'",
    ),
    "an explainer of an EndpointConfig step": (
        [step("EndpointConfig", {"ProductionVariants": [{"VariantName": "a"}], "ExplainerConfig": {}})],
        UNPARSABLE + "Unknown Argument member 'ExplainerConfig'",
    ),
    "how an Endpoint step deploys": (
        [step("Endpoint", {"EndpointConfigName": "a", "DeploymentConfig": {}})],
        UNPARSABLE + "Unknown Argument member 'DeploymentConfig'",
    ),
    "Not with Expression instead of Condition": (
        [condition({"Type": "Not", "Expression": EQUALS})],
        UNPARSABLE + "Cannot parse object, unknown property 'Expression'.",
    ),
    "In as the published schema has it": (
        [condition({"Type": "In", "Value": 1, "In": [1]})],
        UNPARSABLE + "Cannot parse object, unknown property",
    ),
    "an input mode that processing does not have": (
        [work("Work", arguments={"ProcessingInputs": [s3_input(S3InputMode="FastFile")]})],
        UNPARSABLE + "Model Validation failed: Value 'FastFile' for 'ProcessingS3InputMode' failed to satisfy enum"
        " value set: [Pipe, File]",
    ),
    "an Integer parameter as container argument": (
        [container("--n", get("Parameters.Count"))],
        "Cannot assign property reference [Parameters.Count] to argument of type [String].",
    ),
    "a Float parameter as hyperparameter": (
        [step("Training", TRAINING | {"HyperParameters": {"eta": get("Parameters.Rate")}})],
        "Cannot assign property reference [Parameters.Rate] to argument of type [String].",
    ),
    "a Boolean parameter in the environment": (
        [work("Work", arguments={"Environment": {"FLAG": get("Parameters.Flag")}})],
        "Cannot assign property reference [Parameters.Flag] to argument of type [String].",
    ),
    "a numeric property of a step as text": (
        [work("A"), work("B", arguments={"Environment": {"N": get("Steps.A.StoppingCondition.MaxRuntimeInSeconds")}})],
        "Cannot assign property reference [Steps.A.StoppingCondition.MaxRuntimeInSeconds] to argument of type"
        " [String].",
    ),
    "a Condition step that depends on a Fail step": (
        [{**condition(EQUALS, "CondStep"), "DependsOn": ["FailStep"]}, fail("FailStep")],
        "CondStep can not depends on FailStep",
    ),
    "a step in a branch that depends on a Fail step": (
        [fail("FailStep"), check("Gate", 1, 1, [work("Inner", DependsOn=["FailStep"])])],
        "Inner can not depends on FailStep",
    ),
}

# What the documentation says is refused; the words are our own, and name what is wrong.
DOCUMENTED = {
    "a cycle by DependsOn": ([work("A", DependsOn=["B"]), work("B", DependsOn=["A"])], "A -> B -> A"),
    "a cycle by reference": (
        [
            work("A", arguments={"Environment": {"X": get("Steps.B.ProcessingJobName")}}),
            work("B", DependsOn=["A"]),
        ],
        "A -> B -> A",
    ),
    "a cycle through a branch": (
        [check("Gate", get("Steps.Inner.ProcessingJobStatus"), "Completed", [work("Inner")])],
        "Gate",
    ),
    "a cycle through Outcome": (
        [
            check("First", get("Steps.Second.Outcome"), True, []),
            check("Second", get("Steps.First.Outcome"), True, []),
        ],
        "First -> Second -> First",
    ),
    "a name twice": ([work("A"), check("Gate", 1, 1, [], [work("A")])], "[A]"),
    "one step in both branches": ([check("Gate", 1, 1, [work("A")], [work("A")])], "[A]"),
    "an unknown step": ([work("A", DependsOn=["Nobody"])], "[Nobody]"),
    "a reference to an unknown step": ([fail("F", get("Steps.Nobody.ModelName"))], "[Nobody]"),
    "an unknown parameter": ([fail("F", {"Std:Join": {"Values": [get("Parameters.Nothing")]}})], "[Nothing]"),
    "an unknown execution variable": ([fail("F", get("Execution.Id"))], "[Execution.Id]"),
    "an unknown property": ([work("A"), fail("F", get("Steps.A.Artifacts"))], "[Steps.A.Artifacts]"),
    "a property of a step that has none": ([fail("A"), fail("F", get("Steps.A.ErrorMessage"))], "A"),
    "an output that a Lambda step does not declare": (
        [
            step("Lambda", {}, FunctionArn="arn:aws:lambda:us-east-1:123456789012:function:f", OutputParameters=[]),
            fail("F", get("Steps.Step.OutputParameters['x']")),
        ],
        "OutputParameters['x']",
    ),
    "an unknown property file": (
        [writes("A", "a.json", "{}"), check("Gate", json_get("Steps.A.PropertyFiles.Other"), 1, [])],
        "Steps.A.PropertyFiles.Other",
    ),
    "a property file of a training step": (
        [step("Training", TRAINING), check("Gate", json_get("Steps.Step.PropertyFiles.Report"), 1, [])],
        "does not point at a Processing step",
    ),
    "a property file in an output that is not there": (
        [work("A", PropertyFiles=[{"PropertyFileName": "R", "OutputName": "none", "FilePath": "a.json"}])],
        "[none]",
    ),
    "a path that is no literal": (
        [
            writes("A", "a.json", "{}"),
            check("Gate", json_get("Steps.A.PropertyFiles.Report", get("Parameters.Text")), 1, []),
        ],
        "Path",
    ),
    "a String parameter where a number belongs": (
        [step("Training", TRAINING | {"StoppingCondition": {"MaxRuntimeInSeconds": get("Parameters.Text")}})],
        "Cannot assign property reference [Parameters.Text] to argument of type [Integer].",
    ),
    "a joined number where a number belongs": (
        [
            step(
                "Training",
                TRAINING | {"StoppingCondition": {"MaxRuntimeInSeconds": {"Std:Join": {"Values": ["6", "0"]}}}},
            )
        ],
        "argument of type [Integer].",
    ),
    "both ways to end retries": (
        [work("A", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 1, "ExpireAfterMin": 1}])],
        "MaxAttempts",
    ),
    "too many attempts": (
        [work("A", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 21}])],
        "MaxAttempts",
    ),
    "too long an interval": (
        [work("A", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 43_201}])],
        "IntervalSeconds",
    ),
    "one exception type as text": (
        [work("A", RetryPolicies=[{"ExceptionType": "Step.THROTTLING"}])],
        UNPARSABLE + "Expecting start of Json Array.",
    ),
    "an unknown exception type": ([work("A", RetryPolicies=[{"ExceptionType": ["Step.ANY"]}])], "Step.ANY"),
    "an unknown trigger": ([work("A"), work("B", DependsOn=[{"Step": "A", "Trigger": "Sometimes"}])], "Sometimes"),
    "an expiry that is no duration": (
        [work("A", CacheConfig={"Enabled": True, "ExpireAfter": "tomorrow"})],
        "tomorrow",
    ),
    "eleven inputs": ([work("A", arguments={"ProcessingInputs": [s3_input(n) for n in range(11)]})], "11"),
    "a container argument of 257 characters": ([container("x" * 257)], "257"),
    "a name with a space": ([work("A step")], "A step"),
    "a name of 65 characters": ([work("a" * 65)], "a" * 65),
    "a step type that there is not": ([step("Trainig", {})], "Trainig"),
    "a step without a type": ([{"Name": "A", "Arguments": {}}], "Type"),
    "a condition type that there is not": ([condition({"Type": "Like", "LeftValue": 1, "RightValue": 1})], "Like"),
    "a display name of 257 characters": ([work("A", DisplayName="x" * 257)], "257"),
    "a description of 3073 characters": ([work("A", Description="x" * 3073)], "3073"),
    "a member of a step that there is not": ([work("A", Retries=[])], "Retries"),
    "an object as a condition's operand": (
        [condition({"Type": "Equals", "LeftValue": {"a": 1}, "RightValue": 1})],
        "LeftValue",
    ),
    "a Condition within ForEach": (
        [step("ForEach", {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [condition(EQUALS)]})],
        "ForEach",
    ),
}


def refused(local: LocalService, text: str) -> str:
    with pytest.raises(ClientError) as caught:
        local.sagemaker.create_pipeline(
            PipelineName="refused", RoleArn=ROLE, PipelineDefinition=text, ClientRequestToken=token()
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(caught.value.response["Error"]["Message"])


@pytest.mark.parametrize("case", ON_RECORD)
def test_words_on_record(local: LocalService, case: str) -> None:
    steps, words = ON_RECORD[case]
    said = refused(local, definition(*steps, parameters=PARAMETERS))
    assert said.startswith(words)
    if not words.endswith("unknown property"):
        assert said == words, "nothing is added to the words of AWS"


@pytest.mark.parametrize("case", DOCUMENTED)
def test_documented_refusals_name_what_is_wrong(local: LocalService, case: str) -> None:
    steps, words = DOCUMENTED[case]
    assert words in refused(local, definition(*steps, parameters=PARAMETERS))


@pytest.mark.parametrize(
    "text, words",
    [
        ("no json", "character"),
        ('{"Version": "2020-12-01", "Steps": [}', "character"),
        ("[]", UNPARSABLE + "Expecting start of Json Object."),
        ('"text"', UNPARSABLE + "Expecting start of Json Object."),
        ("{}", "Steps"),
        ('{"Steps": {}}', UNPARSABLE + "Expecting start of Json Array."),
        ('{"Steps": ["A"]}', UNPARSABLE + "Expecting start of Json Object."),
        ('{"Steps": [], "Parameters": {}}', UNPARSABLE + "Expecting start of Json Array."),
        ('{"Steps": [], "Metadata": []}', UNPARSABLE + "Expecting start of Json Object."),
        ('{"Steps": [], "Version": "2021-01-01"}', "2021-01-01"),
        ('{"Steps": [], "Extra": 1}', "unknown property 'Extra'"),
        ('{"Steps": [], "Parameters": [{"Name": "A", "Type": "Integer", "DefaultValue": "1"}]}', "[Integer]"),
        ('{"Steps": [], "Parameters": [{"Name": "A", "Type": "Integer", "DefaultValue": 1.5}]}', "[Integer]"),
        ('{"Steps": [], "Parameters": [{"Name": "A", "Type": "Boolean", "DefaultValue": 1}]}', "[Boolean]"),
        ('{"Steps": [], "Parameters": [{"Name": "A", "DefaultValue": 1}]}', "[String]"),
        ('{"Steps": [], "Parameters": [{"Name": "A", "Type": "Number"}]}', "Number"),
        ('{"Steps": [], "Parameters": [{"Name": "A"}, {"Name": "A"}]}', "[A]"),
        ('{"Steps": [], "Parameters": [{"Name": "A b"}]}', "A b"),
        ('{"Steps": [], "PipelineExperimentConfig": []}', UNPARSABLE + "Expecting start of Json Object."),
    ],
)
def test_texts_that_are_no_definition(local: LocalService, text: str, words: str) -> None:
    assert words in refused(local, text)


def test_an_update_is_checked_the_same_and_changes_nothing(local: LocalService) -> None:
    name = create(local, fail("F"))
    before = local.sagemaker.describe_pipeline(PipelineName=name)
    with pytest.raises(ClientError, match="Expecting start of Json Array"):
        local.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition='{"Steps": {}}', PipelineDescription="d")
    after = local.sagemaker.describe_pipeline(PipelineName=name)
    for answer in (before, after):
        del answer["ResponseMetadata"]
    assert after == before


def test_a_refused_name_is_free(local: LocalService) -> None:
    for _ in range(2):
        refused(local, json.dumps({"Steps": {}}))
    assert local.sagemaker.list_pipelines(PipelineNamePrefix="refused")["PipelineSummaries"] == []
