"""S3 addresses as jobs, models and endpoints are given them, and the error of data that cannot be brought in or out."""

from __future__ import annotations

import re
from typing import Final

_SCHEME: Final = "s3://"
_HTTPS: Final = re.compile(r"https://(?:(?P<bucket>[^/]+)\.)?s3[.-][\w.-]*amazonaws\.com(?:\.cn)?/(?P<key>.*)\Z", re.S)


class TransferError(Exception):
    """Data cannot be brought in or out; says which and why."""


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of `s3://bucket/key`, or of S3's address of it by https. Raises TransferError."""
    if found := _HTTPS.match(uri):
        uri = f"{_SCHEME}{found['bucket']}/{found['key']}" if found["bucket"] else f"{_SCHEME}{found['key']}"
    bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
    if not uri.startswith(_SCHEME) or not bucket:
        raise TransferError(f"{uri!r} is no S3 URI")
    return bucket, key
