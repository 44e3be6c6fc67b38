"""Signature Version 4 as AWS checks it: header or presigned query, against the key minted for this state folder.

It is ours since libraries sign requests but none checks presigned addresses and bodies that are signed in chunks;
botocore's own signer and the uploads that AWS's documentation works through are what it is tested against.
A request that is not signed with it gets 403 and AWS's code for the reason. Derived signing keys are kept, so a check
costs about 0.05 ms; the body itself is compared with the hash that was signed by whoever holds it.
"""

from __future__ import annotations

import calendar
import functools
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from pipeline.local.http.signed_requests import UNSIGNED_PAYLOAD, Credential, SignatureRefused, SignedRequest

ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SKEW: Final = 15 * 60
_LONGEST_PRESIGNED: Final = 7 * 24 * 3600
_ALWAYS_SIGNED: Final = "host"
_EMPTY: Final = hashlib.sha256(b"").hexdigest()
_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True)
class Claim:
    """What a request says of its signature: by a key that is known, and not stale, but not yet compared."""

    credential: Credential
    secret: str
    signed_headers: list[str]
    query: str
    amz_date: str
    signature: str

    def chunks(self) -> SignedChunks:
        """The chain of signatures of a body that is sent in chunks, each signed after the one before."""
        credential = self.credential
        key = _signing_key(self.secret, credential.date, credential.region, credential.service)
        return SignedChunks(key, f"{self.amz_date}\n{_scope_text(credential)}", self.signature)

    def verified(self, request: SignedRequest) -> Credential:
        """The credential, if the signature is that of the request. Raises SignatureRefused."""
        credential = self.credential
        if not credential.payload_hash:
            credential = replace(credential, payload_hash=request.body_hash)
        _compare(request, credential, self)
        return credential


class SignedChunks:
    """Verifies the chunks of one body in their order, then its trailers."""

    def __init__(self, key: bytes, scope: str, seed: str) -> None:
        """`scope` is the date and the scope as they are signed; `seed` the signature of the request's head."""
        self._key = key
        self._scope = scope
        self._last = seed

    def check_chunk(self, digest: str, signature: str) -> None:
        """By the SHA-256 of the chunk's data, in hex. Raises SignatureRefused."""
        self._check(f"{ALGORITHM}-PAYLOAD\n{self._scope}\n{self._last}\n{_EMPTY}\n{digest}", signature)

    def check_trailers(self, lines: bytes, signature: str) -> None:
        """By the trailers, each `name:value` and a newline. Raises SignatureRefused."""
        digest = hashlib.sha256(lines).hexdigest()
        self._check(f"{ALGORITHM}-TRAILER\n{self._scope}\n{self._last}\n{digest}", signature)

    def _check(self, to_sign: str, signature: str) -> None:
        expected = hmac.new(self._key, to_sign.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature.encode("ascii", "replace").decode()):
            raise SignatureRefused("mismatch", _MISMATCH)
        self._last = expected


def claim_of(request: SignedRequest, secrets: Callable[[str], str | None], now: float) -> Claim:
    """What can be said of a request before its body has been read. Raises SignatureRefused."""
    authorization = request.headers.get("authorization", "")
    if authorization:
        return _claim_of_header(request, authorization, secrets, now)
    if "X-Amz-Signature=" in request.query:
        return _claim_of_query(request, secrets, now)
    raise SignatureRefused("missing", "Request is missing Authentication Token")


def scope_of(request: SignedRequest) -> tuple[str, str]:
    """Region and service that the request says it is signed for, unchecked; empty where it does not say."""
    text = request.headers.get("authorization", "")
    start = text.find("Credential=")
    if start >= 0:
        parts = text[start + 11 :].split(",", 1)[0].strip().split("/")
    elif "X-Amz-Credential=" in request.query:
        parts = dict(parse_qsl(request.query)).get("X-Amz-Credential", "").split("/")
    else:
        return "", ""
    return (parts[-3], parts[-2]) if len(parts) >= 5 else ("", "")


def _claim_of_header(
    request: SignedRequest, authorization: str, secrets: Callable[[str], str | None], now: float
) -> Claim:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise SignatureRefused("malformed", f"Unsupported AWS 'algorithm': '{algorithm[:40]}'.")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]
    if missing:
        raise SignatureRefused(
            "malformed",
            " ".join(f"Authorization header requires '{name}' parameter." for name in missing),
        )
    amz_date = request.headers.get("x-amz-date", "")
    payload = request.headers.get("x-amz-content-sha256", "")
    key_id, date, region, service = _scope(fields["Credential"])
    signed_at = _timestamp(amz_date)
    if abs(now - signed_at) > _SKEW:
        raise SignatureRefused("stale", _stale(amz_date, now))
    credential = Credential(key_id, date, region, service, payload)
    secret = _secret(key_id, secrets)
    signed = fields["SignedHeaders"].split(";")
    return Claim(credential, secret, signed, request.query, amz_date, fields["Signature"])


def _claim_of_query(request: SignedRequest, secrets: Callable[[str], str | None], now: float) -> Claim:
    pairs = dict(parse_qsl(request.query, keep_blank_values=True))
    if pairs.get("X-Amz-Algorithm") != ALGORITHM:
        raise SignatureRefused("malformed query", 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
    key_id, date, region, service = _scope(pairs.get("X-Amz-Credential", ""))
    amz_date = pairs.get("X-Amz-Date", "")
    signed_at, expires = _timestamp(amz_date), pairs.get("X-Amz-Expires", "")
    if not expires.isdecimal() or len(expires) > 6 or int(expires) > _LONGEST_PRESIGNED:
        raise SignatureRefused("malformed query", "X-Amz-Expires must be a number of seconds, at most a week (604800)")
    if now > signed_at + int(expires):
        raise SignatureRefused("expired", "Request has expired")
    if signed_at > now + _SKEW:
        raise SignatureRefused("stale", _stale(amz_date, now))
    payload = pairs.get("X-Amz-Content-Sha256") or request.headers.get("x-amz-content-sha256") or ""
    if not payload and service == "s3":
        payload = UNSIGNED_PAYLOAD
    credential = Credential(key_id, date, region, service, payload)
    query = "&".join(part for part in request.query.split("&") if not part.startswith("X-Amz-Signature="))
    signed = pairs.get("X-Amz-SignedHeaders", "").split(";")
    secret = _secret(key_id, secrets)
    return Claim(credential, secret, signed, query, amz_date, pairs.get("X-Amz-Signature", ""))


def _compare(request: SignedRequest, credential: Credential, claim: Claim) -> None:
    signed, amz_date = claim.signed_headers, claim.amz_date
    if _ALWAYS_SIGNED not in signed or not amz_date.startswith(credential.date):
        raise SignatureRefused(
            "malformed", "'Host' must be a 'SignedHeader' in the AWS Authorization, and the dates must agree."
        )
    if credential.service == "s3" and any(name.startswith("x-amz-") and name not in signed for name in request.headers):
        # Whoever is given a presigned address to write one object must not make it a copy of another.
        raise SignatureRefused("unsigned header", "There were headers present in the request which were not signed")
    payload = credential.payload_hash
    if not payload:
        raise SignatureRefused("malformed", "the payload's hash is not known")
    path = request.path if credential.service == "s3" else _normal(request.path)
    headers = "".join(f"{name}:{_trimmed(request.headers.get(name, ''))}\n" for name in signed)
    canonical = "\n".join((request.method, path, _canonical_query(claim.query), headers, ";".join(signed), payload))
    key = _signing_key(claim.secret, credential.date, credential.region, credential.service)
    given = claim.signature.encode("ascii", "replace").decode()
    for encoded in _encodings(canonical):
        digest = hashlib.sha256(encoded).hexdigest()
        to_sign = f"{ALGORITHM}\n{amz_date}\n{_scope_text(credential)}\n{digest}"
        if hmac.compare_digest(hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest(), given):
            return
    raise SignatureRefused("mismatch", _MISMATCH)


def _encodings(canonical: str) -> Iterator[bytes]:
    """A header beyond ASCII is signed as UTF-8 and sent as that or as Latin-1; what came was read as Latin-1."""
    yield canonical.encode("utf-8", "surrogateescape")
    if not canonical.isascii():
        yield canonical.encode("latin-1", "replace")


def _scope_text(credential: Credential) -> str:
    return f"{credential.date}/{credential.region}/{credential.service}/aws4_request"


@functools.lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _secret(key_id: str, secrets: Callable[[str], str | None]) -> str:
    secret = secrets(key_id)
    if secret is None:
        raise SignatureRefused("unknown", "The security token included in the request is invalid.")
    return secret


def _scope(credential: str) -> tuple[str, str, str, str]:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        raise SignatureRefused(
            "malformed", f"Credential must have the form key/date/region/service/aws4_request, got '{credential[:80]}'."
        )
    return parts[0], parts[1], parts[2], parts[3]


def _timestamp(amz_date: str) -> float:
    try:
        return float(calendar.timegm(time.strptime(amz_date, "%Y%m%dT%H%M%SZ")))
    except ValueError:
        raise SignatureRefused(
            "malformed", "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None


def _stale(amz_date: str, now: float) -> str:
    def form(seconds: float) -> str:
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))

    return (
        f"Signature expired: {amz_date} is now earlier than {form(now - _SKEW)} ({form(now)} - 15 min.)"
        if _timestamp(amz_date) < now
        else f"Signature not yet current: {amz_date} is still later than {form(now + _SKEW)} ({form(now)} + 15 min.)"
    )


def _trimmed(value: str) -> str:
    return " ".join(value.split()) if "  " in value else value.strip()


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    # By name, then value: sorted as texts, `select-type=2` would come before `select=`.
    ordered = sorted((_encoded(name), _encoded(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in ordered)


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


def _normal(path: str) -> str:
    """The path as services other than S3 sign it: encoded once more, without empty and dot segments."""
    if path == "/":
        return path
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept[-1:] = []
        elif part not in ("", "."):
            kept.append(part)
    end = "/" if path.endswith("/") and kept else ""
    return quote("/" + "/".join(kept) + end, safe="/~-_.")
