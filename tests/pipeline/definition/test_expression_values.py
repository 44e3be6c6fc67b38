"""Intrinsic functions, paths and rendering, against small scopes and an own evaluator as oracle."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.definition.expression_values import EvaluationError, evaluate, gets, render
from pipeline.definition.paths import Part, PathError, lookup, parse
from pipeline.local.engine import json_paths
from pipeline.local.engine.json_paths import json_path
from pipeline.local.engine.json_search import answered


@dataclass
class Known:
    """A scope of fixed values."""

    parameters: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)

    def parameter(self, name: str) -> Any:
        return self.parameters[name]

    def variable(self, name: str) -> str:
        return {"PipelineExecutionId": "abc123def456"}[name]

    def current_item(self) -> Any:
        return {"a": [{"b": 7}], "c d": "x"}

    def step_property(self, step: str, parts: Sequence[Part], reference: str) -> Any:
        return lookup(self.steps[step], parts)

    def property_file(self, step: str, name: str) -> str:
        return {("Eval", "Report"): "s3://b/eval/evaluation.json"}[step, name]

    def json_value(self, uri: str, path: str) -> Any:
        return json_paths.json_value(self.objects[uri], uri, path)


SCOPE = Known(
    parameters={"N": 3, "F": 0.1, "B": True, "S": "text"},
    steps={
        "Train": {
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
            "FinalMetricDataList": [{"MetricName": "val:acc", "Value": 0.5}, {"MetricName": "x.y", "Value": 2}],
            "HyperParameters": {"batch-size": "128", "a.b": "dot"},
            "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/t"}}}],
        },
        "Check": {"Outcome": False},
        "Ask": {"OutputParameters": {"x": 5}},
    },
    objects={
        "s3://b/eval/evaluation.json": b'{"m": {"auc": {"value": 0.93}}, "list": [1, {"k": "v"}], "a b": null}',
        "s3://b/bad.json": b"{",
    },
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Parameters.N", 3),
        ("Parameters.F", 0.1),
        ("Parameters.B", True),
        ("Execution.PipelineExecutionId", "abc123def456"),
        ("Steps.Train.ModelArtifacts.S3ModelArtifacts", "s3://b/model.tar.gz"),
        ("Steps.Train.FinalMetricDataList['val:acc'].Value", 0.5),
        ("Steps.Train.FinalMetricDataList['x.y'].Value", 2),
        ("Steps.Train.FinalMetricDataList[1].MetricName", "x.y"),
        ("Steps.Train.HyperParameters['batch-size']", "128"),
        ("Steps.Train.HyperParameters['a.b']", "dot"),
        ('Steps.Train.HyperParameters["a.b"]', "dot"),
        ("Steps.Train.InputDataConfig['train'].DataSource.S3DataSource.S3Uri", "s3://b/t"),
        ("Steps.Check.Outcome", False),
        ("ForEach.CurrentItem", {"a": [{"b": 7}], "c d": "x"}),
        ("ForEach.CurrentItem.a[0].b", 7),
        ("ForEach.CurrentItem['c d']", "x"),
        ("Steps.Ask.OutputParameters['x']", 5),
    ],
)
def test_a_get_keeps_the_type_of_what_it_finds(path: str, value: Any) -> None:
    found = evaluate({"Get": path}, SCOPE)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "path",
    [
        "Parameters.Missing",
        "Execution.Missing",
        "Steps.Missing.A",
        "Steps.Train.Missing",
        "Steps.Train.FinalMetricDataList[9]",
        "Steps.Train.FinalMetricDataList['none']",
        "Steps.Train.ModelArtifacts.S3ModelArtifacts.More",
        "Steps.Train[",
        "Elsewhere.X",
        "ForEach.CurrentItem.none",
        "ForEach.Other",
        "",
        7,
        None,
    ],
)
def test_a_get_that_finds_nothing_is_an_error_that_says_what_is_undefined(path: Any) -> None:
    with pytest.raises(EvaluationError, match="is undefined"):
        evaluate({"Get": path}, SCOPE)


def test_join_renders_every_kind_of_value() -> None:
    values = ["a", 3, 0.1, True, {"Get": "Parameters.B"}, {"Get": "Steps.Check.Outcome"}, {"Get": "Parameters.N"}]
    nested = {"Std:Join": {"Values": ["x", {"Std:Join": {"On": "-", "Values": [1, 2]}}]}}
    assert evaluate({"Std:Join": {"On": "/", "Values": [*values, nested]}}, SCOPE) == "a/3/0.1/true/true/false/3/x1-2"
    assert evaluate({"Std:Join": {"Values": []}}, SCOPE) == ""


def _json_get(path: str, **location: Any) -> Any:
    location = location or {"PropertyFile": {"Get": "Steps.Eval.PropertyFiles.Report"}}
    return evaluate({"Std:JsonGet": {**location, "Path": path}}, SCOPE)


def test_json_get_reads_property_files_and_objects() -> None:
    assert _json_get("m.auc.value") == 0.93
    assert _json_get("$.m.auc.value") == 0.93
    assert _json_get("list[1].k") == "v"
    assert _json_get("list[1]['k']") == "v"
    assert _json_get("['a b']") is None
    assert _json_get("list[0]", S3Uri={"Std:Join": {"On": "/", "Values": ["s3://b/eval", "evaluation.json"]}}) == 1
    assert _json_get("list[-1].k") == _json_get("$.list[-1]['k']") == "v"
    assert _json_get("list[-1:]") == [{"k": "v"}]
    assert _json_get("$..value") == [0.93]
    assert _json_get("m.*.value") == [0.93]


@pytest.mark.parametrize("path", ["m.none", "list[7]", "m[0]", "list.k", "$..none", "m.auc[", "$$$", "m.[?(@.x", ""])
def test_json_get_of_a_path_that_leads_nowhere(path: str) -> None:
    if path == "":
        assert isinstance(_json_get(path), dict)
        return
    with pytest.raises(EvaluationError, match=r"^Invalid json path '"):
        _json_get(path)


BACKTRACKING = '{"m": [{"n": "' + "a" * 60 + '!"}]}'
DEEP = '{"m": ' * 200 + "1" + "}" * 200


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        pytest.param(BACKTRACKING, "m[?(@.n =~ '(a+)+$')]", "regular expressions", id="backtracking"),
        pytest.param(BACKTRACKING, "m[0].n.`sub(/(a+)+$/, b)`", "functions", id="function"),
        pytest.param(DEEP, "$" + "..m" * 30, "takes too long", id="descendants of descendants", marks=pytest.mark.long),
        pytest.param(json.dumps({"m": ["x" * 200_000] * 8}), "m[*]", "it finds more than", id="large answer"),
    ],
)
def test_a_path_is_followed_with_a_bound_on_time_and_size(document: str, path: str, reason: str) -> None:
    with pytest.raises(EvaluationError, match=rf"^Invalid json path '.*{reason}"):
        evaluate({"Std:JsonGet": {"S3Uri": "s3://b/k", "Path": path}}, Known(objects={"s3://b/k": document.encode()}))


def test_a_small_document_and_a_plain_path_need_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_paths, "_SEARCH", Path("/none"))
    assert _json_get("$.list[1]['k']") == "v"
    with pytest.raises(EvaluationError):
        _json_get("list[-1]")


def test_a_large_document_is_read_by_a_process_of_its_own() -> None:
    text = json.dumps({"m": {"acc": 0.5}, "rest": ["x"] * 200_000}).encode()
    assert json_path(text, "$.m.acc") == 0.5
    with pytest.raises(json_paths.NoJson):
        json_path(text + b"}", "$.m.acc")


def test_an_operator_within_quotes_is_text() -> None:
    assert json_path(b'{"a": [{"n": "x=~`y", "v": 1}]}', "a[?(@.n == 'x=~`y')].v") == [1]


def test_json_get_of_what_is_no_json_or_no_property_file() -> None:
    with pytest.raises(EvaluationError, match="Contents of file s3://b/bad.json are not in valid JSON format."):
        _json_get("a", S3Uri="s3://b/bad.json")
    with pytest.raises(EvaluationError, match="is undefined"):
        _json_get("a", PropertyFile={"Get": "Steps.Eval.PropertyFiles.Other"})
    with pytest.raises(EvaluationError, match="is undefined"):
        _json_get("a", PropertyFile={"Get": "Parameters.N"})


def test_functions_are_found_at_any_depth_and_everything_else_stays() -> None:
    value = {"A": [{"B": {"Get": "Parameters.N"}}, {"Get": "Parameters.S", "Other": 1}], "C": None}
    assert evaluate(value, SCOPE) == {"A": [{"B": 3}, {"Get": "Parameters.S", "Other": 1}], "C": None}


def test_references_are_found_within_joins_and_json_gets() -> None:
    value = {
        "a": {"Std:Join": {"On": "", "Values": [{"Get": "Steps.A.X"}, 1]}},
        "b": [{"Std:JsonGet": {"PropertyFile": {"Get": "Steps.B.PropertyFiles.F"}, "Path": "p"}}],
    }
    assert sorted(gets(value)) == ["Steps.A.X", "Steps.B.PropertyFiles.F"]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcde"), inner, max_size=3),
    max_leaves=12,
)


@given(PLAIN)
def test_values_without_functions_evaluate_to_themselves(value: Any) -> None:
    assert evaluate(value, SCOPE) == value


@given(st.lists(st.text(max_size=8) | st.integers() | st.booleans() | st.floats(allow_nan=False)), st.text(max_size=3))
def test_join_is_the_join_of_what_it_renders(values: list[Any], on: str) -> None:
    expected = on.join(json.dumps(value) if isinstance(value, bool) else str(value) for value in values)
    assert evaluate({"Std:Join": {"On": on, "Values": values}}, SCOPE) == expected


@given(PLAIN)
def test_whatever_is_rendered_is_text(value: Any) -> None:
    assert isinstance(render(value), str)


KEYS = st.text(st.characters(exclude_characters=".[]'\"", exclude_categories=["Cs"]), min_size=1, max_size=6)


@given(st.lists(KEYS | st.integers(0, 12), min_size=1, max_size=5), st.integers())
def test_a_path_written_down_leads_back_to_its_value(parts: list[str | int], leaf: int) -> None:
    document: Any = leaf
    for part in reversed(parts):
        document = {part: document} if isinstance(part, str) else [None] * part + [document]
    text = "".join(f"['{part}']" if isinstance(part, str) else f"[{part}]" for part in parts)
    assert parse(text) == parts
    assert lookup(document, parse(text)) == leaf
    if not {"*", "$"} & {part for part in parts if isinstance(part, str)}:
        assert json_path(json.dumps(document).encode(), "$" + text) == leaf


def test_an_index_has_as_many_digits_as_it_likes() -> None:
    assert parse("a[12].b") == ["a", 12, "b"]
    assert parse("a[123456789012]") == ["a", 10**9]


@given(st.text(max_size=30))
def test_no_text_of_a_path_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(PathError):
        parse(text)
    parts = json_paths.definite(text)
    assert answered({"path": text, "parts": parts}, b'{"a": [1]}').keys() <= {"found", "error"}
