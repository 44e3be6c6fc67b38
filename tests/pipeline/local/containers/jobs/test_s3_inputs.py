"""Which keys an input means, where they go, and that nothing leaves its folder."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.containers.jobs import s3_inputs
from pipeline.local.containers.jobs.s3_inputs import InputObject
from pipeline.local.containers.jobs.s3_uris import TransferError
from pipeline.local.s3.store import Objects
from tests.support.damage import shorten


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[Objects]:
    made = Objects(tmp_path / "s3")
    made.create_bucket("bucket")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("prefix", "paths"),
    [
        ("x/test", ["a", "sub/b", "test_small/c"]),
        ("x/test/", ["a", "sub/b"]),
        ("x/te", ["test/a", "test/sub/b", "test_small/c"]),
        ("x/test/a", ["a"]),
        ("", ["x/test/a", "x/test/sub/b", "x/test_small/c"]),
        ("none", []),
    ],
)
def test_the_paths_of_a_prefix(objects: Objects, prefix: str, paths: list[str]) -> None:
    for key in ("x/test/a", "x/test/sub/b", "x/test_small/c"):
        objects.put("bucket", key, key.encode())
    assert [source.path for source in s3_inputs.sources(objects, f"s3://bucket/{prefix}")] == paths


def test_a_bucket_that_is_not_there_has_no_objects(objects: Objects) -> None:
    assert s3_inputs.sources(objects, "s3://nobody/x") == []
    assert not s3_inputs.any_source(objects, "s3://nobody/x")


@pytest.mark.parametrize("uri", ["", "s3://", "https://bucket/x", "bucket/key", "s3:///key"])
def test_what_is_no_uri_is_refused(objects: Objects, uri: str) -> None:
    with pytest.raises(TransferError, match="is no S3 URI"):
        s3_inputs.sources(objects, uri)


def test_folder_markers_become_folders(objects: Objects, tmp_path: Path) -> None:
    for key in ("in/", "in/sub/", "in/sub/a"):
        objects.put("bucket", key, b"")
    s3_inputs.download(objects, s3_inputs.sources(objects, "s3://bucket/in/"), tmp_path / "to")
    assert sorted(path.name for path in (tmp_path / "to").rglob("*")) == ["a", "sub"]


@given(path=st.text(st.sampled_from("a./\\\0é"), max_size=12))
def test_no_key_is_written_outside_its_folder(objects: Objects, tmp_path: Path, path: str) -> None:
    folder = tmp_path / "inside" / "folder"
    objects.put("bucket", "key", b"x")
    before = _outside(tmp_path, folder)
    try:
        s3_inputs.download(objects, [InputObject("bucket", "key", path)], folder)
    except TransferError:
        pass
    assert _outside(tmp_path, folder) - {folder, folder.parent} == before - {folder, folder.parent}
    _empty(folder)


def test_an_archive_of_gzip_members_is_unpacked_and_others_stay(objects: Objects, tmp_path: Path) -> None:
    import gzip

    objects.put("bucket", "z/a.gz", gzip.compress(b"1") + gzip.compress(b"2"))
    objects.put("bucket", "z/plain.gz", b"not zipped")
    objects.put("bucket", "z/broken.gz", gzip.compress(os.urandom(10_000))[:5000])
    s3_inputs.download(objects, s3_inputs.sources(objects, "s3://bucket/z/a"), tmp_path, gunzip=True)
    s3_inputs.download(objects, s3_inputs.sources(objects, "s3://bucket/z/p"), tmp_path, gunzip=True)
    assert (tmp_path / "a").read_bytes() == b"12"
    assert (tmp_path / "plain.gz").read_bytes() == b"not zipped"
    objects.put("bucket", "z/broken-within.gz", bytes.fromhex("1f8b08000000000000ff") + b"\x07" * 20)
    for name in ("broken.gz", "broken-within.gz"):
        with pytest.raises(TransferError, match=f"s3://bucket/z/{name}"):
            s3_inputs.download(objects, s3_inputs.sources(objects, f"s3://bucket/z/{name}"), tmp_path, gunzip=True)


def test_an_object_whose_bucket_went_away_is_a_transfer_error(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="s3://gone/k"):
        s3_inputs.download(objects, [InputObject("gone", "k", "k")], tmp_path)


def test_a_damaged_object_or_manifest_is_a_transfer_error_that_names_it(objects: Objects, tmp_path: Path) -> None:
    objects.put("bucket", "list", b'[{"prefix": "s3://bucket/"}, "a"]')
    shorten(objects, "bucket", "list", 20)
    with pytest.raises(TransferError, match="s3://bucket/list is damaged"):
        s3_inputs.sources(objects, "s3://bucket/list", "ManifestFile")
    with pytest.raises(TransferError, match="s3://bucket/list is damaged"):
        s3_inputs.download(objects, [InputObject("bucket", "list", "list")], tmp_path / "in")


def _outside(top: Path, folder: Path) -> set[Path]:
    found = {path for path in top.rglob("*") if not path.is_relative_to(top / "s3")}
    return {path for path in found if not path.is_relative_to(folder)}


def _empty(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def test_a_small_archive_does_not_fill_the_disk(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.put("bucket", "bomb.gz", gzip.compress(bytes(50_000_000), mtime=0))
    monkeypatch.setattr("pipeline.local.disk.room", lambda folder: 1_000_000)
    with pytest.raises(TransferError, match="unpacks to more than the 1000000 bytes"):
        s3_inputs.download(objects, [InputObject("bucket", "bomb.gz", "bomb.gz")], tmp_path / "in", gunzip=True)
    assert sum(path.stat().st_size for path in (tmp_path / "in").iterdir()) < 2_000_000
