"""Endpoint configurations: which models serve, under which variants and weights."""

from __future__ import annotations

from typing import Final

from pipeline.local.api import action
from pipeline.local.api.jobs.job_actions import check_s3
from pipeline.local.api.resource_actions import ResourceActions
from pipeline.local.api.serving.models import MODELS
from pipeline.local.api_errors import ValidationException
from pipeline.local.kinds import ENDPOINT_CONFIG, Body
from pipeline.local.service import Service

CONFIGS: Final = ResourceActions(
    ENDPOINT_CONFIG,
    "EndpointConfig",
    listed="EndpointConfigs",
    summary=("EndpointConfigName", "EndpointConfigArn", "CreationTime"),
    exists='Cannot create already existing endpoint configuration "{arn}".',
    unknown='Could not find endpoint configuration "{arn}".',
    unknown_error=ValidationException,
    listing={"inclusive": ("CreationTimeAfter",)},
)
CONFIGS.offer("Describe", "List", "Delete")


@action("CreateEndpointConfig")
def create(service: Service, request: Body) -> Body:
    """Store a configuration. Raises ValidationException: name taken, model unknown, variants that cannot be."""
    variants = [_variant(service, variant) for variant in request["ProductionVariants"]]
    shadows = [_variant(service, variant) for variant in request.get("ShadowProductionVariants", [])]
    names = [variant["VariantName"] for variant in variants + shadows]
    if len(set(names)) < len(names):
        raise ValidationException("Duplicate variant names are not allowed in an endpoint configuration.")
    if "DataCaptureConfig" in request:
        check_s3(request["DataCaptureConfig"]["DestinationS3Uri"], "DataCaptureConfig")
    body = {key: value for key, value in request.items() if key != "Tags"}
    body["ProductionVariants"] = variants
    if shadows:
        body["ShadowProductionVariants"] = shadows
    body.setdefault("EnableNetworkIsolation", False)
    return CONFIGS.create(service, request["EndpointConfigName"], body, request)


def _variant(service: Service, variant: Body) -> Body:
    name = variant["VariantName"]
    if "ModelName" not in variant:
        raise ValidationException(
            f"The production variant {name} has no ModelName; SageMaker on localhost has no inference components."
        )
    MODELS.find(service, variant["ModelName"])
    if "ServerlessConfig" in variant:
        _check_serverless(name, variant["ServerlessConfig"])
        return {"InitialVariantWeight": 1.0} | variant
    if "InstanceType" not in variant or "InitialInstanceCount" not in variant:
        raise ValidationException(
            f"InstanceType and InitialInstanceCount are required for the production variant {name}, "
            "unless it has a ServerlessConfig."
        )
    return {"InitialVariantWeight": 1.0} | variant


def _check_serverless(name: str, serverless: Body) -> None:
    memory, most = serverless["MemorySizeInMB"], serverless["MaxConcurrency"]
    if memory % 1024:
        raise ValidationException(
            f"MemorySizeInMB of the production variant {name} must be one of 1024, 2048, 3072, 4096, 5120, 6144."
        )
    if serverless.get("ProvisionedConcurrency", 0) > most:
        raise ValidationException(
            f"ProvisionedConcurrency of the production variant {name} must not be greater than MaxConcurrency."
        )
