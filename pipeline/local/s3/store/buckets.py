"""Buckets: their rows, their versioning, and the sub-resources that are kept with them."""

from __future__ import annotations

import json
from typing import Any

from pipeline.local.clock import Clock
from pipeline.local.s3.store.database import Database
from pipeline.local.s3.store.s3_errors import BucketAlreadyOwnedByYou, NoSuchBucket
from pipeline.local.s3.store.stored_objects import Bucket, check_bucket_name


class Buckets:
    """The buckets of a data plane; `Objects` is one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create_bucket(self, name: str, *, region: str = "us-east-1") -> Bucket:
        """Make a bucket. Raises InvalidBucketName, BucketAlreadyOwnedByYou."""
        bucket = Bucket(check_bucket_name(name), self._clock.now(), region, "", {})
        with self._database.transaction():
            if self._database.execute("SELECT 1 FROM bucket WHERE name = ?", name):
                raise BucketAlreadyOwnedByYou(BucketName=name)
            self._database.execute(
                "INSERT INTO bucket (name, created, region) VALUES (?, ?, ?)", name, bucket.created, bucket.region
            )
        return bucket

    def bucket(self, name: str) -> Bucket:
        """The bucket of that name. Raises NoSuchBucket."""
        rows = self._database.execute(
            "SELECT name, created, region, versioning, documents FROM bucket WHERE name = ?", name
        )
        if not rows:
            raise NoSuchBucket(BucketName=name)
        return _bucket(rows[0])

    def buckets(self) -> list[Bucket]:
        """All buckets, by name."""
        rows = self._database.execute("SELECT name, created, region, versioning, documents FROM bucket ORDER BY name")
        return [_bucket(row) for row in rows]

    def set_versioning(self, name: str, status: str) -> None:
        """`Enabled` or `Suspended`. Raises NoSuchBucket."""
        with self._database.transaction():
            self.bucket(name)
            self._database.execute("UPDATE bucket SET versioning = ? WHERE name = ?", status, name)

    def set_document(self, name: str, kind: str, document: str | None) -> None:
        """Keep (or with None drop) a sub-resource of a bucket, such as its policy. Raises NoSuchBucket."""
        with self._database.transaction():
            documents = {**self.bucket(name).documents, kind: document}
            kept = {key: value for key, value in documents.items() if value is not None}
            self._database.execute("UPDATE bucket SET documents = ? WHERE name = ?", json.dumps(kept), name)


def _bucket(row: tuple[Any, ...]) -> Bucket:
    name, created, region, versioning, documents = row
    return Bucket(name, created, region, versioning, json.loads(documents))
