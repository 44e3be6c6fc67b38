"""Which program stands in for which image."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from pipeline.errors import LocalServiceError
from pipeline.local import images
from pipeline.local.api_errors import ValidationException
from pipeline.local.images import catalog
from pipeline.local.images.catalog import repository


@pytest.fixture
def _registry() -> Iterator[None]:
    yield
    catalog_module = sys.modules["pipeline.local.images.catalog"]
    catalog_module._registered.clear()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1", "linear-learner"),
        ("382416733822.dkr.ecr.cn-north-1.amazonaws.com.cn/linear-learner:latest", "linear-learner"),
        ("linear-learner", "linear-learner"),
        ("localhost:5000/team/churn:3", "team/churn"),
        ("localhost/churn", "churn"),
        ("team/churn@sha256:0123", "team/churn"),
        ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0", "sagemaker-xgboost"),
    ],
)
def test_the_repository_decides(uri: str, name: str) -> None:
    assert repository(uri) == name


def test_linear_learner_runs_from_this_project() -> None:
    image = images.resolve("174872318107.dkr.ecr.us-west-2.amazonaws.com/linear-learner:1")
    assert image.program("train") == [
        sys.executable,
        "-m",
        "pipeline.local.images.linear_learner",
        "train",
        "--root",
        "/opt/ml",
    ]
    assert image.program("serve")[3] == "serve"
    assert image.own_code and image.builtin


def test_the_managed_images_train_and_serve_by_scripts_and_process_by_entry_points_only() -> None:
    image = images.resolve("x.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3")
    assert (image.program("train"), image.program("serve")) == (["train"], ["serve"])
    with pytest.raises(ValidationException, match="give the job a ContainerEntrypoint"):
        image.program("process")


def test_an_unknown_image_names_those_there_are() -> None:
    with pytest.raises(ValidationException) as caught:
        images.resolve("1.dkr.ecr.us-east-1.amazonaws.com/team/churn:3")
    assert "'team/churn'" in caught.value.message
    assert "linear-learner, sagemaker-scikit-learn, sagemaker-xgboost" in caught.value.message
    assert "--image team/churn=COMMAND" in caught.value.message


@pytest.mark.usefixtures("_registry")
def test_a_setting_gives_an_image_a_program() -> None:
    images.register(images.parse("team/churn=python3 '/a b/churn.py' --fast"))
    image = images.resolve("1.dkr.ecr.us-east-1.amazonaws.com/team/churn:3")
    assert image.program("train") == ["python3", "/a b/churn.py", "--fast", "train"]
    assert image.program("process") == ["python3", "/a b/churn.py", "--fast"]
    assert not image.own_code
    assert "team/churn" in catalog()


@pytest.mark.usefixtures("_registry")
def test_the_last_part_of_a_repository_is_enough() -> None:
    images.register(images.parse("churn=python3 churn.py"))
    assert images.resolve("1.dkr.ecr.us-east-1.amazonaws.com/team/churn:3").name == "churn"


@pytest.mark.parametrize("text", ["", "churn", "=python3", "Churn=python3", "churn=", "churn='python3", "../x=python3"])
def test_a_setting_that_cannot_be_read_is_one_clear_error(text: str) -> None:
    with pytest.raises(LocalServiceError) as caught:
        images.parse(text)
    assert repr(text) in caught.value.message and "NAME=COMMAND" in caught.value.hint
