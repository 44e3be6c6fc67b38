"""Every form of raw data that is read, and one clear line for each way in which it can be wrong."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.errors import ScriptError
from scripts.sources import read_source
from scripts.splits import divide
from scripts.tables import Table, floats


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


def only(tables: list[Table]) -> Table:
    assert len(tables) == 1
    return tables[0]


def refused(place: Path, pattern: str, label_column: str = "first", header: str = "auto") -> None:
    with pytest.raises(ScriptError, match=pattern) as caught:
        read_source(place, label_column, header)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("packed", [True, False])
def test_idx_folder_keeps_the_last_sixth_of_train_for_validation(tmp_path: Path, packed: bool) -> None:
    images, labels = write_mnist(tmp_path, packed=packed)
    (tmp_path / "README.txt").write_text("not data")
    splits = read_source(tmp_path, "first")
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
    before = {split: sum(map(len, tables)) for split, tables in read_source(tmp_path).items()}
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    assert {split: sum(map(len, tables)) for split, tables in read_source(tmp_path).items()} == before
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
    np.testing.assert_array_equal(only(read_source(tmp_path)["test"]).features, images[:10].reshape(10, 16))
    emnist = tmp_path / "emnist"
    emnist.mkdir()
    for path in raw.glob("*.gz"):
        path.rename(emnist / f"emnist-digits-{path.name.replace('t10k', 'test')}")
    np.testing.assert_array_equal(only(read_source(emnist)["test"]).features, images[:10].reshape(10, 16))


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


def mnist_tuple() -> Any:
    random = np.random.default_rng(5)
    return tuple((random.random((rows, 9)).astype(np.float32), random.integers(0, 10, rows)) for rows in (12, 5, 4))


@pytest.mark.parametrize("protocol", range(2, 6))
def test_pickle_of_three_pairs_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    content = mnist_tuple()
    with gzip.open(tmp_path / "mnist.pkl.gz", "wb") as stream:
        pickle.dump(content, stream, protocol)
    splits = read_source(tmp_path, "first")
    for name, (features, labels) in zip(("train", "validation", "test"), content, strict=True):
        np.testing.assert_array_equal(only(splits[name]).features, features)
        np.testing.assert_array_equal(only(splits[name]).labels, labels)


@pytest.mark.parametrize("core", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_pickle_of_python_2_and_of_either_numpy(tmp_path: Path, core: bytes) -> None:
    def array(values: Any, shape: bytes, kind: bytes) -> bytes:
        data = np.asarray(values).tobytes()
        text = b"S'" + b"".join(b"\\x%02x" % byte for byte in data) + b"'\n"  # a Python 2 byte string
        dtype = b"cnumpy\ndtype\n(S'%s'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb" % kind
        return b"c%s\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n%s%sI00\n%stb" % (core, shape, dtype, text)

    pair = b"(" + array(np.array([[1.5, 200]], "<f4"), b"(I1\nI2\nt", b"f4") + array([7], b"(I1\nt", b"i8") + b"t"
    (tmp_path / "mnist.pkl").write_bytes(b"(" + pair * 3 + b"t.")
    splits = read_source(tmp_path / "mnist.pkl", "first")
    assert only(splits["test"]).features.tolist() == [[1.5, 200]]
    assert only(splits["test"]).labels.tolist() == [7]


class Runs:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", range(6))
def test_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "mnist.pkl").write_bytes(pickle.dumps((mnist_tuple()[0], Runs(tmp_path / "ran")), protocol))
    refused(tmp_path, r"mnist.pkl: the pickle asks for \w+\.mkdir; only plain NumPy arrays are read")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "attack",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\ntest\n.",
        b"cnumpy.core.multiarray\nfromfile\n.",
        b"cnumpy\nndarray.tofile\n.",
        b"c_codecs\nencode\n(Vabc\nVbz2\ntR.",
        b"csubprocess\nPopen\n(S'x'\ntR.",
    ],
)
def test_pickle_asking_for_any_other_name_is_refused(tmp_path: Path, attack: bytes) -> None:
    (tmp_path / "mnist.pkl").write_bytes(attack)
    refused(tmp_path, "mnist.pkl: ")


def array_pickle(kind: bytes, state: bytes, data: bytes = b"A" * 8) -> bytes:
    """Protocol 0: three pairs of one array, whose type the file describes and gives a state."""
    dtype = b"cnumpy\ndtype\n(S'%s'\nI0\nI1\ntR%sb" % (kind, state)
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\nt%sI00\nS'%s'\ntb" % (
        dtype,
        data,
    )
    return b"(" + (b"(" + array * 2 + b"t") * 3 + b"t."


@pytest.mark.parametrize(
    "attack",
    [
        array_pickle(b"O8", b"(I3\nS'|'\nNNNI-1\nI-1\nI0\nt"),
        array_pickle(b"V8", b"(I3\nS'|'\nN(S'a'\ntS'b'\nI8\nI1\nI63\nt"),
        array_pickle(b"f8", b"(I4\nS'<'\nNNNI-1\nI-1\nI63\n}t"),
        array_pickle(b"f8", b"(I3\nS'<'\n(S'O'\nI1\ntNNI-1\nI-1\nI63\nt"),
        array_pickle(b"f8", b"(I3\nS'<'\nNNNI-1\nI-1\nI0\nt", b"A" * 4000),
        b"(" * 3 + b"t" + b"\x85" * 90_000 + b"}(" + b"t" + b"\x85" * 9 + b"NusN.",
        b"}" + b"(t" + b"\x85" * 90_000 + b"Ns.",
        b"(t" + b"\x85" * 90_000 + b"cnumpy\ndtype\n2R.",
        b"N" * 1_000_000 + b".",
        b"Nr\xff\xff\xff\x7f.",
        b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b"x.",
        b"\x80\x05\x8e" + (1 << 62).to_bytes(8, "little") + b"x.",
        b"\x80\x04\x95" + (1 << 62).to_bytes(8, "little") + b"x.",
        b"I" + b"9" * 100_000 + b"\n.",
    ],
    ids=[
        *(
            "objects",
            "fields",
            "flags",
            "subtype",
            "more bytes than the shape",
            "set of tuples",
            "hash of a deep tuple",
        ),
        *("deep argument", "flood", "note at a large number", "bytearray", "bytes", "frame", "number"),
    ],
)
def test_pickle_that_would_crash_or_fill_its_reader_is_refused_in_a_line(tmp_path: Path, attack: bytes) -> None:
    (tmp_path / "mnist.pkl").write_bytes(attack)
    refused(tmp_path, r"\Amnist.pkl: [^\n]{,300}\Z")


def test_pickle_keeps_the_order_of_bytes_and_axes(tmp_path: Path) -> None:
    features = np.asfortranarray(np.arange(6, dtype=">f4").reshape(3, 2))
    for protocol in (2, 5):
        (tmp_path / "mnist.pkl").write_bytes(pickle.dumps(((features, np.arange(3, dtype=">i2")),) * 3, protocol))
        assert only(read_source(tmp_path, "first")["test"]).features.tolist() == features.tolist()


def test_a_small_archive_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.files.memory", lambda: 5_000_000)
    head = bytes([0, 0, 8, 3]) + b"".join(size.to_bytes(4, "big") for size in (60_000, 1000, 1000))
    write_mnist(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + bytes(10_000_000), mtime=0))
    refused(tmp_path, "train-images-idx3-ubyte.gz: it unpacks to more than the 5000000 bytes of memory")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cut short"),
        (pickle.dumps(mnist_tuple())[:-30], "mnist.pkl: "),
        (pickle.dumps([1, 2]), "does not hold three pairs"),
        (pickle.dumps((1, 2, 3)), "train part is no pair of arrays"),
        (b"\x80\x04garbage", "no readable pickle"),
    ],
)
def test_pickle_of_something_else(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "mnist.pkl").write_bytes(content)
    refused(tmp_path, reason)


def test_npz_of_x_and_y_or_of_splits(tmp_path: Path) -> None:
    x, y = np.arange(24, dtype=np.uint8).reshape(6, 2, 2), np.arange(6)
    np.savez(tmp_path / "digits.npz", x=x, y=y)
    table = only(read_source(tmp_path, "first")["all"])
    assert table.features.shape == (6, 4)
    np.savez_compressed(tmp_path / "digits.npz", X_train=x, Y_train=y, x_test=x[:2], y_test=y[:2])
    assert {name: len(only(part)) for name, part in read_source(tmp_path, "first").items()} == {"train": 6, "test": 2}


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
    splits = read_source(tmp_path)
    assert {split: only(part).features.tolist() for split, part in splits.items()} == {
        "train": x.reshape(6, 4).tolist(),
        "test": x[:2].reshape(2, 4).tolist(),
    }


def test_npz_of_one_pair_without_names_and_of_the_same_features_twice(tmp_path: Path) -> None:
    x, y = np.arange(24).reshape(6, 2, 2), np.arange(6)
    np.savez(tmp_path / "a.npz", x, y)
    assert only(read_source(tmp_path)["all"]).labels.tolist() == y.tolist()
    np.savez(tmp_path / "a.npz", data=x.reshape(6, 4), images=x, target=y)
    assert only(read_source(tmp_path)["all"]).features.tolist() == x.reshape(6, 4).tolist()


def test_npz_may_be_packed_once_more(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((3, 2)), y=np.arange(3))
    (tmp_path / "a.npz.gz").write_bytes(gzip.compress((tmp_path / "a.npz").read_bytes()))
    assert only(read_source(tmp_path / "a.npz.gz", "first")["all"]).labels.tolist() == [0, 1, 2]


def test_npz_labels_may_be_a_column_or_bytes(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((2, 3)), y=np.array([[b"cat"], [b"dog"]]))
    assert only(read_source(tmp_path, "first")["all"]).labels.tolist() == ["cat", "dog"]


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


def csv_table(
    tmp_path: Path, text: str, label_column: str = "first", header: str = "auto", *, packed: bool = False
) -> Table:
    data = text.encode()
    path = tmp_path / ("data.csv.gz" if packed else "data.csv")
    path.write_bytes(gzip.compress(data) if packed else data)
    return only(read_source(tmp_path, label_column, header)["all"])


@pytest.mark.parametrize("packed", [True, False])
def test_csv_with_the_label_first(tmp_path: Path, packed: bool) -> None:
    table = csv_table(tmp_path, "1,0.5,2\n0,1e3,-4\n", packed=packed)
    assert table.features.tolist() == [[0.5, 2], [1000, -4]]
    assert table.labels.tolist() == ["1", "0"]


def test_csv_with_a_header_and_the_label_first_or_named(tmp_path: Path) -> None:
    text = '\ufefflabel,"width, cm",height\r\ncat,0.5,2\r\ndog,1,4\r\n'
    first = csv_table(tmp_path, text)
    assert first.features.tolist() == [[0.5, 2], [1, 4]]
    assert (first.labels.tolist(), first.columns) == (["cat", "dog"], ("width, cm", "height"))
    refused(tmp_path, "data.csv: no column named 'size' in its header", "size")


def test_csv_whose_header_has_the_label_twice(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("y,a,y\n1,2,3\n")
    refused(tmp_path, "^data.csv: its header has more than one 'y'; rename all but the label", "y")


def test_csv_blank_lines_are_passed_over(tmp_path: Path) -> None:
    assert csv_table(tmp_path, "\n1,2\n\n0,3\n\n\n").features.tolist() == [[2], [3]]
    assert csv_table(tmp_path, "\r\ny,a\r\n\r\n1,2\r\n").labels.tolist() == ["1"]


def test_csv_named_label_in_the_last_column(tmp_path: Path) -> None:
    table = csv_table(tmp_path, "a,b,y\n1,2,7\n3,4,8\n", "y")
    assert table.features.tolist() == [[1, 2], [3, 4]]
    assert table.labels.tolist() == ["7", "8"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no rows"),
        ("y,a\n", "no rows"),
        ("7,2,3\n0,4\n", "line 2 has 2 fields where the first line has 3"),
        ("7,2,3\n0,4,5,6\n", "line 2 has 4 fields where the first line has 3"),
        ("7,2,3\n0,4,5\n1,2,3,\n", "line 3 has 4 fields"),
        ("7,2,3\n\n0,4\n", "line 3 has 2 fields"),
        ("\n7,2,3\n\n0,4,1e39\n", "line 4, column 3: '1e39' is no finite float32"),
        ('y,a\n"two\nlines",1\nx,z\n', "line 4, column 'a': 'z' is no finite float32"),
        ("y,a,b\n1,2,3\n0,x,5\n", "line 3, column 'a': 'x' is no finite float32"),
        ("7,2,3\n0,,5\n", "line 2, column 2: '' is no finite float32"),
        ("7,2,3\n0,nan,5\n", "line 2, column 2: 'nan' is no finite"),
        ("y,a,b\n1,2,3\n0,4,-inf\n", "line 3, column 'b': '-inf' is no finite"),
        ("y,a,b\n1,2,3\n ,4,5\n", "line 3, column 'y': the label is empty"),
        ("1\n0\n", "no features beside the label"),
        ("1,2\n0,1_000\n", "line 2, column 2: '1_000' is no finite float32"),
        ("1,2\n0,١\n", "line 2, column 2: '١' is no finite float32"),
        ("y;a\n1;2,5\n0;3\n", "line 2, column 'a': '2,5' is no finite float32"),
        ("1,5;2\n0,5;3\n", "',' and ';' both divide its lines evenly; use one of them alone, and decimal points"),
        ("1,2\r0,3\r", r"no readable CSV \(new-line character seen in unquoted field\); save it as plain CSV"),
        ('1,"2,3\n0,4,5\n', "data.csv: "),
    ],
)
def test_csv_that_cannot_be_used_names_line_and_column(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    refused(tmp_path, f"^data.csv: .*{reason}" if not reason.startswith("data") else reason)


def test_csv_is_never_in_memory_twice(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w") as stream:
        stream.writelines(f"{row % 2}," + ",".join(["5"] * 400) + "\n" for row in range(25_000))
    code = (
        "import re, resource, sys, pandas\nfrom pathlib import Path\nfrom scripts import csv_table\n"
        "from scripts.csv_head import read_heads\n"
        "status = Path('/proc/self/status')\n"
        "def peak():\n"
        "    if status.exists():  # there the other figure holds what the process was before, too\n"
        "        return 1024 * int(re.search(r'VmHWM:\\s+(\\d+)', status.read_text())[1])\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "csv_table._CHUNK_VALUES = 500_000\nbefore = peak()\n"
        "path = Path(sys.argv[1])\n"
        "table = csv_table.read_csv(path, read_heads([path])[path])\n"
        "print((peak() - before) / table.features.nbytes)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.csv")]
    # glibc keeps what is freed in blocks below a size that grows; held small, the peak is what is in use.
    environ = os.environ | {"MALLOC_MMAP_THRESHOLD_": "100000"}
    grown = float(subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout)
    assert 0.9 < grown < 1.8


def test_csv_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"1,2\n\xff\xfe,3\n")
    refused(tmp_path, r"data.csv: line 2 is no UTF-8 text \(invalid start byte\)")


def test_csv_files_are_joined_or_divided_by_their_names(tmp_path: Path) -> None:
    for name in ("part-1.csv", "part-2.csv"):
        (tmp_path / name).write_text("1,2\n0,3\n")
    assert [table.file for table in read_source(tmp_path, "first")["all"]] == ["part-1.csv", "part-2.csv"]
    for name in ("part-1.csv", "part-2.csv"):
        (tmp_path / name).unlink()
    (tmp_path / "train").mkdir()
    for name in ("train/a.csv", "train/b.csv", "val.csv", "test_1.csv"):
        (tmp_path / name).write_text("1,2\n0,3\n")
    assert {name: len(part) for name, part in read_source(tmp_path, "first").items()} == {
        "train": 2,
        "validation": 1,
        "test": 1,
    }
    (tmp_path / "more.csv").write_text("1,2\n")
    refused(tmp_path, "more.csv: it is not clear to which split it belongs")


@pytest.mark.parametrize("names", [("part-1.csv", "part-2.csv"), ("train.csv", "test.csv")])
def test_csv_files_with_their_columns_in_another_order_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / names[0]).write_text("y,a,b\n1,2,3\n0,4,5\n")
    (tmp_path / names[1]).write_text("b,y,a\n3,1,2\n")
    with pytest.raises(ScriptError) as caught:
        divide(read_source(tmp_path, "y"), seed=0, stratify=False)
    assert str(caught.value) == (
        f"{names[1]}: feature 1 is 'b', but 'a' in {names[0]}; all files must have the same columns in the same order"
    )


def test_csv_files_of_which_only_the_first_has_a_header_are_joined(tmp_path: Path) -> None:
    (tmp_path / "part-1.csv").write_text("y,a\n" + "1,2\n" * 8)
    (tmp_path / "part-2.csv").write_text("0,4\n" * 8)
    splits = divide(read_source(tmp_path, "first"), seed=0, stratify=True)
    assert sum(map(len, splits.values())) == 16


def test_csv_without_a_header_and_the_label_elsewhere_than_in_that_of_another_file(tmp_path: Path) -> None:
    (tmp_path / "part-1.csv").write_text("a,b,target\n2,3,1\n")
    (tmp_path / "part-2.csv").write_text("4,5,0\n")
    tables = read_source(tmp_path)["all"]
    assert [(table.features.tolist(), table.labels.tolist()) for table in tables] == [
        ([[2, 3]], ["1"]),
        ([[4, 5]], ["0"]),
    ]
    (tmp_path / "part-2.csv").write_text("4,5,6,0\n")
    refused(tmp_path, "^part-2.csv: 4 columns and no header, where other files have a header of 3", "auto")


@pytest.mark.parametrize(
    ("text", "label", "columns", "labels"),
    [
        ("age,bmi,target\n1,2,3\n", "auto", ("age", "bmi"), ["3"]),
        ("Class,f1\n5,1\n", "auto", ("f1",), ["5"]),
        ("Na,NA,Y\n1,2,3\n", "auto", ("Na", "NA"), ["3"]),
        ("5,1.5,3\n", "auto", (), ["5"]),
        ("cat,1.5,3\n", "auto", (), ["cat"]),
        (",label,f1\n0,7,2\n1,8,3\n", "auto", ("f1",), ["7", "8"]),
        ("Unnamed: 0,f1,label\nx,2,7\ny,3,8\n", "auto", ("f1",), ["7", "8"]),
        (",a,b\n0,7,2\n", "b", ("a",), ["2"]),
        ("a,b,c\n1,2,3\n", "last", ("a", "b"), ["3"]),
        ("5.1,3.5,setosa\n", "last", (), ["setosa"]),
        ("0,1,2,3\n7,8,9,10\n", "2", ("0", "1", "3"), ["9"]),
    ],
)
def test_csv_head_says_what_is_label_features_and_header(
    tmp_path: Path, text: str, label: str, columns: tuple[str, ...], labels: list[str]
) -> None:
    table = csv_table(tmp_path, text, label)
    assert (table.columns, table.labels.tolist()) == (columns, labels)


@pytest.mark.parametrize(
    ("text", "label", "reason"),
    [
        ("5,1,,3\n4,1,2,3\n", "auto", "line 1, column 3: '' is no finite float32; fill it in or remove the line"),
        ("5,NA,2\n4,1,2\n", "auto", "line 1, column 2: 'NA' is no finite float32"),
        ("5,?,2\n4,1,2\n", "auto", r"line 1, column 2: '\?' is no finite float32"),
        ("5,2,null\n4,1,2\n", "auto", "line 1, column 3: 'null' is no finite float32"),
        (",1,2\n4,1,2\n", "first", "counts the columns"),
        (",7,2\n4,1,2\n", "first", "line 1, column 1: the label is empty"),
        (
            "a,b\n1,2\n",
            "auto",
            r"none of its columns is called label, target, class or y; .* LabelColumn=NAME, one of a, b$",
        ),
        ("y,label,f\n1,2,3\n", "auto", "'y' and 'label' both may be the label; say which is the label by LabelColumn="),
        (",label,f1\n0,7,2\n", "first", "the first column has no name, .* give LabelColumn=NAME, one of label, f1$"),
        (
            "0,1,2,3\n7,8,9,10\n",
            "auto",
            r"line 1 counts the columns \(0, 1, 2, 3\): .*CsvHeader=true or CsvHeader=false",
        ),
        ("label,0,1,2\n7,8,9,10\n", "auto", "line 1 counts the columns"),
        (",0,1,2\n7,8,9,10\n", "auto", "line 1 counts the columns"),
        ("5,a,7\n1,2,3\n", "auto", "line 1 has the name 'a' beside '5': .* give CsvHeader=true or CsvHeader=false"),
        ("y,a,\n1,2,3\n", "auto", "line 1 has the name 'a' beside an empty field"),
        ("5.1,3.5,setosa\n", "auto", "the name 'setosa' in its last field alone; give LabelColumn=last"),
        ("".join(f"{row},{row % 3}.5\n" for row in range(10)), "auto", "column 1, .* only counts the rows .0, 1, ...."),
        ("5,6\n7,8\n", "size", "no column named 'size': its first line holds values"),
    ],
)
def test_csv_head_that_can_be_read_in_two_ways_is_refused(tmp_path: Path, text: str, label: str, reason: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    refused(tmp_path, f"^data.csv: .*{reason}", label)


def test_csv_head_is_what_it_is_said_to_be(tmp_path: Path) -> None:
    assert csv_table(tmp_path, "0,1,2\n7,8,9\n", header="false").labels.tolist() == ["0", "7"]
    assert csv_table(tmp_path, "0,1,2\n7,8,9\n", header="true").columns == ("1", "2")
    assert csv_table(tmp_path, "y,1999,rate\n7,8,9\n", "auto", "true").columns == ("1999", "rate")
    rows = "".join(f"{row},{row % 3}.5\n" for row in range(12))
    assert len(csv_table(tmp_path, rows, "first")) == 12


def test_folder_without_usable_data(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere: there is no such file or folder")
    refused(tmp_path, "the folder is empty")
    (tmp_path / ".hidden.csv").write_text("1,2\n")
    refused(tmp_path, "the folder is empty")
    (tmp_path / "notes.txt").write_text("hello")
    refused(tmp_path, "notes.txt: it is no data that can be read: give the four IDX files")
    (tmp_path / "more.txt").write_text("hello")
    refused(tmp_path, r"none of the 2 files \(more.txt, ...\) is data that can be read: give")
    (tmp_path / "a.csv").write_text("1,2\n")
    np.savez(tmp_path / "a.npz", x=np.ones((1, 1)), y=np.ones(1))
    refused(tmp_path, r"more than one kind of data, CSV \(a.csv\) and NPZ \(a.npz\); leave one")
    (tmp_path / "a.csv").unlink()
    np.savez(tmp_path / "b.npz", x=np.ones((1, 1)), y=np.ones(1))
    refused(tmp_path, r"2 NPZ files \(a.npz, b.npz\); leave one")
