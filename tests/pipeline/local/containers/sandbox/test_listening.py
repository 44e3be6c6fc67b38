"""Which ports a process listens on."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.containers.sandbox.listening import listening_ports


def test_a_file_that_is_closed_meanwhile_hides_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    readlink, gone = os.readlink, list[str]()

    def readlink_but_once(path: Any) -> str:
        if str(path).startswith("/proc/") and not gone:
            gone.append(str(path))
            raise FileNotFoundError(path)
        return readlink(path)

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(os, "readlink", readlink_but_once)
        found = server.getsockname()[1] in listening_ports(os.getpid())
    # Where there is no /proc no port is found, as documented, and nothing of it is read.
    assert (found, bool(gone)) == (Path("/proc").is_dir(), Path("/proc").is_dir())
