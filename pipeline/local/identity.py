"""The identity of a state folder's service: its access key, minted once, and the account and region of its ARNs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import string
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from pipeline.errors import LocalServiceError, UsageError
from pipeline.local.durable import sync
from pipeline.local.resource_names import ACCOUNT, DEFAULT_REGION

_KEY_LETTERS: Final = string.ascii_uppercase + "234567"
_SECRET_LETTERS: Final = string.ascii_letters + string.digits
_REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")


@dataclass(frozen=True)
class Identity:
    """The key that signs requests, and the account and region that ARNs carry."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    account: str
    region: str

    @classmethod
    def of(cls, path: Path, region: str | None, account: str | None) -> Identity:
        """What the file holds, minted now if it is not there; only the lock's holder may call this.

        Raises UsageError for what is not a region or account, LocalServiceError if the folder has others.
        """
        if region is not None and not _REGION.fullmatch(region):
            raise UsageError(f"{region!r} is not a region", hint="give one such as us-east-1")
        if account is not None and not _ACCOUNT.fullmatch(account):
            raise UsageError(f"{account!r} is not an account", hint="give 12 digits")
        if not path.exists():
            minted = cls(
                "AKIA" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16)),
                "".join(secrets.choice(_SECRET_LETTERS) for _ in range(40)),
                account or ACCOUNT,
                region or DEFAULT_REGION,
            )
            minted._write(path)
        found = cls._read_or_explain(path)
        if (region or found.region, account or found.account) != (found.region, found.account):
            raise LocalServiceError(
                f"the state folder was made for account {found.account} in {found.region}, which its ARNs carry",
                hint="start without --region and --account, or name another folder with --state",
            )
        return found

    @classmethod
    def read(cls, path: Path) -> Identity:
        """What the file holds. Raises OSError, ValueError, TypeError."""
        return cls(**json.loads(path.read_text()))

    @classmethod
    def _read_or_explain(cls, path: Path) -> Identity:
        try:
            return cls.read(path)
        except (ValueError, TypeError) as error:
            raise LocalServiceError(
                f"{path} does not hold the key of a service",
                hint="remove it to have a new key minted, or name another folder with --state",
            ) from error

    def _write(self, path: Path) -> None:
        fresh = path.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync(path.parent)


def fingerprint(access_key_id: str) -> str:
    """What the service says of its key to anybody: enough to know it again, nothing to sign with."""
    return hashlib.sha256(access_key_id.encode()).hexdigest()[:16]
