"""From S3 into a container's folders: which objects an input means, and their download.

Keys come from anywhere, so a key that would leave its folder is refused. All errors are `TransferError`, whose text
can stand in a FailureReason.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.local import disk
from pipeline.local.containers.jobs.s3_uris import TransferError, split_uri
from pipeline.local.s3.store import Damaged, NoSuchBucket, NoSuchKey, Objects, S3Error

DAMAGED: Final = (EOFError, zlib.error)
"""What unpacking raises, besides OSError, for a gzip file that is cut off or damaged within."""
_READ: Final = 1 << 20


@dataclass(frozen=True)
class InputObject:
    """One object of an input: where it lies and the path that it gets below the input's folder."""

    bucket: str
    key: str
    path: str


def sources(objects: Objects, uri: str, data_type: str = "S3Prefix") -> list[InputObject]:
    """The objects that an input names, in the order of their keys (of the manifest, for a manifest).

    A prefix is a prefix of keys, as in S3: `s3://b/x/test` also means `x/test_small/a`. Raises TransferError.
    """
    try:
        if data_type == "ManifestFile":
            return _manifest(objects, uri)
        bucket, prefix = split_uri(uri)
        return [InputObject(bucket, found.key, _relative(found.key, prefix)) for found in objects.list(bucket, prefix)]
    except NoSuchBucket:
        return []


def any_source(objects: Objects, uri: str) -> bool:
    """Whether at least one object lies under an S3 URI. Raises TransferError."""
    bucket, prefix = split_uri(uri)
    try:
        return next(iter(objects.list(bucket, prefix)), None) is not None
    except S3Error:
        return False


def shard(found: list[InputObject], index: int, count: int) -> list[InputObject]:
    """The part of an input that is sharded by S3 key which instance `index` of `count` gets."""
    return found[index::count]


def download(objects: Objects, found: list[InputObject], folder: Path, *, gunzip: bool = False) -> None:
    """Write objects below a folder, which is made. `gunzip` unpacks them (and drops `.gz`). Raises TransferError."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in found:
        target = _inside(folder, source)
        try:
            if source.path.endswith("/") or not source.path:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            objects.fetch(source.bucket, source.key, target)
            if gunzip:
                _gunzip(target)
        except (NoSuchBucket, NoSuchKey):
            raise TransferError(f"s3://{source.bucket}/{source.key} is gone") from None
        except Damaged as error:
            raise TransferError(error.message) from None
        except (OSError, *DAMAGED) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise TransferError(f"s3://{source.bucket}/{source.key}: {why}") from None


def _relative(key: str, prefix: str) -> str:
    if key == prefix and not key.endswith("/"):
        return key.rpartition("/")[2]
    rest = key[len(prefix) :]
    if prefix.endswith("/") or not prefix or rest.startswith("/"):
        return rest.removeprefix("/")
    return key[len(prefix.rpartition("/")[0]) :].removeprefix("/")


def _manifest(objects: Objects, uri: str) -> list[InputObject]:
    bucket, key = split_uri(uri)
    try:
        entries = json.loads(objects.get(bucket, key))
    except NoSuchKey:
        return []
    except Damaged as error:
        raise TransferError(error.message) from None
    except ValueError as error:
        raise TransferError(f"the manifest {uri} is no JSON: {error}") from None
    if (
        not isinstance(entries, list)
        or not entries
        or not isinstance(entries[0], dict)
        or not isinstance(entries[0].get("prefix"), str)
        or not all(isinstance(entry, str) for entry in entries[1:])
    ):
        raise TransferError(f'the manifest {uri} must be [{{"prefix": "s3://..."}}, "name", ...]')
    found = []
    for entry in entries[1:]:
        target, name = split_uri(entries[0]["prefix"] + entry)
        found.append(InputObject(target, name, entry.removeprefix("/")))
    return found


def _inside(folder: Path, source: InputObject) -> Path:
    target = Path(os.path.normpath(folder / source.path))
    if "\0" in source.path or not target.is_relative_to(folder):
        raise TransferError(f"the key {source.key!r} leaves the folder that it is downloaded to")
    return target


def _gunzip(path: Path) -> None:
    """Replace a gzip file by what it holds; other files stay, as they do on AWS."""
    with path.open("rb") as packed:
        if packed.read(2) != b"\x1f\x8b":
            return
    plain = path.with_name(path.name + ".part")
    limit = left = disk.room(path.parent)
    with gzip.open(path, "rb") as source, plain.open("wb") as target:
        while data := source.read(_READ):
            left -= len(data)
            if left < 0:
                raise TransferError(f"{path.name} unpacks to more than the {limit} bytes that there is room for")
            target.write(data)
    path.unlink()
    plain.rename(path.with_name(path.name.removesuffix(".gz")))
