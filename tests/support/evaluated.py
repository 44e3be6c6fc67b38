"""A small pipeline with a real evaluation, gate and registration, in which a shell takes the place of training."""

from __future__ import annotations

from typing import Any, Final

from tests.support.executions import OUTPUT, Step, create, fail, work
from tests.support.service import LocalService

BUCKET: Final = "bucket"
PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
_EVALUATION: Final = (
    '{"binary_classification_metrics": {"confusion_matrix": {"0": {"0": 90, "1": 3}, "1": {"0": 2, "1": 5}}, '
    '"accuracy": {"value": %s}, "recall": {"value": 0.75}}}'
)
_IMAGE: Final = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"


def evaluated(local: LocalService, name: str) -> str:
    """Create the pipeline; its parameter Accuracy is the figure that it finds, MinAccuracy the threshold."""
    accuracy = {"PropertyFile": {"Get": "Steps.EvaluateModel.PropertyFiles.EvaluationReport"}}
    accuracy["Path"] = "binary_classification_metrics.accuracy.value"  # type: ignore[assignment]
    condition = {
        "Type": "GreaterThanOrEqualTo",
        "LeftValue": {"Std:JsonGet": accuracy},
        "RightValue": {"Get": "Parameters.MinAccuracy"},
    }
    reject = fail("RejectModel", {"Std:Join": {"On": " ", "Values": ["accuracy", {"Std:JsonGet": accuracy}]}})
    gate = {
        "Name": "CheckMetrics",
        "Type": "Condition",
        "Arguments": {"Conditions": [condition], "IfSteps": [_register()], "ElseSteps": [reject]},
    }
    parameters = [
        {"Name": "Accuracy", "Type": "String", "DefaultValue": "0.9"},
        {"Name": "MinAccuracy", "Type": "Float", "DefaultValue": 0.8},
        {"Name": "ModelPackageGroupName", "Type": "String", "DefaultValue": name},
    ]
    return create(local, _evaluate(name), gate, name=name, parameters=parameters)


def _evaluate(name: str) -> Step:
    command = (
        f'cd {OUTPUT}; printf "$EVALUATION" "$ACCURACY" > evaluation.json; echo "$PNG" | base64 -d > roc.png; '
        "echo evaluated with accuracy $ACCURACY"
    )
    output = {"S3Uri": _address(name, "evaluation"), "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
    arguments: dict[str, Any] = {
        "Environment": {"ACCURACY": {"Get": "Parameters.Accuracy"}, "EVALUATION": _EVALUATION, "PNG": PNG},
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "evaluation", "S3Output": output}]},
    }
    report = {"PropertyFileName": "EvaluationReport", "OutputName": "evaluation", "FilePath": "evaluation.json"}
    return work("EvaluateModel", command, arguments=arguments, PropertyFiles=[report])


def _register() -> Step:
    evaluation = {"Get": "Steps.EvaluateModel.ProcessingOutputConfig.Outputs['evaluation'].S3Output.S3Uri"}
    statistics = {"Std:Join": {"On": "/", "Values": [evaluation, "evaluation.json"]}}
    arguments = {
        "ModelPackageGroupName": {"Get": "Parameters.ModelPackageGroupName"},
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [{"Image": _IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        "ModelMetrics": {
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": statistics}},
        },
    }
    return {"Name": "RegisterModel", "Type": "RegisterModel", "Arguments": arguments}


def _address(name: str, output: str) -> dict[str, Any]:
    values = [f"s3://{BUCKET}/{name}/executions", {"Get": "Execution.PipelineExecutionId"}, "EvaluateModel", output]
    return {"Std:Join": {"On": "/", "Values": values}}
