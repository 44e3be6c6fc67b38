"""A service that runs: how it is found, and what a client's environment needs to talk to it."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pipeline.errors import LocalServiceError
from pipeline.local.console.access import entry_path
from pipeline.local.egress import variables
from pipeline.local.identity import Identity, fingerprint
from pipeline.local.state_folder import DEFAULT_FOLDER, StateFolder

_HEALTH_SECONDS: Final = 3.0

CONSOLE_NOTE: Final = (
    "         good for ten minutes and for one browser, which then stays in; `pipeline local status` prints a new one"
)


@dataclass(frozen=True)
class RunningService:
    """A service that answers."""

    address: str
    """Its URL."""
    pid: int
    started: float
    """Epoch seconds."""
    state: Path
    identity: Identity
    proxy_port: int = 0

    @property
    def console(self) -> str:
        """The address of the console, with a token that is good once and for ten minutes."""
        return self.address + entry_path(self.identity.secret_access_key, time.time())


def running(state: Path = DEFAULT_FOLDER) -> RunningService | None:
    """The service on that state folder, if it really answers with the folder's key. Raises LocalServiceError."""
    folder = StateFolder.at(state)
    try:
        server = json.loads(folder.server.read_text())
        identity = Identity.read(folder.key)
        found = RunningService(
            server["url"], int(server["pid"]), float(server["started"]), state, identity, server["proxy"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if _alive(found.pid) and _answers(found) else None


def require(state: Path = DEFAULT_FOLDER) -> RunningService:
    """The service on that state folder. Raises LocalServiceError if there is none."""
    found = running(state)
    if found is None:
        raise LocalServiceError(
            f"no service runs on the state folder {state}", hint="start one with `pipeline local start --detach`"
        )
    return found


def environment(found: RunningService) -> dict[str, str]:
    """What a client needs that leaves its endpoints to the environment, as this project's own do."""
    return {
        "AWS_ENDPOINT_URL": found.address,
        "AWS_ACCESS_KEY_ID": found.identity.access_key_id,
        "AWS_SECRET_ACCESS_KEY": found.identity.secret_access_key,
        "AWS_DEFAULT_REGION": found.identity.region,
        "AWS_REGION": found.identity.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": ",".join(variables.LOOPBACK),
        "no_proxy": ",".join(variables.LOOPBACK),
    }


def exports(found: RunningService, given: Mapping[str, str]) -> str:
    """The lines that a shell with the environment `given` evaluates, so that whatever it starts stays here.

    Raises LocalServiceError.
    """
    folder = StateFolder(found.state.resolve()).egress
    try:
        wanted = variables.variables(folder, found.address, found.proxy_port, found.identity, given)
    except OSError as error:
        raise LocalServiceError(
            f"the certificates for clients cannot be written: {error}", hint=f"free space, or allow writing to {folder}"
        ) from error
    lines = [f"unset {' '.join(variables.unset(given))}"]
    return "\n".join(lines + [f"export {name}={shlex.quote(value)}" for name, value in wanted.items()])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _answers(found: RunningService) -> bool:
    """Whether what listens at the address is the service that holds this key, and not another program."""
    address = urlsplit(found.address)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/_health")
        answer: Any = json.loads(connection.getresponse().read(4096))
        return bool(answer["key"] == fingerprint(found.identity.access_key_id))
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return False
    finally:
        connection.close()
