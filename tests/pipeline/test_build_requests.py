"""The composed requests by botocore's own validator, an oracle apart from ours: expressions stand for their types."""

from __future__ import annotations

from typing import Any

import botocore.loaders
import pytest
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from pipeline.definition.step_types import Placed, steps
from tests.support.definitions import CASES, definition

_NAMES = {
    "Processing": ("CreateProcessingJob", "ProcessingJobName"),
    "Training": ("CreateTrainingJob", "TrainingJobName"),
    "Transform": ("CreateTransformJob", "TransformJobName"),
    "Model": ("CreateModel", "ModelName"),
    "RegisterModel": ("CreateModelPackage", None),
    "EndpointConfig": ("CreateEndpointConfig", "EndpointConfigName"),
    "Endpoint": ("CreateEndpoint", None),
}
_FUNCTIONS = {"Get", "Std:Join", "Std:JsonGet"}
_STAND_INS: dict[str, Any] = {
    "string": "a text that is long enough for an ARN",
    "integer": 1,
    "long": 1,
    "float": 1.0,
    "double": 1.0,
    "boolean": True,
}


def _evaluated(value: Any, shape: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1 and set(value) <= _FUNCTIONS:
        stand_in = _STAND_INS[shape.type_name]
        return max(stand_in, shape.metadata.get("min", 1)) if shape.type_name in ("integer", "long") else stand_in
    if shape.type_name == "structure":
        return {name: _evaluated(item, shape.members[name]) for name, item in value.items()}
    if shape.type_name == "map":
        return {name: _evaluated(item, shape.value) for name, item in value.items()}
    if shape.type_name == "list":
        return [_evaluated(item, shape.member) for item in value]
    return value


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return ServiceModel(botocore.loaders.Loader().load_service_model("sagemaker", "service-2"))


def _report(model: ServiceModel, step: Placed) -> str:
    operation, name = _NAMES[step.type]
    shape: Any = model.operation_model(operation).input_shape
    request = _evaluated(step.arguments, shape)
    report: str = ParamValidator().validate({**request, **({name: "name"} if name else {})}, shape).generate_report()
    return report


@pytest.mark.parametrize("case", CASES)
def test_every_request_is_one_that_botocore_would_send(case: str, model: ServiceModel) -> None:
    for step in steps(definition(case)).values():
        if step.type in _NAMES:
            assert _report(model, step) == ""


def test_the_oracle_sees_what_is_wrong(model: ServiceModel) -> None:
    train = steps(definition())["TrainModel"]
    train.arguments["HyperParameters"]["epochs"] = 15
    assert "Invalid type for parameter HyperParameters.epochs" in _report(model, train)
