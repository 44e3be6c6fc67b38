"""The guard before any signature is looked at: lets this machine's own programs in, and no web page.

A browser sends Origin or Sec-Fetch-Site with what a page asks for, and the Host that the page was loaded from: so a
foreign page, and a name that was re-bound to 127.0.0.1, are both seen. No answer ever carries a CORS header.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from pipeline.local.http import hosts
from pipeline.local.http.messages import HttpRequest

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"})
_LOOPBACK: Final = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_BUCKET: Final = re.compile(r"([a-z0-9][a-z0-9.\-]{1,61}[a-z0-9])\.localhost(?::[0-9]{1,5})?")
_CLOSED: Final = ("/moto-api", "/latest/", "/favicon.ico")
_OWN_SITES: Final = ("none", "same-origin")


def bucket_of(host: str) -> str:
    """The bucket of a Host `<bucket>.localhost`, or of one of AWS's, by which clients of S3 may name it; "" for none.

    Names below localhost are this machine's own (RFC 6761), so that nobody can bind one of them to a page.
    """
    found = _BUCKET.fullmatch(host)
    return found[1] if found else hosts.bucket_of(_name(host))


def is_aws(host: str) -> bool:
    """Whether a request is one to AWS that the proxy has kept here. No page can be loaded from such a name here."""
    return hosts.is_aws(_name(host))


def refusal(request: HttpRequest) -> str:
    """Why the request is not even looked at, or an empty text."""
    host = request.headers.get("host", "")
    if not _LOOPBACK.fullmatch(host) and not bucket_of(host) and not is_aws(host):
        return "The Host must be 127.0.0.1 or localhost."
    if request.method not in METHODS:
        return f"The method {request.method} is not answered here."
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return "Requests of web pages from elsewhere are refused."
    if request.headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        return "Requests of web pages from elsewhere are refused."
    if unquote(request.path).startswith(_CLOSED):
        return "This path is closed."
    return ""


def _name(host: str) -> str:
    return host.lower().removesuffix(":443")
