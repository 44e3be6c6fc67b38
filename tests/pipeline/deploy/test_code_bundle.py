"""The bundle of a script: what it imports, a hash of names and bytes alone, an upload that is whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from pipeline.deploy.code_bundle import Bundle, NoBucketError, bundles, deployed_manifest, manifest_key, upload
from pipeline.errors import DataError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_STEMS = st.text("abcdefghij", min_size=1, max_size=4)
_NAMES = st.builds(lambda parts: "/".join(parts) + ".py", st.lists(_STEMS, min_size=1, max_size=3))
_FOLDERS = st.dictionaries(_NAMES, st.binary(max_size=40), min_size=1, max_size=6)


def _write(folder: Path, files: Mapping[str, bytes], *, mode: int = 0o644, time: int = 0) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        os.utime(path, (time, time))


def _bundle(folder: Path, names: Iterable[str]) -> Bundle:
    """The bundle of a script that imports all these files."""
    lines = (
        f"from .{'.'.join(above)} import {stem}" for *above, stem in (name[:-3].split("/") for name in sorted(names))
    )
    _write(folder, {"all_of_it.py": "\n".join(lines).encode()})
    return bundles(folder)["all_of_it"]


@given(_FOLDERS, st.randoms())
def test_hash_does_not_know_of_path_order_times_modes_or_caches(files: dict[str, bytes], random: Any) -> None:
    names = list(files)
    random.shuffle(names)
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        _write(Path(one), files, time=1_000_000_000)
        deep = Path(two) / "another" / "checkout"
        _write(deep, {name: files[name] for name in names}, mode=0o600, time=1_700_000_000)
        _write(deep, {"__pycache__/x.py": b"1", ".hidden/y.py": b"2", "notes.txt": b"3", "a.pyc": b"4"})
        assert _bundle(Path(one), files) == _bundle(deep, files)


@given(_FOLDERS, _FOLDERS)
def test_hash_tells_different_folders_apart(one: dict[str, bytes], two: dict[str, bytes]) -> None:
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        _write(Path(first), one)
        _write(Path(second), two)
        assert (_bundle(Path(first), one).sha256 == _bundle(Path(second), two).sha256) == (one == two)


def test_bytes_moved_from_one_file_to_the_next_change_the_hash(tmp_path: Path) -> None:
    names = ("a.py", "b.py")
    _write(tmp_path / "one", {"a.py": b"xy", "b.py": b""})
    _write(tmp_path / "two", {"a.py": b"x", "b.py": b"y"})
    assert _bundle(tmp_path / "one", names).sha256 != _bundle(tmp_path / "two", names).sha256


def test_folder_without_python_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no Python files"):
        bundles(tmp_path)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        yield client


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    files = {"convert.py": b"from scripts.parts import read\n", "parts/__init__.py": b"", "parts/read.py": b"x = 2\n"}
    _write(tmp_path / "scripts", files)
    return bundles(tmp_path / "scripts")["convert"]


def _objects(s3: S3Client) -> dict[str, bytes]:
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="bucket").get("Contents", [])]
    return {key: s3.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}


def test_upload_puts_files_below_the_hash_and_the_manifest_beside(s3: S3Client, bundle: Bundle) -> None:
    assert upload(bundle, s3, "bucket", "some/prefix") == 4
    folder = f"some/prefix/code/{bundle.sha256}"
    assert bundle.uri("bucket", "some/prefix") == f"s3://bucket/{folder}"
    objects = _objects(s3)
    manifest = manifest_key("some/prefix", bundle.sha256)
    assert set(objects) == {f"{folder}/{file.name}" for file in bundle.files} | {manifest}
    assert objects[f"{folder}/parts/read.py"] == b"x = 2\n"
    assert deployed_manifest(s3, "bucket", "some/prefix", bundle.sha256) == bundle.manifest
    assert not manifest.startswith(folder), "a job that mounts the prefix must not see the manifest"


def test_second_upload_writes_nothing(s3: S3Client, bundle: Bundle) -> None:
    upload(bundle, s3, "bucket", "p")
    assert upload(bundle, s3, "bucket", "p") == 0


def test_what_is_there_is_never_overwritten(s3: S3Client, bundle: Bundle) -> None:
    key = f"p/{bundle.key}/convert.py"
    s3.put_object(Bucket="bucket", Key=key, Body=b"from another writer")
    assert upload(bundle, s3, "bucket", "p") == 3
    assert _objects(s3)[key] == b"from another writer"


class _Breaking:
    """An S3 client whose connection breaks at the n-th write."""

    def __init__(self, client: S3Client, after: int) -> None:
        self._client, self._left = client, after

    def put_object(self, **request: Any) -> Any:
        if not self._left:
            raise ConnectionError("the line is dead")
        self._left -= 1
        return self._client.put_object(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.mark.parametrize("after", range(4))
def test_interrupted_upload_is_not_taken_for_whole_and_is_completed(s3: S3Client, bundle: Bundle, after: int) -> None:
    broken: Any = _Breaking(s3, after)
    with pytest.raises(ConnectionError):
        upload(bundle, broken, "bucket", "p")
    assert deployed_manifest(s3, "bucket", "p", bundle.sha256) is None
    assert upload(bundle, s3, "bucket", "p") == 4 - after
    assert deployed_manifest(s3, "bucket", "p", bundle.sha256) == bundle.manifest


def test_no_bucket_is_told_from_no_manifest(s3: S3Client) -> None:
    assert deployed_manifest(s3, "bucket", "p", "0" * 64) is None
    with pytest.raises(NoBucketError, match="nowhere"):
        deployed_manifest(s3, "nowhere", "p", "0" * 64)
