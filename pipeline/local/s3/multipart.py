"""Multipart uploads over HTTP: create, upload and copy parts, complete, abort, list."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import Final
from xml.etree.ElementTree import Element

from pipeline.local.objects import whole
from pipeline.local.objects.model import Part, Upload
from pipeline.local.s3 import xml
from pipeline.local.s3.answer import Answer, checksum_headers, encryption_headers, version_headers
from pipeline.local.s3.body import new_digest
from pipeline.local.s3.conditions import byte_range, check_read, write_condition
from pipeline.local.s3.errors import BadDigest, InvalidArgument, MalformedXML
from pipeline.local.s3.listing import Encode, common_prefix, encoding_of, owner_node
from pipeline.local.s3.object_actions import SOURCE, copy_result, copy_source
from pipeline.local.s3.properties import properties, with_checksums
from pipeline.local.s3.request import Plane, Request

MAX_PARTS: Final = 10_000
_DIGITS: Final = 10


def create_upload(plane: Plane, request: Request) -> Answer:
    """CreateMultipartUpload: the headers are those of the object to be."""
    kind = request.headers.get("x-amz-checksum-type", "")
    described = replace(properties(request), checksums={"type": kind} if kind else {})
    upload = plane.objects.uploads.create(request.bucket, request.key, described)
    headers = encryption_headers(upload.properties.headers)
    for name in ("x-amz-checksum-algorithm", "x-amz-checksum-type"):
        if value := request.headers.get(name):
            headers[name] = value
    children: list[xml.Node] = [("Bucket", request.bucket), ("Key", request.key), ("UploadId", upload.id)]
    return Answer.xml("InitiateMultipartUploadResult", children, headers=headers)


def upload_part(plane: Plane, request: Request) -> Answer:
    """UploadPart."""
    request.body.require_length()
    number = _number(request)
    upload = plane.objects.uploads.get(request.bucket, request.key, request.query["uploadId"])
    blob = plane.objects.blobs.write(request.body.chunks())
    part = plane.objects.uploads.put_part(upload, number, blob, request.body.checksums)
    headers = {"ETag": f'"{part.blob.md5}"', **encryption_headers(upload.properties.headers)}
    headers |= {f"x-amz-checksum-{name}": value for name, value in part.checksums.items()}
    return Answer(200, headers)


def copy_part(plane: Plane, request: Request) -> Answer:
    """UploadPartCopy: a part from (a range of) an object."""
    number = _number(request)
    upload = plane.objects.uploads.get(request.bucket, request.key, request.query["uploadId"])
    with plane.objects.reading(*copy_source(request)) as source:
        check_read(source, request.headers, prefix=f"{SOURCE}-")
        span = byte_range(request.headers.get(f"{SOURCE}-range", ""), source.size) or (0, source.size)
        blob = plane.objects.blobs.write(plane.objects.blobs.read(source.blobs, *span))
    part = plane.objects.uploads.put_part(upload, number, blob, {})
    return Answer.xml("CopyPartResult", copy_result(part.blob.md5, part.modified))


def complete_upload(plane: Plane, request: Request) -> Answer:
    """CompleteMultipartUpload: no byte is copied."""
    uploads = plane.objects.uploads
    upload = uploads.get(request.bucket, request.key, request.query["uploadId"])
    listed = xml.parse(request.body.document(of_object=True), "CompleteMultipartUpload").findall("Part")
    wanted = [_wanted(part) for part in listed]
    if not wanted:
        raise MalformedXML
    parts = {part.number: part for part in uploads.parts(upload)}
    _check_parts(listed, parts)
    kind = request.headers.get("x-amz-checksum-type") or upload.properties.checksums.get("type", "")
    chosen = [parts[number] for number, _ in wanted if number in parts]
    checksums, kind = _whole(plane, request, chosen) if kind == "FULL_OBJECT" else _combined(chosen)
    stored = uploads.complete(
        upload,
        wanted,
        with_checksums(upload.properties, checksums, kind=kind),
        condition=write_condition(request.headers, request.key),
    )
    children: list[xml.Node] = [
        ("Location", f"http://{request.headers.get('host', '127.0.0.1')}{request.path}"),
        ("Bucket", request.bucket),
        ("Key", request.key),
        ("ETag", f'"{stored.etag}"'),
    ]
    for name, value in stored.properties.checksums.items():
        children.append(("ChecksumType" if name == "type" else f"Checksum{name.upper()}", value))
    headers = version_headers(stored) | encryption_headers(stored.properties.headers)
    return Answer.xml("CompleteMultipartUploadResult", children, headers=headers | checksum_headers(stored))


def abort_upload(plane: Plane, request: Request) -> Answer:
    """AbortMultipartUpload."""
    uploads = plane.objects.uploads
    uploads.abort(uploads.get(request.bucket, request.key, request.query["uploadId"]))
    return Answer(204)


def list_parts(plane: Plane, request: Request) -> Answer:
    """ListParts."""
    upload = plane.objects.uploads.get(request.bucket, request.key, request.query["uploadId"])
    limit, marker = request.number("max-parts", 1000), request.number("part-number-marker", 0, most=MAX_PARTS)
    parts = [part for part in plane.objects.uploads.parts(upload) if part.number > marker]
    shown, truncated = parts[:limit], len(parts) > limit
    children: list[xml.Node] = [
        ("Bucket", request.bucket),
        ("Key", request.key),
        ("UploadId", upload.id),
        ("Initiator", owner_node(plane)[1]),
        owner_node(plane),
        ("StorageClass", upload.properties.headers.get("x-amz-storage-class", "STANDARD")),
        ("PartNumberMarker", str(marker)),
        ("NextPartNumberMarker", str(shown[-1].number if shown else marker)),
        ("MaxParts", str(limit)),
        ("IsTruncated", str(truncated).lower()),
    ]
    return Answer.xml("ListPartsResult", children + [("Part", _part(part)) for part in shown])


def list_uploads(plane: Plane, request: Request) -> Answer:
    """ListMultipartUploads."""
    limit, encode = request.number("max-uploads", 1000), encoding_of(request)
    prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
    after = (request.query.get("key-marker", ""), request.query.get("upload-id-marker", ""))
    items: list[Upload | str] = []
    for upload in _after(plane.objects.uploads.in_progress(request.bucket, prefix), *after):
        common = common_prefix(upload.key, prefix, delimiter)
        if not common:
            items.append(upload)
        elif common != after[0] and common not in items:
            items.append(common)
    shown, truncated = items[:limit], len(items) > limit > 0
    last = shown[-1] if truncated else ""
    children: list[xml.Node] = [
        ("Bucket", request.bucket),
        ("KeyMarker", encode(after[0])),
        ("UploadIdMarker", after[1]),
        ("NextKeyMarker", encode(last if isinstance(last, str) else last.key)),
        ("NextUploadIdMarker", "" if isinstance(last, str) else last.id),
        ("Prefix", encode(prefix)),
        *([("Delimiter", encode(delimiter))] if delimiter else []),
        *([("EncodingType", "url")] if request.query.get("encoding-type") else []),
        ("MaxUploads", str(limit)),
        ("IsTruncated", str(truncated).lower()),
    ]
    children += [("Upload", _upload(plane, item, encode)) for item in shown if not isinstance(item, str)]
    children += [("CommonPrefixes", [("Prefix", encode(item))]) for item in shown if isinstance(item, str)]
    return Answer.xml("ListMultipartUploadsResult", children)


def _after(found: list[Upload], key: str, upload_id: str) -> list[Upload]:
    """The uploads that come after the markers: of the marker's own key those after its upload."""
    if not upload_id:
        return [upload for upload in found if upload.key > key]
    passed = [upload.id for upload in found if upload.key <= key]
    seen = passed[: passed.index(upload_id) + 1] if upload_id in passed else passed
    return [upload for upload in found if upload.id not in seen]


def _upload(plane: Plane, upload: Upload, encode: Encode) -> list[xml.Node]:
    return [
        ("Key", encode(upload.key)),
        ("UploadId", upload.id),
        ("Initiator", owner_node(plane)[1]),
        owner_node(plane),
        ("StorageClass", upload.properties.headers.get("x-amz-storage-class", "STANDARD")),
        ("Initiated", xml.timestamp(upload.started)),
    ]


def _number(request: Request) -> int:
    number = request.number("partNumber", 0, most=MAX_PARTS + 1)
    if not 1 <= number <= MAX_PARTS:
        raise InvalidArgument(
            f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=request.query.get("partNumber", ""),
        )
    return number


def _wanted(part: Element) -> tuple[int, str]:
    number, etag = part.findtext("PartNumber", ""), part.findtext("ETag", "")
    if not number.strip().isdecimal() or len(number) > _DIGITS or not etag:
        raise MalformedXML
    return int(number), etag.strip().strip('"')


def _check_parts(listed: list[Element], parts: dict[int, Part]) -> None:
    """The checksums of parts that the client repeats at the end must be those it sent."""
    for element in listed:
        part = parts.get(_wanted(element)[0])
        for name, value in part.checksums.items() if part else ():
            given = element.findtext(f"Checksum{name.upper()}")
            if given is not None and given != value:
                raise InvalidArgument(f"The {name.upper()} of part {element.findtext('PartNumber')} is another one.")


def _whole(plane: Plane, request: Request, parts: list[Part]) -> tuple[dict[str, str], str]:
    """The checksums of the whole object: those that the client gives, else those that its parts have.

    Raises BadDigest for one that is not the object's, as far as Python computes them.
    """
    given = {
        name.removeprefix("x-amz-checksum-"): value
        for name, value in request.headers.items()
        if name.startswith("x-amz-checksum-") and not name.endswith(("-type", "-algorithm"))
    }
    blobs = [part.blob for part in parts]
    found = dict(given)
    for name in given or _shared(parts):
        digest = new_digest(name)
        if digest is None:
            continue
        with whole(request.bucket, request.key):
            for chunk in plane.objects.blobs.read(blobs, 0, sum(blob.size for blob in blobs)):
                digest.update(chunk)
        found[name] = base64.b64encode(digest.digest()).decode()
        if given.get(name, found[name]) != found[name]:
            raise BadDigest(f"The {name.upper()} you specified did not match the calculated checksum.")
    return found, "FULL_OBJECT"


def _combined(parts: list[Part]) -> tuple[dict[str, str], str]:
    """The checksums of the parts' checksums."""
    combined: dict[str, str] = {}
    for name in sorted(_shared(parts)):
        digest = new_digest(name)
        if digest is None:
            continue
        try:
            for part in parts:
                digest.update(base64.b64decode(part.checksums[name], validate=True))
        except binascii.Error:
            raise BadDigest(f"The {name.upper()} of a part is no base64.") from None
        combined[name] = f"{base64.b64encode(digest.digest()).decode()}-{len(parts)}"
    return combined, "COMPOSITE"


def _shared(parts: list[Part]) -> set[str]:
    """The kinds of checksums that all parts have."""
    return set.intersection(*(set(part.checksums) for part in parts)) if parts else set()


def _part(part: Part) -> list[xml.Node]:
    nodes: list[xml.Node] = [
        ("PartNumber", str(part.number)),
        ("LastModified", xml.timestamp(part.modified)),
        ("ETag", f'"{part.blob.md5}"'),
        ("Size", str(part.blob.size)),
    ]
    return nodes + [(f"Checksum{name.upper()}", value) for name, value in part.checksums.items()]
