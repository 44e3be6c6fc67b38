"""libsvm text, a label and `index:value` pairs a line, read in blocks of whole lines.

scikit-learn's parser takes a block; where it refuses one, the block is read again line by line, to say which line is
wrong and how. How wide the rows are, and whether indices count from 0 or 1, is a matter of all files.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.formats.files import opened
from scripts.formats.sparse import MOST_COLUMNS, SparseForm, SparsePart, compressed

LABEL: Final = "(first in each line)"
_BLOCK: Final = 1 << 22
_LONGEST: Final = 1 << 25
_SHOWN: Final = 40
_HUGE: Final = 2**62


def libsvm_form(paths: Sequence[Path]) -> SparseForm:
    """What all files together say. `ScriptError` for lines that are none, as far as their first and last pairs show."""
    low, high = _HUGE, -1
    for path in paths:
        rows = 0
        with opened(path) as stream:
            for number, fields in _lines(path, stream):
                rows += 1
                if len(fields) > 1:
                    first, last = _index(fields[1]), _index(fields[-1])
                    if first is None or last is None or last >= MOST_COLUMNS or last < first:
                        _refuse(path, number, fields, MOST_COLUMNS)
                    low, high = min(low, first or 0), max(high, last or 0)
        if not rows:
            raise ScriptError(f"{path.name}: no rows; give data with at least one example")
    if high < 0:
        raise ScriptError(f"{paths[0].name}: no line has a pair of index and value; give data with features")
    first = 0 if low == 0 else 1
    return SparseForm(high + 1 - first, first)


def libsvm_rows(path: Path, form: SparseForm) -> Iterator[SparsePart]:
    """Sparse rows and labels, some at a time. `ScriptError` for a line that is none."""
    from sklearn.datasets import load_svmlight_file

    most = form.width + form.first
    before = 0
    with opened(path) as stream:
        for block in _blocks(path, stream):
            try:
                rows, labels = load_svmlight_file(io.BytesIO(block), n_features=most, zero_based=True, dtype=np.float32)
            except (ValueError, OverflowError) as error:
                for number, fields in _numbered(block, before):
                    _refuse(path, number, fields, most)
                raise ScriptError(f"{path.name}: no readable libsvm ({error}); {_FORM}") from None
            before += block.count(b"\n")
            if form.first and len(rows.indices):
                if rows.indices.min() < 1:
                    raise ScriptError(
                        f"{path.name}: an index is 0 where all counted from 1 when the data were inspected; inspect "
                        "them again"
                    )
                rows.indices -= 1
            if len(labels):
                yield compressed(rows.data, rows.indices, rows.indptr, form.width), labels


_FORM: Final = "write lines such as 1 3:0.5 7:2, a number and pairs of an index and a value, indices ascending"


def _blocks(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, some megabytes at a time."""
    lines = 0
    while block := stream.read(_BLOCK):
        rest = stream.readline(_LONGEST)
        if len(rest) == _LONGEST:
            raise ScriptError(
                f"{path.name}: line {lines + block.count(10) + 1} is longer than {_LONGEST >> 20} MB; {_FORM}"
            )
        block += rest
        if not lines:
            block = block.removeprefix(codecs.BOM_UTF8)
        lines += block.count(b"\n")
        yield block


def _lines(path: Path, stream: IO[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    before = 0
    for block in _blocks(path, stream):
        yield from _numbered(block, before)
        before += block.count(b"\n")


def _numbered(block: bytes, before: int) -> Iterator[tuple[int, list[bytes]]]:
    """The fields of each line that has some, without a comment, and the line's number."""
    for number, line in enumerate(block.split(b"\n"), before + 1):
        if fields := line.partition(b"#")[0].split():
            yield number, fields


def _index(pair: bytes) -> int | None:
    """The index of a pair; None where it is none."""
    text, colon, _ = pair.partition(b":")
    return int(text) if colon and text.isdigit() and len(text) < 18 else None


def _refuse(path: Path, number: int, fields: list[bytes], most: int) -> None:
    """Raises `ScriptError` for the first thing that is wrong with a line; nothing where all is well."""
    where = f"{path.name}: line {number}"
    if not _is_number(fields[0]):
        raise ScriptError(f"{where}: the label {_told(fields[0])} is no number; {_FORM}")
    before = -1
    for pair in fields[1:]:
        if pair.startswith(b"qid:"):
            raise ScriptError(
                f"{where}: {_told(pair)} is a query's, as data for ranking have; linear-learner ranks nothing, so take "
                "it out"
            )
        text, _, value = pair.partition(b":")
        if not text.isdigit() or not _is_number(value):
            raise ScriptError(f"{where}: {_told(pair)} is no pair of an index and a value; {_FORM}")
        index = int(text[:20])
        if index >= most:
            limit = f"{MOST_COLUMNS:,} columns are taken" if most == MOST_COLUMNS else "there were fewer columns before"
            raise ScriptError(f"{where}: the index {_told(text)} is too large, {limit}; number the columns anew")
        if index <= before:
            what = "comes twice" if index == before else f"comes after {before}"
            raise ScriptError(f"{where}: the index {index} {what}; write each once, in ascending order")
        before = index


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _told(text: bytes) -> str:
    shown = text.decode(errors="replace")
    return repr(shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…")
