"""The pipeline as a whole, read from its definition: which steps, in which order, gated how, going where."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pipeline.definition.graph import upstream
from pipeline.definition.step_types import steps
from tests.support.definitions import CASES, definition, settings

_TYPES = {
    "InspectData": "Processing",
    "ConvertData": "Processing",
    "TrainModel": "Training",
    "CreateModel": "Model",
    "PredictTest": "Transform",
    "EvaluateModel": "Processing",
    "CheckMetrics": "Condition",
    "RegisterModel": "RegisterModel",
    "RejectModel": "Fail",
    "CheckDeploy": "Condition",
    "ValidateEndpoint": "Processing",
}
_NATIVE = {"ConfigureEndpoint": "EndpointConfig", "DeployEndpoint": "Endpoint"}
_ROLLOUT = {"RolloutEndpoint": "Processing"}


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("case", CASES)
def test_steps_and_their_native_types(case: str) -> None:
    found = {name: step.type for name, step in steps(definition(case)).items()}
    deploying, other = (_ROLLOUT, _NATIVE) if case == "rollout" else (_NATIVE, _ROLLOUT)
    assert (_TYPES | deploying).items() <= found.items()
    assert not other.keys() & found.keys(), "one way to the endpoint, not two"


@pytest.mark.parametrize("case", CASES)
def test_every_step_says_what_it_is(case: str) -> None:
    for step in steps(definition(case)).values():
        assert step.step["DisplayName"] and step.step["Description"].endswith(".")


def test_conditions_stand_at_the_top_so_that_none_is_nested() -> None:
    found = steps(definition())
    assert {step.type for step in found.values() if step.within} & {"Condition"} == set()
    assert found["RegisterModel"].within == (("CheckMetrics", "IfSteps"),)
    assert found["RejectModel"].within == (("CheckMetrics", "ElseSteps"),)
    assert found["ValidateEndpoint"].within == (("CheckDeploy", "IfSteps"),)


def test_a_rollout_is_validated_after_it() -> None:
    assert "RolloutEndpoint" in upstream(definition("rollout"))["ValidateEndpoint"]


def test_nothing_is_deployed_that_was_not_registered() -> None:
    found = upstream(definition())
    assert found["CheckDeploy"] == ["RegisterModel"]
    assert "ConfigureEndpoint" in found["DeployEndpoint"] and "DeployEndpoint" in found["ValidateEndpoint"]


@pytest.mark.parametrize("case", CASES)
def test_every_output_lies_below_the_execution_and_the_step(case: str) -> None:
    """Each place that is written to is a Join of root, execution id, step and output; each is another one."""
    root = settings(case).root
    written: list[tuple[str, ...]] = []
    for name, step in steps(definition(case)).items():
        arguments = step.arguments
        places = [
            output["S3Output"]["S3Uri"] for output in arguments.get("ProcessingOutputConfig", {}).get("Outputs", [])
        ]
        places += [
            arguments[config][member]
            for config, member in (("OutputDataConfig", "S3OutputPath"), ("TransformOutput", "S3OutputPath"))
            if config in arguments
        ]
        for place in places:
            *front, step_name, output = place["Std:Join"]["Values"]
            assert place["Std:Join"]["On"] == "/"
            assert front == [f"{root}/executions", {"Get": "Execution.PipelineExecutionId"}]
            assert step_name == name
            written.append((step_name, output))
    assert len(written) >= 10 and len(set(written)) == len(written)


@pytest.mark.parametrize(
    ("case", "gates"),
    [
        (
            "binary",
            {
                "MinAccuracy": "binary_classification_metrics.accuracy.value",
                "MinPrecision": "binary_classification_metrics.precision.value",
                "MinRecall": "binary_classification_metrics.recall.value",
                "MinF1": "binary_classification_metrics.f1.value",
                "MinAuc": "binary_classification_metrics.auc.value",
            },
        ),
        (
            "multiclass",
            {
                "MinAccuracy": "multiclass_classification_metrics.accuracy.value",
                "MinPrecision": "multiclass_classification_metrics.weighted_precision.value",
                "MinRecall": "multiclass_classification_metrics.weighted_recall.value",
                "MinF1": "multiclass_classification_metrics.weighted_f1.value",
            },
        ),
        (
            "regression",
            {
                "MaxRelativeRmse": "regression_metrics.relative_rmse.value",
                "MinR2": "regression_metrics.r2.value",
            },
        ),
    ],
)
def test_gate_holds_each_metric_to_its_threshold(case: str, gates: dict[str, str]) -> None:
    found = steps(definition(case))
    conditions = found["CheckMetrics"].arguments["Conditions"]
    read = {
        condition["RightValue"]["Get"].removeprefix("Parameters."): condition["LeftValue"]["Std:JsonGet"]["Path"]
        for condition in conditions
    }
    assert gates.items() <= read.items()
    for condition in conditions:
        minimum = "Parameters.Min" in condition["RightValue"]["Get"]
        assert condition["Type"] == ("GreaterThanOrEqualTo" if minimum else "LessThanOrEqualTo")


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("binary", "accuracy>=0.96,precision>=0.8,recall>=0.8,f1>=0.85,auc>=0.95"),
        ("multiclass", "accuracy>=0.8,weighted_precision>=0.8,weighted_recall>=0.8,weighted_f1>=0.8"),
        ("regression", "relative_rmse<=0.85,r2>=0.3"),
    ],
)
def test_evaluation_is_told_the_gates_and_the_rejection_says_how_it_found_them(case: str, told: str) -> None:
    given = definition(case)
    defaults = {parameter["Name"]: parameter["DefaultValue"] for parameter in given["Parameters"]}
    words = steps(given)["EvaluateModel"].arguments["AppSpecification"]["ContainerArguments"]
    parts = words[words.index("--gates") + 1]["Std:Join"]["Values"]
    shown = [part if isinstance(part, str) else defaults[part["Get"].removeprefix("Parameters.")] for part in parts]
    assert "".join(map(str, shown)).startswith(told)
    message = steps(given)["RejectModel"].arguments["ErrorMessage"]["Std:Join"]["Values"]
    assert message == [
        "The model is rejected. ",
        {
            "Std:JsonGet": {
                "PropertyFile": {"Get": "Steps.EvaluateModel.PropertyFiles.EvaluationGates"},
                "Path": "verdict.value",
            }
        },
    ]


@pytest.mark.parametrize("case", CASES)
def test_parameters_are_all_used_and_all_declared(case: str) -> None:
    given = definition(case)
    declared = [parameter["Name"] for parameter in given["Parameters"]]
    used = set(re.findall(r'"Parameters\.(\w+)"', json.dumps(given["Steps"])))
    assert set(declared) == used
    assert declared == [parameter.name for parameter in settings(case).declared]


def test_deploy_is_off_by_default_and_a_choice_of_two() -> None:
    deploy = next(parameter for parameter in definition()["Parameters"] if parameter["Name"] == "Deploy")
    assert deploy == {"Name": "Deploy", "Type": "String", "DefaultValue": "false", "EnumValues": ["false", "true"]}


def test_key_network_and_tags_reach_every_job_and_the_endpoint() -> None:
    given, plain = definition("full"), definition("binary")
    for name in ("ConvertData", "TrainModel", "EvaluateModel", "ValidateEndpoint"):
        assert steps(given)[name].arguments["Tags"] == [
            {"Key": "cost-centre", "Value": "42"},
            {"Key": "team", "Value": "vision"},
        ]
        text = json.dumps(steps(given)[name].arguments)
        assert "subnet-0a1b2c3d" in text and "sg-0a1b2c3d" in text
        assert text.count(str(settings("full").kms_key)) == 2, "the volume and the output"
    for name in ("CreateModel", "PredictTest", "ConfigureEndpoint", "DeployEndpoint"):
        assert "Tags" in steps(given)[name].arguments
    assert "VpcConfig" in steps(given)["CreateModel"].arguments
    assert "KmsKeyId" in steps(given)["ConfigureEndpoint"].arguments
    assert not [text for text in _strings(plain) if "kms" in text or "subnet" in text]
    assert '"Tags"' not in json.dumps(plain)


def test_versions_of_a_group_take_the_tags_of_the_group() -> None:
    """CreateModelPackage refuses tags together with a group."""
    assert "Tags" not in steps(definition("full"))["RegisterModel"].arguments


def test_images_are_those_of_the_region() -> None:
    for case, registry in [
        ("binary", "683313688378.dkr.ecr.us-east-1"),
        ("full", "141502667606.dkr.ecr.eu-west-1"),
    ]:
        image = steps(definition(case))["ConvertData"].arguments["AppSpecification"]["ImageUri"]
        assert image == f"{registry}.amazonaws.com/sagemaker-xgboost:3.2-0"


def test_sparse_rows_are_predicted_as_records_and_else_nothing_differs() -> None:
    sparse, dense = (steps(definition(case)) for case in ("sparse", "binary"))
    transform = sparse["PredictTest"].arguments
    assert transform["TransformInput"]["ContentType"] == "application/x-recordio-protobuf"
    assert transform["TransformInput"]["SplitType"] == "RecordIO"
    assert transform["TransformOutput"]["Accept"] == dense["PredictTest"].arguments["TransformOutput"]["Accept"]
    assert transform["MaxPayloadInMB"] == 1
    for name in ("InspectData", "ConvertData"):
        own, other = (found[name].arguments["AppSpecification"]["ContainerArguments"] for found in (sparse, dense))
        at = own.index("--features")
        assert [*own[:at], *own[at + 2 :]] == other
        assert own[at + 1] == "sparse"
    same = set(sparse) - {"PredictTest", "InspectData", "ConvertData"}
    assert all(sparse[name].arguments == dense[name].arguments for name in same)


@pytest.mark.parametrize("case", CASES)
def test_a_model_is_served_by_the_image_that_trained_it(case: str) -> None:
    found = steps(definition(case))
    image = found["TrainModel"].arguments["AlgorithmSpecification"]["TrainingImage"]
    model = found["CreateModel"].arguments
    assert [container["Image"] for container in model.get("Containers") or [model["PrimaryContainer"]]][-1] == image
    assert found["RegisterModel"].arguments["InferenceSpecification"]["Containers"][-1]["Image"] == image


def test_a_table_is_treated_by_a_container_before_linear_learner_wherever_the_model_serves() -> None:
    found = steps(definition("table"))
    containers = found["CreateModel"].arguments["Containers"]
    assert containers[0] == {
        "Image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3",
        "ModelDataUrl": {
            "Std:Join": {
                "On": "/",
                "Values": [
                    {"Get": "Steps.ConvertData.ProcessingOutputConfig.Outputs['featurizer'].S3Output.S3Uri"},
                    "model.tar.gz",
                ],
            }
        },
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        },
    }
    registered = found["RegisterModel"].arguments["InferenceSpecification"]
    assert registered["Containers"] == containers
    assert (
        {"text/csv"}
        <= set(registered["SupportedContentTypes"])
        <= {
            "text/csv",
            "application/json",
            "application/jsonlines",
        }
    )
    assert found["PredictTest"].arguments["ModelName"] == {"Get": "Steps.CreateModel.ModelName"}
