"""The answer of an action: status, headers, body; and the headers that tell of an object."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.header import decode_header
from email.utils import formatdate
from typing import BinaryIO, Final

from pipeline.local.s3.http.xml import Node, render
from pipeline.local.s3.store.stored_objects import NULL_VERSION, StoredObject

META: Final = "x-amz-meta-"
_ENCRYPTION: Final = "x-amz-server-side-encryption"


@dataclass(frozen=True)
class S3Answer:
    """`body` may be a stream or a file, read from where it stands; its length must then be in `headers`."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | BinaryIO | Iterable[bytes] = b""

    @classmethod
    def xml(cls, root: str, children: list[Node], *, headers: dict[str, str] | None = None) -> S3Answer:
        """An answer whose body is a document of S3."""
        return cls(200, {"Content-Type": "application/xml", **(headers or {})}, render(root, children))


def http_date(epoch: float) -> str:
    """As HTTP writes times: whole seconds."""
    return formatdate(int(epoch), usegmt=True)


def version_headers(found: StoredObject) -> dict[str, str]:
    """The version id of what was written or read; nothing where the bucket has no versions."""
    return {} if found.version == NULL_VERSION else {"x-amz-version-id": found.version}


def written_headers(found: StoredObject) -> dict[str, str]:
    """What PutObject says of the new object in headers."""
    headers = {"ETag": f'"{found.etag}"', **version_headers(found), **encryption_headers(found.properties.headers)}
    return headers | checksum_headers(found.properties.checksums)


def read_headers(found: StoredObject) -> dict[str, str]:
    """What GetObject and HeadObject say of an object in headers, without length, range and checksums."""
    properties = found.properties
    headers = {
        "ETag": f'"{found.etag}"',
        "Last-Modified": http_date(found.last_modified),
        "Content-Type": properties.content_type,
        "Accept-Ranges": "bytes",
        _ENCRYPTION: "AES256",
        **version_headers(found),
        **properties.headers,
        **{META + name: encode_metadata(value) for name, value in properties.metadata.items()},
    }
    if properties.tags:
        headers["x-amz-tagging-count"] = str(len(properties.tags))
    return headers


def checksum_headers(checksums: dict[str, str]) -> dict[str, str]:
    """`x-amz-checksum-...` of an object or a part, as the client gave it."""
    return {f"x-amz-checksum-{name}": value for name, value in checksums.items()}


def checksum_nodes(checksums: dict[str, str]) -> list[Node]:
    """The same in a document."""
    return [
        ("ChecksumType" if name == "type" else f"Checksum{name.upper()}", value) for name, value in checksums.items()
    ]


def encryption_headers(stored: dict[str, str]) -> dict[str, str]:
    """How the object is encrypted: AES256, as S3 does by itself, unless the client asked for a KMS key."""
    given = {name: value for name, value in stored.items() if name.startswith(_ENCRYPTION)}
    return {_ENCRYPTION: "AES256"} | given


def decode_metadata(value: str) -> str:
    """A metadata header as text: raw UTF-8, or words encoded by RFC 2047."""
    try:
        text = value.encode("latin-1").decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        text = value
    if "=?" not in text:
        return text
    try:
        parts = decode_header(text)
        return "".join(part if isinstance(part, str) else part.decode(code or "ascii") for part, code in parts)
    except (LookupError, ValueError):
        return text


def encode_metadata(text: str) -> str:
    """Metadata as a header: S3 gives text beyond ASCII encoded by RFC 2047, all of it as one word."""
    return text if text.isascii() else f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="
