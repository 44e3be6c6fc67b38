"""What others build of models: endpoints as Studio's designer deploys them, predictions by registered packages."""

from __future__ import annotations

import json

import pytest

from tests.support.executions import run, steps
from tests.support.service import ROLE, LocalService
from tests.support.serving import BUCKET, Deployer
from tests.support.serving import IMAGE as SERVING
from tests.support.third_party import arn_of, create, get, join, succeeded


@pytest.mark.long
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
