"""A file of the training's own form is sent by `predict` as the training read it, feature by feature."""

from __future__ import annotations

import decimal
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.operate.deployed_model import _read, _read_raw
from pipeline.operate.predict import rows
from scripts import convert
from scripts.features.featurizer import Featurizer, transform_fn
from scripts.formats.recordio import read

SIZES = {"train": 80, "validation": 20, "test": 30}
Columns = dict[str, Any]


def columns(rows: int, own: Callable[[int], Any], label: Callable[[int], Any]) -> Columns:
    amounts = np.random.default_rng(rows).normal(size=rows).round(3).tolist()
    return {"a": amounts, "x": [own(row) for row in range(rows)], "y": [label(row) for row in range(rows)]}


def parquet(held: Columns) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(held), file)
    return file.getvalue()


def json_lines(held: Columns) -> bytes:
    return pd.DataFrame(held).to_json(orient="records", lines=True).encode()


def csv(held: Columns) -> bytes:
    return pd.DataFrame(held).to_csv(index=False).encode()


def digit(row: int) -> Any:
    return row % 2


@pytest.mark.parametrize(
    ("ending", "write", "own", "label", "features"),
    [
        (".ndjson", json_lines, lambda row: row % 5, digit, "numeric"),
        (".pq", parquet, lambda row: row % 5, digit, "numeric"),
        (".parquet.gz", lambda held: gzip.compress(parquet(held)), lambda row: row % 5, digit, "numeric"),
        (".csv", lambda held: gzip.compress(csv(held)), lambda row: row % 5, digit, "numeric"),
        (".csv", csv, lambda row: row % 3 == 0, digit, "numeric"),
        (".parquet", parquet, lambda row: row % 3 == 0, digit, "numeric"),
        (".jsonl", json_lines, lambda row: row % 3 == 0, digit, "numeric"),
        (".parquet", parquet, lambda row: decimal.Decimal(row) / 4, digit, "numeric"),
        (".parquet", parquet, lambda row: str(row % 7).encode(), digit, "numeric"),
        (".parquet", parquet, lambda row: [b"ja", b"nein", None][row % 3], digit, "table"),
        (".parquet", parquet, lambda row: [True, False, None][row % 3], digit, "table"),
        (".jsonl", json_lines, lambda row: [True, False, None][row % 3], digit, "table"),
        (".parquet", parquet, lambda row: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=row), digit, "table"),
        (".parquet", parquet, lambda row: [["u", "v", None][row % 3], "w"], digit, "table"),
        (".parquet", parquet, lambda row: row % 5, lambda row: row % 2 == 1, "numeric"),
        (".jsonl", json_lines, lambda row: ["u", "v", "w"][row % 3], lambda row: row % 2 == 1, "table"),
        (".parquet", parquet, lambda row: row % 5, lambda row: [b"0", b"1"][row % 2], "table"),
    ],
)
def test_features_and_labels_are_those_of_the_conversion(
    tmp_path: Path,
    ending: str,
    write: Callable[[Columns], bytes],
    own: Callable[[int], Any],
    label: Callable[[int], Any],
    features: str,
) -> None:
    (tmp_path / "data").mkdir()
    for name, size in SIZES.items():
        (tmp_path / "data" / f"{name}{ending}").write_bytes(write(columns(size, own, label)))
    out = tmp_path / "out"
    given = ["--data", str(tmp_path / "data"), "--output", str(out), "--task", "binary_classifier"]
    assert convert.main([*given, "--features", features, "--message", str(tmp_path / "message")]) == 0
    with (out / "test" / "part-00000.recordio").open("rb") as stream:
        wanted = np.concatenate([np.asarray(chunk.features) for chunk in read(stream)])
    found = json.loads((out / "inspection" / "inspection.json").read_text())
    if features == "table":
        featurizer = Featurizer.load((out / "inspection" / "featurizer.json").read_bytes())
        sent = list(rows(tmp_path / "data" / f"test{ending}", _read_raw(found, featurizer)))
        body = sent[0].header + b"".join(row.line for row in sent)
        lines = transform_fn(featurizer, body, "text/csv", "")[0].splitlines()
    else:
        data = _read(found, tuple(found["features"]["names"]), found["features"]["count"])
        sent = list(rows(tmp_path / "data" / f"test{ending}", data))
        lines = [row.line.decode() for row in sent]
    np.testing.assert_array_equal(np.array([line.split(",") for line in lines], np.float32), wanted)
    assert [row.truth for row in sent] == (out / "labels" / "labels.csv").read_text().split()
