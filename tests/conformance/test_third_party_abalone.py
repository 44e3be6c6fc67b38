"""The shape of AWS's own example, Abalone, as JSON: process, train, evaluate, condition, register, create a model.

It has what SDKs put into definitions without being asked: debugger and profiler members, a job's name, empty metrics.
"""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest

from tests.support.executions import IMAGE, run, steps
from tests.support.service import ROLE, LocalService
from tests.support.serving import IMAGE as SERVING
from tests.support.third_party import Body, arn_of, create, get, join, succeeded

PROCESSING = "/opt/ml/processing"


def processing(name: str, script: str, inputs: Body, outputs: Body, **more: Any) -> Body:
    """A processing step as CDK stacks write it: AppManaged given, each input with all of its members."""
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "RoleArn": ROLE,
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": get("Parameters.InstanceType"),
                    "VolumeSizeInGB": 30,
                }
            },
            "AppSpecification": {
                "ImageUri": IMAGE,
                "ContainerEntrypoint": ["python3", f"{PROCESSING}/input/code/{script}"],
            },
            "ProcessingInputs": [
                {
                    "InputName": key,
                    "AppManaged": False,
                    "S3Input": {
                        "S3Uri": uri,
                        "LocalPath": f"{PROCESSING}/input/{key}",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                        "S3DataDistributionType": "FullyReplicated",
                        "S3CompressionType": "None",
                    },
                }
                for key, uri in (inputs | {"code": f"s3://bucket/code/{script}"}).items()
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": key,
                        "AppManaged": False,
                        "S3Output": {"S3Uri": uri, "LocalPath": f"{PROCESSING}/{key}", "S3UploadMode": "EndOfJob"},
                    }
                    for key, uri in outputs.items()
                ]
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    } | more


SPLIT = """
import shutil
for part in ("train", "test"):
    shutil.copy("/opt/ml/processing/input/raw/rows.csv", f"/opt/ml/processing/{part}/{part}.csv")
"""
# A script of the framework containers' kind: hyperparameters as arguments, folders by SM_ variables.
TRAIN = """
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--n-estimators", type=int)
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
given = parser.parse_args()
rows = open(os.path.join(given.train, "train.csv")).read().split()
json.dump({"rows": len(rows), "estimators": given.n_estimators}, open(os.path.join(given.model_dir, "m.json"), "w"))
print(f"validation:rmse={1 / len(rows)};")
"""
EVALUATE = """
import json, tarfile
with tarfile.open("/opt/ml/processing/input/model/model.tar.gz") as tar:
    model = json.load(tar.extractfile("m.json"))
report = {"regression_metrics": {"mse": {"value": 1 / model["rows"], "standard_deviation": "NaN"}}}
json.dump(report, open("/opt/ml/processing/evaluation/evaluation.json", "w"))
"""


@pytest.fixture(scope="module")
def abalone(local: LocalService) -> str:
    """The shape of AWS's own example: process, train, evaluate, condition, then register and create a model."""
    for key, text in {"split.py": SPLIT, "evaluate.py": EVALUATE}.items():
        local.s3.put_object(Bucket="bucket", Key=f"code/{key}", Body=text.encode())
    local.s3.put_object(Bucket="bucket", Key="raw/rows.csv", Body=b"1,2\n3,4\n5,6\n7,8\n")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("train.py")
        member.size = len(TRAIN)
        tar.addfile(member, io.BytesIO(TRAIN.encode()))
    local.s3.put_object(Bucket="bucket", Key="code/sourcedir.tar.gz", Body=packed.getvalue())
    place = join("s3://bucket/runs", get("Execution.PipelineExecutionId"))
    mse = {
        "Std:JsonGet": {
            "PropertyFile": get("Steps.AbaloneEval.PropertyFiles.EvaluationReport"),
            "Path": "regression_metrics.mse.value",
        }
    }
    container = {
        "Image": SERVING,
        "ModelDataUrl": get("Steps.AbaloneTrain.ModelArtifacts.S3ModelArtifacts"),
        "Environment": {"SAGEMAKER_PROGRAM": "", "SAGEMAKER_REGION": "us-east-1"},
    }
    registered = {
        "ModelPackageGroupName": get("Parameters.Group"),
        "ModelMetrics": {
            "ModelQuality": {
                "Statistics": {"ContentType": "application/json", "S3Uri": join(place, "evaluation/evaluation.json")}
            },
            "Bias": {},
            "Explainability": {},
        },
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.t2.medium", get("Parameters.InstanceType")],
            "SupportedTransformInstanceTypes": ["ml.m5.large"],
        },
        "ModelApprovalStatus": get("Parameters.Approval"),
    }
    train = {
        "Name": "AbaloneTrain",
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "validation:rmse", "Regex": "validation:rmse=(.*?);"}],
            },
            "OutputDataConfig": {"S3OutputPath": place},
            "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
            "ResourceConfig": {
                "VolumeSizeInGB": 30,
                "InstanceCount": get("Parameters.InstanceCount"),
                "InstanceType": get("Parameters.InstanceType"),
            },
            "RoleArn": ROLE,
            "InputDataConfig": [
                {
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": get("Steps.AbaloneProcess.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"),
                            "S3DataDistributionType": "FullyReplicated",
                        }
                    },
                    "ContentType": "text/csv",
                    "ChannelName": "train",
                }
            ],
            "HyperParameters": {
                "n-estimators": {"Std:Join": {"On": "", "Values": [get("Parameters.Estimators")]}},
                "sagemaker_program": '"train.py"',
                "sagemaker_submit_directory": '"s3://bucket/code/sourcedir.tar.gz"',
                "sagemaker_container_log_level": "20",
                "sagemaker_job_name": '"given-by-the-sdk"',
            },
            "DebugHookConfig": {"S3OutputPath": "s3://bucket/debug", "CollectionConfigurations": []},
            "ProfilerConfig": {"S3OutputPath": "s3://bucket/debug"},
            "ProfilerRuleConfigurations": [
                {
                    "RuleConfigurationName": "ProfilerReport-1",
                    "RuleEvaluatorImage": "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules",
                    "RuleParameters": {"rule_to_invoke": "ProfilerReport"},
                }
            ],
        },
    }
    evaluate = processing(
        "AbaloneEval",
        "evaluate.py",
        {
            "model": get("Steps.AbaloneTrain.ModelArtifacts.S3ModelArtifacts"),
            "test": get("Steps.AbaloneProcess.ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri"),
        },
        {"evaluation": join(place, "evaluation")},
        PropertyFiles=[
            {"PropertyFileName": "EvaluationReport", "OutputName": "evaluation", "FilePath": "evaluation.json"}
        ],
    )
    check = {
        "Name": "AbaloneMSECond",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "LessThanOrEqualTo", "LeftValue": mse, "RightValue": get("Parameters.Most")}],
            "IfSteps": [
                {"Name": "AbaloneRegisterModel", "Type": "RegisterModel", "Arguments": registered},
                {
                    "Name": "AbaloneCreateModel",
                    "Type": "Model",
                    "Arguments": {"ExecutionRoleArn": ROLE, "PrimaryContainer": container},
                },
            ],
            "ElseSteps": [
                {
                    "Name": "AbaloneMSEFail",
                    "Type": "Fail",
                    "Arguments": {
                        "ErrorMessage": {
                            "Std:Join": {
                                "On": " ",
                                "Values": ["Execution failed due to MSE", mse, ">", get("Parameters.Most")],
                            }
                        }
                    },
                }
            ],
        },
    }
    split = processing(
        "AbaloneProcess",
        "split.py",
        {"raw": get("Parameters.InputData")},
        {"train": join(place, "train"), "test": join(place, "test")},
    )
    return create(
        local,
        "AbalonePipeline",
        {
            "Version": "2020-12-01",
            "Metadata": {},
            "Parameters": [
                {"Name": "InstanceCount", "Type": "Integer", "DefaultValue": 1},
                {"Name": "InstanceType", "Type": "String", "DefaultValue": "ml.m5.xlarge"},
                {"Name": "Approval", "Type": "String", "DefaultValue": "PendingManualApproval"},
                {"Name": "InputData", "Type": "String", "DefaultValue": "s3://bucket/raw"},
                {"Name": "Most", "Type": "Float", "DefaultValue": 6.0},
                {"Name": "Estimators", "Type": "Integer", "DefaultValue": 50},
                {"Name": "Group"},
            ],
            "PipelineExperimentConfig": {
                "ExperimentName": get("Execution.PipelineName"),
                "TrialName": get("Execution.PipelineExecutionId"),
            },
            "Steps": [split, train, evaluate, check],
        },
    )


def test_the_abalone_pipeline(local: LocalService, abalone: str) -> None:
    found = succeeded(local, abalone, given={"Group": "abalone", "Approval": "Approved"})
    assert set(found) == {
        "AbaloneProcess",
        "AbaloneTrain",
        "AbaloneEval",
        "AbaloneMSECond",
        "AbaloneRegisterModel",
        "AbaloneCreateModel",
    }
    job = local.sagemaker.describe_training_job(TrainingJobName=arn_of(found["AbaloneTrain"]).rsplit("/", 1)[-1])
    assert job["FinalMetricDataList"][0]["Value"] == 0.25
    assert job["ResourceConfig"]["InstanceType"] == "ml.m5.xlarge"
    execution = job["TrainingJobName"].split("-")[1]
    artefact = f"s3://bucket/runs/{execution}/{job['TrainingJobName']}/output/model.tar.gz"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == artefact
    assert job["ExperimentConfig"] == {"ExperimentName": "abalonepipeline", "TrialName": execution}
    package = local.sagemaker.describe_model_package(ModelPackageName=arn_of(found["AbaloneRegisterModel"]))
    assert package["ModelPackageArn"].endswith(":model-package/abalone/1")
    assert package["ModelApprovalStatus"] == "Approved"
    specification = package["InferenceSpecification"]
    assert specification["Containers"][0]["ModelDataUrl"] == artefact
    assert specification["SupportedRealtimeInferenceInstanceTypes"] == ["ml.t2.medium", "ml.m5.xlarge"]
    quality = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert quality == f"s3://bucket/runs/{execution}/evaluation/evaluation.json"
    model = local.sagemaker.describe_model(ModelName=arn_of(found["AbaloneCreateModel"]).rsplit("/", 1)[-1])
    assert model["PrimaryContainer"]["ModelDataUrl"] == artefact
    assert model["ModelName"].startswith(f"pipelines-{execution}-AbaloneCreateModel-")
    for made in (job["TrainingJobArn"], model["ModelArn"]):
        tags = {tag["Key"]: tag["Value"] for tag in local.sagemaker.list_tags(ResourceArn=made)["Tags"]}
        assert tags["sagemaker:pipeline-execution-arn"].endswith(execution)


@pytest.mark.long
def test_the_abalone_pipeline_rejects(local: LocalService, abalone: str) -> None:
    done = run(local, abalone, given={"Group": "abalone", "Most": "0.125"})
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Failed"
    assert found["AbaloneMSEFail"]["FailureReason"] == "Execution failed due to MSE 0.25 > 0.125"
    assert "AbaloneRegisterModel" not in found
