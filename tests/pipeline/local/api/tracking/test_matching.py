from __future__ import annotations

from typing import Any

import pytest

from pipeline.local.api.tracking.matching import matches, place, property_names
from pipeline.local.api_errors import ValidationException

JOB: dict[str, Any] = {
    "TrainingJobName": "zero-detector-1",
    "TrainingJobStatus": "Completed",
    "CreationTime": 1_700_000_000.5,
    "EnableNetworkIsolation": False,
    "HyperParameters": {"epochs": "15", "loss": "logistic", "a.b": "dotted"},
    "FinalMetricDataList": [
        {"MetricName": "validation:objective_loss", "Value": 0.02},
        {"MetricName": "test:recall", "Value": 0.9},
    ],
    "InputDataConfig": [
        {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/train", "S3DataType": "S3Prefix"}}},
        {"ChannelName": "test", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/test", "S3DataType": "ManifestFile"}}},
    ],
    "Tags": [{"Key": "team", "Value": "ml"}, {"Key": "Name", "Value": "x"}],
}


def one(name: str, operator: str, value: str | None = None) -> dict[str, Any]:
    given = {"Name": name, "Operator": operator}
    return given if value is None else given | {"Value": value}


@pytest.mark.parametrize(
    ("name", "operator", "value", "found"),
    [
        ("TrainingJobStatus", "Equals", "Completed", True),
        ("TrainingJobStatus", "NotEquals", "Completed", False),
        ("TrainingJobName", "Contains", "DETECTOR", True),
        ("TrainingJobName", "Contains", "other", False),
        ("TrainingJobStatus", "In", "Failed, Completed", True),
        ("TrainingJobStatus", "In", "Failed,Stopped", False),
        ("FailureReason", "Exists", None, False),
        ("FailureReason", "NotExists", None, True),
        ("FailureReason", "NotEquals", "x", True),
        ("FailureReason", "Equals", "x", False),
        ("Tags.team", "Equals", "ml", True),
        ("Tags.team", "Exists", None, True),
        ("Tags.Name", "Equals", "x", True),
        ("Tags.absent", "NotExists", None, True),
        ("HyperParameters.epochs", "GreaterThan", "9", True),
        ("HyperParameters.epochs", "LessThanOrEqualTo", "14", False),
        ("HyperParameters.epochs", "Equals", "15", True),
        ("HyperParameters.a.b", "Equals", "dotted", True),
        ("Metrics.test:recall", "GreaterThanOrEqualTo", "0.9", True),
        ("Metrics.validation:objective_loss", "LessThan", "0.01", False),
        ("FinalMetricDataList.test:recall", "Equals", "0.90", True),
        ("CreationTime", "GreaterThan", "2023-11-14T00:00:00Z", True),
        ("CreationTime", "LessThan", "2023-11-14T00:00:00", False),
        ("EnableNetworkIsolation", "Equals", "false", True),
        ("EnableNetworkIsolation", "Equals", "True", False),
        ("InputDataConfig.DataSource.S3DataSource.S3Uri", "Contains", "test", True),
        ("CreationTime", "Equals", "no number", False),
    ],
)
def test_filters(name: str, operator: str, value: str | None, found: bool) -> None:
    assert matches(JOB, {"Filters": [one(name, operator, value)]}) is found


def test_nested_filters_hold_of_the_same_element() -> None:
    def nested(uri: str, kind: str) -> bool:
        path = "InputDataConfig.DataSource.S3DataSource"
        filters = [one(f"{path}.S3Uri", "Contains", uri), one(f"{path}.S3DataType", "Equals", kind)]
        return matches(JOB, {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": filters}]})

    assert nested("train", "S3Prefix")
    assert not nested("train", "ManifestFile")


def test_operators_between_filters_and_sub_expressions() -> None:
    yes, no = one("TrainingJobStatus", "Equals", "Completed"), one("TrainingJobStatus", "Equals", "Failed")
    assert not matches(JOB, {"Filters": [yes, no]})
    assert matches(JOB, {"Filters": [yes, no], "Operator": "Or"})
    either = {"Filters": [yes, no], "Operator": "Or"}
    assert matches(JOB, {"Filters": [yes], "SubExpressions": [either]})
    assert not matches(JOB, {"SubExpressions": [either, {"Filters": [no]}]})
    assert matches(JOB, {})
    assert matches(JOB, {"Operator": "Or"})


def test_filters_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValidationException, match="needs a Value"):
        matches(JOB, {"Filters": [one("TrainingJobStatus", "Equals")]})
    with pytest.raises(ValidationException, match="at most 25"):
        matches(JOB, {"Filters": [one("TrainingJobStatus", "In", ",".join("x" * 26))]})


def test_parameters_and_metrics_of_trial_components() -> None:
    component = {
        "Parameters": {"lr": {"NumberValue": 0.1}, "loss": {"StringValue": "hinge"}},
        "Metrics": [{"MetricName": "loss", "Max": 3.0, "Last": 1.0}],
    }
    for given in (
        one("Parameters.lr", "LessThan", "0.2"),
        one("Parameters.loss", "Equals", "hinge"),
        one("Metrics.loss.max", "Equals", "3"),
        one("Metrics.loss", "Equals", "1"),
    ):
        assert matches(component, {"Filters": [given]})


def test_order_is_by_value_and_what_lacks_the_property_comes_last() -> None:
    def ordered(records: list[dict[str, Any]], sort_by: str, *, descending: bool) -> list[dict[str, Any]]:
        return sorted(records, key=lambda record: place(record, sort_by, descending=descending), reverse=descending)

    records = [{"n": 2}, {"n": 10}, {}, {"n": 3, "second": True}]
    assert ordered(records, "n", descending=True) == [{"n": 10}, {"n": 3, "second": True}, {"n": 2}, {}]
    assert ordered(records, "n", descending=False) == [{"n": 2}, {"n": 3, "second": True}, {"n": 10}, {}]
    assert ordered([{"a": {"b": "x"}}, {"a": {"b": "y"}}], "a.b", descending=True)[0] == {"a": {"b": "y"}}


def test_names_of_properties() -> None:
    names = set(property_names(JOB))
    assert {"TrainingJobName", "Tags.team", "HyperParameters.epochs", "FinalMetricDataList.MetricName"} <= names
