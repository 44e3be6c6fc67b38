"""Finds the action of a request: by method, whether it names a bucket and a key, and the sub-resource in its query."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from pipeline.local.s3.http import bucket_actions, documents, multipart, object_actions, object_listing
from pipeline.local.s3.http.answer import S3Answer
from pipeline.local.s3.http.request import Plane, S3Request
from pipeline.local.s3.http.request_errors import AccessDenied, UnknownAction
from pipeline.local.s3.store.s3_errors import MethodNotAllowed
from pipeline.local.s3.store.stored_objects import check_bucket_name, check_key

Act = Callable[[Plane, S3Request], S3Answer]

_BUCKET: Final[dict[tuple[str, str], Act]] = {
    ("PUT", ""): bucket_actions.create_bucket,
    ("HEAD", ""): bucket_actions.head_bucket,
    ("DELETE", ""): bucket_actions.delete_bucket,
    ("GET", ""): object_listing.list_objects,
    ("GET", "list-type"): object_listing.list_objects_v2,
    ("GET", "versions"): object_listing.list_versions,
    ("GET", "uploads"): multipart.list_uploads,
    ("GET", "location"): bucket_actions.bucket_location,
    ("POST", "delete"): bucket_actions.delete_objects,
    ("GET", "versioning"): documents.get_versioning,
    ("PUT", "versioning"): documents.put_versioning,
    ("GET", "acl"): documents.get_acl,
    ("PUT", "acl"): documents.put_acl,
    ("GET", "policyStatus"): documents.get_policy_status,
}
for _kind, _document in documents.DOCUMENTS.items():
    _BUCKET["GET", _kind] = partial(documents.get_document, kind=_kind)
    _BUCKET["PUT", _kind] = partial(documents.put_document, kind=_kind)
    if _document.code or _kind == "encryption":
        _BUCKET["DELETE", _kind] = partial(documents.delete_document, kind=_kind)

_OBJECT: Final[dict[tuple[str, str], Act]] = {
    ("PUT", ""): object_actions.put_object,
    ("PUT", "x-amz-copy-source"): object_actions.copy_object,
    ("GET", ""): object_actions.get_object,
    ("HEAD", ""): object_actions.get_object,
    ("DELETE", ""): object_actions.delete_object,
    ("GET", "attributes"): object_actions.object_attributes,
    ("GET", "tagging"): bucket_actions.get_tags,
    ("PUT", "tagging"): bucket_actions.put_tags,
    ("DELETE", "tagging"): bucket_actions.delete_tags,
    ("GET", "acl"): documents.get_acl,
    ("PUT", "acl"): documents.put_acl,
    ("POST", "uploads"): multipart.create_upload,
    ("PUT", "uploadId"): multipart.upload_part,
    ("PUT", "uploadId+copy"): multipart.copy_part,
    ("POST", "uploadId"): multipart.complete_upload,
    ("DELETE", "uploadId"): multipart.abort_upload,
    ("GET", "uploadId"): multipart.list_parts,
}
# Sub-resources that S3 has and localhost has not; without this list `GET /key?torrent` would answer the object.
_ABSENT: Final = frozenset(
    "analytics intelligent-tiering inventory metrics metadataTable metadataConfiguration abac session legal-hold "
    "retention restore select torrent renameObject encryption-context object-lock-legal-hold".split()
)
_BUCKET_NAMES: Final = frozenset(name for _, name in _BUCKET if name) | _ABSENT
_OBJECT_NAMES: Final = frozenset(name for _, name in _OBJECT if name) | _ABSENT


def answer(plane: Plane, request: S3Request) -> S3Answer:
    """Do what the request asks. Raises S3Error."""
    expected = request.headers.get("x-amz-expected-bucket-owner", plane.account)
    if request.bucket and expected != plane.account:
        raise AccessDenied
    if not request.bucket:
        if request.method != "GET":
            raise MethodNotAllowed(Method=request.method, ResourceType="SERVICE")
        return bucket_actions.list_buckets(plane, request)
    check_bucket_name(request.bucket)
    check_key(request.key)
    name = _subresource(request)
    found = (_OBJECT if request.key else _BUCKET).get((request.method, name))
    if found is None:
        kind = "OBJECT" if request.key else "BUCKET"
        if name in _ABSENT:
            raise UnknownAction(f"SageMaker on localhost has no {request.method} {kind} ?{name} of S3.")
        raise MethodNotAllowed(Method=request.method, ResourceType=name.upper() or kind)
    return found(plane, request)


def _subresource(request: S3Request) -> str:
    names = _OBJECT_NAMES if request.key else _BUCKET_NAMES
    name = next((name for name in request.query if name in names), "")
    if name == "object-lock" and request.key:
        return ""
    copying = request.method == "PUT" and object_actions.SOURCE in request.headers
    if copying and name == "uploadId":
        return "uploadId+copy"
    return object_actions.SOURCE if copying and not name else name
