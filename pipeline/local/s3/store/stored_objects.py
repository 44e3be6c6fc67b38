"""Buckets, objects and blobs as data. All frozen; sizes are bytes, times epoch seconds, ETags bare."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Final

from pipeline.local.s3.store.s3_errors import InvalidBucketName, KeyTooLong

DEFAULT_TYPE: Final = "binary/octet-stream"
NULL_VERSION: Final = "null"
MAX_KEY: Final = 1024
_BUCKET: Final = re.compile(r"(?!xn--|\d+\.\d+\.\d+\.\d+\Z)[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]\Z")


@dataclass(frozen=True)
class Blob:
    """A file of the blob folder: a whole body, or one part of it."""

    name: str
    size: int
    md5: str
    checksums: dict[str, str] = field(default_factory=dict, compare=False)
    """Of a part: lower-case algorithm to base64 text."""


@dataclass(frozen=True)
class Properties:
    """What a client says of an object and gets back with it."""

    content_type: str = DEFAULT_TYPE
    metadata: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    """Headers given back as they came: Cache-Control, Content-Encoding, x-amz-server-side-encryption ..."""
    tags: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    """Lower-case algorithm to base64 text, and `type` to COMPOSITE or FULL_OBJECT."""

    def to_json(self) -> str:
        """The text kept in the row."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Properties:
        """The properties of a row."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class ObjectSummary:
    """What a listing says of an object."""

    key: str
    size: int
    etag: str
    last_modified: float


@dataclass(frozen=True)
class StoredObject(ObjectSummary):
    """One version of an object, with everything that is kept of it."""

    bucket: str
    version: str
    latest: bool
    marker: bool
    """A delete marker: a version that says the object is gone."""
    properties: Properties
    blobs: tuple[Blob, ...]

    @property
    def multipart(self) -> bool:
        """Whether it was uploaded in parts: the ETag says so."""
        return "-" in self.etag


Condition = Callable[[StoredObject | None], None]
"""Looks at the object that is about to be replaced or deleted, and raises if it may not be."""


@dataclass(frozen=True)
class Bucket:
    """A bucket; `versioning` is empty, `Enabled` or `Suspended`; `documents` are its sub-resources as they came."""

    name: str
    created: float
    region: str
    versioning: str
    documents: dict[str, str]


@dataclass(frozen=True)
class UploadedPart:
    """An uploaded part of an upload that is not complete."""

    number: int
    blob: Blob
    modified: float

    @property
    def checksums(self) -> dict[str, str]:
        """Lower-case algorithm to base64 text."""
        return self.blob.checksums


@dataclass(frozen=True)
class Upload:
    """A multipart upload in progress."""

    id: str
    bucket: str
    key: str
    started: float
    properties: Properties


def check_bucket_name(name: str) -> str:
    """The name, if S3 would take it for a general purpose bucket. Raises InvalidBucketName."""
    if not _BUCKET.match(name) or ".." in name or name.endswith(("-s3alias", "--ol-s3")):
        raise InvalidBucketName(BucketName=name)
    return name


def check_key(key: str) -> str:
    """The key, if S3 would take it. Raises KeyTooLong."""
    size = len(key.encode())
    if size > MAX_KEY:
        raise KeyTooLong(Size=str(size), MaxSizeAllowed=str(MAX_KEY))
    return key
