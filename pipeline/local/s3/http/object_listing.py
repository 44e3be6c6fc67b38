"""ListObjects (both versions), ListObjectVersions: prefixes, delimiters, pages, URL encoding of keys."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from pipeline.local.s3.http.answer import S3Answer
from pipeline.local.s3.http.request import Plane, S3Request
from pipeline.local.s3.http.request_errors import InvalidArgument
from pipeline.local.s3.http.xml import Node, timestamp
from pipeline.local.s3.store import Objects, StoredObject

Encode = Callable[[str], str]


@dataclass(frozen=True)
class Page:
    """Objects and common prefixes of one page; `last` is where the next one goes on, empty at the end."""

    objects: list[StoredObject]
    prefixes: list[str]
    last: str


def page(objects: Objects, bucket: str, prefix: str, delimiter: str, after: str, limit: int) -> Page:
    """At most `limit` objects and common prefixes that come after `after`, which may be a common prefix itself."""
    found: list[StoredObject] = []
    prefixes: list[str] = []
    last = ""
    for item in _items(objects, bucket, prefix, delimiter, after):
        if len(found) + len(prefixes) >= limit:
            return Page(found, prefixes, last)
        if isinstance(item, str):
            prefixes.append(item)
            last = item
        else:
            found.append(item)
            last = item.key
    return Page(found, prefixes, "")


def list_objects_v2(plane: Plane, request: S3Request) -> S3Answer:
    """ListObjectsV2."""
    query, encode = request.query, encoding_of(request)
    limit = request.number("max-keys", 1000)
    token = query.get("continuation-token")
    after = _from_token(token) if token is not None else query.get("start-after", "")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    result = page(plane.objects, request.bucket, prefix, delimiter, after, limit)
    head: list[Node] = [("Name", request.bucket), ("Prefix", encode(prefix))]
    if token is not None:
        head.append(("ContinuationToken", token))
    if result.last:
        head.append(("NextContinuationToken", _to_token(result.last)))
    if "start-after" in query:
        head.append(("StartAfter", encode(query["start-after"])))
    head.append(("KeyCount", str(len(result.objects) + len(result.prefixes))))
    owner = query.get("fetch-owner") == "true"
    return _answer(plane, request, head, result, limit, encode, owner=owner)


def list_objects(plane: Plane, request: S3Request) -> S3Answer:
    """ListObjects, version 1: NextMarker only with a delimiter, as S3 does."""
    query, encode = request.query, encoding_of(request)
    limit = request.number("max-keys", 1000)
    prefix, delimiter, marker = (query.get(name, "") for name in ("prefix", "delimiter", "marker"))
    result = page(plane.objects, request.bucket, prefix, delimiter, marker, limit)
    head: list[Node] = [("Name", request.bucket), ("Prefix", encode(prefix)), ("Marker", encode(marker))]
    if result.last and delimiter:
        head.append(("NextMarker", encode(result.last)))
    return _answer(plane, request, head, result, limit, encode, owner=True)


def list_versions(plane: Plane, request: S3Request) -> S3Answer:
    """ListObjectVersions: versions and delete markers, newest first within a key."""
    query, encode = request.query, encoding_of(request)
    limit = request.number("max-keys", 1000)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, version_marker = query.get("key-marker", ""), query.get("version-id-marker", "")
    nodes: list[Node] = []
    prefixes: list[str] = []
    last: tuple[str, str] | None = None
    truncated = False
    for found in _versions_after(plane.objects, request.bucket, prefix, key_marker, version_marker):
        common = common_prefix(found.key, prefix, delimiter)
        if common and (common in prefixes or common == key_marker):
            continue
        if len(nodes) + len(prefixes) >= limit:
            truncated = True
            break
        if common:
            prefixes.append(common)
            last = (common, "")
        else:
            nodes.append(_version(plane, found, encode))
            last = (found.key, found.version)
    head: list[Node] = [
        ("Name", request.bucket),
        ("Prefix", encode(prefix)),
        ("KeyMarker", encode(key_marker)),
        ("VersionIdMarker", version_marker),
        ("MaxKeys", str(limit)),
        ("IsTruncated", str(truncated).lower()),
    ]
    if truncated and last:
        head += [("NextKeyMarker", encode(last[0])), ("NextVersionIdMarker", last[1])]
    return S3Answer.xml("ListVersionsResult", head + _tail(request, delimiter, encode, nodes, prefixes))


def owner_node(plane: Plane) -> Node:
    """The one owner of everything."""
    return ("Owner", [("ID", f"{int(plane.account):064x}"), ("DisplayName", "local")])


def _items(objects: Objects, bucket: str, prefix: str, delimiter: str, after: str) -> Iterator[StoredObject | str]:
    while True:
        jump = ""
        for found in objects.list(bucket, prefix, after=after):
            common = common_prefix(found.key, prefix, delimiter)
            if not common:
                yield found
                continue
            if common != after:
                yield common
            jump = common
            break
        if not jump:
            return
        # Everything below a common prefix sorts before prefix + the highest code point.
        after = jump + "\U0010ffff" * 4


def common_prefix(key: str, prefix: str, delimiter: str) -> str:
    """What a key is rolled up to by a delimiter; "" if it is listed itself."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: end + len(delimiter)] if end >= 0 else ""


def _answer(
    plane: Plane, request: S3Request, head: list[Node], result: Page, limit: int, encode: Encode, *, owner: bool
) -> S3Answer:
    head += [("MaxKeys", str(limit)), ("IsTruncated", str(bool(result.last)).lower())]
    contents: list[Node] = []
    for found in result.objects:
        children = _contents(found, encode)
        contents.append(("Contents", [*children, owner_node(plane)] if owner else children))
    delimiter = request.query.get("delimiter", "")
    return S3Answer.xml("ListBucketResult", head + _tail(request, delimiter, encode, contents, result.prefixes))


def _tail(request: S3Request, delimiter: str, encode: Encode, contents: list[Node], prefixes: list[str]) -> list[Node]:
    tail: list[Node] = [("Delimiter", encode(delimiter))] if delimiter else []
    if request.query.get("encoding-type"):
        tail.append(("EncodingType", "url"))
    return tail + contents + [("CommonPrefixes", [("Prefix", encode(prefix))]) for prefix in prefixes]


def _contents(found: StoredObject, encode: Encode) -> list[Node]:
    nodes: list[Node] = [
        ("Key", encode(found.key)),
        ("LastModified", timestamp(found.last_modified)),
        ("ETag", f'"{found.etag}"'),
        ("Size", str(found.size)),
        ("StorageClass", found.properties.headers.get("x-amz-storage-class", "STANDARD")),
    ]
    for name, value in found.properties.checksums.items():
        nodes.append(("ChecksumType", value) if name == "type" else ("ChecksumAlgorithm", name.upper()))
    return nodes


def _version(plane: Plane, found: StoredObject, encode: Encode) -> Node:
    common: list[Node] = [
        ("VersionId", found.version),
        ("IsLatest", str(found.latest).lower()),
        owner_node(plane),
    ]
    if found.marker:
        marked: list[Node] = [("Key", encode(found.key)), ("LastModified", timestamp(found.last_modified))]
        return ("DeleteMarker", marked + common)
    return ("Version", _contents(found, encode) + common)


def _versions_after(objects: Objects, bucket: str, prefix: str, key: str, version: str) -> Iterator[StoredObject]:
    if not version:
        yield from objects.versions(bucket, prefix, after=key)
        return
    # The rest of the marker's own key comes after the marker's version.
    passed = False
    for found in objects.versions(bucket, prefix):
        if found.key > key or passed:
            yield found
        elif (found.key, found.version) == (key, version):
            passed = True


def encoding_of(request: S3Request) -> Encode:
    """How keys are written, by `encoding-type`. Raises InvalidArgument."""
    kind = request.query.get("encoding-type", "")
    if kind not in ("", "url"):
        raise InvalidArgument(
            "Invalid Encoding Method specified in Request", ArgumentName="encoding-type", ArgumentValue=kind
        )
    return (lambda text: quote(text, safe="/")) if kind else str


def _to_token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def _from_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError):
        raise InvalidArgument(
            "The continuation token provided is incorrect", ArgumentName="continuation-token"
        ) from None
