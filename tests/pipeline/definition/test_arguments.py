"""Arguments against the requests that they become, in the service's words where they are known."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.definition.check import check
from pipeline.definition.step_types import steps
from tests.support.definitions import (
    PARAMETERS,
    condition,
    definition,
    equals,
    fail,
    of,
    only_problem,
    processing,
)

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "AppSpecification.Nonsense",
            1,
            "Unable to parse pipeline definition. Unknown Argument member 'Nonsense'",
        ),
        (
            "ProcessingInputs",
            [
                {
                    "InputName": "i",
                    "S3Input": {
                        "S3Uri": "s3://b/k",
                        "LocalPath": "/x",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "FastFile",
                    },
                }
            ],
            "Unable to parse pipeline definition. Model Validation failed: Value 'FastFile' for"
            " 'ProcessingS3InputMode' failed to satisfy enum value set: [Pipe, File]",
        ),
        (
            "AppSpecification.ContainerArguments",
            {"Get": "Parameters.Text"},
            "Unable to parse pipeline definition. Expecting start of Json Array.",
        ),
        (
            "AppSpecification.ContainerArguments",
            [{"Get": "Parameters.Count"}],
            "Cannot assign property reference [Parameters.Count] to argument of type [String].",
        ),
        ("Environment", "x", "Unable to parse pipeline definition. Expecting start of Json Object."),
    ],
)
def test_errors_in_the_words_of_the_service(path: str, value: Any, message: str) -> None:
    step = processing()
    *folders, last = path.split(".")
    place = step["Arguments"]
    for folder in folders:
        place = place[folder]
    place[last] = value
    level, _, text = only_problem(of(step, parameters=PARAMETERS))
    assert (level, text) == ("error", message)


def test_depending_on_a_fail_step_is_refused() -> None:
    given = of(fail("End"), processing("Work", DependsOn=["End"]))
    assert only_problem(given) == ("error", "Steps[Work]", "Work can not depends on End")


def test_unknown_member_of_a_condition_is_refused() -> None:
    given = of(condition("Gate", [{"Type": "Not", "Expression": {}, "Condition": equals(1, 1)}], []))
    message = "Unable to parse pipeline definition. Cannot parse object, unknown property 'Expression'."
    assert only_problem(given) == ("error", "Steps[Gate].Arguments.Conditions[0]", message)


@pytest.mark.parametrize(
    ("kind", "arguments", "member"),
    [
        ("EndpointConfig", {"ProductionVariants": [{"VariantName": "a", "ModelName": "m"}]}, "DataCaptureConfig"),
        ("EndpointConfig", {"ProductionVariants": [{"VariantName": "a", "ModelName": "m"}]}, "ExplainerConfig"),
        ("Endpoint", {"EndpointConfigName": "c"}, "DeploymentConfig"),
        ("RegisterModel", {"ModelPackageGroupName": "g"}, "ModelPackageName"),
        ("RegisterModel", {"ModelPackageGroupName": "g"}, "CertifyForMarketplace"),
    ],
)
def test_members_that_the_api_has_and_the_pipeline_service_refuses(
    kind: str, arguments: dict[str, Any], member: str
) -> None:
    assert check(of({"Name": "S", "Type": kind, "Arguments": arguments})) == []
    given = of({"Name": "S", "Type": kind, "Arguments": {**arguments, member: {}}})
    message = f"Unable to parse pipeline definition. Unknown Argument member '{member}'"
    assert only_problem(given) == ("error", f"Steps[S].Arguments.{member}", message)


def _our(change: Change) -> list[tuple[str, str, str]]:
    changed = copy.deepcopy(definition())
    change(changed)
    return [(problem.level, problem.path, problem.message) for problem in check(changed)]


def _arguments(given: dict[str, Any], step: str) -> dict[str, Any]:
    return steps(given)[step].arguments


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        (
            lambda d: _arguments(d, "TrainModel").pop("OutputDataConfig"),
            "Steps[TrainModel].Arguments",
            "Unable to parse pipeline definition. Model Validation failed: Missing required member 'OutputDataConfig'",
        ),
        (
            lambda d: _arguments(d, "TrainModel")["HyperParameters"].update(epochs=15),
            "Steps[TrainModel].Arguments.HyperParameters.epochs",
            "Unable to parse pipeline definition. Expecting a value of type [String].",
        ),
        (
            lambda d: _arguments(d, "TrainModel")["StoppingCondition"].update(MaxRuntimeInSeconds=0),
            "Steps[TrainModel].Arguments.StoppingCondition.MaxRuntimeInSeconds",
            "Unable to parse pipeline definition. Model Validation failed: Value '0' for 'MaxRuntimeInSeconds'"
            " failed to satisfy constraint: value at least 1",
        ),
        (
            lambda d: _arguments(d, "ConfigureEndpoint")["ProductionVariants"].clear(),
            "Steps[CheckDeploy].Arguments.IfSteps[ConfigureEndpoint].Arguments.ProductionVariants",
            "Unable to parse pipeline definition. Model Validation failed: Value '0' for 'ProductionVariantList'"
            " failed to satisfy constraint: length at least 1",
        ),
        (
            lambda d: _arguments(d, "PredictTest").update(BatchStrategy="Many"),
            "Steps[PredictTest].Arguments.BatchStrategy",
            "Unable to parse pipeline definition. Model Validation failed: Value 'Many' for 'BatchStrategy' failed"
            " to satisfy enum value set: [MultiRecord, SingleRecord]",
        ),
        (
            lambda d: steps(d)["CreateModel"].step.update(Arguments=[]),
            "Steps[CreateModel].Arguments",
            "Unable to parse pipeline definition. Expecting start of Json Object.",
        ),
    ],
)
def test_requests_are_held_to_the_model(change: Change, path: str, message: str) -> None:
    assert ("error", path, message) in _our(change)


def test_what_the_service_fills_in_may_be_missing() -> None:
    def change(given: dict[str, Any]) -> None:
        for step in steps(given).values():
            step.arguments.pop("RoleArn", None)
            step.arguments.pop("ExecutionRoleArn", None)
            step.arguments.pop("EndpointName", None)

    assert _our(change) == []


def test_the_training_jobs_of_a_tuning_step_may_leave_out_the_role() -> None:
    job = {
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    limits = {"MaxParallelTrainingJobs": 1}
    config = {"Strategy": "Random", "ResourceLimits": limits}
    for jobs in ({"TrainingJobDefinition": job}, {"TrainingJobDefinitions": [job]}):
        arguments = {"HyperParameterTuningJobConfig": config, **jobs}
        assert check(of({"Name": "Tune", "Type": "Tuning", "Arguments": arguments})) == []


def test_a_package_may_be_described() -> None:
    arguments = {"ModelPackageGroupName": "g", "ModelPackageDescription": "of March"}
    assert check(of({"Name": "Register", "Type": "RegisterModel", "Arguments": arguments})) == []


def test_value_of_a_wrong_form_is_only_warned_of() -> None:
    found = _our(lambda d: _arguments(d, "TrainModel").update(RoleArn="role of somebody, surely"))
    assert [problem[:2] for problem in found] == [("warning", "Steps[TrainModel].Arguments.RoleArn")]


def test_null_counts_as_absent() -> None:
    assert _our(lambda d: _arguments(d, "TrainModel").update(VpcConfig=None, Tags=None)) == []


def test_answer_of_the_service_is_aws_own_where_it_is_on_record_and_says_where_otherwise() -> None:
    given = of(processing(DependsOn=["Wrok"]), processing("Work2", arguments={"Nonsense": 1}))
    assert [problem.answer for problem in check(given)] == [
        "Unable to parse pipeline definition. Unknown Argument member 'Nonsense'",
        "Step [Wrok] is referenced but not defined. (at Steps[Work].DependsOn[0]; did you mean Work?)",
    ]
