"""Put, get, head, delete and copy of objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, Final
from urllib.parse import unquote

from pipeline.local.s3.http import xml
from pipeline.local.s3.http.answer import (
    S3Answer,
    checksum_headers,
    checksum_nodes,
    encryption_headers,
    read_headers,
    version_headers,
    written_headers,
)
from pipeline.local.s3.http.checksums import Taking, known_algorithm
from pipeline.local.s3.http.conditional_requests import byte_range, check_read, write_condition
from pipeline.local.s3.http.object_properties import properties, with_checksums
from pipeline.local.s3.http.request import Plane, S3Request
from pipeline.local.s3.http.request_errors import InvalidArgument, InvalidPartNumber, InvalidRequest
from pipeline.local.s3.store import NoSuchKey, Objects, StoredObject, whole
from pipeline.local.s3.store.s3_errors import MethodNotAllowed
from pipeline.local.s3.store.stored_objects import Blob

_OVERRIDES: Final = (
    "Content-Type",
    "Content-Language",
    "Expires",
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
)
SOURCE: Final = "x-amz-copy-source"
_CHANGES: Final = (
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
)


class PinnedBody:
    """The bytes of a pinned object as a WSGI body; the server calls `close`, at a broken connection, too."""

    def __init__(self, objects: Objects, blobs: tuple[Blob, ...], start: int, length: int) -> None:
        self._objects = objects
        self._pinned: tuple[Blob, ...] = blobs
        self._chunks = objects.blobs.read(blobs, start, length)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the object; again is no error."""
        pinned, self._pinned = self._pinned, ()
        self._objects.blobs.unpin(pinned)


def put_object(plane: Plane, request: S3Request) -> S3Answer:
    """PutObject: nothing is stored unless the whole body arrived and is what its headers say."""
    request.body.require_length()
    plane.objects.bucket(request.bucket)
    described = properties(request)
    condition = write_condition(request.headers, request.key)
    blob = plane.objects.blobs.write(request.body.chunks())
    described = with_checksums(described, request.body.checksums)
    stored = plane.objects.commit(request.bucket, request.key, [blob], blob.md5, described, condition=condition)
    return S3Answer(200, written_headers(stored))


def get_object(plane: Plane, request: S3Request) -> S3Answer:
    """GetObject, whole, a range or a part; HeadObject is the same without the body."""
    found = _pin(plane.objects, request)
    try:
        if found.marker:
            raise MethodNotAllowed(Method=request.method, ResourceType="DeleteMarker")
        check_read(found, request.headers)
        headers, span = _span(found, request)
        for name in _OVERRIDES:
            if value := request.query.get(f"response-{name.lower()}"):
                headers[name] = value
        start, length = span or (0, found.size)
        headers["Content-Length"] = str(length)
        if span:
            headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{found.size}"
        with whole(found.bucket, found.key):
            body = _body(plane.objects, request, found, start, length)
    except BaseException:
        plane.objects.blobs.unpin(found.blobs)
        raise
    return S3Answer(206 if span else 200, headers, body)


def delete_object(plane: Plane, request: S3Request) -> S3Answer:
    """DeleteObject; a key that is not there is no error."""
    condition = write_condition(request.headers, request.key)
    version = request.query.get("versionId")
    gone = plane.objects.delete(request.bucket, request.key, version=version, condition=condition)
    headers = {} if version is None else {"x-amz-version-id": version}
    if gone is not None and gone.marker:
        headers = {"x-amz-delete-marker": "true", "x-amz-version-id": gone.version}
    return S3Answer(204, headers)


def copy_object(plane: Plane, request: S3Request) -> S3Answer:
    """CopyObject: metadata and tags come along unless the directives say REPLACE."""
    bucket, key, version = copy_source(request)
    plane.objects.bucket(request.bucket)
    replacing = _directive(request, "x-amz-metadata-directive")
    with plane.objects.reading(bucket, key, version) as source:
        check_read(source, request.headers, prefix=f"{SOURCE}-")
        if (bucket, key) == (request.bucket, request.key) and not replacing and version is None:
            if not any(name in request.headers for name in _CHANGES):
                raise InvalidRequest(
                    "This copy request is illegal because it is trying to copy an object to itself without "
                    "changing the object's metadata, storage class, website redirect location or encryption "
                    "attributes."
                )
        given, kept = properties(request), source.properties
        described = given if replacing else replace(kept, headers=_inherited(kept.headers, given.headers))
        tags = given.tags if _directive(request, "x-amz-tagging-directive") else kept.tags
        condition = write_condition(request.headers, request.key)
        wanted = request.headers.get("x-amz-checksum-algorithm", "")
        algorithm = known_algorithm(wanted) if wanted else ""
        taking = Taking(plane.objects.blobs.read(source.blobs, 0, source.size), algorithm)
        blob = plane.objects.blobs.write(taking)
    described = replace(described, tags=tags, checksums=_copied_checksums(kept.checksums, taking.checksums))
    stored = plane.objects.commit(request.bucket, request.key, [blob], blob.md5, described, condition=condition)
    headers = version_headers(stored) | encryption_headers(stored.properties.headers)
    if version is not None:
        headers["x-amz-copy-source-version-id"] = version
    children = copy_result(stored.etag, stored.last_modified) + checksum_nodes(stored.properties.checksums)
    return S3Answer.xml("CopyObjectResult", children, headers=headers)


def _copied_checksums(kept: dict[str, str], taken: dict[str, str]) -> dict[str, str]:
    """Those that were asked for, else the source's; a copy has no parts whose checksums could be combined."""
    if taken:
        return {**taken, "type": "FULL_OBJECT"}
    return {} if kept.get("type") == "COMPOSITE" else kept


def copy_result(etag: str, modified: float) -> list[xml.Node]:
    """The children of CopyObjectResult and CopyPartResult."""
    return [("LastModified", xml.timestamp(modified)), ("ETag", f'"{etag}"')]


def copy_source(request: S3Request) -> tuple[str, str, str | None]:
    """(bucket, key, version) of the header x-amz-copy-source. Raises InvalidArgument."""
    text, _, version = request.headers[SOURCE].partition("?versionId=")
    bucket, _, key = unquote(text).removeprefix("/").partition("/")
    if not bucket or not key:
        raise InvalidArgument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ArgumentName=SOURCE,
            ArgumentValue=request.headers[SOURCE],
        )
    return bucket, key, version or None


def find(objects: Objects, request: S3Request) -> StoredObject:
    """The object or version that the request names. Raises NoSuchKey, NoSuchVersion, MethodNotAllowed."""
    version = request.query.get("versionId")
    found = (
        objects.head(request.bucket, request.key)
        if version is None
        else objects.version(request.bucket, request.key, version)
    )
    if found is None:
        raise NoSuchKey(Key=request.key)
    if found.marker:
        raise MethodNotAllowed(Method=request.method, ResourceType="DeleteMarker")
    return found


def object_attributes(plane: Plane, request: S3Request) -> S3Answer:
    """GetObjectAttributes: those that the header x-amz-object-attributes asks for."""
    found = find(plane.objects, request)
    wanted = {name.strip() for name in request.headers.get("x-amz-object-attributes", "").split(",")}
    checksum = checksum_nodes(found.properties.checksums)
    parts = _attribute_parts(found, request) if found.multipart else []
    known: dict[str, str | list[xml.Node]] = {
        "ETag": found.etag,
        "Checksum": checksum,
        "ObjectParts": parts,
        "StorageClass": found.properties.headers.get("x-amz-storage-class", "STANDARD"),
        "ObjectSize": str(found.size),
    }
    children: list[xml.Node] = [(name, value) for name, value in known.items() if name in wanted and value]
    headers = {"Last-Modified": read_headers(found)["Last-Modified"], **version_headers(found)}
    return S3Answer.xml("GetObjectAttributesResponse", children, headers=headers)


def _attribute_parts(found: StoredObject, request: S3Request) -> list[xml.Node]:
    """The parts, in pages, with sizes and checksums; as on AWS only of an object that has a checksum."""
    limit, marker = (
        _count(request, f"x-amz-{name}", default) for name, default in (("max-parts", 1000), ("part-number-marker", 0))
    )
    rest = list(enumerate(found.blobs, 1))[marker:]
    shown = rest[:limit]
    nodes: list[xml.Node] = [("PartsCount", str(len(found.blobs)))]
    if found.properties.checksums:
        nodes += [
            ("PartNumberMarker", str(marker)),
            ("NextPartNumberMarker", str(shown[-1][0] if shown else marker)),
            ("MaxParts", str(limit)),
            ("IsTruncated", str(len(rest) > len(shown)).lower()),
        ]
        nodes += [
            ("Part", [("PartNumber", str(number)), ("Size", str(blob.size)), *checksum_nodes(blob.checksums)])
            for number, blob in shown
        ]
    return nodes


def _count(request: S3Request, name: str, default: int) -> int:
    text = request.headers.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidArgument(f"Provided {name} not an integer or within integer range", ArgumentName=name)
    return min(int(text), 1000) if text else default


def _body(
    objects: Objects, request: S3Request, found: StoredObject, start: int, length: int
) -> bytes | BinaryIO | PinnedBody:
    if request.method == "HEAD" or not length:
        objects.blobs.unpin(found.blobs)
        return b""
    file = objects.blobs.open(found.blobs, start, length)
    if file is None:
        return PinnedBody(objects, found.blobs, start, length)
    objects.blobs.unpin(found.blobs)
    return file


def _pin(objects: Objects, request: S3Request) -> StoredObject:
    version = request.query.get("versionId")
    try:
        return objects.pin(request.bucket, request.key, version)
    except NoSuchKey:
        marker = objects.latest(request.bucket, request.key)
        if marker is not None and marker.marker:
            raise NoSuchKey(Key=request.key, VersionId=marker.version, DeleteMarker="true") from None
        raise


def _span(found: StoredObject, request: S3Request) -> tuple[dict[str, str], tuple[int, int] | None]:
    headers = read_headers(found)
    checked = request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    if number := request.number("partNumber", 0, most=100_000):
        blobs = found.blobs if found.multipart else found.blobs[:1]
        if number > len(blobs):
            raise InvalidPartNumber(PartNumberRequested=str(number), ActualPartCount=str(len(blobs)))
        if found.multipart:
            headers["x-amz-mp-parts-count"] = str(len(blobs))
        if checked:
            headers |= checksum_headers(_part_checksums(found, blobs[number - 1]))
        start = sum(blob.size for blob in blobs[: number - 1])
        return headers, (start, blobs[number - 1].size) if found.size else None
    span = byte_range(request.headers["range"], found.size) if request.headers.get("range") else None
    if span is None and checked:
        headers |= checksum_headers(found.properties.checksums)
    return headers, span


def _part_checksums(found: StoredObject, part: Blob) -> dict[str, str]:
    """What a part is checked by, and what the object's checksum is made of; of the only part, the object's own."""
    kind = found.properties.checksums.get("type", "")
    if not found.multipart:
        return found.properties.checksums
    return {**part.checksums, "type": kind} if part.checksums and kind else {}


def _directive(request: S3Request, name: str) -> bool:
    value = request.headers.get(name, "COPY")
    if value not in ("COPY", "REPLACE"):
        raise InvalidArgument("Unknown metadata directive.", ArgumentName=name, ArgumentValue=value)
    return value == "REPLACE"


def _inherited(kept: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    # Storage class, encryption and redirect are of the copy's own request, whatever the directive says.
    return {name: value for name, value in kept.items() if name not in _CHANGES} | {
        name: value for name, value in given.items() if name in _CHANGES
    }
