"""Rules of models, packages, endpoints and trial components."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.local.kinds import Body
from pipeline.local.request_rules.rule_type import API, REPORT, Around, Rule, abroad, together, twice

_BATCH: Final = "MaximumBatchSize"


def _model_images(request: Body, around: Around) -> Iterator[str]:
    for container in (request.get("PrimaryContainer", {}), *request.get("Containers", [])):
        if container.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc":
            continue
        for _ in abroad(container.get("Image"), around):
            yield (
                f'Region of "{container["Image"]}" does not match expected region of {around.region}. Cross region ECR'
                " image pulls are not allowed."
            )


def _hostnames(request: Body, around: Around) -> Iterator[str]:
    containers = request.get("Containers", [])
    if len({"ContainerHostname" in container for container in containers}) > 1:
        yield "ContainerHostname must be given for every container definition of Containers, or for none."


def _shadows(request: Body, around: Around) -> Iterator[str]:
    shadows = request.get("ShadowProductionVariants", [])
    if shadows and (len(shadows), len(request["ProductionVariants"])) != (1, 1):
        yield "With ShadowProductionVariants there can be one of ProductionVariants and one of them only."


def _cross_region_traffic(request: Body, around: Around) -> Iterator[str]:
    if "CrossRegionTrafficConfig" not in request:
        return
    if "AsyncInferenceConfig" in request:
        yield "CrossRegionTrafficConfig cannot be specified with AsyncInferenceConfig."
    if any("ServerlessConfig" in variant for variant in request["ProductionVariants"]):
        yield "CrossRegionTrafficConfig cannot be specified with serverless variants."


def _routing(request: Body, around: Around) -> Iterator[str]:
    for variant in request.get("ProductionVariants", []):
        routing = variant.get("RoutingConfig", {})
        prefix = routing.get("PrefixAwareRoutingConfig", {})
        if routing.get("RoutingStrategy") != "PREFIX_AWARE":
            if prefix:
                yield "PrefixAwareRoutingConfig can be specified only if RoutingStrategy is PREFIX_AWARE."
        elif missing := [name for name in ("PrefixLength", "ConcurrencyThreshold") if name not in prefix]:
            yield f"{' and '.join(missing)} must be given if RoutingStrategy is PREFIX_AWARE."


def _baseline(request: Body, around: Around) -> Iterator[str]:
    clarify = request.get("ExplainerConfig", {}).get("ClarifyExplainerConfig", {})
    baseline = clarify.get("ShapConfig", {}).get("ShapBaselineConfig", {})
    if "ShapBaseline" in baseline:
        yield from together("ShapBaseline", baseline, "ShapBaselineUri")


def _capacities(request: Body, around: Around) -> Iterator[str]:
    deployment = request.get("DeploymentConfig", {})
    routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    rolling = deployment.get("RollingUpdatePolicy", {})
    for given, member, least in ((routing, "CanarySize", 1), (routing, "LinearStepSize", 10), (rolling, _BATCH, 5)):
        size = given.get(member, {})
        if size.get("Type") == "CAPACITY_PERCENT" and not least <= size["Value"] <= 50:
            yield f"{member} must be {least} to 50 percent of the variant's capacity, not {size['Value']}."


def _policies(request: Body, around: Around) -> Iterator[str]:
    deployment = request.get("DeploymentConfig", {})
    if "BlueGreenUpdatePolicy" in deployment:
        yield from together("BlueGreenUpdatePolicy", deployment, "RollingUpdatePolicy")
    routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    for kind, member in (("CANARY", "CanarySize"), ("LINEAR", "LinearStepSize")):
        if routing.get("Type") == kind and member not in routing:
            yield f"{member} must be given if the traffic routing type is {kind}."


def _target_model(request: Body, around: Around) -> Iterator[str]:
    # An endpoint of localhost is never a multi-model endpoint: none can be created.
    if "TargetModel" in request:
        name = request["EndpointName"]
        yield f"Endpoint {name} is not a multi-model endpoint and does not support target model header."


def _specification_names(request: Body, around: Around) -> Iterator[str]:
    for name in twice(given["Name"] for given in request.get("AdditionalInferenceSpecifications", [])):
        yield f"The names of AdditionalInferenceSpecifications must be unique; {name!r} is given more than once."


def _parameter_values(request: Body, around: Around) -> Iterator[str]:
    for name, value in request.get("Parameters", {}).items():
        if "StringValue" in value and "NumberValue" in value:
            yield f"The parameter {name!r} must have a StringValue or a NumberValue, not both."


RULES: Final = (
    Rule("CreateModel", _model_images, REPORT),
    Rule("CreateModel", _hostnames, API + "API_ContainerDefinition.html"),
    Rule("CreateModelPackage", _specification_names, API + "API_AdditionalInferenceSpecificationDefinition.html"),
    Rule("CreateEndpointConfig", _shadows, API + "API_CreateEndpointConfig.html"),
    Rule("CreateEndpointConfig", _cross_region_traffic, API + "API_CreateEndpointConfig.html"),
    Rule("CreateEndpointConfig", _routing, API + "API_ProductionVariantRoutingConfig.html"),
    Rule("CreateEndpointConfig", _baseline, API + "API_ClarifyShapBaselineConfig.html"),
    Rule("CreateEndpoint", _capacities, API + "API_TrafficRoutingConfig.html"),
    Rule("UpdateEndpoint", _capacities, API + "API_TrafficRoutingConfig.html"),
    Rule("CreateEndpoint", _policies, API + "API_DeploymentConfig.html"),
    Rule("UpdateEndpoint", _policies, API + "API_DeploymentConfig.html"),
    Rule("InvokeEndpoint", _target_model, REPORT),
    Rule("CreateTrialComponent", _parameter_values, API + "API_TrialComponentParameterValue.html"),
    Rule("UpdateTrialComponent", _parameter_values, API + "API_TrialComponentParameterValue.html"),
)
