"""Definitions that others wrote, in the forms that AWS's documentation, samples, CDK stacks and Airflow send them.

They are composed here afresh after what such definitions have in common; each runs to its end.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local import lambdas
from tests.support.executions import IMAGE, run, start, steps, token, wait, wait_step
from tests.support.service import ROLE, LocalService, local_service
from tests.support.serving import BUCKET, Deployer, until
from tests.support.serving import IMAGE as SERVING

Body = dict[str, Any]
PROCESSING = "/opt/ml/processing"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    known = lambdas.parse([f"{name}=tests.conformance.functions:{name}" for name in ("start_job", "broken")])
    with local_service(tmp_path_factory.mktemp("third"), lambdas=known) as running:
        running.s3.create_bucket(Bucket="bucket")
        running.service.jobs.grace = 0.3
        yield running


def get(path: str) -> Body:
    return {"Get": path}


def join(*values: Any) -> Body:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def create(local: LocalService, name: str, definition: Body) -> str:
    local.sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=json.dumps(definition))
    return name


def succeeded(local: LocalService, name: str, **request: Any) -> dict[str, Body]:
    done = run(local, name, **request)
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Succeeded", json.dumps(found, default=str)
    return found


def arn_of(step: Body) -> str:
    (entry,) = step["Metadata"].values()
    return str(entry["Arn"])


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


def test_the_abalone_pipeline_rejects(local: LocalService, abalone: str) -> None:
    done = run(local, abalone, given={"Group": "abalone", "Most": "0.125"})
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Failed"
    assert found["AbaloneMSEFail"]["FailureReason"] == "Execution failed due to MSE 0.25 > 0.125"
    assert "AbaloneRegisterModel" not in found


def test_airflows_thirty_one_conditions_are_started_twice_and_stopped_once(local: LocalService) -> None:
    condition = {"Type": "LessThanOrEqualTo", "LeftValue": 3.0, "RightValue": 6.0}
    nested: list[Body] = []
    for number in range(31):
        arguments = {"Conditions": [condition], "IfSteps": nested, "ElseSteps": []}
        nested = [{"Name": f"DummyCond{number}", "Type": "Condition", "Arguments": arguments}]
    name = create(local, "env-pipeline", {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": nested})
    first, second = start(local, name), start(local, name)
    try:
        local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=first, ClientRequestToken=token())
        assert wait(local, first)["PipelineExecutionStatus"] == "Stopped"
    except ClientError as error:  # it was quicker
        assert error.response["Error"]["Code"] == "ConflictException"
    assert wait(local, second)["PipelineExecutionStatus"] == "Succeeded"
    listed = local.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=second)["PipelineExecutionSteps"]
    assert [step["StepName"] for step in listed] == [f"DummyCond{number}" for number in range(31)], "the last one first"
    assert all(step["Metadata"] == {"Condition": {"Outcome": "True"}} for step in listed)
    local.sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=token())


def test_a_function_starts_a_job_elsewhere_and_a_callback_waits_for_it(local: LocalService) -> None:
    """The shape of AWS's geospatial sample: Lambda and Callback in turns, all arguments parameters."""
    queue = local.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    names = ("role", "region", "queue", "config")
    shared = {name: get(f"Parameters.{name}") for name in ("role", "region", "config")}
    outputs = [{"OutputName": name, "OutputType": "String"} for name in ("statusCode", "job_arn")]
    name = create(
        local,
        "geospatial",
        {
            "Version": "2020-12-01",
            "Metadata": {},
            "Parameters": [{"Name": name, "Type": "String"} for name in names],
            "PipelineExperimentConfig": None,
            "Steps": [
                {
                    "Name": "start-step",
                    "Type": "Lambda",
                    "Arguments": {**shared, "name": "job-1"},
                    "FunctionArn": FUNCTION + "start_job",
                    "OutputParameters": outputs,
                },
                {
                    "Name": "callback-step",
                    "Type": "Callback",
                    "Arguments": {"job_arn": get("Steps.start-step.OutputParameters['job_arn']")},
                    "DependsOn": ["start-step"],
                    "SqsQueueUrl": queue,
                    "OutputParameters": [{"OutputName": "status", "OutputType": "String"}],
                },
                {
                    "Name": "export-step",
                    "Type": "Lambda",
                    "Arguments": {**shared, "name": get("Steps.callback-step.OutputParameters['status']")},
                    "FunctionArn": FUNCTION + "start_job",
                    "OutputParameters": outputs,
                },
                {
                    "Name": "check",
                    "Type": "Condition",
                    "Arguments": {
                        "Conditions": [
                            {
                                "Type": "Equals",
                                "LeftValue": get("Steps.export-step.OutputParameters['statusCode']"),
                                "RightValue": "200",
                            }
                        ],
                        "IfSteps": [],
                        "ElseSteps": [{"Name": "no", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
                    },
                },
            ],
        },
    )
    given = {"role": ROLE, "region": "us-east-1", "queue": queue, "config": '{"a": 1}'}
    arn = start(local, name, given=given)
    wait_step(local, arn, "callback-step", "Executing")
    (message,) = until(
        lambda: local.client("sqs").receive_message(QueueUrl=queue).get("Messages", []), lambda found: bool(found)
    )
    body = json.loads(message["Body"])
    assert body["arguments"] == {"job_arn": "arn:of:job-1"}
    assert (body["pipelineExecutionArn"], body["status"]) == (arn, "Executing")
    assert len(body["token"]) == 10
    answer = local.sagemaker.send_pipeline_execution_step_success(
        CallbackToken=body["token"],
        OutputParameters=[{"Name": "status", "Value": "COMPLETED"}],
        ClientRequestToken=token(),
    )
    assert answer["PipelineExecutionArn"] == arn
    assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
    found = steps(local, arn)
    assert found["export-step"]["Metadata"]["Lambda"]["OutputParameters"] == [
        {"Name": "statusCode", "Value": "200"},
        {"Name": "job_arn", "Value": "arn:of:COMPLETED"},
    ]
    assert found["callback-step"]["Metadata"]["Callback"] == {
        "CallbackToken": body["token"],
        "SqsQueueUrl": queue,
        "OutputParameters": [{"Name": "status", "Value": "COMPLETED"}],
    }
    assert found["check"]["Metadata"]["Condition"]["Outcome"] == "True"


def test_studios_designer_deploys_a_model_and_deploys_it_again(local: LocalService) -> None:
    Deployer(local).model("golden")
    variant = {
        "VariantName": "AllTraffic",
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 4},
        "ModelName": get("Steps.CreateModel.ModelName"),
    }
    definition = {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [],
        "Steps": [
            {
                "Name": "CreateModel",
                "Type": "Model",
                "Arguments": {
                    "ExecutionRoleArn": ROLE,
                    "PrimaryContainer": {"Image": SERVING, "ModelDataUrl": f"s3://{BUCKET}/golden/model.tar.gz"},
                },
            },
            {
                "Name": "DeployModel_EndpointConfig",
                "Type": "EndpointConfig",
                "DependsOn": ["CreateModel"],
                "Arguments": {"EndpointConfigName": "designed", "ProductionVariants": [variant]},
            },
            {
                "Name": "DeployModel",
                "Type": "Endpoint",
                "DependsOn": ["DeployModel_EndpointConfig"],
                "DisplayName": "Deploy model (endpoint)",
                "Arguments": {
                    "EndpointName": "designed",
                    "EndpointConfigName": get("Steps.DeployModel_EndpointConfig.EndpointConfigName"),
                },
            },
        ],
    }
    name = create(local, "designed", definition)
    configurations = []
    for _ in range(2):
        found = succeeded(local, name)
        assert found["DeployModel"]["StepDisplayName"] == "Deploy model (endpoint)"
        assert arn_of(found["DeployModel"]).endswith(":endpoint/designed"), "the name of an endpoint has no suffix"
        endpoint = local.sagemaker.describe_endpoint(EndpointName="designed")
        assert endpoint["EndpointStatus"] == "InService"
        configurations.append(endpoint["EndpointConfigName"])
        assert arn_of(found["DeployModel_EndpointConfig"]).endswith("/" + configurations[-1])
    assert len(set(configurations)) == 2 and all(one.startswith("designed-") for one in configurations)
    local.sagemaker.delete_endpoint(EndpointName="designed")


def test_a_model_of_a_registered_package_predicts_in_batch(local: LocalService) -> None:
    Deployer(local).model("packed")
    local.s3.put_object(Bucket="bucket", Key="batch/a.csv", Body=b"28,2,133937,9,13,2,0,0,4,1,15024,0,55,37\n")
    register = {
        "ModelPackageGroupName": "packed",
        "InferenceSpecification": {
            "Containers": [{"Image": SERVING, "ModelDataUrl": f"s3://{BUCKET}/packed/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/jsonlines"],
        },
        "ModelApprovalStatus": "Approved",
    }
    transform = {
        "ModelName": get("Steps.FromPackage.ModelName"),
        "TransformInput": {
            "ContentType": "text/csv",
            "SplitType": "Line",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/batch/"}},
        },
        "TransformOutput": {
            "S3OutputPath": join("s3://bucket/predicted", get("Execution.PipelineExecutionId")),
            "AssembleWith": "Line",
            "Accept": "application/jsonlines",
        },
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    message = {"Std:Join": {"On": "", "Values": ["at ", get("Steps.Predict.TransformOutput.S3OutputPath")]}}
    name = create(
        local,
        "packed",
        {
            "Version": "2020-12-01",
            "Steps": [
                {"Name": "Register", "Type": "RegisterModel", "Arguments": register},
                {
                    "Name": "FromPackage",
                    "Type": "Model",
                    "Arguments": {"PrimaryContainer": {"ModelPackageName": get("Steps.Register.ModelPackageArn")}},
                },
                {"Name": "Predict", "Type": "Transform", "Arguments": transform},
                {"Name": "Done", "Type": "Fail", "Arguments": {"ErrorMessage": message}},
            ],
        },
    )
    done = run(local, name)
    found = steps(local, done["PipelineExecutionArn"])
    place = found["Done"]["FailureReason"].removeprefix("at s3://bucket/")
    answer = local.s3.get_object(Bucket="bucket", Key=f"{place}/a.csv.out")["Body"].read()
    assert json.loads(answer)["predicted_label"] == 1


@pytest.mark.parametrize(
    "definition, status",
    [
        (
            '{"Version":"2020-12-01","Steps":[{"Name":"Test","Type":"Fail","Arguments":{"ErrorMessage":"test"}}]}',
            "Failed",
        ),
        (
            '{"Version":"2020-12-01","Metadata":{},"Parameters":[],"PipelineExperimentConfig":{"ExperimentName":'
            '{"Get":"Execution.PipelineName"},"TrialName":{"Get":"Execution.PipelineExecutionId"}},"Steps":[]}',
            "Succeeded",
        ),
        ('{"Version": "2020-12-01", "Metadata": {"Project": "p"}, "Steps": []}', "Succeeded"),
        ('{"Steps": [{"Name": "Test", "Type": "Fail"}]}', "Failed"),
    ],
)
def test_the_smallest_definitions(local: LocalService, definition: str, status: str) -> None:
    name = create(local, f"small-{token()[:8]}", json.loads(definition))
    done = run(local, name)
    assert done["PipelineExecutionStatus"] == status
    if "Experiment" in definition:
        assert local.sagemaker.describe_experiment(ExperimentName=name)
        trial = done["PipelineExperimentConfig"]["TrialName"]
        assert local.sagemaker.describe_trial(TrialName=trial)["ExperimentName"] == name


@pytest.mark.parametrize("kind", ["QualityCheck", "ClarifyCheck", "EMR", "AutoML", "EMRServerless"])
def test_steps_that_cannot_run_here_are_taken_and_their_start_says_so(local: LocalService, kind: str) -> None:
    resources = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}}
    checked = {
        "ProcessingResources": resources,
        "AppSpecification": {
            "ImageUri": "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
        },
    }
    nulls = {
        "CheckType": "DATA_QUALITY" if kind == "QualityCheck" else "DATA_BIAS",
        "ModelPackageGroupName": "g",
        "SkipCheck": False,
        "FailOnViolation": True,
        "RegisterNewBaseline": get("Parameters.New"),
        "SuppliedBaselineStatistics": None,
        "SuppliedBaselineConstraints": None,
    }
    forms: dict[str, Body] = {
        "QualityCheck": {"Arguments": checked, **nulls},
        "ClarifyCheck": {"Arguments": checked, **nulls, "ModelName": "m"},
        "EMR": {"Arguments": {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "s3://b/a.jar"}}}},
        "EMRServerless": {"Arguments": {"ExecutionRoleArn": ROLE, "ApplicationId": "a", "JobConfig": {}}},
        "AutoML": {
            "Arguments": {
                "InputDataConfig": [
                    {
                        "TargetAttributeName": "y",
                        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/raw"}},
                    }
                ],
                "OutputDataConfig": {"S3OutputPath": "s3://bucket/auto"},
                "AutoMLJobConfig": {"Mode": "ENSEMBLING"},
            }
        },
    }
    definition = {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "New", "Type": "Boolean", "DefaultValue": False}],
        "Steps": [{"Name": "Odd", "Type": kind} | forms[kind]],
    }
    name = create(local, f"odd-{kind}", definition)
    with pytest.raises(ClientError, match=f"Step Odd is of type {kind}") as caught:
        start(local, name)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert local.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []
