"""The pipeline that watches the endpoint: one job that compares, and a Fail step that names what drifted.

A rule of EventBridge starts it on a schedule (`pipeline.deploy.delivery`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline

from pipeline.compose.pipeline_context import context_of, variable
from pipeline.config.settings import Settings
from pipeline.config.watch_settings import Watch
from steps.watch import check_drift, watch

_TAKEN: Final = ("ProcessingInstanceType", "ModelPackageGroupName", "EndpointName")
"""The parameters that it has as the pipeline that trains has them."""


def build_watch(settings: Settings, session: PipelineSession, *, code: Mapping[str, str]) -> Pipeline:
    """The pipeline; `code` are S3 prefixes of uploaded code, by script."""
    context = context_of(settings, session, code)
    wished = settings.watch or Watch()
    p = {parameter.name: variable(parameter) for parameter in settings.declared if parameter.name in _TAKEN}
    watched = watch(
        context,
        endpoint_name=p["EndpointName"],
        group=p["ModelPackageGroupName"],
        hours=wished.hours,
        max_psi=wished.max_psi,
        labels=wished.labels,
        instance_type=p["ProcessingInstanceType"],
    )
    return Pipeline(
        name=settings.watch_name,
        parameters=list(p.values()),
        steps=[watched, check_drift()],
        sagemaker_session=session,
    )
