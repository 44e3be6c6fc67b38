"""Endpoint configurations: which models serve, under which variants and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.local.api import action, public
from pipeline.local.api.jobs.job_actions import check_s3
from pipeline.local.api.listing import Listing
from pipeline.local.api.serving import models
from pipeline.local.api.tags import store_tags
from pipeline.local.errors import ValidationException
from pipeline.local.store import AlreadyExists

if TYPE_CHECKING:
    from pipeline.local.service import Service

Body = dict[str, Any]
KIND: Final = "endpoint-config"
_LISTING: Final = Listing("EndpointConfigName", inclusive=("CreationTimeAfter",))


@action("CreateEndpointConfig")
def create(service: Service, request: Body) -> Body:
    """Store a configuration. Raises ValidationException: name taken, model unknown, variants that cannot be."""
    name = request["EndpointConfigName"]
    arn = service.arns.of(KIND, name)
    variants = [_variant(service, variant) for variant in request["ProductionVariants"]]
    shadows = [_variant(service, variant) for variant in request.get("ShadowProductionVariants", [])]
    names = [variant["VariantName"] for variant in variants + shadows]
    if len(set(names)) < len(names):
        raise ValidationException("Duplicate variant names are not allowed in an endpoint configuration.")
    if "DataCaptureConfig" in request:
        check_s3(request["DataCaptureConfig"]["DestinationS3Uri"], "DataCaptureConfig")
    body = {key: value for key, value in request.items() if key != "Tags"}
    body |= {"EndpointConfigArn": arn, "ProductionVariants": variants, "CreationTime": service.clock.now()}
    if shadows:
        body["ShadowProductionVariants"] = shadows
    body.setdefault("EnableNetworkIsolation", False)
    try:
        with service.store.transaction():
            service.store.insert(KIND, name, body, arn=arn)
            store_tags(service, arn, request.get("Tags"))
    except AlreadyExists:
        raise ValidationException(f'Cannot create already existing endpoint configuration "{arn}".') from None
    return {"EndpointConfigArn": arn}


@action("DescribeEndpointConfig")
def describe(service: Service, request: Body) -> Body:
    """The stored configuration. Raises ValidationException where there is none."""
    return public(find(service, request["EndpointConfigName"]))


@action("DeleteEndpointConfig")
def delete(service: Service, request: Body) -> Body:
    """Forget a configuration; endpoints made from it go on."""
    find(service, request["EndpointConfigName"])
    service.store.delete(KIND, request["EndpointConfigName"])
    return {}


@action("ListEndpointConfigs")
def list_configs(service: Service, request: Body) -> Body:
    """A page of configurations."""
    page, more = _LISTING.page(service.store.list(KIND), request, _summary)
    return {"EndpointConfigs": page} | more


def find(service: Service, name: str) -> Body:
    """The stored configuration. Raises ValidationException where there is none."""
    body = service.store.get(KIND, name)
    if body is None:
        raise ValidationException(f'Could not find endpoint configuration "{service.arns.of(KIND, name)}".')
    return body


def _summary(body: Body) -> Body:
    return {key: body[key] for key in ("EndpointConfigName", "EndpointConfigArn", "CreationTime")}


def _variant(service: Service, variant: Body) -> Body:
    name = variant["VariantName"]
    if "ModelName" not in variant:
        raise ValidationException(
            f"The production variant {name} has no ModelName; SageMaker on localhost has no inference components."
        )
    models.find(service, variant["ModelName"])
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
