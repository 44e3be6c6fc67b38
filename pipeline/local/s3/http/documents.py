"""Sub-resources of buckets that localhost keeps and gives back but does not act on: policy, lifecycle, CORS ...

Each has the error that S3 gives while there is none, or the document that a new bucket has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from pipeline.local.s3.http import xml
from pipeline.local.s3.http.answer import S3Answer
from pipeline.local.s3.http.object_listing import owner_node
from pipeline.local.s3.http.request import Plane, S3Request
from pipeline.local.s3.http.request_errors import MalformedXML, NoSuchDocument
from pipeline.local.s3.store import S3Error


@dataclass(frozen=True)
class Document:
    """A sub-resource: its root element (empty: JSON), the error or the document while none was put."""

    root: str
    code: str = ""
    text: str = ""
    default: str = ""


_ENCRYPTION: Final = (
    "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
    "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>"
)
_BLOCKED: Final = "".join(
    f"<{name}>true</{name}>"
    for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
)

DOCUMENTS: Final = {
    "policy": Document("", "NoSuchBucketPolicy", "The bucket policy does not exist"),
    "lifecycle": Document(
        "LifecycleConfiguration",
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    ),
    "cors": Document("CORSConfiguration", "NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "tagging": Document("Tagging", "NoSuchTagSet", "The TagSet does not exist"),
    "website": Document(
        "WebsiteConfiguration",
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    ),
    "replication": Document(
        "ReplicationConfiguration",
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    ),
    "object-lock": Document(
        "ObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
    "publicAccessBlock": Document(
        "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
        _BLOCKED,
    ),
    "ownershipControls": Document(
        "OwnershipControls",
        "OwnershipControlsNotFoundError",
        "The bucket ownership controls were not found",
        "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>",
    ),
    "encryption": Document(
        "ServerSideEncryptionConfiguration",
        default=_ENCRYPTION,
    ),
    "notification": Document("NotificationConfiguration"),
    "logging": Document("BucketLoggingStatus"),
    "accelerate": Document("AccelerateConfiguration"),
    "requestPayment": Document("RequestPaymentConfiguration", default="<Payer>BucketOwner</Payer>"),
}
_DROPPED: Final = "-"
"""Kept in place of a document whose default was deleted."""


def get_document(plane: Plane, request: S3Request, kind: str) -> S3Answer:
    """Get...: the document that was put, or the default, or NoSuch... as S3 has it."""
    document = DOCUMENTS[kind]
    kept = plane.objects.bucket(request.bucket).documents.get(kind)
    if kept is not None and kept != _DROPPED:
        media = "application/xml" if document.root else "application/json"
        return S3Answer(200, {"Content-Type": media}, kept.encode())
    if document.code and (kept == _DROPPED or not document.default):
        raise NoSuchDocument(document.code, document.text, request.bucket)
    body = xml.render(document.root, []).replace(b"></", f">{document.default}</".encode(), 1)
    return S3Answer(200, {"Content-Type": "application/xml"}, body)


def put_document(plane: Plane, request: S3Request, kind: str) -> S3Answer:
    """Put...: kept as it came, if it is well-formed. Raises MalformedXML, MalformedPolicy."""
    body = request.body.document()
    if DOCUMENTS[kind].root:
        xml.parse(body, DOCUMENTS[kind].root)
    else:
        _check_policy(body)
    plane.objects.set_document(request.bucket, kind, _text(body))
    return S3Answer(204 if kind in ("policy", "tagging") else 200)


def delete_document(plane: Plane, request: S3Request, kind: str) -> S3Answer:
    """Delete...: no error if there is none."""
    plane.objects.set_document(request.bucket, kind, _DROPPED if DOCUMENTS[kind].code else None)
    return S3Answer(204)


def get_acl(plane: Plane, request: S3Request) -> S3Answer:
    """GetBucketAcl, GetObjectAcl: the owner may do everything, nobody else anything."""
    plane.objects.bucket(request.bucket)
    owner = owner_node(plane)[1]
    grant: list[xml.Node] = [("Grantee", owner), ("Permission", "FULL_CONTROL")]
    answer = xml.render("AccessControlPolicy", [("Owner", owner), ("AccessControlList", [("Grant", grant)])])
    kind = b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
    return S3Answer(200, {"Content-Type": "application/xml"}, answer.replace(b"<Grantee>", kind))


def put_acl(plane: Plane, request: S3Request) -> S3Answer:
    """PutBucketAcl, PutObjectAcl: accepted, without effect."""
    plane.objects.bucket(request.bucket)
    request.body.document()
    return S3Answer()


def get_policy_status(plane: Plane, request: S3Request) -> S3Answer:
    """GetBucketPolicyStatus: nothing here is public."""
    if "policy" not in plane.objects.bucket(request.bucket).documents:
        raise NoSuchDocument(DOCUMENTS["policy"].code, DOCUMENTS["policy"].text, request.bucket)
    return S3Answer.xml("PolicyStatus", [("IsPublic", "false")])


def get_versioning(plane: Plane, request: S3Request) -> S3Answer:
    """GetBucketVersioning."""
    status = plane.objects.bucket(request.bucket).versioning
    return S3Answer.xml("VersioningConfiguration", [("Status", status)] if status else [])


def put_versioning(plane: Plane, request: S3Request) -> S3Answer:
    """PutBucketVersioning."""
    status = xml.parse(request.body.document(), "VersioningConfiguration").findtext("Status", "")
    if status not in ("Enabled", "Suspended"):
        raise MalformedXML
    plane.objects.set_versioning(request.bucket, status)
    return S3Answer()


def tag_pairs(element: ElementTree.Element) -> list[tuple[str, str]]:
    """The tags of a Tagging document."""
    return [(tag.findtext("Key", ""), tag.findtext("Value", "")) for tag in element.iterfind("TagSet/Tag")]


class MalformedPolicy(S3Error, text="This policy contains invalid Json"):
    """A policy that is not a JSON object."""


def _check_policy(body: bytes) -> None:
    try:
        if isinstance(json.loads(body), dict):
            return
    except (ValueError, RecursionError):
        pass
    raise MalformedPolicy


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise MalformedXML from None
