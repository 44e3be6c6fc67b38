"""The JSONPath subset of batch transform, and how records are filtered and joined."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.local.containers.jobs.associate import Association, AssociationError
from pipeline.local.containers.jobs.filters import Filter, FilterError

ROW = ["id", "1", "2", "3", "4"]
OBJECT = {"id": 7, "features": [1, 2, 3], "deep": {"a": 1, "b": {"c": 2}}, "SageMakerOutput": {"score": 0.5}}
CSV, LINES, JSON = "text/csv", "application/jsonlines", "application/json"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("$", ROW, ROW),
        ("$[1:]", ROW, ["1", "2", "3", "4"]),
        ("$[:2]", ROW, ["id", "1"]),
        ("$[1:3]", ROW, ["1", "2"]),
        ("$[0]", ROW, "id"),
        ("$[-1]", ROW, "4"),
        ("$[0,-1]", ROW, ["id", "4"]),
        ("$[0, 3:]", ROW, ["id", "3", "4"]),
        ("$[0,5:]", ROW, ["id"]),
        ("$.features", OBJECT, [1, 2, 3]),
        ("$['features']", OBJECT, [1, 2, 3]),
        ("$.features[1:]", OBJECT, [2, 3]),
        ("$.features[0,-1]", OBJECT, [1, 3]),
        ("$.features[0]", OBJECT, 1),
        ("$.deep.b.c", OBJECT, 2),
        ("$['id','SageMakerOutput']", OBJECT, {"id": 7, "SageMakerOutput": {"score": 0.5}}),
        ("$.deep['a','b']", OBJECT, {"a": 1, "b": {"c": 2}}),
        ("$.deep.*", OBJECT, [1, {"c": 2}]),
        ("$[*]", ROW, ROW),
    ],
)
def test_what_a_path_picks(path: str, value: Any, expected: Any) -> None:
    assert Filter.parse(path).apply(value) == expected


@pytest.mark.parametrize("path", ["", "features", "$[", "$[]", "$..a", "$[?(@.a)]", "$.a[1:2:3]", "$.a b c("])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(FilterError):
        Filter.parse(path)


@pytest.mark.parametrize(("path", "value"), [("$[9]", ROW), ("$.none", OBJECT), ("$[0]", OBJECT), ("$.id.x", OBJECT)])
def test_what_is_not_there(path: str, value: Any) -> None:
    with pytest.raises(FilterError):
        Filter.parse(path).apply(value)


def association(content_type: str, accept: str, **processing: str) -> Association:
    found = Association.of(
        {
            "TransformInput": {"ContentType": content_type},
            "TransformOutput": {"Accept": accept},
            "DataProcessing": processing,
        }
    )
    assert found is not None
    return found


def test_nothing_to_do_is_none() -> None:
    processing = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    assert Association.of({"TransformInput": {}, "TransformOutput": {}, "DataProcessing": processing}) is None


def test_csv_is_quoted_as_the_rfc_says() -> None:
    found = association(CSV, CSV, InputFilter="$[1:]", JoinSource="Input", OutputFilter="$[0,-1]")
    records = [b'"a ""b"", c",1.50,2\n', b"d,3,4"]
    assert [found.to_model(record) for record in records] == [b"1.50,2\n", b"3,4"]
    assert found.from_model(records, b"0.1\n0.2\n") == b'"a ""b"", c",0.1\nd,0.2'


def test_json_objects_get_the_output_others_are_wrapped() -> None:
    found = association(LINES, LINES, JoinSource="Input")
    joined = found.from_model([b'{"key": 1}\n', b"[1, 2]\n"], b'{"label":1}\n{"label":0}\n').splitlines()
    assert joined == [
        b'{"SageMakerOutput":{"label":1},"key":1}',
        b'{"SageMakerInput":[1,2],"SageMakerOutput":{"label":0}}',
    ]


def test_a_whole_json_document_is_one_record() -> None:
    found = association(JSON, JSON, InputFilter="$.body", JoinSource="Input", OutputFilter="$['id','SageMakerOutput']")
    record = json.dumps({"id": 1, "body": {"instances": []}}, indent=1).encode()
    assert found.to_model(record) == b'{"instances":[]}'
    assert found.from_model([record], b'{"predictions": []}') == b'{"SageMakerOutput":{"predictions":[]},"id":1}'


@pytest.mark.parametrize("answer", [b"1\n", b"1\n2\n3\n", b"{"])
def test_answers_that_do_not_match_the_records_cannot_be_joined(answer: bytes) -> None:
    found = association(LINES, LINES, JoinSource="Input")
    with pytest.raises(AssociationError, match="Fail to join data"):
        found.from_model([b"1\n", b"2\n"], answer)


def test_a_record_that_cannot_be_read_cannot_be_filtered() -> None:
    with pytest.raises(AssociationError, match="Fail to filter input data"):
        association(LINES, LINES, InputFilter="$.a").to_model(b"no json\n")
