"""Pickles of arrays: every protocol is read, and nothing of a file is run or trusted."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.raw_sources import Runs, only, read_all, refused, write_mnist


def mnist_tuple() -> Any:
    random = np.random.default_rng(5)
    return tuple((random.random((rows, 9)).astype(np.float32), random.integers(0, 10, rows)) for rows in (12, 5, 4))


@pytest.mark.parametrize("protocol", range(2, 6))
def test_pickle_of_three_pairs_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    content = mnist_tuple()
    with gzip.open(tmp_path / "mnist.pkl.gz", "wb") as stream:
        pickle.dump(content, stream, protocol)
    splits = read_all(tmp_path, "first")
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
    splits = read_all(tmp_path / "mnist.pkl", "first")
    assert only(splits["test"]).features.tolist() == [[1.5, 200]]
    assert only(splits["test"]).labels.tolist() == [7]


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
        assert only(read_all(tmp_path, "first")["test"]).features.tolist() == features.tolist()


def test_a_small_archive_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.formats.files.memory", lambda: 5_000_000)
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
