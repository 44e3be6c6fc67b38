"""Multipart uploads: parts are blobs already, so completing one is a matter of rows, whatever its size."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import replace
from typing import Any, Final, Protocol

from pipeline.local.clock import Clock
from pipeline.local.s3.store.blobs import Blobs
from pipeline.local.s3.store.database import Database, from_object, to_object
from pipeline.local.s3.store.s3_errors import EntityTooSmall, InvalidPart, InvalidPartOrder, NoSuchUpload
from pipeline.local.s3.store.stored_objects import (
    Blob,
    Condition,
    Properties,
    StoredObject,
    Upload,
    UploadedPart,
    check_key,
)

MIN_PART: Final = 5 << 20
_REMEMBERED_SECONDS: Final = 24 * 3600.0


class ObjectRows(Protocol):
    """Where completed uploads become objects."""

    def bucket(self, name: str) -> Any:
        """Raises NoSuchBucket."""

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """The latest version of an object."""

    def insert_in_transaction(
        self, bucket: str, key: str, blobs: list[Blob], etag: str, properties: Properties
    ) -> tuple[StoredObject, list[Blob]]:
        """The row that makes blobs an object, and the blobs that it sets free."""


class MultipartUploads:
    """The uploads in progress of all buckets."""

    def __init__(self, objects: ObjectRows, blobs: Blobs, database: Database, clock: Clock) -> None:
        self._objects = objects
        self._blobs = blobs
        self._database = database
        self._clock = clock

    def create(self, bucket: str, key: str, properties: Properties) -> Upload:
        """Begin an upload. Raises NoSuchBucket, KeyTooLong."""
        upload = Upload(uuid.uuid4().hex, bucket, check_key(key), self._clock.now(), properties)
        with self._database.transaction():
            self._objects.bucket(bucket)
            self._database.execute(
                "INSERT INTO upload VALUES (?, ?, ?, ?, ?)",
                *(upload.id, bucket, key, upload.started, properties.to_json()),
            )
        return upload

    def get(self, bucket: str, key: str, upload_id: str) -> Upload:
        """The upload of that id, which must be of that key. Raises NoSuchBucket, NoSuchUpload."""
        rows = self._database.execute(
            "SELECT * FROM upload WHERE id = ? AND bucket = ? AND key = ?", upload_id, bucket, key
        )
        if not rows:
            self._objects.bucket(bucket)
            raise NoSuchUpload(UploadId=upload_id)
        return _upload(rows[0])

    def in_progress(self, bucket: str, prefix: str = "") -> list[Upload]:
        """The uploads in progress of a bucket, by key and time. Raises NoSuchBucket."""
        self._objects.bucket(bucket)
        rows = self._database.execute("SELECT * FROM upload WHERE bucket = ? ORDER BY key, started, id", bucket)
        return [_upload(row) for row in rows if row[2].startswith(prefix)]

    def put_part(self, upload: Upload, number: int, blob: Blob, checksums: dict[str, str]) -> UploadedPart:
        """Add a written blob as a part; one of the same number is replaced. Raises NoSuchUpload."""
        part = UploadedPart(number, replace(blob, checksums=checksums), self._clock.now())
        try:
            with self._database.transaction():
                self.get(upload.bucket, upload.key, upload.id)
                free = self._delete_parts(upload.id, number)
                self._database.execute(
                    "INSERT INTO part VALUES (?, ?, ?, ?, ?)",
                    *(upload.id, number, json.dumps([blob.name, blob.size, blob.md5]), part.modified),
                    json.dumps(checksums),
                )
        except BaseException:
            self._blobs.release([blob])
            raise
        self._blobs.release(free)
        return part

    def parts(self, upload: Upload) -> list[UploadedPart]:
        """The parts uploaded so far, by number."""
        rows = self._database.execute(
            "SELECT number, blob, modified, checksums FROM part WHERE upload = ? ORDER BY number", upload.id
        )
        return [
            UploadedPart(number, Blob(*(*json.loads(blob), json.loads(checksums))), modified)
            for number, blob, modified, checksums in rows
        ]

    def complete(
        self,
        upload: Upload,
        wanted: list[tuple[int, str]],
        properties: Properties,
        *,
        condition: Condition | None = None,
    ) -> StoredObject:
        """Make the parts, given as (number, ETag) in order, an object; parts not named are dropped.

        Raises NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall and what `condition` raises; the upload
        then goes on.
        """
        with self._database.transaction():
            self.get(upload.bucket, upload.key, upload.id)
            uploaded = {part.number: part for part in self.parts(upload)}
            chosen = _choose(wanted, uploaded)
            etag = combined_etag([part.blob for part in chosen])
            if condition is not None:
                condition(self._objects.head(upload.bucket, upload.key))
            stored, free = self._objects.insert_in_transaction(
                upload.bucket, upload.key, [part.blob for part in chosen], etag, properties
            )
            free += [part.blob for part in uploaded.values() if part not in chosen]
            self._delete_parts(upload.id)
            self._database.execute("DELETE FROM upload WHERE id = ?", upload.id)
            self._remember(upload, wanted, stored)
        self._blobs.release(free)
        return stored

    def completed(self, bucket: str, key: str, upload_id: str, wanted: list[tuple[int, str]]) -> StoredObject | None:
        """What completing that upload has made, if it was completed with these parts; it may have gone since."""
        rows = self._database.execute("SELECT wanted, object FROM completed WHERE id = ?", upload_id)
        if not rows or json.loads(rows[0][0]) != [list(pair) for pair in wanted]:
            return None
        stored = to_object(tuple(json.loads(rows[0][1])))
        return stored if (stored.bucket, stored.key) == (bucket, key) else None

    def _remember(self, upload: Upload, wanted: list[tuple[int, str]], stored: StoredObject) -> None:
        """For clients that did not see the answer and ask again."""
        now = self._clock.now()
        self._database.execute("DELETE FROM completed WHERE ended < ?", now - _REMEMBERED_SECONDS)
        self._database.execute(
            "INSERT INTO completed VALUES (?, ?, ?, ?)",
            *(upload.id, now, json.dumps(wanted), json.dumps(from_object(stored))),
        )

    def abort(self, upload: Upload) -> None:
        """Give up an upload and its parts. Raises NoSuchUpload."""
        with self._database.transaction():
            self.get(upload.bucket, upload.key, upload.id)
            free = self._delete_parts(upload.id)
            self._database.execute("DELETE FROM upload WHERE id = ?", upload.id)
        self._blobs.release(free)

    def drop_all(self, bucket: str) -> list[Blob]:
        """Within a transaction: forget all uploads of a bucket; returns the blobs to release."""
        free: list[Blob] = []
        for (upload_id,) in self._database.execute("DELETE FROM upload WHERE bucket = ? RETURNING id", bucket):
            free += self._delete_parts(upload_id)
        return free

    def _delete_parts(self, upload_id: str, number: int | None = None) -> list[Blob]:
        query, values = "DELETE FROM part WHERE upload = ?", [upload_id, *([] if number is None else [number])]
        if number is not None:
            query += " AND number = ?"
        return [Blob(*json.loads(row[0])) for row in self._database.execute(f"{query} RETURNING blob", *values)]


def combined_etag(blobs: list[Blob]) -> str:
    """The ETag of a multipart object: MD5 of the parts' MD5s, a dash, the number of parts."""
    digests = b"".join(bytes.fromhex(blob.md5) for blob in blobs)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(blobs)}"


def _choose(wanted: list[tuple[int, str]], uploaded: dict[int, UploadedPart]) -> list[UploadedPart]:
    numbers = [number for number, _ in wanted]
    if any(first >= second for first, second in zip(numbers, numbers[1:], strict=False)):
        raise InvalidPartOrder
    chosen = []
    for number, etag in wanted:
        part = uploaded.get(number)
        if part is None or part.blob.md5 != etag.strip('"'):
            raise InvalidPart(PartNumber=str(number), ETag=etag)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.blob.size < MIN_PART:
            raise EntityTooSmall(
                PartNumber=str(part.number),
                ProposedSize=str(part.blob.size),
                MinSizeAllowed=str(MIN_PART),
                ETag=part.blob.md5,
            )
    return chosen


def _upload(row: tuple[Any, ...]) -> Upload:
    identity, bucket, key, started, properties = row
    return Upload(identity, bucket, key, started, Properties.from_json(properties))
