"""The code of a script as one bundle that is named by its content: the same hash on a laptop, in CI and in any clone.

A bundle holds the script and what it imports of `scripts/`, so a step runs again only where its own code changed. Only
the relative names and the bytes of the files count. It goes to S3 once, below a key that holds the hash, and is never
overwritten; a manifest outside that key is written last, so it tells a whole bundle from one whose upload was
interrupted, and it tells a later plan which files changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from pipeline.deploy.script_imports import imported
from pipeline.errors import DataError
from pipeline.service_errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS: Final = 5
# As many connections as a client of boto3 keeps.
_AT_ONCE: Final = 10


class NoBucketError(Exception):
    """There is no bucket of that name; what that means is for the caller to say."""


@dataclass(frozen=True)
class BundledFile:
    """One file: its name relative to the bundle, with slashes, and its bytes."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The hash of the bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Bundle:
    """The script, its files in the order of their names, and the hash of all of them in hexadecimal."""

    script: str
    files: tuple[BundledFile, ...]
    sha256: str

    @property
    def key(self) -> str:
        """The part of the S3 key that is the bundle's own."""
        return f"code/{self.sha256}"

    def uri(self, bucket: str, prefix: str) -> str:
        """The S3 prefix of the files: what a processing job mounts."""
        return f"s3://{bucket}/{prefix}/{self.key}"

    @property
    def manifest(self) -> dict[str, str]:
        """The hash of each file by its name."""
        return {file.name: file.sha256 for file in self.files}


def bundles(folder: Path) -> Mapping[str, Bundle]:
    """A bundle for each Python file that lies directly in the folder, by its name without the ending.

    Raises `DataError` where there are none, or one cannot be read.
    """
    try:
        files = {file.name: file for file in _files(folder)}
    except OSError as error:
        raise DataError(f"{error.filename or folder} cannot be read: {error.strerror}") from None
    if not files:
        raise DataError(f"{folder} holds no Python files", hint="give the folder of the pipeline's scripts")
    found = imported(folder.name, {name: file.content for name, file in files.items()})
    scripts = (name for name in sorted(files) if "/" not in name and name != "__init__.py")
    return {name.removesuffix(".py"): _bundle(name, [files[one] for one in sorted(found(name))]) for name in scripts}


def manifest_key(prefix: str, sha256: str) -> str:
    """The key of a bundle's manifest. It does not begin with the bundle's own key, so no job mounts it."""
    return f"{prefix}/code/manifests/{sha256}.json"


def upload(bundle: Bundle, s3: S3Client, bucket: str, prefix: str, *, kms_key: str | None = None) -> int:
    """Upload what is missing of the bundle, its manifest last; returns the number of objects written.

    0 says that it was there as a whole. Safe to run twice, from two places at once, and after an interruption.
    """
    manifest = manifest_key(prefix, bundle.sha256)
    if _exists(s3, bucket, manifest):
        return 0

    def create(file: BundledFile) -> bool:
        return _create(s3, bucket, f"{prefix}/{bundle.key}/{file.name}", file.content, kms_key)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        written = sum(pool.map(create, bundle.files))
    listed = json.dumps(bundle.manifest, sort_keys=True, indent=1).encode()
    return written + _create(s3, bucket, manifest, listed, kms_key)


def is_whole(s3: S3Client, bucket: str, prefix: str, sha256: str) -> bool:
    """Whether a bundle is in S3 as a whole. Read-only. Raises NoBucketError."""
    try:
        return _exists(s3, bucket, manifest_key(prefix, sha256))
    except ClientError as error:
        if error_code(error) == "NoSuchBucket":
            raise NoBucketError(bucket) from error
        raise


def deployed_manifest(s3: S3Client, bucket: str, prefix: str, sha256: str) -> dict[str, str] | None:
    """The hashes by name of a bundle in S3, or None where it is not there as a whole. Read-only.

    Raises NoBucketError.
    """
    if not is_whole(s3, bucket, prefix, sha256):
        return None
    body = s3.get_object(Bucket=bucket, Key=manifest_key(prefix, sha256))["Body"].read()
    manifest: dict[str, str] = json.loads(body)
    return manifest


def encryption(kms_key: str | None) -> dict[str, Any]:
    """What a request to write an object says of its encryption: nothing if the bucket decides."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}


def _files(folder: Path) -> Iterator[BundledFile]:
    for path in folder.rglob("*.py"):
        relative = path.relative_to(folder)
        if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in relative.parts):
            yield BundledFile(relative.as_posix(), path.read_bytes())


def _bundle(script: str, files: list[BundledFile]) -> Bundle:
    """Lengths go before names and bytes, so that no two bundles can run together into the same text."""
    digest = hashlib.sha256()
    for file in files:
        name = file.name.encode()
        digest.update(b"%d:%b%d:%b" % (len(name), name, len(file.content), file.content))
    return Bundle(script.removesuffix(".py"), tuple(files), digest.hexdigest())


def _exists(s3: S3Client, bucket: str, key: str) -> bool:
    """Whether an object is there. Asked by listing: who may list below some prefixes only is answered 403 about an
    object that is not there, not 404."""
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return any(item.get("Key") == key for item in listed.get("Contents", []))


def _create(s3: S3Client, bucket: str, key: str, content: bytes, kms_key: str | None) -> bool:
    """Write the object unless it is there; the key holds the hash, so what is there is the same."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*", **encryption(kms_key))
            return True
        except ClientError as error:
            if error_code(error) == "PreconditionFailed":
                return False
            # Another writer was at the same key in the same moment, and may yet fail: S3 says to ask again.
            if error_code(error) != "ConditionalRequestConflict" or not attempts_left:
                raise
    return False
