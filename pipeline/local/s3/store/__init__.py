"""S3 without HTTP: buckets and objects in SQLite rows, bodies in files whose names have nothing to do with keys.

The service, its jobs and the engine use `Objects`; the HTTP face (`pipeline.local.s3.http`) uses it and the rest.
"""

from __future__ import annotations

from pipeline.local.s3.store.errors import Damaged, NoSuchBucket, NoSuchKey, S3Error
from pipeline.local.s3.store.model import ObjectSummary, Properties, StoredObject
from pipeline.local.s3.store.plane import Objects, whole

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
