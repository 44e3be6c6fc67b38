"""DeployEndpoint: creates the endpoint, or moves it to the new configuration without downtime.

The endpoint's name stays the same from execution to execution.
"""

from __future__ import annotations

from typing import Any, Final

from sagemaker.mlops.workflow.endpoint_step import EndpointStep

from steps.step_context import Context

NAME: Final = "DeployEndpoint"


def deploy_endpoint(context: Context, *, endpoint_name: Any, config_name: Any) -> EndpointStep:
    """The step. It is neither cached, since what an endpoint serves changes, nor can the service retry it."""
    arguments = context.session.create_endpoint(
        endpoint_name=endpoint_name, config_name=config_name, tags=context.tag_list, wait=False
    )
    if not arguments.args["Tags"]:
        arguments.args.pop("Tags")
    return EndpointStep(
        name=NAME,
        step_args=arguments,
        display_name="Deploy endpoint",
        description="The endpoint is created, or updated without downtime if it is there.",
    )
