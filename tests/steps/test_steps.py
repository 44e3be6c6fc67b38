"""Each step as the service will read it: how it is called, what it reads, when it is cached and tried again."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.definition.step_types import steps
from tests.support.definitions import CASES, CODE, definition
from tests.support.docs import ROOT

_SCRIPTS = ("InspectData", "ConvertData", "EvaluateModel", "ValidateEndpoint")
_CACHED = {"InspectData", "ConvertData", "TrainModel", "PredictTest", "EvaluateModel"}
_LOOK_AGAIN = {"CompareApproved", "RolloutEndpoint", "ValidateEndpoint"}
"""What they look at changes though their inputs do not."""
_JOBS = {*_CACHED, "ValidateEndpoint"}
_CALLS = {"CreateModel", "RegisterModel", "ConfigureEndpoint"}


def _step(name: str, case: str = "binary") -> dict[str, Any]:
    return steps(definition(case))[name].step


def _arguments(name: str, case: str = "binary") -> dict[str, Any]:
    return steps(definition(case))[name].arguments


def _inputs(name: str) -> dict[str, Any]:
    return {entry["InputName"]: entry["S3Input"] for entry in _arguments(name)["ProcessingInputs"]}


def _cluster(name: str, case: str = "binary") -> dict[str, Any]:
    found: dict[str, Any] = _arguments(name, case)["ProcessingResources"]["ClusterConfig"]
    return found


def _output(name: str) -> dict[str, str]:
    return {"Get": f"Steps.ConvertData.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri"}


@pytest.mark.parametrize("name", _SCRIPTS)
def test_scripts_run_as_one_package_from_the_bundle(name: str) -> None:
    arguments = _arguments(name)
    *program, module = arguments["AppSpecification"]["ContainerEntrypoint"]
    assert program == ["python3", "-m"] and (ROOT / f"{module.replace('.', '/')}.py").is_file()
    code = _inputs(name)["code"]
    assert (code["S3Uri"], code["S3DataType"]) == (CODE[module.removeprefix("scripts.")], "S3Prefix")
    assert code["LocalPath"] == "/opt/ml/processing/input/code/scripts"
    assert arguments["Environment"]["PYTHONPATH"] == "/opt/ml/processing/input/code"


def _options(name: str, case: str = "binary") -> dict[str, Any]:
    words = _arguments(name, case)["AppSpecification"]["ContainerArguments"]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_convert_is_called_so() -> None:
    assert _options("ConvertData") == {
        "--data": "/opt/ml/processing/input/data",
        "--output": "/opt/ml/processing/output",
        "--task": "binary_classifier",
        "--positive-class": {"Get": "Parameters.PositiveClass"},
        "--label-column": {"Get": "Parameters.LabelColumn"},
        "--csv-header": {"Get": "Parameters.CsvHeader"},
        "--columns": {"Get": "Parameters.Features"},
        "--seed": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.SplitSeed"}]}},
        "--baseline": "/opt/ml/processing/input/baseline",
        "--resources": "/opt/ml/config/resourceconfig.json",
        "--parts": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.TrainingInstanceCount"}]}},
        "--message": "/opt/ml/output/message",
    }


@pytest.mark.parametrize("case", ["multiclass", "regression"])
def test_only_a_binary_task_has_a_positive_class(case: str) -> None:
    assert "--positive-class" not in _options("ConvertData", case)


def test_evaluate_is_called_so() -> None:
    options = _options("EvaluateModel", "multiclass")
    assert list(options.pop("--gates")) == ["Std:Join"]
    assert options == {
        "--predictions": "/opt/ml/processing/input/predictions",
        "--labels": "/opt/ml/processing/input/labels",
        "--features": "/opt/ml/processing/input/features",
        "--model": "/opt/ml/processing/input/model",
        "--inspection": "/opt/ml/processing/input/inspection",
        "--output": "/opt/ml/processing/output/evaluation",
        "--task": "multiclass_classifier",
        "--job": "/opt/ml/config/processingjobconfig.json",
        "--message": "/opt/ml/output/message",
    }


def test_evaluate_is_told_of_the_column_that_the_settings_name() -> None:
    assert _options("EvaluateModel", "full")["--slice-column"] == "age"


def test_validate_endpoint_is_called_so() -> None:
    assert _options("ValidateEndpoint", "regression") == {
        "--endpoint-name": {"Get": "Steps.DeployEndpoint.EndpointName"},
        "--features": "/opt/ml/processing/input/features",
        "--predictions": "/opt/ml/processing/input/predictions",
        "--labels": "/opt/ml/processing/input/labels",
        "--serves": {"Get": "Steps.RegisterModel.ModelPackageArn"},
        "--output": "/opt/ml/processing/output/validation",
        "--batches": "100",
        "--most-rows": "20000",
        "--task": "regressor",
        "--message": "/opt/ml/output/message",
    }


def test_boto3_in_a_script_knows_its_region() -> None:
    """boto3 takes the region from AWS_DEFAULT_REGION; the AWS_REGION that containers have it does not read."""
    assert _arguments("ValidateEndpoint", "full")["Environment"]["AWS_DEFAULT_REGION"] == "eu-west-1"


@pytest.mark.parametrize("name", _SCRIPTS)
def test_every_folder_that_a_script_is_told_of_is_mounted(name: str) -> None:
    arguments = _arguments(name)
    mounted = {entry["LocalPath"] for entry in _inputs(name).values()}
    mounted |= {entry["S3Output"]["LocalPath"] for entry in arguments["ProcessingOutputConfig"]["Outputs"]}
    for option, value in _options(name).items():
        if isinstance(value, str) and value.startswith("/opt/ml/processing") and option != "--output":
            assert value in mounted
    folder = _options(name)["--output"]
    assert any(path == folder or path.startswith(folder + "/") for path in mounted)


def _distributions(channels: list[dict[str, Any]]) -> dict[str, str]:
    return {of["ChannelName"]: of["DataSource"]["S3DataSource"]["S3DataDistributionType"] for of in channels}


@pytest.mark.parametrize("variant", ["binary", "table"])
def test_what_grows_is_shared_out_among_instances_and_nothing_else(variant: str) -> None:
    inputs = _arguments("ConvertData", variant)["ProcessingInputs"]
    given = {of["InputName"]: of["S3Input"]["S3DataDistributionType"] for of in inputs}
    assert given == {"code": "FullyReplicated", "data": "ShardedByS3Key", "baseline": "FullyReplicated"}
    trained = _distributions(_arguments("TrainModel")["InputDataConfig"])
    assert {name for name, kind in trained.items() if kind == "ShardedByS3Key"} == {"train"}
    counts = {name: _cluster(name)["InstanceCount"] for name in ("InspectData", "ConvertData", "EvaluateModel")}
    assert counts == {
        "InspectData": 1,
        "ConvertData": {"Get": "Parameters.ProcessingInstanceCount"},
        "EvaluateModel": 1,
    }


def test_convert_reads_the_raw_data_and_writes_all_channels() -> None:
    assert _inputs("ConvertData")["data"]["S3Uri"] == {"Get": "Parameters.InputDataUrl"}
    outputs = _arguments("ConvertData")["ProcessingOutputConfig"]["Outputs"]
    names = ["train", "validation", "test", "features", "labels", "inspection"]
    assert [output["OutputName"] for output in outputs] == names


def test_a_version_goes_with_the_baseline_of_the_data_it_learnt_from() -> None:
    quality = _arguments("RegisterModel")["ModelMetrics"]["ModelDataQuality"]
    baseline = {"Get": "Steps.InspectData.ProcessingOutputConfig.Outputs['baseline'].S3Output.S3Uri"}
    for part, file in (("Statistics", "statistics.json"), ("Constraints", "constraints.json")):
        assert quality[part]["S3Uri"] == {"Std:Join": {"On": "/", "Values": [baseline, file]}}


def test_training_reads_the_channels_that_convert_wrote() -> None:
    channels = _arguments("TrainModel")["InputDataConfig"]
    read = {entry["ChannelName"]: entry["DataSource"]["S3DataSource"]["S3Uri"] for entry in channels}
    assert {name: read[name] for name in ("train", "validation", "test")} == {
        name: _output(name) for name in ("train", "validation", "test")
    }
    assert {entry["ContentType"] for entry in channels} == {"application/x-recordio-protobuf"}


def test_prediction_is_line_by_line_so_that_rows_stay_with_their_labels() -> None:
    arguments = _arguments("PredictTest")
    assert arguments["TransformInput"]["SplitType"] == arguments["TransformOutput"]["AssembleWith"] == "Line"
    assert arguments["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == _output("features")
    assert arguments["TransformOutput"]["Accept"] == "application/jsonlines"
    assert arguments["TransformResources"]["InstanceCount"] == {"Get": "Parameters.TransformInstanceCount"}


@pytest.mark.parametrize("name", ["EvaluateModel", "ValidateEndpoint"])
def test_predictions_are_compared_with_what_they_were_made_from(name: str) -> None:
    inputs = {entry: source["S3Uri"] for entry, source in _inputs(name).items() if entry != "code"}
    explained = {
        "model": {"Get": "Steps.TrainModel.ModelArtifacts.S3ModelArtifacts"},
        "inspection": _output("inspection"),
    }
    assert inputs == {
        "predictions": {"Get": "Steps.PredictTest.TransformOutput.S3OutputPath"},
        "labels": _output("labels"),
        "features": _output("features"),
    } | (explained if name == "EvaluateModel" else {})


def test_gate_reads_the_evaluation_as_a_property_file() -> None:
    assert _step("EvaluateModel")["PropertyFiles"] == [
        {"PropertyFileName": "EvaluationReport", "OutputName": "evaluation", "FilePath": "evaluation.json"},
        {"PropertyFileName": "EvaluationGates", "OutputName": "evaluation", "FilePath": "gates.json"},
        {"PropertyFileName": "EvaluatedArtifacts", "OutputName": "evaluation", "FilePath": "artifacts.json"},
    ]


def test_package_tells_where_it_comes_from_and_how_good_it_is() -> None:
    arguments = _arguments("RegisterModel")
    evaluation = {"Get": "Steps.EvaluateModel.ProcessingOutputConfig.Outputs['evaluation'].S3Output.S3Uri"}
    assert arguments["ModelMetrics"]["ModelQuality"]["Statistics"] == {
        "ContentType": "application/json",
        "S3Uri": {"Std:Join": {"On": "/", "Values": [evaluation, "evaluation.json"]}},
    }
    assert arguments["MetadataProperties"] == {"GeneratedBy": {"Get": "Execution.PipelineExecutionArn"}}
    assert arguments["CustomerMetadataProperties"] == {
        "Task": "binary_classifier",
        "TrainingJobName": {"Get": "Steps.TrainModel.TrainingJobName"},
        "ModelSha256": {
            "Std:JsonGet": {
                "PropertyFile": {"Get": "Steps.EvaluateModel.PropertyFiles.EvaluatedArtifacts"},
                "Path": "model.sha256",
            }
        },
        "ConvertCode": "convert",
        "EvaluateCode": "evaluate",
        "TestFeatures": _output("features"),
        "TestLabels": _output("labels"),
        "TestPredictions": {"Get": "Steps.PredictTest.TransformOutput.S3OutputPath"},
    }
    specification = arguments["InferenceSpecification"]
    assert specification["Containers"][0]["ModelDataUrl"] == {"Get": "Steps.TrainModel.ModelArtifacts.S3ModelArtifacts"}
    assert "text/csv" in specification["SupportedContentTypes"]
    assert "application/jsonlines" in specification["SupportedResponseMIMETypes"]
    assert arguments["ModelApprovalStatus"] == {"Get": "Parameters.ModelApprovalStatus"}


def test_configuration_is_new_each_time_and_the_endpoint_stays() -> None:
    assert "EndpointConfigName" not in _arguments("ConfigureEndpoint"), "the service names it"
    assert _arguments("DeployEndpoint") == {
        "EndpointName": {"Get": "Parameters.EndpointName"},
        "EndpointConfigName": {"Get": "Steps.ConfigureEndpoint.EndpointConfigName"},
    }
    variant = _arguments("ConfigureEndpoint")["ProductionVariants"][0]
    assert variant["ModelName"] == {"Get": "Steps.CreateModel.ModelName"}


def test_only_one_instance_validates_as_two_would_both_put_the_endpoint_back() -> None:
    cluster = _arguments("ValidateEndpoint")["ProcessingResources"]["ClusterConfig"]
    assert cluster["InstanceCount"] == 1


@pytest.mark.parametrize("case", CASES)
def test_what_is_cached(case: str) -> None:
    """All jobs whose result follows from their inputs."""
    found = steps(definition(case))
    cached = {name for name, step in found.items() if "CacheConfig" in step.step}
    assert cached >= _CACHED and not cached & _LOOK_AGAIN
    assert {str(step.step.get("CacheConfig")) for name, step in found.items() if name in _CACHED} == {
        "{'Enabled': True, 'ExpireAfter': 'P30D'}"
    }


def test_what_is_tried_again() -> None:
    found = steps(definition())
    for name in _JOBS | _CALLS:
        retried = {kind for policy in found[name].step["RetryPolicies"] for kind in policy["ExceptionType"]}
        expected = {"Step.SERVICE_FAULT", "Step.THROTTLING"}
        if name in _JOBS:
            expected |= {"SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR"}
        assert retried == expected


@pytest.mark.parametrize(("case", "mode"), [("binary", "File"), ("full", "Pipe")])
def test_channels_come_to_training_as_the_setting_says(case: str, mode: str) -> None:
    arguments = _arguments("TrainModel", case)
    assert {channel["InputMode"] for channel in arguments["InputDataConfig"]} == {mode}
    assert arguments["AlgorithmSpecification"]["TrainingInputMode"] == mode
