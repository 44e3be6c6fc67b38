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
from scripts.formats.recordio import Sparse, read
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
    kept: tuple[int, ...] | None = None
    """The columns of sparse rows that are looked at, where all of them would be too many."""

    def rows(self, content_type: str, body: bytes) -> Block:
        """The rows of a request. Raises ValueError and what comes of reading what is not there."""
        if self.featurizer is not None:
            reader = read_csv if content_type == CSV else read_json
            return reader(body.decode("utf-8-sig", "replace"), self.featurizer)
        return np.concatenate([self._chosen(part) for part in _numbers(content_type, body, self.width)])

    def _chosen(self, part: npt.NDArray[np.float32] | Sparse) -> npt.NDArray[np.float32]:
        if len(part.shape) != 2 or part.shape[1] != self.width:
            raise ValueError(f"rows of the shape {part.shape}, where the model takes {self.width} columns")
        if isinstance(part, np.ndarray):
            return part if self.kept is None else part[:, self.kept]
        return part.dense() if self.kept is None else part.columns(np.array(self.kept)).dense()

    def watched(self) -> list[int]:
        """The columns that the model looks at, in their order."""
        if self.featurizer is None:
            return list(range(self.width if self.kept is None else len(self.kept)))
        return [at for at, column in enumerate(self.featurizer.columns) if not isinstance(column, LeftOut)]

    def names(self) -> list[str]:
        """What the columns are called, as far as the model knows."""
        if self.featurizer is not None:
            return list(self.featurizer.names)
        if len(self.called) == self.width:
            return list(self.called)
        return [f"feature {at + 1}" for at in (range(self.width) if self.kept is None else self.kept)]


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


def _numbers(content_type: str, body: bytes, width: int) -> Iterator[npt.NDArray[np.float32] | Sparse]:
    if content_type == CSV:
        lines = [line for line in body.decode("ascii").splitlines() if line.strip()]
        yield np.array([line.split(",") for line in lines], np.float32)
    elif content_type == "application/json":
        yield from _instances(json.loads(body)["instances"], width)
    elif content_type == "application/jsonlines":
        yield from _instances([json.loads(line) for line in body.splitlines() if line.strip()], width)
    elif content_type == "application/x-recordio-protobuf":
        try:
            yield from (chunk.features for chunk in read(io.BytesIO(body), where="a request"))
        except ScriptError as error:
            raise ValueError(str(error)) from None
    else:
        raise ValueError(f"requests of the type {content_type!r} are not read")


def _instances(instances: Sequence[Any], width: int) -> Iterator[npt.NDArray[np.float32] | Sparse]:
    """Rows of {"features": [...]} or {"data": {"features": {"values": [...]}}}, the latter sparse where it has keys."""
    for instance in instances:
        found = instance["features"] if "features" in instance else instance["data"]["features"]
        values = np.asarray(found["values"] if isinstance(found, dict) else found, np.float32)
        if isinstance(found, dict) and "keys" in found:
            keys = np.asarray(found["keys"], np.int64)
            if len(keys) and not 0 <= int(keys.min()) <= int(keys.max()) < width:
                raise ValueError(f"a key outside of {width} columns")
            yield Sparse(np.array([0, len(values)]), keys, values, (1, width))
        else:
            yield values[None]
