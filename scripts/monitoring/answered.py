"""The answers of an endpoint in whatever type the client accepted, as the JSON Lines that the other scripts read."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

from scripts.formats.recordio_chunk import MAGIC
from scripts.formats.wire import parse_record


def answer_lines(content_type: str, body: bytes) -> list[bytes]:
    """A line for each row that was answered; none for a type that linear-learner does not write. Raises ValueError."""
    if content_type == "application/x-recordio-protobuf":
        return [json.dumps(one).encode() for one in _records(body)]
    if content_type == "application/jsonlines":
        return [line for line in body.splitlines() if line.strip()]
    if content_type == "application/json":
        return [json.dumps(one).encode() for one in json.loads(body)["predictions"]]
    return []


def _records(body: bytes) -> Iterator[dict[str, Any]]:
    """Predictions as records without features, whose label map has the score and the predicted label."""
    at = 0
    while at < len(body):
        if len(body) < at + 8:
            raise ValueError("it ends within a record")
        magic, size = struct.unpack_from("<II", body, at)
        if magic != MAGIC or len(body) < at + 8 + size:
            raise ValueError("it is no recordIO")
        label = parse_record(memoryview(body)[at + 8 : at + 8 + size]).label
        scores = label["score"].values.tolist()
        found: dict[str, Any] = {"score": scores[0] if len(scores) == 1 else scores}
        if "predicted_label" in label:
            found["predicted_label"] = label["predicted_label"].values.tolist()[0]
        yield found
        at += 8 + size + -size % 4
