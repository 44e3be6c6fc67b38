"""Damage on the disk below an object, as a full disk, a power loss or a careless copy of the state folder leaves it."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.local.s3.store import Objects


def file_of(objects: Objects, bucket: str, key: str, number: int = 0) -> Path:
    """The file that holds a body, or one part of it."""
    found = objects.head(bucket, key)
    assert found is not None
    return objects.blobs._folder / found.blobs[number].name


def shorten(objects: Objects, bucket: str, key: str, size: int, number: int = 0) -> None:
    """Cut the file of a body, or of one part of it."""
    os.truncate(file_of(objects, bucket, key, number), size)
