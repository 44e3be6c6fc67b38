"""The table [env.NAME.rollout]: what it takes, and what SageMaker would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config.rollout import Rollout
from pipeline.config.settings import Settings, load
from pipeline.errors import SettingsError


def settings(tmp_path: Path, table: str, instances: int = 2) -> Settings:
    file = tmp_path / "pipeline.toml"
    file.write_text(
        f"[env.prod.rollout]\n{table}\n[env.prod.parameters]\nEndpointInstanceCount = {instances}\n", encoding="utf-8"
    )
    return load(environment="prod", variables={}, file=file)


def test_a_table_becomes_the_rollout_of_its_environment(tmp_path: Path) -> None:
    found = settings(tmp_path, 'kind = "canary"\npercent = 25\nmax_error_percent = 1')
    assert found.rollout == Rollout.model_validate({"kind": "canary", "percent": 25, "max_error_percent": 1})


def test_without_a_table_there_is_no_rollout() -> None:
    assert load(variables={}, file=None).rollout is None


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('kind = "bluegreen"', "'all-at-once', 'canary' or 'linear'"),
        ('kind = "linear"\npercent = 5', "greater than or equal to 10"),
        ('kind = "canary"\npercent = 60', "less than or equal to 50"),
        ('kind = "linear"\npercent = 10\nwait_seconds = 3600', "8 hours"),
        ("wait = 5", "Extra inputs"),
    ],
    ids=["kind", "small-step", "large-canary", "too-long", "unknown"],
)
def test_what_sagemaker_would_refuse_is_refused_by_name(tmp_path: Path, table: str, says: str) -> None:
    with pytest.raises(SettingsError, match="rollout") as caught:
        settings(tmp_path, table)
    assert says in str(caught.value)


def test_a_canary_needs_an_endpoint_of_two_instances(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="EndpointInstanceCount to 2"):
        settings(tmp_path, 'kind = "canary"', instances=1)
