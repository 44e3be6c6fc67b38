"""The settings: what they are where nothing is said, what follows from others, what each says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config.pipeline_parameters import Task
from pipeline.config.settings import Settings, partition
from pipeline.config.settings_sources import load


def test_without_anything_it_is_the_service_on_localhost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(variables={})
    assert settings.environment == "dev"
    assert settings.task is Task.BINARY
    assert (settings.region, settings.account) == ("us-east-1", "123456789012")
    assert settings.name == "linear-learner-dev"
    assert settings.role == "arn:aws:iam::123456789012:role/pipeline"
    assert settings.bucket == "linear-learner-pipeline-123456789012"
    assert settings.root == "s3://linear-learner-pipeline-123456789012/linear-learner-dev"
    assert settings.processing_image == "xgboost:3.2-0"


@pytest.mark.parametrize(
    ("region", "expected"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov")]
)
def test_partitions(region: str, expected: str) -> None:
    assert partition(region) == expected


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValueError):
        settings.bucket = "other"


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in Settings.model_fields.values())
