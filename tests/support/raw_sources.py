"""Raw data as files, all that the streams read of them, and how a refusal must look."""

from __future__ import annotations

import gzip
import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.errors import ScriptError
from scripts.formats.reading_options import Reading
from scripts.formats.streams import streams
from scripts.formats.tables import Table, joined_cells
from scripts.profiling.number_survey import survey_numbers
from scripts.profiling.problems import told


def write_idx(path: Path, array: Any, *, packed: bool = False) -> None:
    data = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if packed else data)


def write_mnist(folder: Path, *, packed: bool = True, rows: int = 60) -> tuple[Any, Any]:
    random = np.random.default_rng(3)
    images, labels = random.integers(0, 256, (rows, 4, 4), np.uint8), random.integers(0, 10, rows, np.uint8)
    ending = ".gz" if packed else ""
    for name, part in (("train", slice(rows)), ("t10k", slice(0, rows // 6))):
        write_idx(folder / f"{name}-images-idx3-ubyte{ending}", images[part], packed=packed)
        write_idx(folder / f"{name}-labels-idx1-ubyte{ending}", labels[part], packed=packed)
    return images, labels


def read_all(
    place: Path, label_column: str = "auto", header: str = "auto", columns: str = "all"
) -> dict[str, list[Table]]:
    """All rows at `place` by split, a table a file, in which InspectData finds no problem; else `ScriptError`."""
    reading = Reading(label_column, header, columns)
    if problems := survey_numbers(place, reading, seed=0, sparse=False).problems:
        raise ScriptError(told(problems))
    tables: dict[str, list[Table]] = {}
    for stream in streams(place, reading):
        features, labels = zip(*stream.rows(), strict=True)
        whole = replace(stream.table, features=np.concatenate(features), labels=joined_cells(list(labels)))
        tables.setdefault(stream.split, []).append(whole)
    return tables


def only(tables: list[Table]) -> Table:
    assert len(tables) == 1
    return tables[0]


def refused(place: Path, pattern: str, label_column: str = "first", header: str = "auto") -> None:
    with pytest.raises(ScriptError, match=pattern) as caught:
        read_all(place, label_column, header)
    assert "\n" not in str(caught.value)


class Runs:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


def csv_table(
    tmp_path: Path, text: str, label_column: str = "first", header: str = "auto", *, packed: bool = False
) -> Table:
    data = text.encode()
    path = tmp_path / ("data.csv.gz" if packed else "data.csv")
    path.write_bytes(gzip.compress(data) if packed else data)
    return only(read_all(tmp_path, label_column, header)["all"])
