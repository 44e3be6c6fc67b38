"""The properties that the headers of a write give an object: type, metadata, tags, what is given back as it came."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl

from pipeline.local.s3.http.answer import META, decode_metadata
from pipeline.local.s3.http.request import S3Request
from pipeline.local.s3.http.request_errors import (
    InvalidArgument,
    InvalidStorageClass,
    InvalidTag,
    MetadataTooLarge,
    TooManyTags,
)
from pipeline.local.s3.store import Properties
from pipeline.local.s3.store.stored_objects import DEFAULT_TYPE

_KEPT: Final = (
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Expires",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
)
_STORAGE_CLASSES: Final = frozenset(
    "STANDARD REDUCED_REDUNDANCY STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER DEEP_ARCHIVE GLACIER_IR".split()
)
MAX_METADATA: Final = 2048
MAX_TAGS: Final = 10


def properties(request: S3Request) -> Properties:
    """The properties in the headers, without checksums. Raises InvalidArgument, InvalidTag."""
    headers = {name: request.headers[name.lower()] for name in _KEPT if request.headers.get(name.lower())}
    encoding = headers.get("Content-Encoding", "")
    if "aws-chunked" in encoding:
        headers["Content-Encoding"] = _without_framing(encoding)
    headers = {name: value for name, value in headers.items() if value}
    storage = headers.get("x-amz-storage-class", "STANDARD")
    if storage not in _STORAGE_CLASSES:
        raise InvalidStorageClass(StorageClassRequested=storage)
    if storage == "STANDARD":
        headers.pop("x-amz-storage-class", None)
    return Properties(
        content_type=request.headers.get("content-type") or DEFAULT_TYPE,
        metadata=_metadata(request),
        headers=headers,
        tags=check_tags(_pairs(request.headers.get("x-amz-tagging", ""))),
    )


def with_checksums(found: Properties, checksums: dict[str, str], *, kind: str = "FULL_OBJECT") -> Properties:
    """The properties with checksums of the body and their type."""
    return replace(found, checksums={**checksums, "type": kind} if checksums else {})


def check_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The tags, if an object may have them. Raises InvalidTag, TooManyTags."""
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise InvalidTag("Cannot provide multiple Tags with the same key")
    if len(tags) > MAX_TAGS:
        raise TooManyTags
    for key, value in tags.items():
        if not 1 <= len(key) <= 128:
            raise InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > 256:
            raise InvalidTag(TagValue=value)
    return tags


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        raise InvalidArgument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without "
            "tag name duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=text,
        ) from None


def _metadata(request: S3Request) -> dict[str, str]:
    found = {
        name[len(META) :]: decode_metadata(value) for name, value in request.headers.items() if name.startswith(META)
    }
    size = sum(len(name.encode()) + len(value.encode()) for name, value in found.items())
    if size > MAX_METADATA:
        raise MetadataTooLarge(Size=str(size), MaxSizeAllowed=str(MAX_METADATA))
    return found


def _without_framing(encoding: str) -> str:
    parts = [part.strip() for part in encoding.split(",")]
    return ",".join(part for part in parts if part and part != "aws-chunked")
