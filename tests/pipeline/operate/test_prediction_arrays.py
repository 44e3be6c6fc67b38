"""Files of arrays become rows of requests: NPZ, sparse matrices, pickles and MNIST's own files."""

from __future__ import annotations

import gzip
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from pipeline.errors import DataError
from pipeline.operate.deployed_model import DeployedData
from pipeline.operate.predict import rows
from tests.support.predicting import ROWS, parsed


def learnt(width: int, *, scale: float = 1.0) -> DeployedData:
    """Data of features without names."""
    return DeployedData((), width, ("0", "1"), "", None, scale, raw=False)


def test_pictures_in_an_npz_are_rows_of_their_pixels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    assert parsed(tmp_path / "a.npz")[1] == [4, 5, 6, 7]


def test_pictures_of_mnists_own_files_are_rows_with_the_labels_that_lie_beside(tmp_path: Path) -> None:
    head = b"\0\0\x08"
    pictures = head + b"\3" + np.array([3, 2, 2], ">u4").tobytes() + bytes(range(12))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(pictures)
    images = tmp_path / "t10k-images-idx3-ubyte"
    assert [sent.truth for sent in rows(images)] == ["", "", ""]
    labels = head + b"\1" + np.array([3], ">u4").tobytes() + bytes([7, 0, 9])
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    found = list(rows(images, learnt(4, scale=1 / 256)))
    assert [sent.truth for sent in found] == ["7", "0", "9"]
    assert found[1].line == b"0.015625,0.01953125,0.0234375,0.02734375\n"
    with pytest.raises(DataError, match="holds labels"):
        list(rows(tmp_path / "t10k-labels-idx1-ubyte.gz"))


def test_a_pickle_is_read_as_run_reads_it_split_by_split(tmp_path: Path) -> None:
    split = (np.array(ROWS, np.float32), np.array([1, 0]))
    (tmp_path / "a.pkl.gz").write_bytes(gzip.compress(pickle.dumps((split, split, split))))
    assert [sent.truth for sent in rows(tmp_path / "a.pkl.gz")] == ["1", "0"] * 3
    assert parsed(tmp_path / "a.pkl.gz")[4] == np.array(ROWS[0], np.float32).tolist()


def test_sparse_rows_are_sent_with_their_zeros(tmp_path: Path) -> None:
    matrix = scipy.sparse.csc_matrix(np.array([[0, 1.5, 0], [2, 0, 0]]))
    scipy.sparse.save_npz(tmp_path / "a.npz", matrix)
    assert parsed(tmp_path / "a.npz") == [[0, 1.5, 0], [2, 0, 0]]
    with np.load(tmp_path / "a.npz") as arrays:
        np.savez(tmp_path / "b.npz", y=["cat", "dog"], **arrays)
    assert [sent.truth for sent in rows(tmp_path / "b.npz")] == ["cat", "dog"]


@pytest.mark.parametrize("features, labels", [("X", "Y"), ("data", "target"), ("inputs", "targets"), ("rows", "label")])
def test_the_arrays_of_an_npz_are_found_by_the_names_that_run_knows(tmp_path: Path, features: str, labels: str) -> None:
    arrays: dict[str, Any] = {labels: np.array([1, 0]), "age": np.zeros((2, 2)), features: np.array(ROWS)}
    if features == "rows":
        del arrays["age"]
    np.savez(tmp_path / "a.npz", **arrays)
    assert parsed(tmp_path / "a.npz") == ROWS
    assert [sent.truth for sent in rows(tmp_path / "a.npz")] == ["1", "0"]


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "coo_matrix", "bsr_matrix", "dia_matrix"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
def test_sparse_rows_of_every_form_that_scipy_writes_are_its_own(tmp_path: Path, form: str, packed: bool) -> None:
    wanted = np.arange(36.0).reshape(9, 4) % 3
    scipy.sparse.save_npz(tmp_path / "a.npz", getattr(scipy.sparse, form)(wanted))
    if packed:
        (tmp_path / "a.npz.gz").write_bytes(gzip.compress((tmp_path / "a.npz").read_bytes()))
    assert parsed(tmp_path / ("a.npz.gz" if packed else "a.npz")) == wanted.tolist()


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("index", [10**9, -5])
def test_a_sparse_number_outside_of_its_matrix_is_refused(tmp_path: Path, form: str, index: int) -> None:
    matrix = getattr(scipy.sparse, f"{form}_matrix")(np.ones((9, 4)))
    matrix.indices[3] = index
    scipy.sparse.save_npz(tmp_path / "a.npz", matrix)
    with pytest.raises(DataError, match="is not an NPZ file of plain arrays: indices must be"):
        list(rows(tmp_path / "a.npz"))


def test_every_split_of_an_npz_is_sent_with_its_labels_as_keras_and_numpy_name_them(tmp_path: Path) -> None:
    x, y = np.array(ROWS), np.array([7, 8])
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:1], y_test=y[:1, None])
    assert [sent.truth for sent in rows(tmp_path / "a.npz")] == ["7", "8", "7"]
    np.savez(tmp_path / "b.npz", x, y)
    assert [sent.truth for sent in rows(tmp_path / "b.npz")] == ["7", "8"]
    np.savez(tmp_path / "c.npz", y=y, pictures=x)
    assert [sent.truth for sent in rows(tmp_path / "c.npz")] == ["7", "8"]


def test_arrays_of_truth_values_are_numbers_and_no_pixels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([[True, False]]))
    assert [sent.line for sent in rows(tmp_path / "a.npz", learnt(2, scale=1 / 256))] == [b"1,0\n"]


@pytest.mark.parametrize("kind", ["U8", "S8", "c16", "M8[s]"])
def test_arrays_of_no_numbers_are_refused_by_their_type(tmp_path: Path, kind: str) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((2, 3), "i8").astype(kind))
    with pytest.raises(DataError, match=r"a.npz: features of the type .*, where numbers belong"):
        list(rows(tmp_path / "a.npz"))


def test_arrays_without_rows_are_no_answers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.empty((0, 3)))
    (tmp_path / "test-images-idx3-ubyte").write_bytes(b"\0\0\x08\3" + np.array([0, 2, 2], ">u4").tobytes())
    assert list(rows(tmp_path / "a.npz")) == list(rows(tmp_path / "test-images-idx3-ubyte")) == []
    pd.DataFrame({"a": []}).to_parquet(tmp_path / "a.parquet")
    assert list(rows(tmp_path / "a.parquet", learnt(1))) == []


def test_an_array_that_claims_more_rows_than_there_are_numbers_for_them_is_refused(tmp_path: Path) -> None:
    for claim in ("(99999999999999999999999, 6)", "(1000000000000000, 6)", "(-1, 6)"):
        head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {claim}, }}\n".encode()
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("x.npy", b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head + bytes(48))
        with pytest.raises(DataError, match="is not an NPZ file of plain arrays"):
            list(rows(tmp_path / "a.npz"))


def test_the_columns_of_arrays_must_be_as_many_as_the_models(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array(ROWS), y=[1, 0])
    assert [sent.truth for sent in rows(tmp_path / "a.npz")] == ["1", "0"]
    with pytest.raises(DataError, match="3 columns where the model has 4 features"):
        list(rows(tmp_path / "a.npz", learnt(4)))


def test_an_archive_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([[print]], dtype=object))
    with pytest.raises(DataError):
        list(rows(tmp_path / "a.npz"))
