from __future__ import annotations

import hashlib
import io
import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local import durable
from pipeline.local.s3.store import Damaged, NoSuchBucket, NoSuchKey, Objects
from pipeline.local.s3.store.s3_errors import BucketAlreadyOwnedByYou, BucketNotEmpty, InvalidBucketName, KeyTooLong
from tests.support.damage import shorten
from tests.support.waiting import PATIENCE

KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[Objects]:
    plane = Objects(tmp_path / "s3", sync=durable.no_sync)
    plane.create_bucket("bucket")
    yield plane
    plane.close()


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "s3" / "blobs").rglob("*") if path.is_file()]


def test_what_is_put_is_got_with_its_etag_type_and_metadata(objects: Objects) -> None:
    stored = objects.put("bucket", "a/b", b"hello", content_type="text/plain", metadata={"x": "ü"})
    found = objects.head("bucket", "a/b")
    assert found == stored
    assert (found.etag, found.size) == (hashlib.md5(b"hello").hexdigest(), 5)
    assert (found.properties.content_type, found.properties.metadata) == ("text/plain", {"x": "ü"})
    assert objects.get("bucket", "a/b") == b"hello"


def test_tags_that_come_late_change_nothing_of_the_object_that_was_put_meanwhile(objects: Objects) -> None:
    found = objects.put("bucket", "k", b"old", content_type="text/plain", metadata={"x": "old"})
    new = objects.put("bucket", "k", b"new", content_type="text/html", metadata={"y": "ü"})
    objects.set_tags(found, {"ä": 'a"b'})
    assert objects.head("bucket", "k") == replace(new, properties=replace(new.properties, tags={"ä": 'a"b'}))


def test_bytes_paths_and_streams_can_be_put(objects: Objects, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(data)
    for key, source in (("b", data), ("p", tmp_path / "file"), ("s", io.BytesIO(data))):
        objects.put("bucket", key, source)  # type: ignore[arg-type]
        assert objects.get("bucket", key) == data


@given(contents=st.dictionaries(KEYS, st.binary(max_size=20), max_size=8))
def test_any_keys_live_side_by_side_in_the_order_of_their_bytes(objects: Objects, contents: dict[str, bytes]) -> None:
    for key, body in contents.items():
        objects.put("bucket", key, body)
    listed = [found.key for found in objects.list("bucket")]
    assert listed == sorted(contents, key=lambda key: key.encode())
    assert {key: objects.get("bucket", key) for key in listed} == contents
    for key in contents:
        objects.delete("bucket", key)
    assert list(objects.list("bucket")) == []


@given(keys=st.sets(KEYS, max_size=12), prefix=st.text(max_size=2))
def test_a_prefix_lists_exactly_the_keys_that_begin_with_it(objects: Objects, keys: set[str], prefix: str) -> None:
    for key in keys:
        objects.put("bucket", key, b"")
    wanted = sorted((key for key in keys if key.startswith(prefix)), key=lambda key: key.encode())
    assert [found.key for found in objects.list("bucket", prefix)] == wanted
    for key in keys:
        objects.delete("bucket", key)


def test_a_listing_longer_than_one_batch_is_whole(objects: Objects) -> None:
    keys = [f"{number:05d}" for number in range(1100)]
    for key in keys:
        objects.put("bucket", key, b"")
    assert [found.key for found in objects.list("bucket")] == keys
    assert [found.key for found in objects.list("bucket", after="00500")] == keys[501:]


@pytest.mark.parametrize("key", ["../../../etc/passwd", "/etc/passwd", "a/../../b", "..", "./x", "x\ny", "C:\\x"])
def test_no_key_reaches_a_path_of_its_own(tmp_path: Path, key: str) -> None:
    deep = tmp_path / "so" / "deep" / "that" / "what" / "leaves" / "is" / "seen"
    with closing(Objects(deep / "s3", sync=durable.no_sync)) as objects:
        objects.create_bucket("bucket")
        before = {path for path in tmp_path.rglob("*") if "blobs" not in path.parts}
        objects.put("bucket", key, b"evil")
        assert objects.get("bucket", key) == b"evil"
        assert {path for path in tmp_path.rglob("*") if "blobs" not in path.parts} == before
    assert [path.read_bytes() for path in files(deep)] == [b"evil"]


@pytest.mark.parametrize("name", ["..", "a", "A-bucket", "a..b", "192.168.1.1", "a/b", "xn--abc", "b-", "x" * 64, "_x"])
def test_bucket_names_that_s3_refuses_are_refused(objects: Objects, name: str) -> None:
    with pytest.raises(InvalidBucketName):
        objects.create_bucket(name)


def test_a_key_longer_than_1024_bytes_is_refused_and_leaves_nothing(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(KeyTooLong):
        objects.put("bucket", "ü" * 513, b"x")
    assert files(tmp_path) == []
    objects.put("bucket", "ü" * 512, b"x")


def test_absent_buckets_and_keys_have_errors_of_their_own(objects: Objects, tmp_path: Path) -> None:
    assert objects.head("bucket", "k") is None
    with pytest.raises(NoSuchKey):
        objects.get("bucket", "k")
    with pytest.raises(NoSuchKey):
        objects.fetch("bucket", "k", tmp_path / "f")
    assert not (tmp_path / "f").exists()
    for call in (objects.get, objects.head, objects.delete):
        with pytest.raises(NoSuchBucket):
            call("absent", "k")  # type: ignore[operator]
    with pytest.raises(NoSuchBucket):
        objects.list("absent")
    with pytest.raises(NoSuchBucket):
        objects.put("absent", "k", b"x")
    assert files(tmp_path) == []


def test_a_bucket_goes_only_when_it_is_empty(objects: Objects) -> None:
    with pytest.raises(BucketAlreadyOwnedByYou):
        objects.create_bucket("bucket")
    objects.put("bucket", "k", b"x")
    with pytest.raises(BucketNotEmpty):
        objects.delete_bucket("bucket")
    objects.delete("bucket", "k")
    objects.delete_bucket("bucket")
    assert objects.buckets() == []


def test_an_overwritten_or_deleted_body_leaves_no_file(objects: Objects, tmp_path: Path) -> None:
    for body in (b"1", b"2", b"3"):
        objects.put("bucket", "k", body)
    assert [path.read_bytes() for path in files(tmp_path)] == [b"3"]
    objects.delete("bucket", "k")
    objects.delete("bucket", "k")
    assert files(tmp_path) == []


def test_a_body_that_breaks_off_stores_nothing(objects: Objects, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * 100
        raise ConnectionError("gone")

    objects.put("bucket", "k", b"old")
    with pytest.raises(ConnectionError):
        objects.blobs.write(broken())
    assert objects.get("bucket", "k") == b"old"
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("size", [0, 4, 11], ids=str)
def test_a_body_of_another_length_than_was_stored_is_never_given_out(
    objects: Objects, tmp_path: Path, size: int
) -> None:
    objects.put("bucket", "k", b"0123456789")
    shorten(objects, "bucket", "k", size)
    with pytest.raises(Damaged, match=f"s3://bucket/k is damaged .* {size} bytes instead of 10"):
        objects.get("bucket", "k")
    with pytest.raises(Damaged, match="s3://bucket/k"):
        objects.fetch("bucket", "k", tmp_path / "fetched")


def test_a_fetched_file_can_be_changed_without_changing_the_object(objects: Objects, tmp_path: Path) -> None:
    objects.put("bucket", "k", b"original")
    objects.fetch("bucket", "k", tmp_path / "mine")
    with open(tmp_path / "mine", "r+b") as file:
        file.write(b"tampered")
    assert objects.get("bucket", "k") == b"original"
    assert (tmp_path / "mine").stat().st_nlink == 1


def test_the_blob_folder_is_the_users_alone(objects: Objects, tmp_path: Path) -> None:
    objects.put("bucket", "k", b"secret")
    assert [path.stat().st_mode & 0o077 for path in files(tmp_path)] == [0]
    assert (tmp_path / "s3").stat().st_mode & 0o077 == 0


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    first = Objects(tmp_path / "s3")
    first.create_bucket("bucket", region="eu-west-1")
    first.set_document("bucket", "cors", "<x/>")
    first.put("bucket", "k", b"x", metadata={"a": "b"})
    upload = first.uploads.create("bucket", "big", first.head("bucket", "k").properties)  # type: ignore[union-attr]
    first.uploads.put_part(upload, 1, first.blobs.write([b"part"]), {})
    stored = first.head("bucket", "k")
    first.close()
    second = Objects(tmp_path / "s3")
    assert second.head("bucket", "k") == stored
    assert (second.bucket("bucket").region, second.bucket("bucket").documents) == ("eu-west-1", {"cors": "<x/>"})
    etag = second.uploads.parts(upload)[0].blob.md5
    second.uploads.complete(upload, [(1, etag)], upload.properties)
    assert second.get("bucket", "big") == b"part"
    second.close()


def test_leftovers_of_a_crash_are_swept_at_the_next_start(tmp_path: Path) -> None:
    first = Objects(tmp_path / "s3")
    first.create_bucket("bucket")
    first.put("bucket", "k", b"kept")
    first.blobs.write([b"never committed"])
    first.close()
    second = Objects(tmp_path / "s3")
    second._sweeper.join()
    assert [path.read_bytes() for path in files(tmp_path)] == [b"kept"]
    assert second.get("bucket", "k") == b"kept"
    second.close()


class Traffic:
    """Threads that overwrite and read one key until they are told to stop."""

    def __init__(self, objects: Objects, bodies: list[bytes]) -> None:
        self.objects = objects
        self.bodies = bodies
        self.wrong: list[object] = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(body,)) for body in bodies]
        self.threads += [threading.Thread(target=self.read) for _ in range(3)]
        for thread in self.threads:
            thread.start()

    def write(self, body: bytes) -> None:
        while not self.stop.is_set():
            self.objects.put("bucket", "k", body)

    def read(self) -> None:
        while not self.stop.is_set():
            try:
                if self.objects.get("bucket", "k") not in self.bodies:
                    self.wrong.append("mixed")
            except NoSuchKey:
                continue
            except Exception as error:
                self.wrong.append(error)

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(PATIENCE)


def test_a_reader_sees_one_whole_body_while_others_overwrite_and_delete(objects: Objects, tmp_path: Path) -> None:
    traffic = Traffic(objects, [bytes([letter]) * 300_000 for letter in b"abc"])
    for _ in range(200):
        objects.delete("bucket", "k")
    traffic.end()
    assert traffic.wrong == []
    objects.delete("bucket", "k")
    assert files(tmp_path) == []


def test_a_pinned_body_outlives_its_object_until_it_is_let_go(objects: Objects, tmp_path: Path) -> None:
    objects.put("bucket", "k", b"old")
    with objects.reading("bucket", "k") as found:
        objects.put("bucket", "k", b"new")
        assert b"".join(objects.blobs.read(found.blobs, 0, found.size)) == b"old"
        assert len(files(tmp_path)) == 2
    assert [path.read_bytes() for path in files(tmp_path)] == [b"new"]


@given(sizes=st.lists(st.integers(0, 40), max_size=5), start=st.integers(0, 120), length=st.integers(0, 120))
def test_any_range_over_any_parts_is_that_slice(objects: Objects, sizes: list[int], start: int, length: int) -> None:
    letters = itertools.cycle(range(256))
    blobs = [objects.blobs.write([bytes(next(letters) for _ in range(size))]) for size in sizes]
    whole = b"".join(b"".join(objects.blobs.read([blob], 0, blob.size)) for blob in blobs)
    assert b"".join(objects.blobs.read(blobs, start, length)) == whole[start : start + length]
    file = objects.blobs.open(blobs, start, length)
    if file is not None:
        assert file.read(length) == whole[start : start + length]
        file.close()
    objects.blobs.release(blobs)
