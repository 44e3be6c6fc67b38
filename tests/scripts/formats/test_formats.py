"""One table in every format is the same table, and everything that is wrong with one is told at once."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import dump_svmlight_file

from scripts.errors import ScriptError
from scripts.formats import columnar
from scripts.formats.reading_options import Reading
from scripts.formats.streams import streams
from scripts.formats.tables import Table
from scripts.profiling.survey import survey
from tests.support.raw_sources import read_all

FRAME = pd.DataFrame(
    {"age": [30, 41, 52], "bmi": [21.5, 0.0, 30.25], "smokes": [True, False, True], "class": ["ill", "well", "ill"]}
)


def only(place: Path, label_column: str = "auto") -> Table:
    (table,) = read_all(place, label_column)["all"]
    return table


def write_parquet(path: Path) -> None:
    FRAME.set_index(pd.Index([7, 8, 9])).to_parquet(path)


def write_json_lines(path: Path) -> None:
    FRAME.to_json(path, orient="records", lines=True)


def write_csv(separator: str) -> Callable[[Path], None]:
    return lambda path: FRAME.replace({True: 1, False: 0}).to_csv(path, sep=separator, index=False)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.parquet", write_parquet),
        ("a.pq", write_parquet),
        ("a.jsonl", write_json_lines),
        ("a.ndjson", write_json_lines),
        ("a.tsv", write_csv("\t")),
        ("a.csv", write_csv(";")),
        ("a.csv", write_csv("|")),
    ],
    ids=["parquet", "pq", "json lines", "ndjson", "tab", "semicolon", "bar"],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.filterwarnings("ignore:Downcasting:FutureWarning")
def test_one_table_is_the_same_in_every_format(
    tmp_path: Path, name: str, write: Callable[[Path], None], packed: bool
) -> None:
    path = tmp_path / name
    write(path)
    if packed:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    table = only(tmp_path)
    assert table.columns == ("age", "bmi", "smokes")
    assert table.features.dtype == np.float32
    assert table.features.tolist() == [[30, 21.5, 1], [41, 0, 0], [52, 30.25, 1]]
    assert (table.labels.tolist(), table.label) == (["ill", "well", "ill"], "'class' (column 4 of 4)")


def test_parquet_folder_with_partitions_and_splits(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("ill", "well"):
            folder = tmp_path / split / f"class={name}"
            folder.mkdir(parents=True)
            (folder / "_SUCCESS").touch()
            FRAME.loc[FRAME["class"] == name, ["age", "bmi"]].to_parquet(folder / "part-0.snappy.parquet")
    splits = read_all(tmp_path)
    assert sorted(splits) == ["test", "train"]
    assert [(table.features[:, 0].tolist(), table.labels.tolist()) for table in splits["train"]] == [
        ([30, 52], ["ill", "ill"]),
        ([41], ["well"]),
    ]


def test_a_file_that_is_read_in_pieces_is_the_table_that_it_is_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of JSON Lines each piece alone would have other columns, or others' types: whole numbers first, a late key."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"y": random.integers(0, 2, 300), "a": random.normal(size=300), "b": random.normal(size=300)})
    frame.to_parquet(tmp_path / "a.parquet")
    head = "".join(f'{{"y": {row % 2}, "a": {row}}}\n' for row in range(50))
    (tmp_path / "a.jsonl").write_text(head + frame.to_json(orient="records", lines=True))
    whole = {
        "a.parquet": pd.read_parquet(tmp_path / "a.parquet"),
        "a.jsonl": pd.read_json(tmp_path / "a.jsonl", lines=True, precise_float=True),
    }
    monkeypatch.setattr(columnar, "_CELLS", 30)
    monkeypatch.setattr(columnar, "_JSON_BYTES", 500)
    for name, table in whole.items():
        (stream,) = streams(tmp_path / name, Reading())
        parts = list(stream.rows())
        assert len(parts) > 20
        found = np.concatenate([part for part, _ in parts])
        np.testing.assert_array_equal(found, table[["a", "b"]].to_numpy(np.float32))
        np.testing.assert_array_equal(np.concatenate([own for _, own in parts]), table["y"])
        rows, problems = stream.careful()
        assert sum(len(own) for _, own in rows) == len(table)
        assert [problem.text for problem in problems(len(table))] == (
            []
            if name == "a.parquet"
            else ["row 1, column 'b': nan is no finite float32, as in 50 of 350 rows; fill it in or remove the row"]
        )


def test_lists_become_a_feature_for_each_item(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"features": [1, 2.5], "label": 3}\n\n{"features": [4, 5], "label": 6}\n')
    table = only(tmp_path)
    assert (table.columns, table.features.tolist()) == (("features[0]", "features[1]"), [[1, 2.5], [4, 5]])
    assert table.labels.tolist() == [3, 6]
    (tmp_path / "a.jsonl").write_text('{"features": [1, 2.5], "label": 3}\n{"features": [4], "label": 6}\n')
    with pytest.raises(ScriptError, match="^a.jsonl: column 'features': its lists are not equally long"):
        read_all(tmp_path)


@pytest.mark.parametrize("features", ["numeric", "table"])
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv", lambda path: path.write_text("1\n0\n")),
        ("a.csv", lambda path: path.write_text("y\n1\n0\n")),
        ("a.parquet", lambda path: pd.DataFrame({"y": [1, 0]}).to_parquet(path)),
        ("a.jsonl", lambda path: path.write_text('{"y": 1}\n{"y": 0}\n')),
        ("a.npz", lambda path: np.savez(path, x=np.ones((2, 0)), y=[1, 0])),
        ("a.npz", lambda path: scipy.sparse.save_npz(path, scipy.sparse.csr_matrix([[1], [0]]))),
    ],
    ids=["csv", "csv with a header", "parquet", "json lines", "npz", "sparse npz"],
)
def test_a_label_alone_is_refused_in_every_format(
    tmp_path: Path, name: str, write: Callable[[Path], None], features: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(ScriptError, match=f"^{name}: no features beside the label; give at least one more column$"):
        survey(tmp_path, Reading("first"), features=features)


def test_libsvm_files_are_as_wide_as_the_widest(tmp_path: Path) -> None:
    x, y = scipy.sparse.random(30, 12, 0.2, "csr", random_state=1, dtype=np.float32), np.arange(30) % 3
    dump_svmlight_file(x[:20], y[:20], str(tmp_path / "part-1.libsvm"), zero_based=False)
    (tmp_path / "part-2.libsvm").write_text("2 1:0.5 # a comment\n1 14:3\n")
    first, second = read_all(tmp_path)["all"]
    np.testing.assert_array_equal(first.features, np.hstack([x[:20].toarray(), np.zeros((20, 2), np.float32)]))
    np.testing.assert_array_equal(first.labels, y[:20])
    assert second.features[:, [0, 13]].tolist() == [[0.5, 0], [0, 3]]


def test_sparse_npz_has_its_labels_in_an_array_or_in_a_column(tmp_path: Path) -> None:
    x = scipy.sparse.random(9, 5, 0.4, "csr", random_state=2)
    scipy.sparse.save_npz(tmp_path / "a.npz", x)
    with pytest.raises(ScriptError, match=r"^a.npz: a sparse matrix without labels; add an array y .*LabelColumn=last"):
        read_all(tmp_path)
    table = only(tmp_path, "last")
    np.testing.assert_array_equal(table.features, x.toarray()[:, :-1].astype(np.float32))
    np.testing.assert_array_equal(table.labels, x.toarray()[:, -1].astype(np.float32))
    with np.load(tmp_path / "a.npz") as archive:
        parts = dict(archive)
    np.savez(tmp_path / "a.npz", **parts, y=np.array(["a", "b", "c"] * 3))
    table = only(tmp_path)
    np.testing.assert_array_equal(table.features, x.toarray().astype(np.float32))
    assert table.labels.tolist() == ["a", "b", "c"] * 3
    np.savez(tmp_path / "a.npz", **{**parts, "indices": parts["indices"] + 1000}, y=np.ones(9))
    with pytest.raises(ScriptError, match=r"^a.npz: no sparse matrix that is read \("):
        read_all(tmp_path)


def test_sparse_data_too_wide_to_be_dense_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.libsvm").write_text("1 1:1\n0 20001:1\n")
    with pytest.raises(ScriptError, match=r"^a.libsvm: 20,001 columns, .* type --set features=sparse, which keeps"):
        streams(tmp_path, Reading())
    assert [stream.width for stream in streams(tmp_path, Reading(), sparse=True)] == [20_001]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.parquet", b"PAR1", r"no readable Parquet \(.*; write the file again"),
        ("a.jsonl", b'{"y": 1, "a": 2}\n{"y": 1', r"no readable JSON Lines \(JSON parse error: .* in row 1\)"),
        ("a.jsonl", b'{"y": 1, "a": 2}\n{"y": 1, "a": "x"}', r"Column\(/a\) changed from number to string in row 1"),
        ("a.jsonl", b"", "no rows; give data with at least one example"),
        ("a.jsonl", b'{"a": 1, "b": 2}', "none of its columns is called label, target, class or y"),
    ],
    ids=["parquet", "cut short", "two types", "empty", "no label"],
)
def test_damage_is_one_line(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ScriptError, match=f"^{name}: .*{reason}") as caught:
        read_all(tmp_path)
    assert "\n" not in str(caught.value)


WRONG = pd.DataFrame(
    {
        "age": [30, None, None, 50],
        "city": ["Rome", "Oslo", "Rome", "Oslo"],
        "born": pd.to_datetime(["2001-01-01"] * 4),
        "y": ["a", None, "b", "c"],
    }
)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    WRONG.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ScriptError) as caught:
        read_all(tmp_path)
    assert str(caught.value) == (
        "a.csv: 4 problems (to have 3 of them treated, type --set features=table): "
        "(1) line 3, column 'y': the label is empty; fill it in or remove the line "
        "(2) line 3, column 'age': '' is no finite float32, as in 2 of 4 rows; fill it in or remove the line "
        "(3) line 2, column 'city': 'Rome' is no finite float32, as in 4 of 4 rows; write it as a number, or leave "
        "it out by Features=!NAME (if it is the label, give LabelColumn=NAME) "
        "(4) line 2, column 'born': '2001-01-01' is no finite float32, as in 4 of 4 rows; write it as a number, or "
        "leave it out by Features=!NAME (if it is the label, give LabelColumn=NAME)"
    )
    (tmp_path / "a.csv").unlink()
    WRONG.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ScriptError) as caught:
        read_all(tmp_path)
    assert re.findall(r"\) (row .*?);", str(caught.value)) == [
        "row 2: the label is None",
        "row 2, column 'age': nan is no finite float32, as in 2 of 4 rows",
        "row 1, column 'city': 'Rome' is no finite float32, as in 4 of 4 rows",
        "row 1, column 'born': '2001-01-01 00:00:00' is no finite float32, as in 4 of 4 rows",
    ]
