"""Which keys an input means, where they go, and that nothing leaves its folder."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.containers.jobs import transfer
from pipeline.local.containers.jobs.transfer import InputObject, Mirror, TransferError
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
    assert [source.path for source in transfer.sources(objects, f"s3://bucket/{prefix}")] == paths


def test_a_bucket_that_is_not_there_has_no_objects(objects: Objects) -> None:
    assert transfer.sources(objects, "s3://nobody/x") == []
    assert not transfer.any_source(objects, "s3://nobody/x")


@pytest.mark.parametrize("uri", ["", "s3://", "https://bucket/x", "bucket/key", "s3:///key"])
def test_what_is_no_uri_is_refused(objects: Objects, uri: str) -> None:
    with pytest.raises(TransferError, match="is no S3 URI"):
        transfer.sources(objects, uri)


def test_folder_markers_become_folders(objects: Objects, tmp_path: Path) -> None:
    for key in ("in/", "in/sub/", "in/sub/a"):
        objects.put("bucket", key, b"")
    transfer.download(objects, transfer.sources(objects, "s3://bucket/in/"), tmp_path / "to")
    assert sorted(path.name for path in (tmp_path / "to").rglob("*")) == ["a", "sub"]


@given(path=st.text(st.sampled_from("a./\\\0é"), max_size=12))
def test_no_key_is_written_outside_its_folder(objects: Objects, tmp_path: Path, path: str) -> None:
    folder = tmp_path / "inside" / "folder"
    objects.put("bucket", "key", b"x")
    before = _outside(tmp_path, folder)
    try:
        transfer.download(objects, [InputObject("bucket", "key", path)], folder)
    except TransferError:
        pass
    assert _outside(tmp_path, folder) - {folder, folder.parent} == before - {folder, folder.parent}
    _empty(folder)


def test_an_archive_of_gzip_members_is_unpacked_and_others_stay(objects: Objects, tmp_path: Path) -> None:
    import gzip

    objects.put("bucket", "z/a.gz", gzip.compress(b"1") + gzip.compress(b"2"))
    objects.put("bucket", "z/plain.gz", b"not zipped")
    objects.put("bucket", "z/broken.gz", gzip.compress(os.urandom(10_000))[:5000])
    transfer.download(objects, transfer.sources(objects, "s3://bucket/z/a"), tmp_path, gunzip=True)
    transfer.download(objects, transfer.sources(objects, "s3://bucket/z/p"), tmp_path, gunzip=True)
    assert (tmp_path / "a").read_bytes() == b"12"
    assert (tmp_path / "plain.gz").read_bytes() == b"not zipped"
    objects.put("bucket", "z/broken-within.gz", bytes.fromhex("1f8b08000000000000ff") + b"\x07" * 20)
    for name in ("broken.gz", "broken-within.gz"):
        with pytest.raises(TransferError, match=f"s3://bucket/z/{name}"):
            transfer.download(objects, transfer.sources(objects, f"s3://bucket/z/{name}"), tmp_path, gunzip=True)


def test_an_object_whose_bucket_went_away_is_a_transfer_error(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="s3://gone/k"):
        transfer.download(objects, [InputObject("gone", "k", "k")], tmp_path)


def test_a_damaged_object_or_manifest_is_a_transfer_error_that_names_it(objects: Objects, tmp_path: Path) -> None:
    objects.put("bucket", "list", b'[{"prefix": "s3://bucket/"}, "a"]')
    shorten(objects, "bucket", "list", 20)
    with pytest.raises(TransferError, match="s3://bucket/list is damaged"):
        transfer.sources(objects, "s3://bucket/list", "ManifestFile")
    with pytest.raises(TransferError, match="s3://bucket/list is damaged"):
        transfer.download(objects, [InputObject("bucket", "list", "list")], tmp_path / "in")


def test_a_mirror_sends_what_changed(objects: Objects, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_text("1")
    mirror = Mirror(objects, folder, "s3://bucket/to/")
    mirror.sync()
    first = objects.head("bucket", "to/sub/a")
    mirror.sync()
    assert first is not None and objects.head("bucket", "to/sub/a") == first
    (folder / "sub" / "a").write_text("12")
    (folder / "b").write_text("b")
    mirror.sync()
    assert objects.get("bucket", "to/sub/a") == b"12"
    assert [found.key for found in objects.list("bucket")] == ["to/b", "to/sub/a"]


def test_pipes_links_and_names_without_text_do_not_stop_an_upload(objects: Objects, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "a").write_text("1")
    Mirror(objects, folder, "s3://bucket").sync()
    assert [found.key for found in objects.list("bucket")] == ["a"]
    (folder / os.fsdecode(b"\xff")).write_text("x")
    with pytest.raises(TransferError, match="is not UTF-8"):
        Mirror(objects, folder, "s3://bucket").sync()


def _outside(top: Path, folder: Path) -> set[Path]:
    found = {path for path in top.rglob("*") if not path.is_relative_to(top / "s3")}
    return {path for path in found if not path.is_relative_to(folder)}


def _empty(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("swapped", ["file", "folder", "pipe"])
def test_what_a_job_swaps_for_a_link_while_it_is_sent_is_not_sent(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    """The job puts a link where the listing saw a file, to have the service read what is covered for the job."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "result").write_text("secret")
    out = tmp_path / "out" / "sub"
    out.mkdir(parents=True)
    (out / "result").write_text("data")
    listed = transfer.files

    def then_swapped(folder: Path) -> Iterator[tuple[Path, str]]:
        found = list(listed(folder))
        (out / "result").unlink()
        if swapped == "file":
            (out / "result").symlink_to(tmp_path / "secret" / "result")
        elif swapped == "pipe":
            os.mkfifo(out / "result")
        else:
            out.rmdir()
            out.symlink_to(tmp_path / "secret")
        return iter(found)

    monkeypatch.setattr(transfer, "files", then_swapped)
    Mirror(objects, tmp_path / "out", "s3://bucket/out").sync()
    assert list(objects.list("bucket", "out")) == []


def test_a_small_archive_does_not_fill_the_disk(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.put("bucket", "bomb.gz", gzip.compress(bytes(50_000_000), mtime=0))
    monkeypatch.setattr("pipeline.local.disk.room", lambda folder: 1_000_000)
    with pytest.raises(TransferError, match="unpacks to more than the 1000000 bytes"):
        transfer.download(objects, [InputObject("bucket", "bomb.gz", "bomb.gz")], tmp_path / "in", gunzip=True)
    assert sum(path.stat().st_size for path in (tmp_path / "in").iterdir()) < 2_000_000
