"""The answers of an endpoint to many rows, as they pass: held against the file's own labels, written to a file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from pipeline.errors import DataError
from pipeline.operate.predict import PredictedRow

_PROGRESS_ROWS: Final = 10_000


class Tally:
    """How many answers passed, and how well they agree with what the file says."""

    def __init__(self) -> None:
        self.rows = 0
        self._compared = 0
        self._right = 0
        self._off = 0.0
        self._amounts = False

    def counting(self, answers: Iterable[PredictedRow]) -> Iterator[PredictedRow]:
        """The same answers, counted."""
        for answer in answers:
            self.rows += 1
            if answer.truth:
                self._compare(answer)
            yield answer

    def _compare(self, answer: PredictedRow) -> None:
        if answer.label is not None:
            self._compared += 1
            self._right += _same(answer.truth, answer.name or str(answer.label))
            return
        try:
            amount = float(answer.truth)
        except ValueError:
            return
        if isinstance(answer.score, float | int):
            self._compared += 1
            self._amounts = True
            self._off += abs(answer.score - amount)

    @property
    def said(self) -> str:
        """One line, or nothing where the file has no labels."""
        if not self._compared:
            return ""
        if self._amounts:
            return f"off by {self._off / self._compared:.6g} on average from the file's own values"
        return f"{self._right} of {self._compared} as the file says ({self._right / self._compared:.2%})"


def write(answers: Iterable[PredictedRow], path: Path, *, progress: Callable[[int], None]) -> None:
    """Write them to `path`, whole or not at all: Parquet where its name ends so, else CSV. Raises DataError.

    Several classes have a score each.
    """
    temporary = path.with_name(f".{path.name}.part")
    into = _parquet if path.suffix.lower() == ".parquet" else _csv
    try:
        into(temporary, _records(answers, progress))
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _records(answers: Iterable[PredictedRow], progress: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    for answer in answers:
        record = {"row": answer.row, "label": answer.label, "name": answer.name, "truth": answer.truth}
        if isinstance(answer.score, list) and len(answer.score) > 1:
            yield record | {f"score_{index}": score for index, score in enumerate(answer.score)}
        else:
            yield record | {"score": answer.score[0] if isinstance(answer.score, list) else answer.score}
        if answer.row % _PROGRESS_ROWS == 0:
            progress(answer.row)


def _csv(path: Path, records: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        if first := next(records, None):
            written = csv.DictWriter(file, list(first))
            written.writeheader()
            written.writerows(chain([first], records))


def _parquet(path: Path, records: Iterator[dict[str, Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    types = {"row": pyarrow.int64(), "label": pyarrow.int64(), "name": pyarrow.string(), "truth": pyarrow.string()}
    first = list(islice(records, _PROGRESS_ROWS))
    names = first[0] if first else types
    schema = pyarrow.schema([(name, types.get(name, pyarrow.float64())) for name in names])
    with parquet.ParquetWriter(path, schema) as file:
        while first:
            file.write_table(pyarrow.Table.from_pylist(first, schema))
            first = list(islice(records, _PROGRESS_ROWS))


def _same(truth: str, answer: str) -> bool:
    """Whether two labels are one: `1.0` and `1` are."""
    if answer.startswith("not "):
        return not _same(truth, answer.removeprefix("not "))
    if truth.strip() == answer:
        return True
    try:
        return float(truth) == float(answer)
    except ValueError:
        return False
