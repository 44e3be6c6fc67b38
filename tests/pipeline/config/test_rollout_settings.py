"""The table [env.NAME.rollout]: what it takes, and what SageMaker would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config.rollout_settings import Rollout
from pipeline.config.settings import Settings
from pipeline.config.settings_sources import load
from pipeline.errors import SettingsError

SCALES = "min_instances = {}\nmax_instances = {}\ninvocations_per_instance = 700"


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
        ("max_instances = 3", "give all or none"),
        (SCALES.format(4, 3), "min_instances is 4, more than max_instances, 3"),
        (SCALES.format(0, 3), "greater than or equal to 1"),
    ],
    ids=["kind", "small-step", "large-canary", "too-long", "unknown", "half-scaling", "crossed", "none-at-least"],
)
def test_what_sagemaker_would_refuse_is_refused_by_name(tmp_path: Path, table: str, says: str) -> None:
    with pytest.raises(SettingsError, match="rollout") as caught:
        settings(tmp_path, table)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (SCALES.format(3, 6), "begins with 2 instances, and autoscaling keeps it within 3 to 6"),
        ('kind = "linear"\n' + SCALES.format(1, 6), "set min_instances to 2"),
    ],
    ids=["too-few-to-begin", "too-few-for-steps"],
)
def test_autoscaling_fits_the_instances_that_there_are_and_that_a_rollout_needs(
    tmp_path: Path, table: str, says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        settings(tmp_path, table)
    found = settings(tmp_path, 'kind = "canary"\n' + SCALES.format(2, 6)).rollout
    assert found is not None and found.scaling == (
        ("min-instances", "2"),
        ("max-instances", "6"),
        ("invocations-per-instance", "700"),
    )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("[env.prod.rollout]", "takes no rollout"),
        ('subnets = ["s-1"]\nsecurity_groups = ["sg-1"]', "no network of yours"),
        ('features = "table"', "needs two"),
        ("[env.prod.parameters]\nEndpointInstanceCount = 2", "take EndpointInstanceCount out"),
        ("[env.prod.watch]", "set capture_percent"),
    ],
    ids=["rollout", "network", "two-containers", "instances", "watch"],
)
def test_a_serverless_endpoint_is_refused_what_aws_does_not_give_it(tmp_path: Path, more: str, says: str) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_text(f"[env.prod]\nserverless = {{ memory_mb = 4096 }}\n{more}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=says):
        load(environment="prod", variables={}, file=file)


@pytest.mark.parametrize("table", ["memory_mb=3000", "concurrency=201", "memory=2048"])
def test_a_serverless_endpoint_has_the_sizes_that_aws_has(table: str) -> None:
    with pytest.raises(SettingsError, match="serverless"):
        load(variables={}, flags={"serverless": table}, file=None)
    found = load(variables={}, flags={"serverless": "memory_mb=4096,concurrency=9"}, file=None)
    assert found.serverless is not None and found.serverless.memory_mb == 4096
    assert not any(parameter.name.startswith("EndpointInstance") for parameter in found.declared)


def test_a_canary_needs_an_endpoint_of_two_instances(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="EndpointInstanceCount to 2"):
        settings(tmp_path, 'kind = "canary"', instances=1)
