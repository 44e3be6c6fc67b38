"""NPZ archives: every way to name what is in them, and one clear line for each way in which they can be wrong."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.raw_sources import Runs, only, read_all, refused


def test_npz_of_x_and_y_or_of_splits(tmp_path: Path) -> None:
    x, y = np.arange(24, dtype=np.uint8).reshape(6, 2, 2), np.arange(6)
    np.savez(tmp_path / "digits.npz", x=x, y=y)
    table = only(read_all(tmp_path, "first")["all"])
    assert table.features.shape == (6, 4)
    np.savez_compressed(tmp_path / "digits.npz", X_train=x, Y_train=y, x_test=x[:2], y_test=y[:2])
    assert {name: len(only(part)) for name, part in read_all(tmp_path, "first").items()} == {"train": 6, "test": 2}


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("train_X", "train_y", "test_X", "test_y"),
        ("trainX", "trainY", "testX", "testY"),
        ("data_train", "target_train", "data_test", "target_test"),
        ("train.data", "train.targets", "test.data", "test.targets"),
        ("arr_0", "arr_1", "arr_2", "arr_3"),
    ],
    ids="-".join,
)
def test_npz_of_splits_by_every_way_to_name_them(tmp_path: Path, names: tuple[str, ...]) -> None:
    x, y = np.arange(24).reshape(6, 2, 2), np.arange(6)
    np.savez(tmp_path / "a.npz", **dict(zip(names, (x, y, x[:2], y[:2]), strict=True)))
    splits = read_all(tmp_path)
    assert {split: only(part).features.tolist() for split, part in splits.items()} == {
        "train": x.reshape(6, 4).tolist(),
        "test": x[:2].reshape(2, 4).tolist(),
    }


def test_npz_of_one_pair_without_names_and_of_the_same_features_twice(tmp_path: Path) -> None:
    x, y = np.arange(24).reshape(6, 2, 2), np.arange(6)
    np.savez(tmp_path / "a.npz", x, y)
    assert only(read_all(tmp_path)["all"]).labels.tolist() == y.tolist()
    np.savez(tmp_path / "a.npz", data=x.reshape(6, 4), images=x, target=y)
    assert only(read_all(tmp_path)["all"]).features.tolist() == x.reshape(6, 4).tolist()


def test_npz_may_be_packed_once_more(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((3, 2)), y=np.arange(3))
    (tmp_path / "a.npz.gz").write_bytes(gzip.compress((tmp_path / "a.npz").read_bytes()))
    assert only(read_all(tmp_path / "a.npz.gz", "first")["all"]).labels.tolist() == [0, 1, 2]


def test_npz_labels_may_be_a_column_or_bytes(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((2, 3)), y=np.array([[b"cat"], [b"dog"]]))
    assert only(read_all(tmp_path, "first")["all"]).labels.tolist() == ["cat", "dog"]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"x": np.ones((3, 2))}, "there is an array for x, but none for y; add it"),
        ({"x_train": np.ones((3, 2)), "y": np.ones(3)}, "there is an array for y, but none for x"),
        ({"a": np.ones(3)}, "no arrays x and y"),
        ({"x": np.ones((3, 2)), "y": np.ones(4)}, "3 rows of features, but 4 labels"),
        ({"x": np.ones(3), "y": np.ones(3)}, "features of shape"),
        ({"x": np.array([["a"]]), "y": np.ones(1)}, "features of type <U1"),
        ({"x": np.array([[1.0, np.nan]]), "y": np.ones(1)}, r"row 1, feature 2: nan is no finite float32"),
        ({"x": np.array([[1.0], [1e39]]), "y": np.ones(2)}, r"row 2, feature 1: 1e\+39 is no finite float32"),
        ({"x": np.ones((0, 2)), "y": np.ones(0)}, "no rows"),
        ({"x": np.ones((2, 1)), "y": np.array([1, np.nan])}, "row 2: the label is nan; fill it in"),
        ({"x": np.ones((2, 1)), "y": np.array([b"a", b"\xff"])}, r"a label is no UTF-8 text \(invalid start byte\)"),
        ({"x": np.ones((2, 1)), "y": np.ones(2, complex)}, "labels of type complex128, where numbers or names belong"),
        ({"x": np.ones((2, 1)), "y": np.zeros(2, "M8[s]")}, r"labels of type datetime64\[s\], where"),
        ({"x": np.ones((2, 1)), "y": np.ones(2), "data": np.zeros((2, 1))}, "x and data both are features; leave one"),
        (
            {"data": np.ones(2), "indices": np.ones(2), "indptr": np.ones(2)},
            r"no sparse matrix that is read \('format'\)",
        ),
        (
            {"x": np.array([[Runs(Path("ran"))]], object), "y": np.ones(1)},
            "the array x holds Python objects, which are not read",
        ),
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, arrays: Any, reason: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    refused(tmp_path, f"^a.npz: .*{reason}")


def test_npz_that_is_no_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((3, 2)), y=np.ones(3))
    whole = (tmp_path / "a.npz").read_bytes()
    np.save(tmp_path / "b.npy", np.ones(3))
    lone = (tmp_path / "b.npy").read_bytes()
    (tmp_path / "b.npy").unlink()
    headless, misled = whole[100:], whole.replace(b"PK\x01\x02", b"PK\x01\x03")
    for content in (b"", b"hello", lone, whole[: len(whole) // 2], headless, misled):
        (tmp_path / "a.npz").write_bytes(content)
        refused(tmp_path, "^a.npz: it is no .npz archive, or one that is cut short; fetch it again")


def test_npz_that_promises_more_than_memory_holds(tmp_path: Path) -> None:
    head = io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 784)}
    np.lib.format.write_array_header_1_0(head, shape)  # type: ignore[no-untyped-call]
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", head.getvalue())
    refused(tmp_path, r"^a.npz: the array x is too large \(Unable to allocate .*\); use a larger instance type")


def test_npz_with_a_damaged_member(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.random.default_rng(0).random((30, 20)), y=np.ones(30))
    packed = bytearray((tmp_path / "a.npz").read_bytes())
    packed[500:510] = bytes(10)
    (tmp_path / "a.npz").write_bytes(packed)
    refused(tmp_path, r"^a.npz: the array x cannot be read \(.*\); fetch the file again")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"no array")
    refused(tmp_path, "^a.npz: x is no array")
