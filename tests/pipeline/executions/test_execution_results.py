"""What an execution made: its outputs, its evaluation, how its figures stand to the thresholds; files downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.clients import Clients
from pipeline.errors import ServiceError
from pipeline.executions import execution_results
from pipeline.executions.execution_snapshot import ExecutionSnapshot, snapshot
from tests.support.clients import aws_alone, clients_of
from tests.support.definitions import CASES, definition
from tests.support.evaluated import BUCKET, evaluated
from tests.support.executions import run
from tests.support.service import local_service

GROUPS = {
    "binary": "binary_classification_metrics",
    "full": "binary_classification_metrics",
    "rollout": "binary_classification_metrics",
    "table": "binary_classification_metrics",
    "sparse": "binary_classification_metrics",
    "multiclass": "multiclass_classification_metrics",
    "regression": "regression_metrics",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clients, ExecutionSnapshot]]:
    folder: Path = tmp_path_factory.mktemp("results")
    with local_service(folder) as local:
        local.s3.create_bucket(Bucket=BUCKET)
        clients = clients_of(local)
        arn = run(local, evaluated(local, "demo"), given={"MinAccuracy": "0.95"})["PipelineExecutionArn"]
        yield clients, snapshot(clients, arn)


def test_outputs_have_the_address_that_the_job_wrote_to(ran: tuple[Clients, ExecutionSnapshot]) -> None:
    clients, execution = ran
    identity = execution.arn.rpartition("/")[2]
    assert execution_results.outputs(clients, execution) == (
        execution_results.Output(
            "EvaluateModel", "evaluation", f"s3://{BUCKET}/demo/executions/{identity}/EvaluateModel/evaluation/"
        ),
    )


def test_figures_are_compared_with_what_the_execution_was_given(ran: tuple[Clients, ExecutionSnapshot]) -> None:
    clients, execution = ran
    metrics = execution_results.evaluation(clients, execution_results.outputs(clients, execution))
    assert metrics is not None
    (gate,) = execution_results.execution_gates(clients, execution.arn, metrics)
    assert gate == execution_results.GateResult("accuracy", 0.9, "at least", 0.95, "MinAccuracy", passed=False)
    assert execution_results.confusion_matrix(metrics) == {"0": {"0": 90, "1": 3}, "1": {"0": 2, "1": 5}}
    named = execution_results.confusion_matrix(metrics, ("not 7", "7"))
    assert named == {"not 7": {"not 7": 90, "7": 3}, "7": {"not 7": 2, "7": 5}}


def test_downloaded_files_are_those_below_the_prefix(ran: tuple[Clients, ExecutionSnapshot], tmp_path: Path) -> None:
    clients, execution = ran
    (output,) = execution_results.outputs(clients, execution)
    found = execution_results.download(clients, output.uri, tmp_path)
    assert sorted(path.relative_to(tmp_path.resolve()).as_posix() for path in found) == ["evaluation.json", "roc.png"]


def test_no_evaluation_is_no_error() -> None:
    with aws_alone() as aws:
        assert execution_results.evaluation(aws, (execution_results.Output("A", "train", "s3://b/k/"),)) is None
    assert execution_results.confusion_matrix({}) is None


def test_classes_have_the_names_that_the_conversion_found() -> None:
    output = (execution_results.Output("ConvertData", "inspection", f"s3://{BUCKET}/i/"),)
    with aws_alone() as aws:
        aws.s3.create_bucket(Bucket=BUCKET)
        assert execution_results.classes(aws, output) == ()
        aws.s3.put_object(Bucket=BUCKET, Key="i/inspection.json", Body=b'{"classes": ["not 7", "7"]}')
        assert execution_results.classes(aws, output) == ("not 7", "7")
        aws.s3.put_object(Bucket=BUCKET, Key="i/inspection.json", Body=b'{"classes": null}')
        assert execution_results.classes(aws, output) == ()


def test_an_evaluation_that_was_removed_is_no_error_and_one_that_cannot_be_read_is() -> None:
    output = (execution_results.Output("EvaluateModel", "evaluation", f"s3://{BUCKET}/e/"),)
    with aws_alone() as aws:
        assert execution_results.evaluation(aws, output) is None
        aws.s3.create_bucket(Bucket=BUCKET)
        assert execution_results.evaluation(aws, output) is None
        aws.s3.put_object(Bucket=BUCKET, Key="e/evaluation.json", Body=b"[]")
        with pytest.raises(ServiceError, match=f"s3://{BUCKET}/e/evaluation.json holds no JSON object"):
            execution_results.evaluation(aws, output)


def test_a_key_that_points_outside_is_not_written(tmp_path: Path) -> None:
    with aws_alone() as aws:
        aws.s3.create_bucket(Bucket=BUCKET)
        for key in ("out/../../evil", "out/good", "out/folder/"):
            aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        found = execution_results.download(aws, f"s3://{BUCKET}/out/", tmp_path / "folder")
    assert [path.name for path in found] == ["good"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("case", CASES)
def test_every_threshold_of_the_pipeline_is_a_gate(case: str) -> None:
    document = definition(case)
    thresholds = {item["Name"] for item in document["Parameters"] if item["Name"].startswith(("Min", "Max"))}
    thresholds -= {"MiniBatchSize", "MaxRegression"}  # the latter bounds a difference, which is a gate of its own
    everything = _Everything()
    gates = execution_results.gates(document, {}, {GROUPS[case]: everything})
    assert {gate.parameter for gate in gates} == thresholds
    assert {gate.side for gate in gates if gate.parameter.startswith("Max")} <= {"at most"}


@pytest.mark.parametrize(
    ("kind", "value", "passed"),
    [
        ("GreaterThanOrEqualTo", 0.5, True),
        ("GreaterThan", 0.5, False),
        ("LessThanOrEqualTo", 0.5, True),
        ("LessThan", 0.5, False),
        ("LessThan", 0.4, True),
    ],
)
def test_a_figure_at_the_threshold_is_as_the_condition_says(kind: str, value: float, passed: bool) -> None:
    left = {"Std:JsonGet": {"Path": "g.accuracy.value"}}
    condition = {"Type": kind, "LeftValue": left, "RightValue": {"Get": "Parameters.T"}}
    step = {"Name": "C", "Type": "Condition", "Arguments": {"Conditions": [condition], "IfSteps": [], "ElseSteps": []}}
    (gate,) = execution_results.gates({"Steps": [step]}, {"T": "0.5"}, {"g": {"accuracy": {"value": value}}})
    assert (gate.metric, gate.passed) == ("accuracy", passed)


@pytest.mark.parametrize("figure", [10**400, True, None, [], "x"], ids=["huge", "true", "null", "list", "text"])
def test_what_is_no_figure_is_no_gate(figure: Any) -> None:
    left = {"Std:JsonGet": {"Path": "g.accuracy.value"}}
    condition = {"Type": "GreaterThan", "LeftValue": left, "RightValue": {"Get": "Parameters.T"}}
    step = {"Name": "C", "Type": "Condition", "Arguments": {"Conditions": [condition], "IfSteps": [], "ElseSteps": []}}
    assert execution_results.gates({"Steps": [step]}, {"T": "0.5"}, {"g": {"accuracy": {"value": figure}}}) == ()


@pytest.mark.parametrize("matrix", [[[1]], {"0": [1]}, {"0": {"0": "many"}}, None], ids=str)
def test_a_matrix_of_another_form_is_none(matrix: Any) -> None:
    assert execution_results.confusion_matrix({"g": {"confusion_matrix": matrix}}) is None


@pytest.mark.parametrize("path", ["accuracy", "g.accuracy", "g.accuracy.value"])
def test_a_figure_is_called_by_the_last_name_of_its_path(path: str) -> None:
    condition = {
        "Type": "GreaterThan",
        "LeftValue": {"Std:JsonGet": {"Path": path}},
        "RightValue": {"Get": "Parameters.T"},
    }
    step = {"Name": "C", "Type": "Condition", "Arguments": {"Conditions": [condition]}}
    metrics = {"accuracy": 1, "g": {"accuracy": 1}} if path != "g.accuracy.value" else {"g": {"accuracy": {"value": 1}}}
    (gate,) = execution_results.gates({"Steps": [step]}, {"T": "0.5"}, metrics)
    assert gate.metric == "accuracy"


class _Everything(dict[str, Any]):
    """An evaluation that has every figure."""

    def get(self, key: str, default: Any = None) -> Any:
        return {"value": 1.0}
