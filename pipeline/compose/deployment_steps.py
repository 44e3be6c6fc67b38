"""The steps that put a model into service, for whichever pipeline does it: at once, or by a rollout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker.mlops.workflow.steps import Step

from pipeline.config.rollout_settings import SCALING
from pipeline.config.settings import Settings
from steps.configure_endpoint import configure_endpoint
from steps.deploy_endpoint import deploy_endpoint
from steps.rollout_endpoint import rollout_endpoint
from steps.step_context import Context


def deployed_as_wished(
    context: Context, settings: Settings, p: Mapping[str, Any], model_name: Any
) -> tuple[list[Step], dict[str, Any]]:
    """The steps that put the model into service, and how their endpoint is named to what comes after them."""
    if settings.rollout is None:
        configured = configure_endpoint(context, model_name=model_name, hosting=_hosting(settings, p))
        config_name = configured.properties.EndpointConfigName
        deployed = deploy_endpoint(context, endpoint_name=p["EndpointName"], config_name=config_name)
        return [configured, deployed], {"endpoint_name": deployed.properties.EndpointName}
    rolled = rollout_endpoint(
        context,
        endpoint_name=p["EndpointName"],
        model_name=model_name,
        instance_type=p["ProcessingInstanceType"],
        seconds=settings.rollout.seconds,
        endpoint_instance_type=p["EndpointInstanceType"],
        endpoint_instance_count=p["EndpointInstanceCount"],
        scaling=settings.rollout.scaling,
        **settings.rollout.model_dump(exclude=set(SCALING)),
    )
    return [rolled], {"endpoint_name": p["EndpointName"], "after": rolled, "scaling": settings.rollout.scaling}


def _hosting(settings: Settings, p: Mapping[str, Any]) -> Mapping[str, Any]:
    """On what the endpoint's only variant runs."""
    if (wished := settings.serverless) is not None:
        return {"ServerlessConfig": {"MemorySizeInMB": wished.memory_mb, "MaxConcurrency": wished.concurrency}}
    return {"InstanceType": p["EndpointInstanceType"], "InitialInstanceCount": p["EndpointInstanceCount"]}
