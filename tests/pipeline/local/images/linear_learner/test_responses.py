"""Answers to the byte, for the three tasks and the three types."""

from __future__ import annotations

import io
import json
from decimal import ROUND_DOWN, Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.images.linear_learner.model import Prediction
from pipeline.local.images.linear_learner.responses import JSON, JSONLINES, RECORDIO, cut, encode

BINARY = Prediction(np.array([0.98997736, 0.25], np.float32), np.array([1, 0]))
SOFTMAX = Prediction(np.array([[0.75, 0.25], [0.125, 0.875]], np.float32), np.array([0, 1]))
REGRESSION = Prediction(np.array([17.303707122802734, -3], np.float32), None)


@pytest.mark.parametrize(
    ("prediction", "accept", "expected"),
    [
        (
            BINARY,
            "",
            b'{"predictions": [{"score": 0.9899773597717285, "predicted_label": 1},'
            b' {"score": 0.25, "predicted_label": 0}]}',
        ),
        (BINARY, JSONLINES, b'{"predicted_label":1,"score":0.989977359771728}\n{"predicted_label":0,"score":0.25}\n'),
        (
            SOFTMAX,
            JSON,
            b'{"predictions": [{"score": [0.75, 0.25], "predicted_label": 0},'
            b' {"score": [0.125, 0.875], "predicted_label": 1}]}',
        ),
        (
            SOFTMAX,
            JSONLINES,
            b'{"predicted_label":0,"score":[0.75,0.25]}\n{"predicted_label":1,"score":[0.125,0.875]}\n',
        ),
        (REGRESSION, "text/csv", b'{"predictions": [{"score": 17.303707122802734}, {"score": -3.0}]}'),
        (REGRESSION, "Application/JSONLines; q=1", b'{"score":17.303707122802734}\n{"score":-3.0}\n'),
    ],
)
def test_the_bytes_of_an_answer(prediction: Prediction, accept: str, expected: bytes) -> None:
    kind, body = encode(prediction, accept)
    assert body == expected
    assert kind == (JSONLINES if "lines" in accept.lower() else JSON)


def test_recordio_answers_hold_score_and_label() -> None:
    kind, body = encode(SOFTMAX, RECORDIO)
    assert kind == RECORDIO
    assert body.count(b"predicted_label") == 2 and body.count(b"score") == 2
    assert np.array([0.125, 0.875], "<f4").tobytes() in body
    assert io.BytesIO(body).read(4) == b"\x0a\x23\xd7\xce"
    assert b"predicted_label" not in encode(REGRESSION, RECORDIO)[1]


@given(st.floats(-1e15, 1e15))
def test_json_lines_cut_what_is_beyond_15_decimals(number: float) -> None:
    text = cut(number)
    assert json.loads(text) == float(text)
    if "e" not in text:
        with localcontext(prec=50):
            assert Decimal(text) == Decimal(repr(number)).quantize(Decimal(1).scaleb(-15), rounding=ROUND_DOWN)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.5041388273239136, "0.504138827323913"),
        (1.0000000000000002, "1.0"),
        (1.2e-05, "0.000012"),
        (1.234567890123e-06, "0.00000123456789"),
        (1.5e-07, "1.5e-7"),
        (1e-16, "1e-16"),
        (1e-17, "0.0"),
        (-2e-20, "-0.0"),
        (1e16, "10000000000000000.0"),
        (1.5e20, "150000000000000000000.0"),
        (1.5e22, "1.5e22"),
        (0.0, "0.0"),
    ],
)
def test_numbers_are_written_as_rapidjson_writes_them(number: float, text: str) -> None:
    assert cut(number) == text
