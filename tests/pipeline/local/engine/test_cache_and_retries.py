"""Cache keys, durations, and the arithmetic of retry policies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.definition import cache_key
from pipeline.local.api_errors import (
    InternalFailure,
    ResourceLimitExceeded,
    ThrottlingException,
    ValidationException,
)
from pipeline.local.engine import retries
from pipeline.local.engine.retries import Retries

PROCESSING = {
    "AppSpecification": {"ImageUri": "image"},
    "Environment": {"A": "1"},
    "ProcessingInputs": [],
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large"}},
    "ProcessingOutputConfig": {"Outputs": []},
    "RoleArn": "role",
}


@pytest.mark.parametrize("member", ["AppSpecification", "Environment", "ProcessingInputs"])
def test_a_documented_attribute_changes_the_key(member: str) -> None:
    assert cache_key.key("Processing", PROCESSING) != cache_key.key("Processing", PROCESSING | {member: "other"})


@pytest.mark.parametrize("member", ["ProcessingResources", "ProcessingOutputConfig", "RoleArn", "StoppingCondition"])
def test_other_attributes_do_not_change_the_key(member: str) -> None:
    assert cache_key.key("Processing", PROCESSING) == cache_key.key("Processing", PROCESSING | {member: "other"})


@pytest.mark.parametrize("kind", ["Condition", "Fail", "Lambda", "Callback", "Model", "RegisterModel", "Endpoint"])
def test_types_that_are_never_cached_have_no_key(kind: str) -> None:
    assert cache_key.key(kind, {}) is None


def test_attributes_within_a_tuning_definition_count_alone() -> None:
    definition = {"StaticHyperParameters": {"a": "1"}, "RoleArn": "role"}
    key = cache_key.key("Tuning", {"TrainingJobDefinition": definition})
    assert key == cache_key.key("Tuning", {"TrainingJobDefinition": definition | {"RoleArn": "other"}})
    assert key != cache_key.key("Tuning", {"TrainingJobDefinition": definition | {"StaticHyperParameters": {}}})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 30 * 86400),
        ("p30d", 30 * 86400),
        ("P30D", 30 * 86400),
        ("5y", 5 * 365 * 86400),
        ("T16m", 16 * 60),
        ("30dT5h", 30 * 86400 + 5 * 3600),
        ("PT1H", 3600),
        ("P4DT12H", 4 * 86400 + 12 * 3600),
        ("T12H", 12 * 3600),
        ("P1M", 30 * 86400),
        ("PT1M", 60),
        ("PT1H30M15S", 5415),
        ("P2W", 14 * 86400),
        ("", None),
        ("P", None),
        ("30", None),
        ("d30", None),
        ("30d5h", None),
        ("x30d", None),
    ],
)
def test_durations_are_read_as_documented(text: str, seconds: float | None) -> None:
    assert cache_key.seconds(text) == seconds


def test_caching_is_off_unless_enabled() -> None:
    assert cache_key.oldest({}, 1000) is None
    assert cache_key.oldest({"CacheConfig": {"Enabled": False, "ExpireAfter": "P1D"}}, 1000) is None
    assert cache_key.oldest({"CacheConfig": {"Enabled": True, "ExpireAfter": "PT10M"}}, 1000) == 400
    assert cache_key.oldest({"CacheConfig": {"Enabled": True}}, 1000) == float("-inf")


@pytest.mark.parametrize(
    ("error", "exception"),
    [
        (ThrottlingException("x"), retries.THROTTLING),
        (InternalFailure("x"), retries.SERVICE_FAULT),
        (ResourceLimitExceeded("x"), retries.RESOURCE_LIMIT),
        (ValidationException("x"), None),
    ],
)
def test_errors_have_their_exception_type(error: Any, exception: str | None) -> None:
    assert retries.of_error(error) == exception


def test_failure_reasons_have_their_exception_type() -> None:
    assert retries.of_failure("CapacityError: none left") == retries.CAPACITY_ERROR
    assert retries.of_failure("InternalServerError: again") == retries.JOB_INTERNAL_ERROR
    assert retries.of_failure("AlgorithmError: exit code: 1") is None


def waits(policies: list[dict[str, Any]], exception: str | None, elapsed: float = 0) -> list[float]:
    found, policy = [], Retries.of({"RetryPolicies": policies})
    while (seconds := policy.wait(exception, elapsed)) is not None:
        found.append(seconds)
        elapsed += seconds
    return found


def test_throttling_and_faults_are_retried_by_default_and_nothing_else() -> None:
    assert waits([], retries.THROTTLING) == waits([], retries.SERVICE_FAULT) == [1, 2, 4, 8, 16]
    assert waits([], retries.CAPACITY_ERROR) == waits([], retries.RESOURCE_LIMIT) == waits([], None) == []


def test_a_policy_says_how_often_and_how_long() -> None:
    policy = {"ExceptionType": [retries.CAPACITY_ERROR], "IntervalSeconds": 3, "BackoffRate": 1.5, "MaxAttempts": 3}
    assert waits([policy], retries.CAPACITY_ERROR) == [3, 4.5, 6.75]
    assert waits([policy | {"MaxAttempts": 0}], retries.CAPACITY_ERROR) == []


@pytest.mark.parametrize(("kind", "most"), [("EndpointConfig", 3), ("Training", 3), ("Endpoint", None)])
def test_policies_of_a_type_that_is_never_retried_do_nothing(kind: str, most: int | None) -> None:
    policy = {"ExceptionType": [retries.RESOURCE_LIMIT], "IntervalSeconds": 3}
    assert Retries.of({"Type": kind, "RetryPolicies": [policy]}).wait(retries.RESOURCE_LIMIT, 0) == most
    assert Retries.of({"Type": kind}).wait(retries.THROTTLING, 0) == 1


def test_a_policy_for_throttling_takes_the_place_of_the_default() -> None:
    policy = {"ExceptionType": [retries.THROTTLING], "IntervalSeconds": 5, "BackoffRate": 1.0, "MaxAttempts": 2}
    assert waits([policy], retries.THROTTLING) == [5, 5]


def test_a_policy_that_expires_counts_minutes_instead_of_attempts() -> None:
    policy = {"ExceptionType": [retries.CAPACITY_ERROR], "IntervalSeconds": 20, "BackoffRate": 1.0, "ExpireAfterMin": 1}
    assert waits([policy], retries.CAPACITY_ERROR) == [20, 20, 20]
    assert waits([policy], retries.CAPACITY_ERROR, elapsed=61) == []


@given(
    st.integers(0, 20),
    st.floats(0, 100, allow_nan=False),
    st.floats(1, 3),
)
def test_waits_are_a_geometric_series(attempts: int, interval: float, rate: float) -> None:
    policy = {"ExceptionType": [retries.CAPACITY_ERROR], "IntervalSeconds": interval, "BackoffRate": rate}
    found = waits([policy | {"MaxAttempts": attempts}], retries.CAPACITY_ERROR)
    assert found == pytest.approx([min(interval * rate**number, 14_400 * 60) for number in range(attempts)])
