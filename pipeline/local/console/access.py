"""The console's door for browsers, which cannot sign: a token in the address, good once, becomes a cookie.

The token is made from the secret key, so the command line makes one without asking the service. It is good for the
service that ran when it was made and no later one, which would not know that it was used. The cookie is HttpOnly and
SameSite=Strict: no script reads it and no other site's page sends it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from typing import Final

PATH: Final = "/_console"
_TOKEN_SECONDS: Final = 600
_MAX_SESSIONS: Final = 100


def entry_path(secret: str, now: float) -> str:
    """The path and query by which a browser enters."""
    claim = f"{_milliseconds(now)}.{secrets.token_hex(8)}"
    return f"{PATH}/enter?token={claim}.{_proof(secret, claim)}"


class Sessions:
    """The browsers that have entered, and the tokens that were used."""

    def __init__(self, secret: str, port: int, now: float) -> None:
        """`now` is when the service begins. A browser has one jar for all ports, so the cookie is named by `port`."""
        self.cookie: Final = f"pipeline-console-{port}"
        self._secret = secret
        self._begun = now
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._cookies: dict[str, None] = {}

    def enter(self, token: str, now: float) -> str | None:
        """The value of a new cookie for a token that is true, in time and not used before; else None."""
        claim, _, proof = token.rpartition(".")
        made, _, _ = claim.partition(".")
        true = hmac.compare_digest(_proof(self._secret, claim).encode(), proof.encode("utf-8", "replace"))
        oldest = _milliseconds(max(self._begun, now - _TOKEN_SECONDS))
        if not true or not oldest <= int(made) <= _milliseconds(now):
            return None
        with self._lock:
            if claim in self._used:
                return None
            self._used = {used: then for used, then in self._used.items() if then >= oldest} | {claim: int(made)}
            cookie = secrets.token_urlsafe(24)
            self._cookies[cookie] = None
            while len(self._cookies) > _MAX_SESSIONS:
                del self._cookies[next(iter(self._cookies))]
        return cookie

    def known(self, header: str) -> bool:
        """Whether a Cookie header holds the cookie of a browser that has entered."""
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == self.cookie and value in self._cookies:
                return True
        return False


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _proof(secret: str, claim: str) -> str:
    return hmac.new(secret.encode(), b"console:" + claim.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]
