"""What a job wrote goes to S3: what changed, and nothing that a link leads to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local.containers.jobs import s3_outputs
from pipeline.local.containers.jobs.s3_outputs import Mirror
from pipeline.local.containers.jobs.s3_uris import TransferError
from pipeline.local.s3.store import Objects


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[Objects]:
    made = Objects(tmp_path / "s3")
    made.create_bucket("bucket")
    yield made
    made.close()


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
    listed = s3_outputs.files

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

    monkeypatch.setattr(s3_outputs, "files", then_swapped)
    Mirror(objects, tmp_path / "out", "s3://bucket/out").sync()
    assert list(objects.list("bucket", "out")) == []
