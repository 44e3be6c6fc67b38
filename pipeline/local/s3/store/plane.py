"""`Objects`: what S3 does with buckets and objects, on disk, versions included, memory bounded by one chunk.

A body is written to its file first, brought to the disk with its name, and becomes an object by one committed row. So
a reader sees the old object or the new one, whole, and what has been acknowledged survives `kill -9` and a power loss.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.local import durable
from pipeline.local.clock import Clock
from pipeline.local.durable import Sync
from pipeline.local.s3.store.blobs import CHUNK, Blobs, Broken
from pipeline.local.s3.store.buckets import Buckets
from pipeline.local.s3.store.database import COLUMNS, Database, from_object, to_object
from pipeline.local.s3.store.s3_errors import BucketNotEmpty, Damaged, NoSuchKey, NoSuchVersion
from pipeline.local.s3.store.stored_objects import NULL_VERSION, Blob, Condition, Properties, StoredObject, check_key
from pipeline.local.s3.store.uploads import MultipartUploads

_BATCH: Final = 1000
_SELECT: Final = f"SELECT {COLUMNS} FROM object WHERE bucket = ? AND key = ?"
_INSERT: Final = f"INSERT INTO object ({COLUMNS}) VALUES ({', '.join('?' * 10)})"


class Objects(Buckets):
    """Buckets and objects below one folder, which belongs to one process at a time."""

    def __init__(self, folder: Path, *, sync: Sync = durable.sync) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        super().__init__(Database(folder / "objects.db", sync), Clock())
        self.blobs = Blobs(folder / "blobs", sync)
        sync(folder)
        sync(folder.parent)
        self.uploads = MultipartUploads(self, self.blobs, self._database, self._clock)
        self._closing = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="objects-sweep", daemon=True)
        self._sweeper.start()

    def close(self) -> None:
        """Close the database; nothing may be asked afterwards."""
        self._closing.set()
        self._sweeper.join()
        self._database.close()

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket. Raises NoSuchBucket, BucketNotEmpty."""
        with self._database.transaction():
            self.bucket(name)
            if self._database.execute("SELECT 1 FROM object WHERE bucket = ? LIMIT 1", name):
                raise BucketNotEmpty(BucketName=name)
            free = self.uploads.drop_all(name)
            self._database.execute("DELETE FROM bucket WHERE name = ?", name)
        self.blobs.release(free)

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes | Path | BinaryIO,
        *,
        content_type: str = "",
        metadata: dict[str, str] | None = None,
    ) -> StoredObject:
        """Store an object. Raises NoSuchBucket, KeyTooLong; OSError of a `data` that cannot be read."""
        self.bucket(bucket)
        properties = Properties(metadata=metadata or {})
        if content_type:
            properties = replace(properties, content_type=content_type)
        blob = self.blobs.write(_chunks(data))
        return self.commit(bucket, key, [blob], blob.md5, properties)

    def commit(
        self,
        bucket: str,
        key: str,
        blobs: list[Blob],
        etag: str,
        properties: Properties,
        *,
        condition: Condition | None = None,
    ) -> StoredObject:
        """Make written blobs an object, which then owns them; on any error they are removed."""
        try:
            check_key(key)
            with self._database.transaction():
                if condition is not None:
                    condition(self.head(bucket, key))
                stored, free = self.insert_in_transaction(bucket, key, blobs, etag, properties)
        except BaseException:
            self.blobs.release(blobs)
            raise
        self.blobs.release(free)
        return stored

    def insert_in_transaction(
        self, bucket: str, key: str, blobs: list[Blob], etag: str, properties: Properties
    ) -> tuple[StoredObject, list[Blob]]:
        """The row that makes blobs an object, and the blobs that it sets free. For `commit` and uploads only."""
        size = sum(blob.size for blob in blobs)
        now = self._clock.now()
        new = StoredObject(key, size, etag, now, bucket, NULL_VERSION, True, False, properties, tuple(blobs))
        return self._insert(new)

    def set_tags(self, found: StoredObject, tags: dict[str, str]) -> None:
        """Give a stored version other tags, and keep all else, also if it was overwritten since it was found."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE object SET properties = json_set(properties, '$.tags', json(?))"
                " WHERE bucket = ? AND key = ? AND version = ?",
                *(json.dumps(tags), found.bucket, found.key, found.version),
            )

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """The latest version of an object; None if there is none or it was deleted. Raises NoSuchBucket."""
        found = self.latest(bucket, key)
        return None if found is None or found.marker else found

    def latest(self, bucket: str, key: str) -> StoredObject | None:
        """As `head`, but a delete marker is answered, too."""
        rows = self._database.execute(f"{_SELECT} AND latest", bucket, key)
        if not rows:
            self.bucket(bucket)
            return None
        return to_object(rows[0])

    def version(self, bucket: str, key: str, version: str) -> StoredObject:
        """One version (a delete marker, too) of an object. Raises NoSuchBucket, NoSuchVersion."""
        rows = self._database.execute(f"{_SELECT} AND version = ?", bucket, key, version)
        if not rows:
            self.bucket(bucket)
            raise NoSuchVersion(Key=key, VersionId=version)
        return to_object(rows[0])

    def get(self, bucket: str, key: str) -> bytes:
        """The body of an object. Raises NoSuchBucket, NoSuchKey, Damaged."""
        with self.reading(bucket, key) as found:
            return b"".join(self.blobs.read(found.blobs, 0, found.size))

    def fetch(self, bucket: str, key: str, path: Path) -> None:
        """Write an object to a file, quickly; changes to the file never reach the object.

        Raises NoSuchBucket, NoSuchKey, Damaged, OSError. A hard link would let root, whom no mode stops, write to the
        blob.
        """
        with self.reading(bucket, key) as found:
            self.blobs.copy(found.blobs, path)

    @contextmanager
    def reading(self, bucket: str, key: str, version: str | None = None) -> Iterator[StoredObject]:
        """The object, whose blobs stay readable until the end even if it is overwritten or deleted meanwhile.

        Raises NoSuchBucket, NoSuchKey (also for a delete marker), NoSuchVersion; Damaged, from within, for a body
        that is not as long as it was when it was stored.
        """
        found = self.pin(bucket, key, version)
        with self.blobs.pinned(found.blobs), whole(bucket, key):
            if found.marker:
                raise NoSuchKey(Key=key)
            yield found

    def pin(self, bucket: str, key: str, version: str | None = None) -> StoredObject:
        """`reading` for those who let go by `blobs.unpin` themselves."""
        with self._database.locked():
            found = self.head(bucket, key) if version is None else self.version(bucket, key, version)
            if found is None:
                raise NoSuchKey(Key=key)
            self.blobs.pin(found.blobs)
            return found

    def versions(self, bucket: str, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        """All versions and delete markers, by key, newest first; of keys after `after`. Raises NoSuchBucket."""
        self.bucket(bucket)
        rows = self._database.execute(
            f"SELECT {COLUMNS} FROM object WHERE bucket = ? AND key >= ? AND key > ? ORDER BY key, seq DESC",
            *(bucket, prefix, after),
        )
        return (to_object(row) for row in rows if row[1].startswith(prefix))

    def delete(
        self, bucket: str, key: str, *, version: str | None = None, condition: Condition | None = None
    ) -> StoredObject | None:
        """Delete an object, or put a delete marker over it where the bucket is versioned, or remove one version.

        Returns the marker that was put, or the version that was removed, or None. Raises NoSuchBucket.
        """
        with self._database.transaction():
            versioning = self.bucket(bucket).versioning
            if condition is not None:
                condition(self.head(bucket, key))
            if version is not None:
                removed = self._remove(bucket, key, version)
                self._promote(bucket, key)
                answer, free = removed, list(removed.blobs if removed else ())
            elif versioning:
                marker = StoredObject(key, 0, "", self._clock.now(), bucket, NULL_VERSION, True, True, Properties(), ())
                answer, free = self._insert(marker)
            else:
                removed = self._remove(bucket, key, NULL_VERSION)
                answer, free = removed, list(removed.blobs if removed else ())
        self.blobs.release(free)
        return answer

    def _insert(self, new: StoredObject) -> tuple[StoredObject, list[Blob]]:
        versioning = self.bucket(new.bucket).versioning
        free: list[Blob] = []
        if versioning == "Enabled":
            new = replace(new, version=uuid.uuid4().hex)
        else:
            replaced = self._remove(new.bucket, new.key, NULL_VERSION)
            free = list(replaced.blobs if replaced else ())
        self._database.execute(
            "UPDATE object SET latest = 0 WHERE bucket = ? AND key = ? AND latest", new.bucket, new.key
        )
        self._database.execute(_INSERT, *from_object(new))
        return new, free

    def _remove(self, bucket: str, key: str, version: str) -> StoredObject | None:
        rows = self._database.execute(
            f"DELETE FROM object WHERE bucket = ? AND key = ? AND version = ? RETURNING {COLUMNS}",
            *(bucket, key, version),
        )
        return to_object(rows[0]) if rows else None

    def _promote(self, bucket: str, key: str) -> None:
        self._database.execute(
            "UPDATE object SET latest = 1 WHERE seq = (SELECT max(seq) FROM object WHERE bucket = ? AND key = ?)",
            *(bucket, key),
        )

    def _sweep(self) -> None:
        self.blobs.sweep(self._database.blob_names(), self._closing)

    # Last, since within a class what follows a method named list cannot speak of the type.

    def list(self, bucket: str, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        """The objects whose keys begin with `prefix` and come after `after`, in S3's order. Raises NoSuchBucket.

        Reads in batches: an object that comes or goes meanwhile may or may not be seen, as in S3.
        """
        self.bucket(bucket)
        return self._list(bucket, prefix, after)

    def _list(self, bucket: str, prefix: str, after: str) -> Iterator[StoredObject]:
        # The first batch starts at the prefix itself, which may be a key; the next ones after the last key seen.
        query = f"SELECT {COLUMNS} FROM object WHERE bucket = ? AND latest AND NOT marker AND key >= ? AND key > ?"
        size = 32
        while True:
            rows = self._database.execute(f"{query} ORDER BY key LIMIT {size}", bucket, prefix, after)
            for row in rows:
                if not row[1].startswith(prefix):
                    return
                yield to_object(row)
            if len(rows) < size:
                return
            after, size = rows[-1][1], _BATCH


@contextmanager
def whole(bucket: str, key: str) -> Iterator[None]:
    """Names the object whose blobs are read within. Raises Damaged."""
    try:
        yield
    except Broken as error:
        raise Damaged(bucket, key, str(error)) from None


def _chunks(data: bytes | Path | BinaryIO) -> Iterable[bytes]:
    if isinstance(data, bytes):
        yield data
    elif isinstance(data, os.PathLike):
        with open(data, "rb", buffering=0) as file:
            yield from _chunks(file)
    else:
        while chunk := data.read(CHUNK):
            yield chunk
