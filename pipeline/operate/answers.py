"""The answers of an endpoint to many rows, as they pass: counted against the file's own labels, written as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

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


def write_csv(answers: Iterable[PredictedRow], path: Path, *, progress: Callable[[int], None]) -> None:
    """Write them to `path`, whole or not at all; a score a class where there are several. Raises DataError."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            written = csv.writer(file)
            for answer in answers:
                scores = answer.score if isinstance(answer.score, list) else [answer.score]
                if answer.row == 1:
                    many = [f"score_{index}" for index in range(len(scores))] if len(scores) > 1 else ["score"]
                    written.writerow(["row", "label", "name", "truth", *many])
                label = "" if answer.label is None else answer.label
                written.writerow([answer.row, label, answer.name, answer.truth, *scores])
                if answer.row % _PROGRESS_ROWS == 0:
                    progress(answer.row)
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


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
