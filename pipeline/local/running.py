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
from pipeline.local.identity import Identity, fingerprint
from pipeline.local.state import DEFAULT_FOLDER, StateFolder

PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
UNSET: Final = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_ENDPOINT_URL_SAGEMAKER",
    "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
    "AWS_ENDPOINT_URL_SAGEMAKER_METRICS",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_SCHEDULER",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)
"""Variables that would send a client elsewhere, or make it sign as somebody else."""

_HEALTH_SECONDS: Final = 3.0


@dataclass(frozen=True)
class Running:
    """A service that answers."""

    address: str
    """Its URL."""
    pid: int
    started: float
    """Epoch seconds."""
    state: Path
    identity: Identity

    @property
    def console(self) -> str:
        """The address of the console, with a token that is good once and for ten minutes."""
        return self.address + entry_path(self.identity.secret_access_key, time.time())


def running(state: Path = DEFAULT_FOLDER) -> Running | None:
    """The service on that state folder, if it really answers with the folder's key."""
    folder = StateFolder(state.resolve())
    try:
        server = json.loads(folder.server.read_text())
        identity = Identity.read(folder.key)
        found = Running(server["url"], int(server["pid"]), float(server["started"]), state, identity)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if _alive(found.pid) and _answers(found) else None


def require(state: Path = DEFAULT_FOLDER) -> Running:
    """The service on that state folder. Raises LocalServiceError if there is none."""
    found = running(state)
    if found is None:
        raise LocalServiceError(
            f"no service runs on the state folder {state}", hint="start one with `pipeline local start --detach`"
        )
    return found


def environment(found: Running, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a client's environment needs; it must not have any variable of UNSET. `environ` is looked at for proxies."""
    values = {
        "AWS_ENDPOINT_URL": found.address,
        "AWS_ACCESS_KEY_ID": found.identity.access_key_id,
        "AWS_SECRET_ACCESS_KEY": found.identity.secret_access_key,
        "AWS_DEFAULT_REGION": found.identity.region,
        "AWS_REGION": found.identity.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    given = os.environ if environ is None else environ
    if any(given.get(name) for name in PROXIES):
        others = given.get("NO_PROXY") or given.get("no_proxy") or ""
        direct = ",".join(dict.fromkeys([part for part in others.split(",") if part] + ["127.0.0.1", "localhost"]))
        values |= {"NO_PROXY": direct, "no_proxy": direct}
    return values


def exports(found: Running, environ: Mapping[str, str] | None = None) -> str:
    """The lines that a shell evaluates to have that environment."""
    lines = [f"unset {' '.join(UNSET)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment(found, environ).items()]
    return "\n".join(lines)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _answers(found: Running) -> bool:
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
