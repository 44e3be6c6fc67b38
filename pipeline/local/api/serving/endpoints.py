"""Endpoints: create, update without downtime, weights, delete. The checks are here; `Hosting` does the work."""

from __future__ import annotations

from typing import Final, cast

from pipeline.limits import Row
from pipeline.local import images
from pipeline.local.api import action
from pipeline.local.api.resource_actions import ResourceActions
from pipeline.local.api.serving.endpoint_configs import CONFIGS
from pipeline.local.api.serving.models import MODELS
from pipeline.local.api_errors import ResourceLimitExceeded, ValidationException
from pipeline.local.containers.hosting.endpoint_events import emit_state
from pipeline.local.containers.hosting.fleet_deployment import SHOWN
from pipeline.local.containers.hosting.production_variants import describe_variants, plan_variants
from pipeline.local.kinds import ENDPOINT, Body, Deploying, EndpointRecord
from pipeline.local.service import Service

ENDPOINTS: Final = ResourceActions(
    ENDPOINT,
    "Endpoint",
    listed="Endpoints",
    summary=("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"),
    exists='Cannot create already existing endpoint "{arn}".',
    unknown='Could not find endpoint "{arn}".',
    unknown_error=ValidationException,
    listing={"status": "EndpointStatus", "inclusive": ("CreationTimeAfter",)},
)
ENDPOINTS.offer("Describe", "List")
IN_PROGRESS: Final = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
MOST: Final = 50
"""Each endpoint is some processes: so many are taken that a loop cannot take the machine down."""

PARITY: Final = (
    Row(
        area="hosting",
        subject="how many endpoints",
        here=f"{MOST}; another is refused with ResourceLimitExceeded",
        aws="by the quotas of instances",
    ),
    Row(
        area="hosting",
        subject="UpdateEndpoint with the configuration that serves already",
        here="taken: new containers from the same configuration",
        aws="documented as `a new configuration is required`; the answer is not established",
    ),
    Row(
        area="hosting",
        subject="asynchronous and shadow endpoints, response streams, inference components",
        here="AsyncInferenceConfig and ShadowProductionVariants are stored, not acted on; InvokeEndpointAsync and"
        " InvokeEndpointWithResponseStream are answered 400",
        aws="served",
    ),
)


@action("CreateEndpoint")
def create(service: Service, request: Body) -> Body:
    """Store an endpoint as Creating and start it. Raises ValidationException."""
    name = request["EndpointName"]
    if service.store.get(ENDPOINT, name) is not None:
        raise ValidationException(ENDPOINTS.exists.format(arn=service.arns.of(ENDPOINT, name)))
    configuration = CONFIGS.find(service, request["EndpointConfigName"])
    deploying = _deploying(service, configuration, request.get("DeploymentConfig"))
    now = service.clock.now()
    body = {
        "EndpointName": name,
        "EndpointConfigName": request["EndpointConfigName"],
        "ProductionVariants": describe_variants(deploying["Variants"], now, status="Creating"),
        "EndpointStatus": "Creating",
        "CreationTime": now,
        "LastModifiedTime": now,
        "_Deploying": deploying,
    }
    with service.store.transaction():
        _within_limit(service)
        answer = ENDPOINTS.create(service, name, body, request)
    emit_state(service, ENDPOINTS.find(service, name))
    service.hosting.deploy(name)
    return answer


@action("UpdateEndpoint")
def update(service: Service, request: Body) -> Body:
    """Mark an endpoint Updating and start the new containers; the old ones serve until those do."""
    name = request["EndpointName"]
    configuration = CONFIGS.find(service, request["EndpointConfigName"])
    with service.store.transaction():
        body = _changeable(service, name)
        deployment = request.get("DeploymentConfig")
        if deployment is None and request.get("RetainDeploymentConfig"):
            deployment = body.get("LastDeploymentConfig")
        deploying = _deploying(service, configuration, deployment)
        if request.get("RetainAllVariantProperties"):
            _retain(deploying, body, request.get("ExcludeRetainedVariantProperties", []))
        now = service.clock.now()
        body = service.store.merge(
            ENDPOINT,
            name,
            EndpointStatus="Updating",
            LastModifiedTime=now,
            FailureReason=None,
            PendingDeploymentSummary={
                "EndpointConfigName": request["EndpointConfigName"],
                "ProductionVariants": describe_variants(deploying["Variants"], now, status="Creating"),
                "StartTime": now,
            },
            _Deploying=deploying,
        )
    emit_state(service, body)
    service.hosting.deploy(name)
    return {"EndpointArn": body["EndpointArn"]}


@action("UpdateEndpointWeightsAndCapacities")
def update_weights(service: Service, request: Body) -> Body:
    """Give variants other weights and instance counts, at once."""
    name = request["EndpointName"]
    with service.store.transaction():
        body = _changeable(service, name)
        plans = {plan["VariantName"]: plan for plan in body.get("_Variants", [])}
        for desired in request["DesiredWeightsAndCapacities"]:
            plan = plans.get(desired["VariantName"])
            if plan is None:
                raise ValidationException(
                    f'The variant name(s) "{desired["VariantName"]}" is/are not present within endpoint configuration '
                    f'"{body["EndpointConfigName"]}".'
                )
            plan["Weight"] = desired.get("DesiredWeight", plan["Weight"])
            plan["InstanceCount"] = desired.get("DesiredInstanceCount", plan["InstanceCount"])
        now = service.clock.now()
        variants = list(plans.values())
        body = service.store.merge(
            ENDPOINT,
            name,
            LastModifiedTime=now,
            ProductionVariants=describe_variants(variants, now),
            _Variants=variants,
        )
        service.hosting.reweigh(name, {plan["VariantName"]: float(plan["Weight"]) for plan in variants})
    emit_state(service, body)
    return {"EndpointArn": body["EndpointArn"]}


@action("DeleteEndpoint")
def delete(service: Service, request: Body) -> Body:
    """Mark an endpoint Deleting and end its containers. Raises ValidationException while it is being changed."""
    name = request["EndpointName"]
    with service.store.transaction():
        body = _find(service, name)
        if body["EndpointStatus"] in IN_PROGRESS:
            raise ValidationException(f'Cannot update in-progress endpoint "{body["EndpointArn"]}".')
        body = service.store.merge(ENDPOINT, name, EndpointStatus="Deleting", LastModifiedTime=service.clock.now())
    emit_state(service, body)
    service.hosting.delete(name)
    return {}


def _within_limit(service: Service) -> None:
    if (there := len(service.store.list(ENDPOINT))) >= MOST:
        raise ResourceLimitExceeded(
            f"The account-level service limit 'Number of endpoints on localhost' is {MOST} Instances, with current "
            f"utilization of {there} Instances and a request delta of 1 Instances. Please delete endpoints."
        )


def _find(service: Service, name: str) -> EndpointRecord:
    return cast(EndpointRecord, ENDPOINTS.find(service, name))


def _changeable(service: Service, name: str) -> EndpointRecord:
    body = _find(service, name)
    arn, status = body["EndpointArn"], body["EndpointStatus"]
    if status in IN_PROGRESS:
        raise ValidationException(f'Cannot update in-progress endpoint "{arn}".')
    if status != "InService":
        raise ValidationException(f'Cannot update endpoint "{arn}" in status {status}; it can only be deleted.')
    return body


def _deploying(service: Service, configuration: Body, deployment: Body | None) -> Deploying:
    """What is to be deployed, as a copy. Raises ValidationException where localhost cannot serve it."""
    try:
        variants = plan_variants(service, configuration)
    except KeyError as missing:
        MODELS.find(service, missing.args[0])
        raise
    for plan in variants:
        for container in plan["Containers"]:
            check_servable(container)
    deploying: Deploying = {"EndpointConfigName": configuration["EndpointConfigName"], "Variants": variants}
    for member in ("DataCaptureConfig", *SHOWN):
        if member in configuration:
            deploying[member] = configuration[member]
    if deployment is not None:
        deploying["DeploymentConfig"] = deployment
    return deploying


def check_servable(container: Body) -> None:
    """Raises ValidationException for a container definition that localhost has no program for."""
    image = images.resolve(container["Image"])
    try:
        image.program("serve")
    except ValidationException:
        raise ValidationException(
            f"SageMaker on localhost has no serving program for the image {container['Image']!r}; start the service "
            f"with --image {image.name}=COMMAND to give one."
        ) from None
    if container.get("Mode") == "MultiModel":
        raise ValidationException("SageMaker on localhost does not serve multi-model containers (Mode MultiModel).")


def _retain(deploying: Deploying, body: EndpointRecord, excluded: list[Body]) -> None:
    """RetainAllVariantProperties: weights and instance counts as they are now, but for the excluded kinds."""
    kinds = {entry["VariantPropertyType"] for entry in excluded}
    now = {plan["VariantName"]: plan for plan in body.get("_Variants", [])}
    for plan in deploying["Variants"]:
        current = now.get(plan["VariantName"])
        if current is None:
            continue
        if "DesiredWeight" not in kinds:
            plan["Weight"] = current["Weight"]
        if "DesiredInstanceCount" not in kinds:
            plan["InstanceCount"] = current["InstanceCount"]
