"""libsvm read in blocks: what whole files would give, and one clear error for lines that are none."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

from scripts.errors import ScriptError
from scripts.formats import libsvm
from scripts.formats.libsvm import libsvm_form, libsvm_rows
from scripts.formats.sparse import SparseForm, stacked_sparse


def read(path: Path) -> tuple[Any, Any]:
    parts = list(libsvm_rows(path, libsvm_form([path])))
    return stacked_sparse([rows for rows, _ in parts]), np.concatenate([labels for _, labels in parts])


@settings(max_examples=25)
@given(st.data())
def test_blocks_give_what_scikit_learn_gives_of_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    rows, columns = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 30))
    matrix = scipy.sparse.random(rows, columns, 0.3, "csr", np.float32, random_state=data.draw(st.integers(0, 99)))
    matrix = (matrix + scipy.sparse.csr_matrix(([1.5], ([0], [columns - 1])), matrix.shape)).astype(np.float32)
    path = tmp_path_factory.mktemp("libsvm") / "a.libsvm"
    dump_svmlight_file(
        matrix, np.arange(rows) % 3, str(path), zero_based=data.draw(st.booleans()), comment="more words"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(libsvm, "_BLOCK", data.draw(st.integers(1, 200)))
        found, labels = read(path)
    whole, wanted = load_svmlight_file(str(path), dtype=np.float32)
    assert (found != whole).nnz == 0
    assert found.shape == whole.shape
    np.testing.assert_array_equal(labels, wanted)


def test_a_packed_file_is_read_alike(tmp_path: Path) -> None:
    (tmp_path / "a.libsvm").write_bytes(gzip.compress(b"1 1:2\n\n# words alone\n0 3:4 # words\n"))
    found, labels = read(tmp_path / "a.libsvm")
    assert found.toarray().tolist() == [[2, 0, 0], [0, 0, 4]]
    assert labels.tolist() == [1, 0]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_byte_order_mark_is_no_part_of_the_first_label(tmp_path: Path, pack: Any) -> None:
    (tmp_path / "a.libsvm").write_bytes(pack("\ufeff1 1:2\r\n0 3:4\r\n".encode()))
    found, labels = read(tmp_path / "a.libsvm")
    assert found.toarray().tolist() == [[2, 0, 0], [0, 0, 4]]
    assert labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1 3:1 2:1", "line 3: the index 2 comes after 3; write each once, in ascending order"),
        ("1 3:1 3:2", "line 3: the index 3 comes twice; write each once, in ascending order"),
        ("1 a:1 4:2", "line 3: 'a:1' is no pair of an index and a value; write lines such as"),
        ("1 3:x 4:2", "line 3: '3:x' is no pair of an index and a value; write lines such as"),
        ("1 3", "line 3: '3' is no pair of an index and a value"),
        ("1 -1:2", "line 3: '-1:2' is no pair of an index and a value"),
        ("good 3:1", "line 3: the label 'good' is no number"),
        ("3:1 4:2", "line 3: the label '3:1' is no number"),
        ("1,2 3:1", "line 3: the label '1,2' is no number"),
        ("1 qid:7 3:1", "line 3: 'qid:7' is a query's, as data for ranking have; linear-learner ranks nothing"),
        ("1 3:1 4294967296:1", "line 3: the index '4294967296' is too large, 1,000,000 columns are taken"),
        ("1 3:1 99999999999999999999999:1", "line 3: the index '99999999999999999999999' is too large"),
        ("1 3:1 2000000:1 4:1", "line 3: the index '2000000' is too large"),
    ],
    ids=lambda value: value.replace(" ", "_")[:24],
)  # fmt: skip
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "a.libsvm"
    path.write_text(f"1 1:1 5:2\n\n{line}\n0 1:1\n")
    tracemalloc.start()
    with pytest.raises(ScriptError) as caught:
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    assert str(caught.value).startswith(f"a.libsvm: {reason}")
    assert "\n" not in str(caught.value)


def test_an_index_of_0_in_any_file_says_that_all_count_from_0(tmp_path: Path) -> None:
    (tmp_path / "a.libsvm").write_text("1 1:2\n")
    (tmp_path / "b.libsvm").write_text("1 0:3\n")
    form = libsvm_form(sorted(tmp_path.iterdir()))
    assert form == SparseForm(2, first=0)
    ((rows, _),) = libsvm_rows(tmp_path / "a.libsvm", form)
    assert rows.toarray().tolist() == [[0, 2]]


def test_an_index_of_0_that_was_not_there_before_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.libsvm").write_text("1 0:2\n")
    with pytest.raises(ScriptError, match=r"^a.libsvm: an index is 0 where all counted from 1 when"):
        list(libsvm_rows(tmp_path / "a.libsvm", SparseForm(3)))


def test_a_line_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libsvm, "_BLOCK", 100)
    monkeypatch.setattr(libsvm, "_LONGEST", 1000)
    (tmp_path / "a.libsvm").write_text("1 1:1\n1 " + " ".join(f"{index}:1" for index in range(1, 1000)))
    with pytest.raises(ScriptError, match=r"^a.libsvm: line 2 is longer than"):
        read(tmp_path / "a.libsvm")


@pytest.mark.parametrize(("text", "reason"), [("", "no rows"), ("1\n0\n", "no line has a pair")], ids=["empty", "bare"])
def test_a_file_without_rows_or_features_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.libsvm").write_text(text)
    with pytest.raises(ScriptError, match=f"^a.libsvm: {reason}"):
        read(tmp_path / "a.libsvm")
