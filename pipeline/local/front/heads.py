"""The head of a request: its first line and its headers, refused where two readers could read it differently."""

from __future__ import annotations

import re
from typing import Final

from pipeline.local.front.messages import BadRequest

MAX_HEADERS: Final = 128
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHOD: Final = re.compile(r"[A-Z]{3,10}")
_TARGET: Final = re.compile(r"/[\x21-\x7e]*")


def request_line(head: str) -> tuple[str, str, str, list[str]]:
    """Method, path, query and the header lines of a head. Raises BadRequest."""
    first, *lines = head.split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not _METHOD.fullmatch(parts[0]):
        raise BadRequest(400, "the first line is not `METHOD /path HTTP/1.1`")
    if not _TARGET.fullmatch(parts[1]):
        raise BadRequest(400, "the path must begin with / and be quoted")
    path, _, query = parts[1].partition("?")
    return parts[0], path, query, lines


def headers_of(lines: list[str]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """The headers as they came, and by lower-case name. Raises BadRequest."""
    if len(lines) > MAX_HEADERS:
        raise BadRequest(431, f"more than {MAX_HEADERS} headers")
    pairs: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or "\n" in value or "\0" in value or "\r" in value:
            raise BadRequest(400, "a header is not `Name: value`")
        value, lower = value.strip(" \t"), name.lower()
        if lower in headers:
            if lower in ("host", "content-length", "transfer-encoding", "authorization"):
                raise BadRequest(400, f"two headers named {lower}")
            headers[lower] += "," + value
        else:
            headers[lower] = value
        pairs.append((name, value))
    return pairs, headers


def body_length(headers: dict[str, str]) -> int | None:
    """The body's length; None for chunked. Raises BadRequest."""
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise BadRequest(400, "Transfer-Encoding must be chunked, and stand without a Content-Length")
        return None
    if length is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,18}", length):
        raise BadRequest(400, "Content-Length is no number")
    return int(length)
