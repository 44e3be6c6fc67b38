"""The pipeline that releases a version of the registry: model, configuration, endpoint, validation; nothing is trained.

It is made of the same steps as the pipeline that trains, and takes what it needs to know from the version itself. An
approval starts it (`pipeline.deploy.delivery`), or `pipeline models rollback`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline

from pipeline.compose.deployment_steps import deployed_as_wished
from pipeline.compose.pipeline_context import context_of, variable
from pipeline.config.settings import VERSION_PARAMETER, Settings
from steps.create_model import create_model
from steps.validate_endpoint import validate_endpoint

_TAKEN: Final = ("Endpoint", "ProcessingInstanceType")
"""How the names of the parameters begin that both pipelines have."""


def build_release(settings: Settings, session: PipelineSession, *, code: Mapping[str, str]) -> Pipeline:
    """The pipeline; `code` are S3 prefixes of uploaded code, by script."""
    context = context_of(settings, session, code)
    version = ParameterString(name=VERSION_PARAMETER)
    p = {parameter.name: variable(parameter) for parameter in settings.declared if parameter.name.startswith(_TAKEN)}

    # The package has all containers of the model, and says what they are.
    model = create_model(context, serving=[{"ModelPackageName": version}])
    deployed, named = deployed_as_wished(context, settings, p, model.properties.ModelName)
    validated = validate_endpoint(
        context,
        task=settings.task.predictor_type,
        instance_type=p["ProcessingInstanceType"],
        test_set={},
        version=version,
        **named,
    )
    return Pipeline(
        name=settings.release_name,
        parameters=[version, *p.values()],
        steps=[model, *deployed, validated],
        sagemaker_session=session,
    )
