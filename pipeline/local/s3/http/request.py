"""One S3 request as data: bucket and key come from the undecoded path, so `%2F` and `//` in keys stay, or the bucket
from the Host (`<bucket>.localhost`), which the front has looked at.

Header names are lower case. A WSGI server folds `_` into `-`; names of metadata that had a `_` come in the
environ member that moto's request handler sets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

from pipeline.local.s3.http.checked_body import S3Body
from pipeline.local.s3.http.request_errors import InvalidArgument, InvalidURI
from pipeline.local.s3.store import Objects

Environ = dict[str, Any]

_PRESERVED: Final = "moto.preserved_header_names"
_SCOPE: Final = re.compile(r"Credential=[^/,]+/\d{8}/([a-z0-9\-]+)/")


@dataclass(frozen=True)
class Plane:
    """What the actions work on."""

    objects: Objects
    account: str
    region: str


@dataclass(frozen=True)
class S3Request:
    """Method, bucket, key (empty: none), query and headers, and the body, not yet read."""

    method: str
    bucket: str
    key: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: S3Body
    id: str

    @classmethod
    def of(cls, environ: Environ, identity: str) -> S3Request:
        """The request of a WSGI environ. Raises InvalidURI, InvalidArgument."""
        path = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "/").split("?", 1)[0]
        path = re.sub(r"^https?://[^/]*", "", path) or "/"
        target = f"/{host_bucket}{path}" if (host_bucket := environ.get("pipeline.bucket", "")) else path
        bucket, _, key = target.removeprefix("/").partition("/")
        headers = _headers(environ)
        return cls(
            method=str(environ["REQUEST_METHOD"]),
            bucket=_decoded(bucket),
            key=_decoded(key),
            path=path,
            query=_query(str(environ.get("QUERY_STRING", ""))),
            headers=headers,
            body=S3Body(environ, headers),
            id=identity,
        )

    @property
    def region(self) -> str:
        """The region of the credential scope, or nothing."""
        found = _SCOPE.search(self.headers.get("authorization", ""))
        return found[1] if found else ""

    def number(self, name: str, default: int, *, most: int = 1000) -> int:
        """A query parameter that is a count, cut to `most`. Raises InvalidArgument."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not text.isascii() or not text.isdigit() or len(text) > 10:
            raise InvalidArgument(
                f"Provided {name} not an integer or within integer range", ArgumentName=name, ArgumentValue=text
            )
        return min(int(text), most)


def _headers(environ: Environ) -> dict[str, str]:
    preserved: dict[str, str] = environ.get(_PRESERVED) or {}
    headers = {
        preserved.get(name, name[5:].replace("_", "-")).lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.lower().replace("_", "-")] = environ[name]
    return headers


def _query(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100))
    except ValueError as error:
        raise InvalidURI from error


def _decoded(text: str) -> str:
    # WSGI hands bytes over as latin-1; a path that was not percent-encoded may hold UTF-8 that way.
    try:
        decoded = unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise InvalidURI(URI=text.encode("ascii", "backslashreplace").decode()) from None
    if "\0" in decoded:
        raise InvalidArgument("Object keys with a null byte are not supported.", ArgumentName="key")
    return decoded
