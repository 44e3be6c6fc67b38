"""Models: where the artefact lies and which image serves it. Nothing runs here; endpoints and transform jobs do."""

from __future__ import annotations

from typing import Final

from pipeline.limits import Row
from pipeline.local.api import action
from pipeline.local.api.jobs.job_actions import check_s3
from pipeline.local.api.resource_actions import ResourceActions
from pipeline.local.api_errors import ValidationException
from pipeline.local.containers.hosting import model_data
from pipeline.local.kinds import MODEL, Body
from pipeline.local.service import Service

MODELS: Final = ResourceActions(
    MODEL,
    "Model",
    listed="Models",
    summary=("ModelName", "ModelArn", "CreationTime"),
    exists='Cannot create already existing model "{arn}".',
    unknown='Could not find model "{arn}".',
    unknown_error=ValidationException,
    listing={"inclusive": ("CreationTimeAfter",)},
)
MODELS.offer("Describe", "List", "Delete")

PARITY: Final = (
    Row(
        area="models",
        subject="model data that are not there",
        here="refused by CreateModel where the bucket is on localhost; a model whose bucket is not can be created, but"
        " not deployed",
        aws="refused by CreateModel",
    ),
    Row(
        area="models",
        subject="an image without a stand-in",
        here="CreateModel takes it; CreateEndpoint, UpdateEndpoint and CreateTransformJob refuse it",
        aws="CreateModel refuses an image that the role cannot pull",
    ),
    Row(
        area="models",
        subject="multi-model containers (Mode MultiModel)",
        here="CreateModel takes them; CreateEndpoint and CreateTransformJob refuse them",
        aws="served, on endpoints",
    ),
)


@action("CreateModel")
def create(service: Service, request: Body) -> Body:
    """Store a model. Raises ValidationException for a name that is taken and for model data that are missing."""
    containers = _containers(service, request)
    for container in containers:
        if container_url := model_data.location(container)[0]:
            check_s3(container_url, "ModelDataUrl")
        if url := model_data.missing(service, container):
            raise ValidationException(f"Could not find model data at {url}.")
    body = {key: value for key, value in request.items() if key != "Tags"}
    if "PrimaryContainer" in body and len(containers) == 1:
        body["PrimaryContainer"] = containers[0]
    else:
        body.pop("PrimaryContainer", None)
        body["Containers"] = containers
    body.setdefault("EnableNetworkIsolation", False)
    return MODELS.create(service, request["ModelName"], body, request)


def _containers(service: Service, request: Body) -> list[Body]:
    """The container definitions, those of a model package resolved."""
    given = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers", [])
    if "PrimaryContainer" in request and "Containers" in request:
        raise ValidationException("Both PrimaryContainer and Containers cannot be provided.")
    if not given:
        raise ValidationException("Either PrimaryContainer or Containers must be provided.")
    return [resolved for container in given for resolved in _resolved(service, container)]


def _resolved(service: Service, container: Body) -> list[Body]:
    package_name = container.get("ModelPackageName")
    if package_name is None:
        if "Image" not in container:
            raise ValidationException("Either Image or ModelPackageName must be provided in the container definition.")
        return [{"Mode": "SingleModel"} | container]
    package = service.call("DescribeModelPackage", {"ModelPackageName": package_name})
    definitions = package.get("InferenceSpecification", {}).get("Containers", [])
    if not definitions:
        raise ValidationException(f"The model package {package_name} has no inference specification to deploy.")
    return [_packaged(found, container) for found in definitions]


def _packaged(found: Body, container: Body) -> Body:
    """A container of a model package, with what the model says beside the package's name."""
    members = ("Image", "ModelDataUrl", "ModelDataSource", "ContainerHostname")
    environment = found.get("Environment", {}) | container.get("Environment", {})
    taken = {key: found[key] for key in members if key in found}
    return {"Mode": "SingleModel"} | taken | container | ({"Environment": environment} if environment else {})
