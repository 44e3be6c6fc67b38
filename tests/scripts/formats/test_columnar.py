"""Types of Parquet and JSON Lines that are no cells: texts saved as bytes are read, nested ones are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scripts import inspect_data

ROWS = 40


def inspected(folder: Path, features: str, *more: str) -> tuple[int, str]:
    words = ["--data", str(folder), "--output", str(folder.parent / "out"), "--features", features]
    message = folder.parent / "message"
    return inspect_data.main([*words, "--message", str(message), *more]), message.read_text()


@pytest.mark.parametrize("features", ["numeric", "table"])
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([{"k": row % 3} for row in range(ROWS)], "struct<k: int64>"),
        ([[[row % 3, 1]] for row in range(ROWS)], "list<"),
        (pa.array([[("k", row % 3)] for row in range(ROWS)], pa.map_(pa.string(), pa.int64())), "map<string, int64"),
        ([b"\xff\xfe" if row else b"a" for row in range(ROWS)], "bytes that are no UTF-8 text; leave it out"),
    ],
    ids=["objects", "lists of lists", "maps", "bytes"],
)
def test_what_is_no_cell_is_refused_by_its_column_until_that_is_left_out(
    tmp_path: Path, values: Any, kind: str, features: str
) -> None:
    (tmp_path / "data").mkdir()
    held = {"y": [row % 2 for row in range(ROWS)], "a": [row * 7 % 5 for row in range(ROWS)], "x": values}
    pq.write_table(pa.table(held), tmp_path / "data" / "a.parquet")
    code, said = inspected(tmp_path / "data", features)
    assert code == 1 and said.startswith(f"a.parquet: column 'x': it holds {kind}"), said
    assert said.endswith("leave it out by Features=!NAME")
    assert inspected(tmp_path / "data", features, "--columns", "!x")[0] == 0


@pytest.mark.parametrize("features", ["numeric", "table"])
@pytest.mark.parametrize("label", [{"k": 1}, [1]], ids=["object", "list"])
def test_a_label_that_is_nested_is_refused(tmp_path: Path, features: str, label: Any) -> None:
    (tmp_path / "data").mkdir()
    lines = [json.dumps({"y": label, "a": row}) for row in range(ROWS)]
    (tmp_path / "data" / "a.jsonl").write_text("\n".join(lines) + "\n")
    code, said = inspected(tmp_path / "data", features)
    assert code == 1 and said.startswith("a.jsonl: column 'y', the label, holds ") and "\n" not in said


@pytest.mark.parametrize("features", ["numeric", "table"])
def test_texts_that_were_saved_as_bytes_are_texts(tmp_path: Path, features: str) -> None:
    (tmp_path / "data").mkdir()
    labels = [[b"ja", b"nein"][row % 2] for row in range(ROWS)]
    amounts = [str(row * 7 % 5 + 0.5).encode() for row in range(ROWS)]
    pq.write_table(pa.table({"y": labels, "a": amounts}), tmp_path / "data" / "a.parquet")
    code, said = inspected(tmp_path / "data", features, "--task", "binary_classifier", "--positive-class", "ja")
    assert code == 0, said
    schema = json.loads((tmp_path / "out" / "schema.json").read_text())
    assert schema["names"] == ["ja", "nein"]
    assert (schema["features"][0]["min"], schema["features"][0]["max"]) == (0.5, 4.5)
