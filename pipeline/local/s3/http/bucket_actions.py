"""Buckets themselves, DeleteObjects, and the tags of objects."""

from __future__ import annotations

from typing import Final

from pipeline.local.s3.http import xml
from pipeline.local.s3.http.answer import S3Answer, version_headers
from pipeline.local.s3.http.documents import tag_pairs
from pipeline.local.s3.http.object_actions import find
from pipeline.local.s3.http.object_listing import owner_node
from pipeline.local.s3.http.object_properties import check_tags
from pipeline.local.s3.http.request import Plane, S3Request
from pipeline.local.s3.http.request_errors import IllegalLocationConstraint, InvalidLocationConstraint, MalformedXML
from pipeline.local.s3.store import S3Error
from pipeline.local.s3.store.s3_errors import BucketAlreadyOwnedByYou

DEFAULT_REGION: Final = "us-east-1"
MAX_DELETED: Final = 1000


def list_buckets(plane: Plane, request: S3Request) -> S3Answer:
    """ListBuckets, in pages if max-buckets is given."""
    prefix, after = request.query.get("prefix", ""), request.query.get("continuation-token", "")
    limit = request.number("max-buckets", 10_000, most=10_000)
    found = [b for b in plane.objects.buckets() if b.name.startswith(prefix) and b.name > after]
    buckets: list[xml.Node] = [
        (
            "Bucket",
            [("Name", b.name), ("CreationDate", xml.timestamp(b.created)), ("BucketRegion", b.region)],
        )
        for b in found[:limit]
    ]
    children: list[xml.Node] = [("Buckets", buckets), owner_node(plane)]
    if len(found) > limit:
        children.append(("ContinuationToken", found[limit - 1].name))
    return S3Answer.xml("ListAllMyBucketsResult", children)


def create_bucket(plane: Plane, request: S3Request) -> S3Answer:
    """CreateBucket: in us-east-1 again is no error, elsewhere it is, as on AWS."""
    body = request.body.document()
    constraint = ""
    if body.strip():
        constraint = xml.parse(body, "CreateBucketConfiguration").findtext("LocationConstraint") or ""
    region = request.region or plane.region
    if constraint == DEFAULT_REGION:
        raise InvalidLocationConstraint(LocationConstraint=constraint)
    if region != DEFAULT_REGION and constraint != region:
        subject = f"{constraint} location constraint" if constraint else "unspecified location constraint"
        raise IllegalLocationConstraint(
            f"The {subject} is incompatible for the region specific endpoint this request was sent to."
        )
    try:
        plane.objects.create_bucket(request.bucket, region=constraint or region)
    except BucketAlreadyOwnedByYou:
        if region != DEFAULT_REGION:
            raise
    return S3Answer(200, {"Location": f"/{request.bucket}"})


def head_bucket(plane: Plane, request: S3Request) -> S3Answer:
    """HeadBucket."""
    bucket = plane.objects.bucket(request.bucket)
    return S3Answer(200, {"x-amz-bucket-region": bucket.region, "Content-Type": "application/xml"})


def delete_bucket(plane: Plane, request: S3Request) -> S3Answer:
    """DeleteBucket."""
    plane.objects.delete_bucket(request.bucket)
    return S3Answer(204)


def bucket_location(plane: Plane, request: S3Request) -> S3Answer:
    """GetBucketLocation: empty for us-east-1."""
    region = plane.objects.bucket(request.bucket).region
    text = "" if region == DEFAULT_REGION else region
    body = xml.render("LocationConstraint", []).replace(b"></", f">{text}</".encode(), 1)
    return S3Answer(200, {"Content-Type": "application/xml"}, body)


def delete_objects(plane: Plane, request: S3Request) -> S3Answer:
    """DeleteObjects: at most 1000, each with its own answer unless `Quiet`."""
    plane.objects.bucket(request.bucket)
    root = xml.parse(request.body.document(), "Delete")
    listed = root.findall("Object")
    if not 1 <= len(listed) <= MAX_DELETED:
        raise MalformedXML
    quiet = root.findtext("Quiet", "false").strip().lower() == "true"
    nodes: list[xml.Node] = []
    for element in listed:
        key, version = element.findtext("Key", ""), element.findtext("VersionId")
        node = _delete(plane, request.bucket, key, version)
        if node[0] == "Error" or not quiet:
            nodes.append(node)
    return S3Answer.xml("DeleteResult", nodes)


def get_tags(plane: Plane, request: S3Request) -> S3Answer:
    """GetObjectTagging."""
    found = find(plane.objects, request)
    kept = sorted(found.properties.tags.items())
    tags: list[xml.Node] = [("Tag", [("Key", key), ("Value", value)]) for key, value in kept]
    return S3Answer.xml("Tagging", [("TagSet", tags)], headers=version_headers(found))


def put_tags(plane: Plane, request: S3Request) -> S3Answer:
    """PutObjectTagging: the new tags replace all old ones."""
    tags = check_tags(tag_pairs(xml.parse(request.body.document(), "Tagging")))
    found = find(plane.objects, request)
    plane.objects.set_tags(found, tags)
    return S3Answer(200, version_headers(found))


def delete_tags(plane: Plane, request: S3Request) -> S3Answer:
    """DeleteObjectTagging."""
    found = find(plane.objects, request)
    plane.objects.set_tags(found, {})
    return S3Answer(204, version_headers(found))


def _delete(plane: Plane, bucket: str, key: str, version: str | None) -> xml.Node:
    named: list[xml.Node] = [("Key", key)]
    if version:
        named.append(("VersionId", version))
    try:
        gone = plane.objects.delete(bucket, key, version=version or None)
    except S3Error as error:
        return ("Error", [*named, ("Code", error.code), ("Message", error.message)])
    if gone is not None and gone.marker:
        named += [("DeleteMarker", "true"), ("DeleteMarkerVersionId", gone.version)]
    return ("Deleted", named)
