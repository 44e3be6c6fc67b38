"""Files as an enemy would write them: whole ones, changed at random, given to everything that reads files of others.

Run as a program (`python -m tests.support.hostile READER SEED COUNT`) in a process of its own, whose memory is bounded,
since what is looked for is a crash.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import random
import resource
import struct
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 5.0
MEMORY = 2 << 30
_LARGE = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 40,
    (1 << 63) - 1,
    (1 << 64) - 1,
)


@dataclass(frozen=True)
class Reader:
    """Whole files of one kind, what reads them at a path, and what it may raise."""

    name: str
    whole: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    raises: tuple[type[Exception], ...]


def changed(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """The bytes with some places changed, cut, doubled, or taken from other files."""
    result = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at, how = chance.randrange(len(result) + 1), chance.randrange(6)
        size = chance.choice((1, 2, 4, 8))
        if how == 0:
            result[at : at + 1] = bytes([chance.randrange(256)])
        elif how == 1:
            number = chance.choice(_LARGE) & ((1 << 8 * size) - 1)
            result[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))
        elif how == 2:
            result[at : at + chance.randrange(64)] = b""
        elif how == 3:
            result[at:at] = result[at : at + chance.randrange(64)] * chance.choice((1, 2, 50))
        elif how == 4:
            other = chance.choice(others)
            begin = chance.randrange(len(other))
            result[at : at + chance.randrange(64)] = other[begin : begin + 64]
        else:
            result[at : at + size] = bytes(chance.randrange(256) for _ in range(size))
    return bytes(result) or b"\0"


def attack(reader: Reader, seed: int, count: int, folder: Path) -> list[str]:
    """What went wrong in `count` attempts, each told with the bytes that did it."""
    chance, faults = random.Random(seed), []
    whole = reader.whole()
    path = folder / f"hostile.{reader.name}"
    for _ in range(count):
        data = changed(chance.choice(whole), whole, chance)
        path.write_bytes(data)
        began, fault = time.process_time(), ""
        try:
            reader.read(path)
        except reader.raises as error:
            fault = "no reason is given" if not str(error) else ""
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        if time.process_time() - began > SECONDS:
            fault = f"{time.process_time() - began:.1f} seconds"
        if fault:
            faults.append(f"{fault} after {data[:2000].hex()}")
    return faults


def _arrays() -> tuple[Any, ...]:
    return tuple((np.ones((rows, 3), np.float32), np.arange(rows)) for rows in (4, 3, 2))


def _npz() -> list[bytes]:
    found = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, x_train=np.ones((5, 3), np.float32), y_train=np.arange(5), x_test=np.eye(3), y_test=np.arange(3))
        found.append(buffer.getvalue())
    return found


def _idx() -> list[bytes]:
    plain = struct.pack(">HBBIII", 0, 8, 3, 4, 2, 2) + bytes(range(16))
    return [plain, struct.pack(">HBBI", 0, 13, 1, 2) + bytes(8), gzip.compress(plain, mtime=0)]


def _recordio() -> list[bytes]:
    from scripts.formats.recordio import encode_dense, encode_sparse

    ones, labels = np.ones(6, np.float32), np.arange(6, dtype=np.float32)
    sparse = encode_sparse(np.arange(7), np.arange(6), ones, (6, 9), labels)
    return [encode_dense(np.ones((6, 3), np.float32), labels), sparse]


def _read_recordio(path: Path) -> None:
    from scripts.formats.recordio import read

    with path.open("rb") as stream:
        for chunk in read(stream):
            assert len(chunk)


def _model() -> list[bytes]:
    from pipeline.local.images.linear_learner import artifact
    from pipeline.local.images.linear_learner.model import Model

    model = Model(np.ones((3, 1), np.float32), np.ones((1, 1), np.float32), "binary_classifier", "logistic", 0.5, {})
    stored = artifact.encode(model)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(stored)) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)
    return [stored, packed.getvalue()]


def _tar() -> list[bytes]:
    found = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
            for name in ("model", "code/a.py", "n" * 120 if form else "n" * 90):
                member = tarfile.TarInfo(name)
                member.size = 600
                tar.addfile(member, io.BytesIO(bytes(600)))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "code/../model"
            tar.addfile(link)
        found += [buffer.getvalue(), gzip.compress(buffer.getvalue(), mtime=0)]
    return found


def _read_tar(path: Path) -> None:
    from pipeline.local.images.sagemaker_containers.archive import unpack

    with tempfile.TemporaryDirectory(dir=path.parent) as outer:
        inside = Path(outer, "a", "inside")
        inside.mkdir(parents=True)
        try:
            unpack(path, inside, limit=10_000_000)
        finally:
            left = [str(found) for found in Path(outer).rglob("*") if not found.resolve().is_relative_to(outer)]
            assert not left, left
            assert [entry.name for entry in (*Path(outer).iterdir(), *Path(outer, "a").iterdir())] == ["a", "inside"]


def _json_lines() -> list[bytes]:
    lines = [json.dumps({"predicted_label": row % 2, "score": row / 10}) for row in range(5)]
    return ["\n".join(lines).encode(), b"[" * 50 + b"]" * 50]


def _readers() -> list[Reader]:
    from pipeline.local.images.linear_learner import artifact
    from pipeline.local.images.linear_learner.container_errors import CustomerError
    from pipeline.local.images.sagemaker_containers.archive import ArchiveError
    from scripts.errors import ScriptError
    from scripts.formats.array_pickle import read_pickle
    from scripts.formats.arrays import read_npz
    from scripts.formats.idx import read_idx
    from scripts.scoring.predictions import parse_answers

    scripts = (ScriptError,)
    pickles = [pickle.dumps(_arrays(), protocol) for protocol in range(2, 6)]
    return [
        Reader("pickle", lambda: [*pickles, gzip.compress(pickles[0], mtime=0)], read_pickle, scripts),
        Reader("npz", _npz, read_npz, scripts),
        Reader("idx", _idx, read_idx, scripts),
        Reader("recordio", _recordio, _read_recordio, scripts),
        Reader(
            "answers", _json_lines, lambda path: parse_answers(path.read_bytes(), "binary_classifier", "a"), scripts
        ),
        Reader("model", _model, lambda path: artifact.decode(path.read_bytes()), (CustomerError,)),
        Reader("tar", _tar, _read_tar, (ArchiveError,)),
    ]


READERS = ("pickle", "npz", "idx", "recordio", "answers", "model", "tar")


def main(arguments: list[str]) -> int:
    """The exit code: 1 where anything went wrong, which is printed."""
    name, seed, count = arguments
    reader = next(reader for reader in _readers() if reader.name == name)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        faults = attack(reader, int(seed), int(count), Path(folder))
    print("\n".join(faults[:20]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
