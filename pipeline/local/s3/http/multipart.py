"""Multipart uploads over HTTP: create, upload and copy parts, complete, abort, list."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from xml.etree.ElementTree import Element

from pipeline.local.s3.http import xml
from pipeline.local.s3.http.answer import (
    S3Answer,
    checksum_headers,
    checksum_nodes,
    encryption_headers,
    version_headers,
)
from pipeline.local.s3.http.checksums import PREFIX, Taking, announced, claimed
from pipeline.local.s3.http.conditional_requests import check_read, copied_range, write_condition
from pipeline.local.s3.http.multipart_checksums import FULL, agreed, agreed_headers, agreed_nodes, of_parts, of_whole
from pipeline.local.s3.http.object_actions import SOURCE, copy_result, copy_source
from pipeline.local.s3.http.object_listing import Encode, common_prefix, encoding_of, owner_node
from pipeline.local.s3.http.object_properties import properties, with_checksums
from pipeline.local.s3.http.request import Plane, S3Request
from pipeline.local.s3.http.request_errors import BadDigest, InvalidArgument, InvalidRequest, MalformedXML
from pipeline.local.s3.store import StoredObject
from pipeline.local.s3.store.stored_objects import Upload, UploadedPart

MAX_PARTS: Final = 10_000
_DIGITS: Final = 10


def create_upload(plane: Plane, request: S3Request) -> S3Answer:
    """CreateMultipartUpload: the headers are those of the object to be."""
    described = replace(properties(request), checksums=agreed(request))
    upload = plane.objects.uploads.create(request.bucket, request.key, described)
    headers = encryption_headers(upload.properties.headers) | agreed_headers(upload)
    children: list[xml.Node] = [("Bucket", request.bucket), ("Key", request.key), ("UploadId", upload.id)]
    return S3Answer.xml("InitiateMultipartUploadResult", children, headers=headers)


def upload_part(plane: Plane, request: S3Request) -> S3Answer:
    """UploadPart."""
    request.body.require_length()
    number = _number(request)
    upload = plane.objects.uploads.get(request.bucket, request.key, request.query["uploadId"])
    algorithm = upload.properties.checksums.get("algorithm", "")
    given = next(iter({*claimed(request.headers), announced(request.headers)} - {""}), "")
    if algorithm and given and given != algorithm:
        raise InvalidRequest(
            f"Checksum Type mismatch occurred, expected checksum Type: {algorithm}, actual checksum Type: {given}"
        )
    blob = plane.objects.blobs.write(request.body.chunks(compute=algorithm))
    part = plane.objects.uploads.put_part(upload, number, blob, request.body.checksums)
    headers = {"ETag": f'"{part.blob.md5}"', **encryption_headers(upload.properties.headers)}
    return S3Answer(200, headers | checksum_headers(part.checksums))


def copy_part(plane: Plane, request: S3Request) -> S3Answer:
    """UploadPartCopy: a part from (a range of) an object."""
    number = _number(request)
    upload = plane.objects.uploads.get(request.bucket, request.key, request.query["uploadId"])
    with plane.objects.reading(*copy_source(request)) as source:
        check_read(source, request.headers, prefix=f"{SOURCE}-")
        span = copied_range(request.headers.get(f"{SOURCE}-range", ""), source.size)
        taking = Taking(plane.objects.blobs.read(source.blobs, *span), upload.properties.checksums.get("algorithm", ""))
        blob = plane.objects.blobs.write(taking)
    part = plane.objects.uploads.put_part(upload, number, blob, taking.checksums)
    return S3Answer.xml("CopyPartResult", copy_result(part.blob.md5, part.modified) + checksum_nodes(part.checksums))


def complete_upload(plane: Plane, request: S3Request) -> S3Answer:
    """CompleteMultipartUpload: no byte is copied. Asked again, it answers the same again."""
    uploads, upload_id = plane.objects.uploads, request.query["uploadId"]
    listed = xml.parse(request.body.document(of_object=True), "CompleteMultipartUpload").findall("Part")
    wanted = [_wanted(part) for part in listed]
    if not wanted:
        raise MalformedXML
    stored = uploads.completed(request.bucket, request.key, upload_id, wanted)
    if stored is None:
        stored = _complete(plane, request, uploads.get(request.bucket, request.key, upload_id), listed, wanted)
    children: list[xml.Node] = [
        ("Location", f"http://{request.headers.get('host', '127.0.0.1')}{request.path}"),
        ("Bucket", request.bucket),
        ("Key", request.key),
        ("ETag", f'"{stored.etag}"'),
        *checksum_nodes(stored.properties.checksums),
    ]
    headers = version_headers(stored) | encryption_headers(stored.properties.headers)
    return S3Answer.xml(
        "CompleteMultipartUploadResult", children, headers=headers | checksum_headers(stored.properties.checksums)
    )


def _complete(
    plane: Plane, request: S3Request, upload: Upload, listed: list[Element], wanted: list[tuple[int, str]]
) -> StoredObject:
    parts = {part.number: part for part in plane.objects.uploads.parts(upload)}
    _check_parts(listed, parts)
    created = upload.properties.checksums.get("type", "")
    kind = request.headers.get("x-amz-checksum-type") or created
    if created and kind != created:
        raise BadDigest(f"The upload was created with the checksum type {created}, not {kind}.")
    chosen = [parts[number] for number, _ in wanted if number in parts]
    checksums, kind = of_whole(plane, request, chosen) if kind == FULL else of_parts(chosen)
    for name, value in checksums.items():
        if request.headers.get(f"{PREFIX}{name}", value) != value:
            raise BadDigest(f"The {name.upper()} you specified did not match the calculated checksum.")
    return plane.objects.uploads.complete(
        upload,
        wanted,
        with_checksums(upload.properties, checksums, kind=kind),
        condition=write_condition(request.headers, request.key),
    )


def abort_upload(plane: Plane, request: S3Request) -> S3Answer:
    """AbortMultipartUpload."""
    uploads = plane.objects.uploads
    uploads.abort(uploads.get(request.bucket, request.key, request.query["uploadId"]))
    return S3Answer(204)


def list_parts(plane: Plane, request: S3Request) -> S3Answer:
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
        *agreed_nodes(upload),
    ]
    return S3Answer.xml("ListPartsResult", children + [("Part", _part(part)) for part in shown])


def list_uploads(plane: Plane, request: S3Request) -> S3Answer:
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
    return S3Answer.xml("ListMultipartUploadsResult", children)


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
        *agreed_nodes(upload),
    ]


def _number(request: S3Request) -> int:
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


def _check_parts(listed: list[Element], parts: dict[int, UploadedPart]) -> None:
    """The checksums of parts that the client repeats at the end must be those it sent."""
    for element in listed:
        part = parts.get(_wanted(element)[0])
        for name, value in part.checksums.items() if part else ():
            given = element.findtext(f"Checksum{name.upper()}")
            if given is not None and given != value:
                raise InvalidArgument(f"The {name.upper()} of part {element.findtext('PartNumber')} is another one.")


def _part(part: UploadedPart) -> list[xml.Node]:
    nodes: list[xml.Node] = [
        ("PartNumber", str(part.number)),
        ("LastModified", xml.timestamp(part.modified)),
        ("ETag", f'"{part.blob.md5}"'),
        ("Size", str(part.blob.size)),
    ]
    return nodes + checksum_nodes(part.checksums)
