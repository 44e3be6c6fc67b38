"""Predictions as the endpoint writes them, to the byte: JSON, JSON Lines or recordIO-protobuf.

JSON and JSON Lines come from two different writers in AWS's container: the first is Python's (all digits, spaces
after separators), the second is compact, has its keys in the other order and cuts numbers to 15 decimals.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.images.linear_learner.model import Prediction

JSON: Final = "application/json"
JSONLINES: Final = "application/jsonlines"
RECORDIO: Final = "application/x-recordio-protobuf"

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="Accept of a type that it does not write (text/csv, any other)",
        here="the answer is JSON, with Content-Type application/json",
        aws="text/csv gives JSON; other types are not established",
    ),
    Row(
        area="linear-learner",
        subject="predicted_label of a multiclass model in JSON",
        here="a whole number, as for binary models and in the documentation",
        aws="older containers wrote 0.0; newer ones are not established",
    ),
    Row(
        area="linear-learner",
        subject="numbers in JSON Lines",
        here="cut, not rounded, after 15 decimals, without trailing zeros, as RapidJSON does; below 1e-16 it is 0.0",
        aws="the cut is seen in real answers; that the writer is RapidJSON is inferred from it",
    ),
)

_DECIMALS: Final = 15


def encode(prediction: Prediction, accept: str) -> tuple[str, bytes]:
    """The content type and the body for an Accept header; a type that is not written here gives JSON."""
    kind = accept.lower().partition(";")[0].strip()
    writer = _WRITERS.get(kind)
    return (JSON, _json(prediction)) if writer is None else (kind, writer(prediction))


def _json(prediction: Prediction) -> bytes:
    return json.dumps({"predictions": _records(prediction)}).encode()


def _records(prediction: Prediction) -> list[dict[str, Any]]:
    scores = prediction.score.astype("f8").tolist()
    if prediction.predicted_label is None:
        return [{"score": score} for score in scores]
    labels = prediction.predicted_label.tolist()
    return [{"score": score, "predicted_label": label} for score, label in zip(scores, labels, strict=True)]


def _jsonlines(prediction: Prediction) -> bytes:
    scores = prediction.score.astype("f8").tolist()
    if prediction.score.ndim == 1:
        texts = [cut(score) for score in scores]
    else:
        texts = ["[" + ",".join(map(cut, row)) + "]" for row in scores]
    if prediction.predicted_label is None:
        return "".join([f'{{"score":{text}}}\n' for text in texts]).encode()
    labels = prediction.predicted_label.tolist()
    pairs = zip(labels, texts, strict=True)
    return "".join([f'{{"predicted_label":{label},"score":{text}}}\n' for label, text in pairs]).encode()


def cut(number: float) -> str:
    """A number as RapidJSON writes it with at most 15 decimals: cut, trailing zeros removed, one kept.

    >>> cut(0.9899773597717285), cut(2.0), cut(1e-20), cut(1.5e22)
    ('0.989977359771728', '2.0', '0.0', '1.5e22')
    """
    text = repr(number)
    if "e" not in text:
        whole, _, decimals = text.partition(".")
        return text if len(decimals) <= _DECIMALS else f"{whole}.{decimals[:_DECIMALS].rstrip('0') or '0'}"
    return _cut_exponent(text)


def _cut_exponent(text: str) -> str:
    """RapidJSON writes plain digits from 1e-6 to 1e21, an exponent beyond, and 0.0 below 1e-16."""
    sign, mantissa = ("-", text[1:]) if text.startswith("-") else ("", text)
    digits, _, power = mantissa.partition("e")
    exponent = int(power)
    figures = digits.replace(".", "")
    if exponent < -_DECIMALS - 1:
        return f"{sign}0.0"
    if -6 <= exponent < 0:
        decimals = ("0" * (-exponent - 1) + figures)[:_DECIMALS].rstrip("0")
        return f"{sign}0.{decimals or '0'}"
    if 0 <= exponent <= 20:
        return f"{sign}{figures.ljust(exponent + 1, '0')}.0"
    return f"{sign}{digits}e{exponent}"


def _recordio(prediction: Prediction) -> bytes:
    from scripts.formats import recordio

    labels = None if prediction.predicted_label is None else prediction.predicted_label.astype("f4")
    return bytes(recordio.encode_predictions(prediction.score, labels))


_WRITERS: Final[dict[str, Callable[[Prediction], bytes]]] = {
    JSON: _json,
    JSONLINES: _jsonlines,
    RECORDIO: _recordio,
}
