"""The proxy's address, as HTTPS_PROXY has it: it carries the password, and the user's own proxy as the user's name.

So a program that is given the address alone gets through, and the proxy has to remember nothing of whom it serves.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
from typing import Final
from urllib.parse import urlsplit

_DIRECT: Final = "direct"
_VIA: Final = "via-"


def token_of(secret: str) -> str:
    """The proxy's password, which follows from the service's key: who may use the service may use the proxy."""
    return hmac.new(secret.encode(), b"proxy", hashlib.sha256).hexdigest()[:40]


def address_of(port: int, secret: str, upstream: str = "") -> str:
    """The address for HTTPS_PROXY. The user's own proxy, `upstream`, travels in it as the user's name."""
    via = _VIA + base64.urlsafe_b64encode(upstream.encode()).decode().rstrip("=") if upstream else _DIRECT
    return f"http://{via}:{token_of(secret)}@127.0.0.1:{port}"


def upstream_of(address: str) -> str:
    """The user's own proxy, as `address_of` has written it, of any such service; the address itself if it is none."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if parts.hostname != "127.0.0.1" or not (parts.username or "").startswith((_DIRECT, _VIA)):
        return address
    return named_upstream(parts.username or "")


def named_upstream(via: str) -> str:
    """The user's own proxy that the user's name of an address says; empty where it says none."""
    if not via.startswith(_VIA):
        return ""
    text = via.removeprefix(_VIA)
    with contextlib.suppress(ValueError):
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    return ""
