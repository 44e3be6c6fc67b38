"""S3 without HTTP: buckets and objects in SQLite rows, bodies in files whose names have nothing to do with keys.

The service, its jobs and the engine use `Objects`; the HTTP face (`pipeline.local.s3.http`) uses it and the rest.
"""

from __future__ import annotations

from pipeline.local.s3.store.plane import Objects, whole
from pipeline.local.s3.store.s3_errors import Damaged, NoSuchBucket, NoSuchKey, S3Error
from pipeline.local.s3.store.stored_objects import ObjectSummary, Properties, StoredObject

__all__ = [
    "Damaged",
    "NoSuchBucket",
    "NoSuchKey",
    "ObjectSummary",
    "Objects",
    "Properties",
    "S3Error",
    "StoredObject",
    "whole",
]
