"""Answers and errors in the protocol that the client speaks: AWS's JSON, REST-JSON, query XML, or S3's XML.

Each protocol has its own code for the same reason; clients retry, explain or give up by those codes.
"""

from __future__ import annotations

import json
import secrets
from enum import Enum
from typing import Any, Final
from xml.sax.saxutils import escape

from pipeline.local.api_errors import ApiError
from pipeline.local.http.messages import HttpAnswer, HttpRequest
from pipeline.local.http.signed_requests import SignatureRefused

JSON_TYPE: Final = "application/x-amz-json-1.1"


class Wire(Enum):
    """The form of requests and errors."""

    JSON = "json"
    REST_JSON = "rest-json"
    QUERY = "query"
    S3 = "s3"


_S3_KEY_TEXT: Final = "The AWS Access Key Id you provided does not exist in our records."
_CODES: Final[dict[str, dict[Wire, str]]] = {
    "missing": {
        Wire.JSON: "MissingAuthenticationTokenException",
        Wire.QUERY: "MissingAuthenticationToken",
        Wire.S3: "AccessDenied",
    },
    "unknown": {
        Wire.JSON: "UnrecognizedClientException",
        Wire.QUERY: "InvalidClientTokenId",
        Wire.S3: "InvalidAccessKeyId",
    },
    "mismatch": {
        Wire.JSON: "InvalidSignatureException",
        Wire.QUERY: "SignatureDoesNotMatch",
        Wire.S3: "SignatureDoesNotMatch",
    },
    "stale": {
        Wire.JSON: "InvalidSignatureException",
        Wire.QUERY: "SignatureDoesNotMatch",
        Wire.S3: "RequestTimeTooSkewed",
    },
    "expired": {
        Wire.JSON: "InvalidSignatureException",
        Wire.QUERY: "SignatureDoesNotMatch",
        Wire.S3: "AccessDenied",
    },
    "malformed": {
        Wire.JSON: "IncompleteSignatureException",
        Wire.QUERY: "IncompleteSignature",
        Wire.S3: "AuthorizationHeaderMalformed",
    },
    "malformed query": {
        Wire.JSON: "IncompleteSignatureException",
        Wire.QUERY: "IncompleteSignature",
        Wire.S3: "AuthorizationQueryParametersError",
    },
    "unsigned header": {Wire.JSON: "InvalidSignatureException", Wire.S3: "AccessDenied"},
}
_S3_TEXTS: Final = {
    "missing": "Access Denied",
    "unknown": _S3_KEY_TEXT,
    "stale": "The difference between the request time and the current time is too large.",
}


def wire_of(request: HttpRequest, service: str) -> Wire:
    """The protocol of a request, by what AWS's clients send for each."""
    if "x-amz-target" in request.headers:
        return Wire.JSON
    if service == "s3":
        return Wire.S3
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return Wire.QUERY
    if service or request.path.startswith("/endpoints/"):
        return Wire.REST_JSON
    return Wire.S3


def success(body: dict[str, Any]) -> HttpAnswer:
    """A SageMaker response."""
    headers = [("Content-Type", JSON_TYPE), ("x-amzn-RequestId", request_id())]
    return HttpAnswer(200, headers, json.dumps(body, default=str).encode())


def refused(wire: Wire, error: SignatureRefused) -> HttpAnswer:
    """403 for a signature that does not hold."""
    codes = _CODES[error.reason]
    code = codes.get(wire) or codes[Wire.JSON]
    text = _S3_TEXTS.get(error.reason, error.message) if wire is Wire.S3 else error.message
    return failure(wire, code, text, 403)


def api_error(wire: Wire, error: ApiError) -> HttpAnswer:
    """An action's error."""
    return failure(wire, error.code, error.message, error.status)


def failure(wire: Wire, code: str, message: str, status: int) -> HttpAnswer:
    """An error by its code and text."""
    request = request_id()
    if wire is Wire.JSON:
        body = json.dumps({"__type": code, "message": message}).encode()
        return HttpAnswer(status, [("Content-Type", JSON_TYPE), ("x-amzn-RequestId", request)], body)
    if wire is Wire.REST_JSON:
        headers = [("Content-Type", "application/json"), ("x-amzn-RequestId", request), ("x-amzn-ErrorType", code)]
        return HttpAnswer(status, headers, json.dumps({"Message": message, "message": message}).encode())
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if wire is Wire.S3:
        text = f"<Error>{inner}<RequestId>{request}</RequestId></Error>"
        headers = [("Content-Type", "application/xml"), ("x-amz-request-id", request)]
    else:
        side = "Sender" if status < 500 else "Receiver"
        text = (
            f"<ErrorResponse><Error><Type>{side}</Type>{inner}</Error><RequestId>{request}</RequestId></ErrorResponse>"
        )
        headers = [("Content-Type", "text/xml"), ("x-amzn-RequestId", request)]
    return HttpAnswer(status, headers, b'<?xml version="1.0" encoding="UTF-8"?>\n' + _xml(text))


def request_id() -> str:
    """A new request id, in the form of a UUID."""
    text = secrets.token_hex(16)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _xml(text: str) -> bytes:
    """Without the control characters that XML cannot hold, which a key or an action's name may have."""
    return "".join(char for char in text if char >= " " or char in "\t\n\r").encode("utf-8", "replace")
