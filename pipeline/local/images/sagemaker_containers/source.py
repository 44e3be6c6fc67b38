"""A user's code: fetched and unpacked, and what it requires."""

from __future__ import annotations

import sys
from pathlib import Path

from .archive import ArchiveError, unpack


class SourceError(Exception):
    """The code cannot be had; says why."""


def fetch(source: str, code: Path) -> None:
    """Unpack the source archive (in S3, or a folder or archive of the container) into `code`. Raises SourceError."""
    code.mkdir(parents=True, exist_ok=True)
    archive = Path(source)
    if source.startswith("s3://"):
        import boto3

        bucket, _, key = source.removeprefix("s3://").partition("/")
        archive = code / ".sourcedir.tar.gz"
        try:
            boto3.client("s3").download_file(bucket, key, str(archive))
        except Exception as error:
            raise SourceError(f"{source} cannot be fetched: {error}") from None
    if not source or archive.is_dir():
        # The code lies there already; the program is found from its folder.
        for entry in archive.iterdir() if source else ():
            target = code / entry.name
            if not target.exists():
                target.symlink_to(entry)
        return
    try:
        unpack(archive, code)
    except ArchiveError as error:
        raise SourceError(f"{source} cannot be unpacked: {error}") from None


def installation(code: Path) -> list[str]:
    """The command that installs what the code's requirements.txt names; empty where there is none."""
    requirements = code / "requirements.txt"
    return [sys.executable, "-m", "pip", "install", "-r", str(requirements)] if requirements.exists() else []
