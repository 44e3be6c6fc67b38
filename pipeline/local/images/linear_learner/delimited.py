"""Rows of a CSV file as float32, by pandas' C parser: several times as fast as numpy's own.

Parsing stops at the first text that is no number, with the rows and the file as the container names them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, Final

import numpy as np

from pipeline.limits import Row
from pipeline.local.images.linear_learner.container_errors import CustomerError
from pipeline.local.images.linear_learner.model import Floats

BLOCK: Final = 1000
"""Rows that an error names: a real one names `rows 1-1000`."""

# Parts of true and false in every way of writing them that pandas takes.
_WORDS: Final = (b"rue", b"RUE", b"als", b"ALS")

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="rows named by `Unable to parse csv: rows 1-1000, file ...`",
        here=f"the {BLOCK:,} rows, counted from the begin of the file, that hold the first one that cannot be read",
        aws="one such line is on record; what the range means is not established",
    ),
)


def read_rows(stream: IO[bytes], chunk_numbers: int, channel: str, where: str) -> Iterator[tuple[Floats, int, float]]:
    """Chunks of rows (rows, columns), the number of the first row of each from 1, and bytes a row, roughly.

    A row that is too short ends in NaN. Raises CustomerError for text that is no number and for a row too long.
    """
    head = _Replayed(stream)
    columns = head.first_line.count(b",") + 1
    size = max(1, chunk_numbers // columns)
    first = 1
    try:
        for frame in _frames(head, size):
            # The rows read so far give a guess of the bytes a row takes that is good enough for a capacity.
            yield frame.to_numpy(), first, max(1.0, len(head.first_line) / 2)
            first += len(frame)
    except _Word as word:
        raise _refusal(word, word.row - (word.row - 1) % BLOCK, channel, where) from word
    except (ValueError, UnicodeDecodeError) as error:
        raise _refusal(error, _first_bad(stream, first), channel, where) from error


def _frames(stream: Any, size: int, skip: int = 0) -> Iterator[Any]:
    import pandas as pd

    frames = pd.read_csv(
        stream, header=None, dtype=np.float32, chunksize=size, skiprows=skip, compression=None, engine="c"
    )
    while True:
        # A number beyond float32 is infinite, and refused as such.
        with np.errstate(over="ignore"):
            frame = next(frames, None)
        if frame is None:
            return
        yield frame


def _first_bad(stream: IO[bytes], first: int) -> int:
    """The first row of the block that cannot be read; of a pipe, which has gone by, of the block that holds `first`."""
    row = first - (first - 1) % BLOCK
    if not stream.seekable():
        return row
    stream.seek(0)
    try:
        for frame in _frames(stream, BLOCK, skip=row - 1):
            row += len(frame)
    except (ValueError, UnicodeDecodeError):
        pass
    return row


def _refusal(error: Exception, first: int, channel: str, where: str) -> CustomerError:
    reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
    return CustomerError(
        f"Unable to parse csv: rows {first}-{first + BLOCK - 1}, file {where}",
        detail=f"Channel '{channel}': {reason}. Every row must hold numbers only: the label, then the features; "
        "no header.",
    )


class _Word(ValueError):
    """A truth value in a row, which pandas would take for a number."""

    def __init__(self, row: int) -> None:
        super().__init__("could not convert string to float: a word like True or False")
        self.row = row


class _Replayed:
    """A stream whose first line has been looked at, and is read again. Raises _Word."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.first_line = stream.readline()
        self._head = self.first_line
        self._row = 1
        self._before = b""

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head, b""
        data = head or self._stream.read(size)
        seen = self._before + data
        for word in _WORDS:
            if (at := seen.find(word)) >= 0:
                raise _Word(self._row + seen.count(b"\n", 0, at))
        self._before = seen[1 - len(_WORDS[0]) :]
        self._row += seen.count(b"\n") - self._before.count(b"\n")
        return data

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> bytes:
        line = self.read(1 << 16)
        if not line:
            raise StopIteration
        return line
