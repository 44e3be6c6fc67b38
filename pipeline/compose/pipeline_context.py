"""What the pipelines have in common before any step: the context of the steps, and the parameters as the SDK has them.

Importing this module imports the SageMaker SDK, as `pipeline.compose.training_pipeline` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sagemaker.core import image_uris
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession

from pipeline.config.algorithm_parameters import IMAGE
from pipeline.config.pipeline_parameters import Parameter, Type
from pipeline.config.settings import Settings
from pipeline.errors import SettingsError
from steps.step_context import Context

# The version of AWS's scikit-learn image that serves the treatment of tables.
_SCRIPT_IMAGE: Final = "sklearn:1.9-0"


def variable(parameter: Parameter) -> Any:
    """The parameter as the SDK has it."""
    common = {"name": parameter.name, "default_value": parameter.default}
    match parameter.type:
        case Type.STRING:
            return ParameterString(**common, enum_values=list(parameter.choices) or None)
        case Type.INTEGER:
            return ParameterInteger(**common)
        case Type.FLOAT:
            return ParameterFloat(**common)


def context_of(settings: Settings, session: PipelineSession, code: Mapping[str, str]) -> Context:
    return Context(
        session=session,
        region=settings.region,
        role=settings.role,
        root=settings.root,
        code=code,
        image=_image(settings.processing_image, settings.region),
        algorithm=_image(IMAGE, settings.region),
        script_image=_image(_SCRIPT_IMAGE, settings.region) if settings.features == "table" else "",
        kms_key=settings.kms_key,
        subnets=settings.subnets,
        security_groups=settings.security_groups,
        tags=tuple(sorted(settings.tags.items())),
    )


def _image(name: str, region: str) -> str:
    """FRAMEWORK:VERSION is AWS's image of that name in the region; what has a slash is an image's own URI.

    Raises `SettingsError` with the SDK's reason, which names what there is.
    """
    if "/" in name:
        return name
    framework, _, version = name.partition(":")
    try:
        uri: str = image_uris.retrieve(framework, region=region, version=version or None, image_scope="training")
    except FileNotFoundError:
        raise SettingsError(
            f"AWS has no image of {framework}", hint="such as xgboost:3.2-0, or an image's URI"
        ) from None
    except ValueError as error:
        raise SettingsError(f"there is no image of {name} in {region}", hint=str(error)) from None
    return uri
