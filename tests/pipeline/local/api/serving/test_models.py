"""Models and endpoint configurations through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.service import ROLE, LocalService, local_service
from tests.support.serving import BUCKET, FOREIGN_IMAGE, IMAGE, Deployer, variant

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("models")) as running:
        yield running


@pytest.fixture(scope="module")
def deployer(local: LocalService) -> Deployer:
    return Deployer(local)


def refusal(action: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        action(**request)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return str(error["Message"])


def test_a_model_is_what_was_created(deployer: Deployer) -> None:
    container = {"Image": FOREIGN_IMAGE, "Environment": {"A": "b"}}
    created = deployer.client.create_model(
        ModelName="plain", ExecutionRoleArn=ROLE, PrimaryContainer=container, Tags=[{"Key": "k", "Value": "v"}]
    )
    assert created["ModelArn"] == f"{ARN}:model/plain"
    found = deployer.client.describe_model(ModelName="plain")
    assert found["PrimaryContainer"] == container | {"Mode": "SingleModel"}
    assert found["ExecutionRoleArn"] == ROLE and found["EnableNetworkIsolation"] is False
    assert deployer.client.list_tags(ResourceArn=created["ModelArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    assert "Tags" not in found


def test_a_model_can_be_deleted_and_made_again(deployer: Deployer) -> None:
    request = {"ModelName": "again", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
    deployer.client.create_model(**request)
    taken = refusal(deployer.client.create_model, **request)
    assert taken == f'Cannot create already existing model "{ARN}:model/again".'
    deployer.client.delete_model(ModelName="again")
    unknown = f'Could not find model "{ARN}:model/again".'
    assert refusal(deployer.client.describe_model, ModelName="again") == unknown
    assert refusal(deployer.client.delete_model, ModelName="again") == unknown
    deployer.client.create_model(**request)


def test_model_data_must_be_there(deployer: Deployer) -> None:
    def create(url: str) -> Any:
        return deployer.client.create_model(
            ModelName="dataless", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": url}
        )

    url = f"s3://{BUCKET}/nothing/model.tar.gz"
    assert refusal(create, url=url) == f"Could not find model data at {url}."
    create("s3://a-bucket-that-is-on-aws/model.tar.gz")
    deployer.configuration("dataless", "dataless")
    found = deployer.endpoint("dataless", "dataless")
    assert found["EndpointStatus"] == "Failed"
    assert "s3://a-bucket-that-is-on-aws/model.tar.gz" in found["FailureReason"]


def test_a_model_needs_one_kind_of_containers(deployer: Deployer) -> None:
    create = deployer.client.create_model
    assert "must be provided" in refusal(create, ModelName="x", ExecutionRoleArn=ROLE)
    both = {"PrimaryContainer": {"Image": IMAGE}, "Containers": [{"Image": IMAGE}]}
    assert "Both" in refusal(create, ModelName="x", ExecutionRoleArn=ROLE, **both)
    empty = {"PrimaryContainer": {"Environment": {}}}
    assert "Image" in refusal(create, ModelName="x", ExecutionRoleArn=ROLE, **empty)


def test_a_model_package_brings_image_and_data(deployer: Deployer) -> None:
    deployer.model("packaged-data")
    url = f"s3://{BUCKET}/packaged-data/model.tar.gz"
    package = deployer.client.create_model_package(
        ModelPackageName="packaged",
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": url}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    deployer.client.create_model(
        ModelName="packaged", ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": package}
    )
    found = deployer.client.describe_model(ModelName="packaged")["PrimaryContainer"]
    assert found["ModelPackageName"] == package and found["Image"] == IMAGE and found["ModelDataUrl"] == url


def test_models_are_listed_page_by_page(deployer: Deployer) -> None:
    for number in range(5):
        deployer.client.create_model(
            ModelName=f"listed-{number}", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}
        )
    pages = deployer.client.get_paginator("list_models").paginate(
        NameContains="listed", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    names = [[model["ModelName"] for model in page["Models"]] for page in pages]
    assert names == [["listed-0", "listed-1"], ["listed-2", "listed-3"], ["listed-4"]]


def test_a_configuration_is_what_was_created(deployer: Deployer) -> None:
    deployer.model("configured")
    created = deployer.client.create_endpoint_config(
        EndpointConfigName="configured", ProductionVariants=[variant("configured", InitialVariantWeight=2)]
    )
    assert created["EndpointConfigArn"] == f"{ARN}:endpoint-config/configured"
    found = deployer.client.describe_endpoint_config(EndpointConfigName="configured")
    assert found["ProductionVariants"] == [variant("configured", InitialVariantWeight=2.0)]
    taken = refusal(
        deployer.client.create_endpoint_config,
        EndpointConfigName="configured",
        ProductionVariants=[variant("configured")],
    )
    assert taken == f'Cannot create already existing endpoint configuration "{ARN}:endpoint-config/configured".'
    listed = deployer.client.list_endpoint_configs(NameContains="configured")["EndpointConfigs"]
    assert [item["EndpointConfigName"] for item in listed] == ["configured"]
    deployer.client.delete_endpoint_config(EndpointConfigName="configured")
    unknown = f'Could not find endpoint configuration "{ARN}:endpoint-config/configured".'
    assert refusal(deployer.client.describe_endpoint_config, EndpointConfigName="configured") == unknown
    assert refusal(deployer.client.delete_endpoint_config, EndpointConfigName="configured") == unknown


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ([variant("nobody")], f'Could not find model "{ARN}:model/nobody".'),
        ([variant("here"), variant("here")], "Duplicate variant names"),
        ([{"VariantName": "v", "ModelName": "here"}], "InstanceType"),
        ([{"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}], "ModelName"),
        (
            [
                {
                    "VariantName": "v",
                    "ModelName": "here",
                    "ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1},
                }
            ],
            "MemorySizeInMB",
        ),
    ],
)
def test_variants_that_cannot_be_are_refused(deployer: Deployer, variants: list[Any], message: str) -> None:
    if "here" not in [model["ModelName"] for model in deployer.client.list_models(NameContains="here")["Models"]]:
        deployer.model("here")
    create = deployer.client.create_endpoint_config
    assert message in refusal(create, EndpointConfigName="impossible", ProductionVariants=variants)


def test_a_serverless_endpoint_serves(deployer: Deployer) -> None:
    deployer.model("less")
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 4}
    deployer.client.create_endpoint_config(
        EndpointConfigName="less",
        ProductionVariants=[{"VariantName": "v", "ModelName": "less", "ServerlessConfig": serverless}],
    )
    found = deployer.endpoint("less", "less")
    assert found["EndpointStatus"] == "InService"
    assert found["ProductionVariants"][0]["CurrentServerlessConfig"] == serverless


@pytest.mark.long
def test_an_endpoint_tells_what_its_configuration_says(deployer: Deployer) -> None:
    deployer.model("told")
    shown: dict[str, Any] = {
        "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/async"}},
        "ExplainerConfig": {"ClarifyExplainerConfig": {"ShapConfig": {"ShapBaselineConfig": {"MimeType": "text/csv"}}}},
    }
    scaling = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2}
    routing = {"RoutingStrategy": "RANDOM"}
    deployer.client.create_endpoint_config(
        EndpointConfigName="told",
        ProductionVariants=[variant("told", ManagedInstanceScaling=scaling, RoutingConfig=routing)],
        **shown,
    )
    found = deployer.endpoint("told", "told")
    assert {member: found[member] for member in shown} == shown
    told = found["ProductionVariants"][0]
    assert (told["ManagedInstanceScaling"], told["RoutingConfig"]) == (scaling, routing)
    deployer.configuration("told-less", "told")
    deployer.client.update_endpoint(EndpointName="told", EndpointConfigName="told-less")
    deployer.client.get_waiter("endpoint_in_service").wait(EndpointName="told", WaiterConfig={"Delay": 1})
    assert not set(shown) & set(deployer.client.describe_endpoint(EndpointName="told"))


def test_shadow_variants_are_held_to_what_variants_are_held_to(deployer: Deployer) -> None:
    deployer.model("shadowed")
    create, real = deployer.client.create_endpoint_config, [variant("shadowed")]
    missing = f'Could not find model "{ARN}:model/nobody".'
    refused = refusal(
        create, EndpointConfigName="s", ProductionVariants=real, ShadowProductionVariants=[variant("nobody")]
    )
    assert refused == missing
    twice = refusal(
        create, EndpointConfigName="s", ProductionVariants=real, ShadowProductionVariants=[variant("shadowed")]
    )
    assert "Duplicate variant names" in twice
