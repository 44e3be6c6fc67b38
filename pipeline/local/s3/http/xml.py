"""S3's XML both ways: trees of (tag, text or children) written, and small documents read without trust.

Written by hand since keys may hold control characters, which XML's writers pass through and its readers refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree

from pipeline.local.s3.http.request_errors import MalformedXML

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
Node = tuple[str, "str | list[Node]"]

_SPECIAL: Final = re.compile(r"[&<>\x00-\x1f\x7f]")
_NAMED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def render(root: str, children: list[Node], *, namespace: bool = True) -> bytes:
    """The document."""
    opening = f'{root} xmlns="{NAMESPACE}"' if namespace else root
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{opening}>{_inner(children)}</{root}>'
    return text.encode()


def parse(document: bytes, root: str) -> ElementTree.Element:
    """The root element, tags without namespaces. Raises MalformedXML, for a DOCTYPE, too."""
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise MalformedXML
    try:
        element = ElementTree.fromstring(document)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise MalformedXML from None
    for inner in element.iter():
        inner.tag = inner.tag.rpartition("}")[2]
    if element.tag != root:
        raise MalformedXML
    return element


def timestamp(epoch: float) -> str:
    """As S3 writes times in XML: UTC, whole seconds, `.000Z`."""
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _inner(nodes: Iterable[Node]) -> str:
    return "".join(
        f"<{tag}>{_escape(content) if isinstance(content, str) else _inner(content)}</{tag}>" for tag, content in nodes
    )


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda found: _NAMED.get(found[0]) or f"&#{ord(found[0])};", text)
