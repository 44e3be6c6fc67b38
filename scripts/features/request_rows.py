"""The rows of a request to the endpoint, of any content type that it takes, and rows by column.

With a featurizer before the model they are raw cells in the order of its columns, which reads them here as it does
there; without one they are numbers.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.features.featurizer import ORDERS, Featurizer, LeftOut, moment, normal, read_csv, read_json
from scripts.features.raw_columns import numbers_of
from scripts.formats.recordio import read
from scripts.monitoring.drift import Values

Block = npt.NDArray[np.float32] | list[list[str]]
"""Some rows: numbers (rows, columns), or cells."""

CSV: Final = "text/csv"
_MOSTLY: Final = 0.9


@dataclass(frozen=True)
class RowReader:
    """Reads requests for a model of `width` columns, or of the featurizer's."""

    width: int
    featurizer: Featurizer | None = None
    called: tuple[str, ...] = ()
    """What the columns are called, where they are numbers and that is known."""

    def rows(self, content_type: str, body: bytes) -> Block:
        """The rows of a request. Raises ValueError and what comes of reading what is not there."""
        if self.featurizer is not None:
            reader = read_csv if content_type == CSV else read_json
            return reader(body.decode("utf-8-sig", "replace"), self.featurizer)
        found = _numbers(content_type, body, self.width)
        if found.ndim != 2 or found.shape[1] != self.width:
            raise ValueError(f"rows of the shape {found.shape}, where the model takes {self.width} columns")
        return found

    def watched(self) -> list[int]:
        """The columns that the model looks at, in their order."""
        if self.featurizer is None:
            return list(range(self.width))
        return [at for at, column in enumerate(self.featurizer.columns) if not isinstance(column, LeftOut)]

    def names(self) -> list[str]:
        """What the columns are called, as far as the model knows."""
        if self.featurizer is not None:
            return list(self.featurizer.names)
        if len(self.called) == self.width:
            return list(self.called)
        return [f"feature {at}" for at in range(1, self.width + 1)]


def columns_of(blocks: Sequence[Block], width: int) -> list[Values]:
    """The columns of some rows: float64 where all of it is numbers or missing, else texts and None."""
    if not blocks:
        return [np.empty(0)] * width
    if isinstance(blocks[0], np.ndarray):
        table = np.concatenate([block for block in blocks if isinstance(block, np.ndarray)])
        return [column.astype(np.float64) for column in table.T]
    rows = [row for block in blocks for row in block]
    return [_column(cells) for cells in zip(*rows, strict=True)] if rows else [np.empty(0)] * width


def is_dates(values: Values) -> bool:
    """Whether nearly all are dates, which move on by themselves."""
    if values.dtype.kind != "O":
        return False
    known = {value for value in values if value is not None}
    dates = sum(any(moment(value, order) for order in ORDERS) for value in known)
    return bool(known) and dates >= _MOSTLY * len(known)


def _column(cells: Iterable[str]) -> Values:
    texts = np.array([normal(cell) or None for cell in cells], object)
    numbers = numbers_of(texts)
    return texts if numbers is None else numbers


def _numbers(content_type: str, body: bytes, width: int) -> npt.NDArray[np.float32]:
    if content_type == CSV:
        lines = [line for line in body.decode("ascii").splitlines() if line.strip()]
        return np.array([line.split(",") for line in lines], np.float32)
    if content_type == "application/json":
        return _dense(json.loads(body)["instances"], width)
    if content_type == "application/jsonlines":
        return _dense([json.loads(line) for line in body.splitlines() if line.strip()], width)
    if content_type == "application/x-recordio-protobuf":
        try:
            return np.concatenate(list(_records(body)))
        except ScriptError as error:
            raise ValueError(str(error)) from None
    raise ValueError(f"requests of the type {content_type!r} are not read")


def _records(body: bytes) -> Iterator[npt.NDArray[np.float32]]:
    for chunk in read(io.BytesIO(body), where="a request"):
        yield chunk.features if isinstance(chunk.features, np.ndarray) else chunk.features.dense()


def _dense(instances: Sequence[Any], width: int) -> npt.NDArray[np.float32]:
    """Rows of {"features": [...]} or {"data": {"features": {"values": [...]}}}, the latter sparse where it has keys."""
    rows = []
    for instance in instances:
        found = instance["features"] if "features" in instance else instance["data"]["features"]
        if isinstance(found, dict) and "keys" in found:
            row = np.zeros(width, np.float32)
            row[np.asarray(found["keys"], np.intp)] = found["values"]
            rows.append(row)
        else:
            rows.append(np.asarray(found["values"] if isinstance(found, dict) else found, np.float32))
    return np.array(rows)
