"""The rows of the data plane: SQLite in WAL mode, one connection behind one lock.

What a transaction here has returned from survives `kill -9` and a power loss. Keys compare by code point,
which is the order of their UTF-8 bytes, and so the order in which S3 lists them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pipeline.local.durable import GroupCommit, Sync, database
from pipeline.local.s3.store.stored_objects import Blob, Properties, StoredObject

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS bucket (
    name TEXT PRIMARY KEY, created REAL NOT NULL, region TEXT NOT NULL, versioning TEXT NOT NULL DEFAULT '',
    documents TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket TEXT NOT NULL REFERENCES bucket (name), key TEXT NOT NULL, version TEXT NOT NULL,
    latest INTEGER NOT NULL, marker INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified REAL NOT NULL, properties TEXT NOT NULL, blobs TEXT NOT NULL,
    UNIQUE (bucket, key, version)
);
CREATE UNIQUE INDEX IF NOT EXISTS object_latest ON object (bucket, key) WHERE latest;
CREATE TABLE IF NOT EXISTS upload (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL REFERENCES bucket (name), key TEXT NOT NULL, started REAL NOT NULL,
    properties TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS part (
    upload TEXT NOT NULL, number INTEGER NOT NULL, blob TEXT NOT NULL, modified REAL NOT NULL,
    checksums TEXT NOT NULL, PRIMARY KEY (upload, number)
);
CREATE TABLE IF NOT EXISTS completed (
    id TEXT PRIMARY KEY, ended REAL NOT NULL, wanted TEXT NOT NULL, object TEXT NOT NULL
);
"""

COLUMNS: Final = "bucket, key, version, latest, marker, size, etag, modified, properties, blobs"


class Database:
    """The connection; `execute` may be called within a transaction or, to read, without."""

    def __init__(self, path: Path, sync: Sync) -> None:
        self._lock = threading.RLock()
        self._db = database(path, _SCHEMA)
        self._commits = GroupCommit(path, sync)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, one at a time; they do not nest. At its end it is on the disk."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
                number = self._commits.written()
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._commits.settle(number)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nothing is written meanwhile."""
        with self._lock:
            yield

    def execute(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows that the query answers."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def blob_names(self) -> set[str]:
        """Every blob that a row names."""
        with self.locked():
            objects = self.execute("SELECT blobs FROM object")
            parts = self.execute("SELECT blob FROM part")
        return {blob[0] for row in objects for blob in json.loads(row[0])} | {json.loads(row[0])[0] for row in parts}


def to_object(row: tuple[Any, ...]) -> StoredObject:
    """The object of a row of COLUMNS."""
    bucket, key, version, latest, marker, size, etag, modified, properties, blobs = row
    return StoredObject(
        bucket=bucket,
        key=key,
        version=version,
        latest=bool(latest),
        marker=bool(marker),
        size=size,
        etag=etag,
        last_modified=modified,
        properties=Properties.from_json(properties),
        blobs=tuple(Blob(*blob) for blob in json.loads(blobs)),
    )


def from_object(found: StoredObject) -> tuple[Any, ...]:
    """The row of COLUMNS of an object."""
    return (
        found.bucket,
        found.key,
        found.version,
        int(found.latest),
        int(found.marker),
        found.size,
        found.etag,
        found.last_modified,
        found.properties.to_json(),
        json.dumps([[blob.name, blob.size, blob.md5, blob.checksums] for blob in found.blobs]),
    )
