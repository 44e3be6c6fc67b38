"""A signed request, whichever version signed it: what the signature covers, who signed, and why it may be refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"


class SignatureRefused(Exception):
    """The signature does not hold; `protocols` has a code for each `reason`, the message is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class SignedRequest:
    """What a signature covers: the raw path and query as they came, headers by lower-case name."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body_hash: str = ""
    """Hex SHA-256 of the body where it has been read: what is signed if no header says another."""


@dataclass(frozen=True)
class Credential:
    """Who signed, and for what: the scope of the signature."""

    access_key_id: str
    date: str
    region: str
    service: str
    payload_hash: str
    """Hex SHA-256 of the body, or UNSIGNED-PAYLOAD, or one of S3's STREAMING-... words."""
