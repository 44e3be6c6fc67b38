"""The release pipeline: what it is made of, and that the service would take it."""

from __future__ import annotations

import json
from typing import Any

from pipeline.compose.definition_text import compose
from pipeline.config.pipeline_kind import PipelineKind
from pipeline.definition.check import check
from pipeline.definition.step_types import steps
from tests.support.definitions import CODE, settings
from tests.support.golden import assert_golden


def composed() -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(compose(settings("full"), code=CODE, part=PipelineKind.RELEASE))
    return definition


def test_a_version_is_made_a_model_deployed_and_validated_and_nothing_is_trained() -> None:
    definition = composed()
    assert check(json.dumps(definition)) == []
    assert {name: step.type for name, step in steps(definition).items()} == {
        "CreateModel": "Model",
        "ConfigureEndpoint": "EndpointConfig",
        "DeployEndpoint": "Endpoint",
        "ValidateEndpoint": "Processing",
    }
    assert_golden("definition/release.json", json.dumps(definition, indent=1, sort_keys=True) + "\n")


def test_the_model_is_the_packages_own_and_the_version_must_be_given() -> None:
    definition = composed()
    (version,) = (item for item in definition["Parameters"] if item["Name"] == "ModelPackageArn")
    assert "DefaultValue" not in version
    model = steps(definition)["CreateModel"].arguments
    assert model["Containers"] == [{"ModelPackageName": {"Get": "Parameters.ModelPackageArn"}}]
