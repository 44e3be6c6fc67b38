"""SciPy's .npz read in pieces: what SciPy reads of the whole, and one clear error for a file that is none."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.errors import ScriptError
from scripts.formats import sparse_npz
from scripts.formats.reading_options import Reading
from scripts.formats.sources import find
from scripts.formats.sparse import stacked_sparse
from scripts.formats.sparse_files import SPARSE_NPZ
from scripts.formats.sparse_npz import sparse_npz_rows
from scripts.formats.streams import streams


def read(path: Path, label_column: str = "auto") -> tuple[Any, Any]:
    parts = list(sparse_npz_rows(path, label_column))
    return stacked_sparse([rows for rows, _ in parts]), np.concatenate([labels for _, labels in parts])


def matrix(rows: int = 40, columns: int = 9, seed: int = 0) -> Any:
    return scipy.sparse.random(rows, columns, 0.3, "csr", random_state=seed)


def parts_of(of: Any, **more: Any) -> dict[str, Any]:
    held = {"data": of.data, "indices": of.indices, "indptr": of.indptr, "shape": np.array(of.shape)}
    return {**held, "format": of.format.encode(), "y": np.arange(of.shape[0]) % 2, **more}


@settings(max_examples=25)
@given(st.data())
def test_pieces_give_what_scipy_gives_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    kind, compressed = data.draw(st.sampled_from(["csr", "csc"])), data.draw(st.booleans())
    whole = matrix(data.draw(st.integers(1, 60)), data.draw(st.integers(2, 20)), data.draw(st.integers(0, 99)))
    scipy.sparse.save_npz(path, whole.asformat(kind), compressed=compressed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse_npz, "CHUNK_ROWS", data.draw(st.integers(1, 70)))
        patch.setattr(sparse_npz, "_ENTRIES", data.draw(st.integers(1, 30)))
        found, labels = read(path, "last")
        first, _ = read(path, "first")
    exact = whole.toarray().astype(np.float32)
    np.testing.assert_array_equal(found.toarray(), exact[:, :-1])
    np.testing.assert_array_equal(first.toarray(), exact[:, 1:])
    np.testing.assert_array_equal(labels, exact[:, -1])


def test_what_comes_twice_is_added_and_zeros_are_left_out(tmp_path: Path) -> None:
    twice = {"data": [1.0, 2, 0, 4], "indices": [2, 2, 0, 1], "indptr": [0, 3, 4], "shape": [2, 3]}
    more: dict[str, Any] = {name: np.array(of) for name, of in twice.items()}
    np.savez(tmp_path / "a.npz", **more, format=b"csr", y=["no", "yes"])
    rows, labels = read(tmp_path / "a.npz")
    assert rows.toarray().tolist() == [[0, 0, 3], [0, 4, 0]]
    assert rows.nnz == 2
    assert labels.tolist() == ["no", "yes"]


def test_a_packed_archive_is_unpacked_beside(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.savez(stream, **parts_of(matrix()))
    (tmp_path / "a.npz.gz").write_bytes(gzip.compress(stream.getvalue()))
    assert find(tmp_path).kind == SPARSE_NPZ
    np.testing.assert_array_equal(read(tmp_path / "a.npz.gz")[0].toarray(), matrix().toarray().astype(np.float32))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"indptr": np.arange(5)}, "its arrays do not make 40 rows"),
        ({"indptr": -np.arange(41)}, "its rows do not end where they should"),
        ({"indptr": np.r_[0, np.full(40, 99)]}, "its rows do not end where they should"),
        ({"indptr": np.ones(41, int)}, "its first row does not begin at 0"),
        ({"indptr": np.zeros(41, int)}, "numbers, of which its rows hold 0"),
        ({"indptr": np.zeros(41)}, "of the types float64, int32, float64"),
        ({"indices": np.full(108, 9)}, "a number lies outside its 9 columns"),
        ({"indices": np.full(108, -1)}, "a number lies outside its 9 columns"),
        ({"indices": np.zeros(5, int)}, "its arrays do not make 40 rows"),
        ({"data": np.zeros(108, complex)}, "of the types complex128"),
        ({"data": np.zeros((108, 1))}, "its arrays are no lists"),
        ({"shape": np.array([40])}, "its shape is none"),
        ({"shape": np.array([0, 9])}, "no rows"),
        ({"shape": np.array([40, 10**12])}, "1,000,000,000,000 columns, where 1,000,000 are taken"),
        ({"format": b"bsr"}, "its format is 'bsr'"),
        ({"format": "x" * 100_000}, "the array format cannot be read"),
        ({"y": np.zeros(39)}, r"40 rows of features, but labels of shape (39,); every row needs one"),
        ({"y": np.zeros((40, 2))}, "40 rows of features, but labels of shape (40, 2)"),
        ({"y": np.array(["x" * 2000] * 40)}, "the array y cannot be read (40 items of 8000 bytes)"),
        ({"y": np.array([None] * 40)}, "the array y holds Python objects"),
    ],
    ids=[str(number) for number in range(20)],
)  # fmt: skip
def test_arrays_that_contradict_each_other_are_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    np.savez(tmp_path / "a.npz", **parts_of(matrix(), **change))
    with pytest.raises(ScriptError) as caught:
        read(tmp_path / "a.npz")
    assert str(caught.value).startswith("a.npz: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_array_that_claims_more_than_it_has_costs_no_memory(tmp_path: Path) -> None:
    stream = io.BytesIO()
    ends = np.array([0, *[900_000] * 5])
    np.savez(stream, **parts_of(matrix(5, 4), indptr=ends, shape=np.array([5, 900_000])))
    with zipfile.ZipFile(stream) as archive, zipfile.ZipFile(tmp_path / "a.npz", "w") as lying:
        for name in archive.namelist():
            lying.writestr(name, _claiming(archive.read(name), 10**12 if name in ("data.npy", "indices.npy") else 0))
    tracemalloc.start()
    with pytest.raises(ScriptError, match=r"^a.npz: the array data cannot be read \(it is shorter than it says\)"):
        read(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_row_that_claims_all_numbers_is_refused_before_they_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **parts_of(matrix(), indptr=np.r_[0, np.full(40, 108)]))
    with pytest.raises(ScriptError, match="its rows do not end where they should"):
        read(tmp_path / "a.npz")


def test_a_file_cut_short_anywhere_is_one_error(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, **parts_of(matrix()))
    whole = stream.getvalue()
    for size in range(0, len(whole) - 1, 97):
        (tmp_path / "a.npz").write_bytes(whole[:size])
        with pytest.raises(ScriptError, match=r"^a.npz: "):
            read(tmp_path / "a.npz")
    for place in range(0, len(whole), 31):  # flipped bytes: read alike, or refused
        (tmp_path / "a.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            read(tmp_path / "a.npz")
        except ScriptError as error:
            assert "\n" not in str(error)


def _claiming(member: bytes, items: int) -> bytes:
    """An array whose head says that it has so many items; 0 leaves it as it is."""
    if not items:
        return member
    size = struct.unpack_from("<H", member, 8)[0]
    head = member[10 : 10 + size].decode()
    start = head.index("(")
    changed = f"{head[:start]}({items},), }}".ljust(size - 1) + "\n"
    return member[:10] + changed.encode() + member[10 + size :]


@pytest.mark.parametrize("form", ["coo_matrix", "dia_matrix", "bsr_matrix"])
def test_a_form_that_is_not_read_is_named_with_what_to_do(tmp_path: Path, form: str) -> None:
    scipy.sparse.save_npz(tmp_path / "a.npz", getattr(scipy.sparse, form)(matrix()))
    for sparse in (False, True):
        with pytest.raises(ScriptError, match=rf"^a.npz: .*\(its format is '{form[:3]}'\); write it by .*tocsr\(\)\)"):
            streams(tmp_path, Reading(), sparse=sparse)


def test_an_archive_that_was_cut_is_told_from_one_of_another_kind(tmp_path: Path) -> None:
    scipy.sparse.save_npz(tmp_path / "a.npz", matrix())
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-30])
    with pytest.raises(ScriptError, match=r"^a.npz: it is no .npz archive, or one that is cut short; fetch it again"):
        streams(tmp_path, Reading(), sparse=True)
    np.savez(tmp_path / "a.npz", x=np.ones((9, 2)), y=np.ones(9))
    with pytest.raises(ScriptError, match="and this is NPZ; leave the setting out"):
        streams(tmp_path, Reading(), sparse=True)
