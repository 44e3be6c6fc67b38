"""The state folder, `.sagemaker/` by default: everything that the service keeps, and nothing of the user's.

Paths only; what lies at a path belongs to the module that writes it. The folder carries a version, and a
folder of another version is refused rather than guessed at, as is one of another user that nobody has named.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import LocalServiceError
from pipeline.local.durable import sync

VERSION: Final = "1"
DEFAULT_FOLDER: Final = Path(".sagemaker")


@dataclass(frozen=True)
class StateFolder:
    """Where each part of the state lies below `root`."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> StateFolder:
        """The folder, which need not be there.

        Raises LocalServiceError where the folder that is taken without being named belongs to somebody else: his key
        would sign what we ask, and his jobs would run as ours.
        """
        if is_foreign(root):
            raise LocalServiceError(
                f"the state folder {root} belongs to another user, who may have planted it here",
                hint=f"name it if you trust that user, --state {shlex.quote(str(root.absolute()))}, or another folder",
            )
        return cls(root.resolve())

    @classmethod
    def open(cls, root: Path) -> StateFolder:
        """Make the folder if need be (mode 0700) and return it.

        Raises LocalServiceError for a folder of another version or user, or one that cannot be written.
        """
        folder = cls.at(root)
        try:
            folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not folder._version.exists():
                # Looked at again after the files: another service may have begun the folder meanwhile.
                if folder._has_files() and not folder._version.exists():
                    raise LocalServiceError(
                        f"{root} holds files that are no state folder of this service",
                        hint="name an empty or new folder with --state",
                    )
                folder._begin()
            folder._check_writable()
            found = folder._version.read_text().strip()
        except OSError as error:
            raise LocalServiceError(
                f"the state folder {root} cannot be used: {error.strerror or error}",
                hint="name another folder with --state",
            ) from error
        if found != VERSION:
            raise LocalServiceError(
                f"the state folder {root} has version {found!r}, this program writes version {VERSION!r}",
                hint="name a new folder with --state, or remove the old one",
            )
        return folder

    def _has_files(self) -> bool:
        return any(not entry.name.startswith(self._version.name) for entry in self.root.iterdir())

    def _begin(self) -> None:
        """Write the version, whole or not at all, since others may begin the folder or read it at this moment."""
        with contextlib.suppress(PermissionError):  # somebody else's, which we may write to
            self.root.chmod(0o700)  # it may have been there, empty
        fresh = self._version.with_suffix(f".{uuid.uuid4()}")
        try:
            fresh.write_text(VERSION + "\n")
            sync(fresh)
            fresh.replace(self._version)
            sync(self.root)
            with contextlib.suppress(PermissionError):  # a folder above may be somebody else's
                sync(self.root.parent)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise

    def _check_writable(self) -> None:
        """SQLite would open a file that may only be read, and fail with the first request."""
        for path in (self.root, self.lock, self.database, self.objects):
            if path.exists() and not os.access(path, os.W_OK):
                what = "it" if path == self.root else f"its {path.name}"
                raise PermissionError(errno.EACCES, f"{what} cannot be written")

    @property
    def _version(self) -> Path:
        return self.root / "version"

    @property
    def database(self) -> Path:
        """The SQLite file of `Store`."""
        return self.root / "state.db"

    @property
    def objects(self) -> Path:
        """The folder of the S3 objects."""
        return self.root / "s3"

    @property
    def jobs(self) -> Path:
        """One folder a job: its /opt/ml, its log."""
        return self.root / "jobs"

    @property
    def endpoints(self) -> Path:
        """One folder a serving container: its /opt/ml, its log."""
        return self.root / "endpoints"

    @property
    def key(self) -> Path:
        """The access key that a client must sign with; mode 0600."""
        return self.root / "key.json"

    @property
    def server(self) -> Path:
        """Where the running service says its address and process id."""
        return self.root / "server.json"

    @property
    def egress(self) -> Path:
        """What clients are given so that they stay here: certificates, configuration files; and the proxy's port."""
        return self.root / "egress"

    @property
    def lock(self) -> Path:
        """Locked by the one service that may use this folder."""
        return self.root / "lock"

    @property
    def server_log(self) -> Path:
        """What a detached service prints."""
        return self.root / "server.log"


def is_foreign(root: Path) -> bool:
    """Whether it is the default folder, or a link to one, that another user has made."""
    if root != DEFAULT_FOLDER:
        return False
    ours = {os.geteuid()}
    if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdecimal():
        ours.add(int(os.environ["SUDO_UID"]))
    for look in (os.lstat, os.stat):
        with contextlib.suppress(FileNotFoundError):
            if look(root).st_uid not in ours:
                return True
    return False
