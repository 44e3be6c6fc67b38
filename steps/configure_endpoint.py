"""ConfigureEndpoint: a new endpoint configuration for the new model, each time.

The one in service stays as it is, so that the endpoint can be put back to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sagemaker.mlops.workflow.endpoint_step import EndpointConfigStep

from steps import retry_and_cache
from steps.step_context import Context

NAME: Final = "ConfigureEndpoint"


def configure_endpoint(context: Context, *, model_name: Any, hosting: Mapping[str, Any]) -> EndpointConfigStep:
    """The step; the service names the configuration, and its `EndpointConfigName` property says how.

    `hosting` are the members of the variant that say on what it runs.
    """
    arguments = context.session.create_endpoint_config(
        name=None,
        production_variants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": model_name,
                **hosting,
                "InitialVariantWeight": 1.0,
            }
        ],
        kms_key=context.kms_key,
        tags=context.tag_list,
    )
    arguments.args.pop("EndpointConfigName")
    return EndpointConfigStep(
        name=NAME,
        step_args=arguments,
        display_name="Configure endpoint",
        description="A new endpoint configuration for the model, so that the one in service stays as it is.",
        retry_policies=retry_and_cache.CALL_RETRIES,
    )
