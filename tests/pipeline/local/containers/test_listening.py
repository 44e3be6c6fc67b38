"""Which ports a process listens on."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import pytest

from pipeline.local.containers.listening import listening_ports


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_file_that_is_closed_meanwhile_hides_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    readlink, gone = os.readlink, list[str]()

    def readlink_but_once(path: Any) -> str:
        if str(path).startswith("/proc/") and not gone:
            gone.append(str(path))
            raise FileNotFoundError(path)
        return readlink(path)

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(os, "readlink", readlink_but_once)
        assert server.getsockname()[1] in listening_ports(os.getpid())
    assert gone
