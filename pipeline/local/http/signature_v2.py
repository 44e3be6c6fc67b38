"""Presigned S3 addresses of the old kind, Signature Version 2, which boto3 still makes for us-east-1 by default.

Only the query form is believed: no client signs its own requests in this way any more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl, unquote

from pipeline.local.http.signed_requests import UNSIGNED_PAYLOAD, Credential, SignatureRefused, SignedRequest

# Sub-resources and response headers that are part of what is signed.
_SIGNED_QUERY: Final = frozenset(
    "acl cors delete lifecycle location logging notification partNumber policy requestPayment tagging torrent uploadId "
    "uploads versionId versioning versions website response-content-type response-content-language response-expires "
    "response-cache-control response-content-disposition response-content-encoding".split()
)
_MISMATCH: Final = "The request signature we calculated does not match the signature you provided."


def is_presigned(query: str) -> bool:
    """Whether the query is that of such an address."""
    return "AWSAccessKeyId=" in query and "Signature=" in query and "X-Amz-" not in query


def verify(request: SignedRequest, secrets: Callable[[str], str | None], now: float) -> Credential:
    """The credential that made the address. Raises SignatureRefused."""
    pairs = dict(parse_qsl(request.query, keep_blank_values=True))
    key_id, expires = pairs.get("AWSAccessKeyId", ""), pairs.get("Expires", "")
    if not expires.isdecimal() or len(expires) > 12:
        raise SignatureRefused("malformed", "Query-string authentication needs a number for Expires")
    if now > int(expires):
        raise SignatureRefused("expired", "Request has expired")
    secret = secrets(key_id)
    if secret is None:
        raise SignatureRefused("unknown", "The AWS Access Key Id you provided does not exist in our records.")
    given = pairs.get("Signature", "").encode("utf-8", "replace")
    if not any(hmac.compare_digest(_signature(secret, request, pairs, path), given) for path in _paths(request.path)):
        raise SignatureRefused("mismatch", _MISMATCH)
    return Credential(key_id, "", "", "s3", UNSIGNED_PAYLOAD)


def _paths(path: str) -> tuple[str, ...]:
    """What may be signed as the resource: of a bucket, clients sign the name with a slash that they need not send."""
    return (path, path + "/") if path.count("/") == 1 and path != "/" else (path,)


def _signature(secret: str, request: SignedRequest, pairs: dict[str, str], path: str) -> bytes:
    text = _to_sign(request, pairs, path)
    digest = hmac.new(secret.encode(), text.encode("utf-8", "surrogateescape"), hashlib.sha1).digest()
    return base64.b64encode(digest)


def _to_sign(request: SignedRequest, pairs: dict[str, str], path: str) -> str:
    headers, expires = request.headers, pairs.get("Expires", "")
    amz = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
    amz |= {name.lower(): value for name, value in pairs.items() if name.lower().startswith("x-amz-")}
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), expires]
    lines += [f"{name}:{amz[name]}" for name in sorted(amz)]
    signed = []
    for part in request.query.split("&"):
        name, equals, value = part.partition("=")
        if name in _SIGNED_QUERY:
            signed.append(f"{name}={unquote(value)}" if equals and value else name)
    resource = path + ("?" + "&".join(sorted(signed)) if signed else "")
    return "\n".join([*lines, resource])
