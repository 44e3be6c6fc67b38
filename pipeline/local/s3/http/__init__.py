"""The HTTP face of S3 as a WSGI application over `pipeline.local.s3.store`.

S3 is ours since moto's holds bodies in memory (1.4-1.9 GB for an upload of 500 MB), loses them with the process, and
gives a file in ranges of 8 MB at 25-33 MB/s where plain reads give 699 MB/s. Here bodies stream to and from files, and
what is acknowledged outlives a power loss; `make bench` has today's figures. Who may ask, and whether a body is the one
that was signed, is the business of the front.
"""

from __future__ import annotations

import io
import logging
import secrets
from collections.abc import Callable, Iterable
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local import disk
from pipeline.local.s3.http import xml
from pipeline.local.s3.http.answer import S3Answer
from pipeline.local.s3.http.request import Plane, S3Request
from pipeline.local.s3.http.routes import answer
from pipeline.local.s3.store import S3Error
from pipeline.local.s3.store.blobs import CHUNK

_log: Final = logging.getLogger(__name__)

StartResponse = Callable[..., Any]

PARITY: Final = (
    Row(
        area="s3",
        subject="Policies, lifecycle, CORS, notifications, replication and other sub-resources of buckets",
        here="Kept and given back, without effect; no events are sent for objects",
        aws="They act",
    ),
    Row(
        area="s3",
        subject="ACLs",
        here="Accepted, without effect; every object and bucket is the owner's alone",
        aws="Without effect, too, while object ownership is enforced, the default",
    ),
    Row(
        area="s3",
        subject="Checksums",
        here="Verified; none is computed for objects that came without",
        aws="Verified; CRC64NVME is computed where the client sends none",
    ),
    Row(
        area="s3",
        subject="Checksums of single parts",
        here="Told while the upload is in progress, not by GetObject with a part number or GetObjectAttributes",
        aws="Told there, too",
    ),
    Row(
        area="s3",
        subject="Requests without a signature, of another account, or with a header of Signature Version 2",
        here="Refused; presigned addresses of Version 2 are taken",
        aws="Taken where ACLs or policies allow them; Version 2 in old regions only",
    ),
    Row(
        area="s3",
        subject="Encryption and storage classes",
        here="Names are kept and given back; bodies lie on disk as they are and are always at hand",
        aws="Bodies are encrypted; archived objects must be restored first",
    ),
    Row(
        area="s3",
        subject="Form uploads, Select, torrents, retention, legal hold, inventories, access points, directory buckets",
        here="Refused with status 400 and the code NotImplemented or MethodNotAllowed",
        aws="There",
    ),
)

_REASONS: Final = {
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    304: "Not Modified",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    411: "Length Required",
    412: "Precondition Failed",
    416: "Requested Range Not Satisfiable",
    500: "Internal Server Error",
}


def handle(plane: Plane, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """WSGI, with the objects of one account and region."""
    identity = secrets.token_hex(8).upper()
    try:
        request = S3Request.of(environ, identity)
        try:
            result = answer(plane, request)
        except S3Error:
            request.body.skip()
            raise
    except S3Error as error:
        result = _failure(error, environ, identity)
    except OSError as error:
        _log.error("%s: %s", environ.get("REQUEST_METHOD"), error)
        text = disk.FULL if disk.is_full(error) else f"The state folder cannot be used: {error.strerror}"
        result = _failure(S3Error(text), environ, identity)
    headers = {"x-amz-request-id": identity, "x-amz-id-2": identity, "Server": "AmazonS3", **result.headers}
    if isinstance(result.body, bytes):
        headers.setdefault("Content-Length", str(len(result.body)))
    status = f"{result.status} {_REASONS[result.status]}"
    start_response(status, [(name, value) for name, value in headers.items()])
    if isinstance(result.body, io.IOBase):
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](result.body, CHUNK)
        return wrapped
    return [result.body] if isinstance(result.body, bytes) else result.body


def _failure(error: S3Error, environ: dict[str, Any], identity: str) -> S3Answer:
    details = dict(error.details)
    headers = {"Content-Type": "application/xml"}
    if details.get("DeleteMarker"):
        headers |= {"x-amz-delete-marker": "true", "x-amz-version-id": details.pop("VersionId")}
        del details["DeleteMarker"]
    if error.status == 304:
        return S3Answer(304, {"ETag": details.get("ETag", "")})
    if error.status == 416 and "ActualObjectSize" in details:
        headers["Content-Range"] = f"bytes */{details['ActualObjectSize']}"
    children: list[xml.Node] = [("Code", error.code), ("Message", error.message)]
    children += list(details.items())
    children += [("RequestId", identity), ("HostId", identity)]
    body = xml.render("Error", children, namespace=False)
    return S3Answer(error.status, headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else body)
