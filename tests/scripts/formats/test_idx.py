"""IDX files, MNIST's and its kin: what is read, and one clear line for each way in which they can be wrong."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from scripts.formats.tables import floats
from tests.support.raw_sources import only, read_all, refused, write_idx, write_mnist


@pytest.mark.parametrize("packed", [True, False])
def test_idx_folder_keeps_the_last_sixth_of_train_for_validation(tmp_path: Path, packed: bool) -> None:
    images, labels = write_mnist(tmp_path, packed=packed)
    (tmp_path / "README.txt").write_text("not data")
    splits = read_all(tmp_path, "first")
    assert [len(only(splits[name])) for name in ("train", "validation", "test")] == [50, 10, 10]
    np.testing.assert_array_equal(only(splits["validation"]).features, images[50:].reshape(10, 16))
    np.testing.assert_array_equal(only(splits["validation"]).labels, labels[50:])
    assert floats(only(splits["train"]).features).max() == np.float32(images[:50].max() / 256)


def test_idx_needs_all_four_files(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    refused(tmp_path, r"there is no t10k-labels-idx1-ubyte \(\.gz or not\)")


def test_idx_with_wrong_magic_or_cut_short(tmp_path: Path) -> None:
    write_mnist(tmp_path, packed=False)
    images = tmp_path / "train-images-idx3-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[:-5])
    refused(tmp_path, r"train-images-idx3-ubyte: 971 bytes, where its head promises 976 \(60x4x4\); .*fetch it again")
    images.write_bytes(b"PNG" + whole)
    refused(tmp_path, "train-images-idx3-ubyte: it starts with 50 4e 47 00, which no IDX file does")
    images.write_bytes(b"")
    refused(tmp_path, "it starts with nothing")
    images.write_bytes(b"\0\0\x08\x03\0")
    refused(tmp_path, "it is cut short or damaged")


@pytest.mark.parametrize("shape", [(1,) * 70, (2**31, 2**31, 4)])
def test_idx_with_impossible_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    write_mnist(tmp_path, packed=False)
    head = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(head + b"\0" * (len(shape) > 3))
    refused(tmp_path, "^train-images-idx3-ubyte: .*fetch it again")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "a.csv"])
def test_a_file_beside_itself_packed_is_read_once_and_refused_where_they_differ(tmp_path: Path, name: str) -> None:
    if name == "a.csv":
        (tmp_path / name).write_text("1,2\n0,3\n")
    else:
        write_mnist(tmp_path, packed=False)
    content = (tmp_path / name).read_bytes()
    before = {split: sum(map(len, tables)) for split, tables in read_all(tmp_path).items()}
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    assert {split: sum(map(len, tables)) for split, tables in read_all(tmp_path).items()} == before
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content[:-1] + b"\x07"))
    refused(tmp_path, f"^{name} and {name}.gz are one file, packed and not, but differ; leave one")


def test_idx_images_and_labels_must_be_equally_many(tmp_path: Path) -> None:
    write_mnist(tmp_path, packed=False)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(59, np.uint8))
    refused(tmp_path, "train-images-idx3-ubyte: 60 rows of features, but 59 labels")


def test_idx_of_torchvision_and_of_emnist(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    images, _ = write_mnist(raw)
    for path in list(raw.glob("*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    np.testing.assert_array_equal(only(read_all(tmp_path)["test"]).features, images[:10].reshape(10, 16))
    emnist = tmp_path / "emnist"
    emnist.mkdir()
    for path in raw.glob("*.gz"):
        path.rename(emnist / f"emnist-digits-{path.name.replace('t10k', 'test')}")
    np.testing.assert_array_equal(only(read_all(emnist)["test"]).features, images[:10].reshape(10, 16))


def test_idx_of_two_sets_in_one_folder_is_refused(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    for path in list(tmp_path.glob("*.gz")):
        for name in ("digits", "letters"):
            (tmp_path / f"emnist-{name}-{path.name}").write_bytes(path.read_bytes())
        path.unlink()
    refused(
        tmp_path,
        "^emnist-digits-t10k-images-idx3-ubyte.gz and emnist-letters-t10k-images-idx3-ubyte.gz both are images of test",
    )


def test_damaged_gzip_names_the_file(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(tmp_path, "train-images-idx3-ubyte.gz: the gzip archive is damaged or cut short .*fetch it again")
    path.write_bytes(whole[:40] + b"\xff" * 40 + whole[80:])
    refused(tmp_path, "train-images-idx3-ubyte.gz: the gzip archive is damaged")
