"""The environment of a container, built from nothing: what AWS gives it, and what keeps it on this machine.

The credentials are the service's own key, the endpoint is the service, profiles and credential files are none, so
that boto3 in a job needs no change and the user's real account is out of reach. Nothing of the service's own
environment is passed on.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.local.parity import Row

if TYPE_CHECKING:
    from pipeline.local.service import Service

_NONE: Final = "/dev/null"
_LOOPBACK: Final = "127.0.0.1,localhost,::1"
_OURS: Final = (
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONTAINER_CREDENTIALS",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_EC2_METADATA",
    "BOTO_CONFIG",
)
_NO_TELEMETRY: Final = """\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""

PARITY: Final = (
    Row(
        area="jobs",
        subject="AWS variables in a job's Environment",
        here="Credentials, profiles and endpoints that a job is given are replaced by the service's own; the"
        " configuration files show them as given.",
        aws="Taken as they are.",
    ),
    Row(
        area="jobs",
        subject="network isolation, VPC, IAM role",
        here="Stored and shown. A job reaches the service through AWS_ENDPOINT_URL with the service's key and whatever"
        " else the machine reaches.",
        aws="Enforced.",
    ),
)


def environment(service: Service, home: Path, given: Mapping[str, str], **more: str) -> dict[str, str]:
    """The whole environment of one container: `given` is the job's own, `more` what its kind of job adds.

    `home` becomes HOME and holds TMPDIR; it is made if need be.
    """
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    settings = home / ".sagemaker-sdk.yaml"
    settings.write_text(_NO_TELEMETRY)
    key = service.configuration.key
    region = service.configuration.region
    own = {
        "AWS_ENDPOINT_URL": service.address(),
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_CONFIG_FILE": _NONE,
        "AWS_SHARED_CREDENTIALS_FILE": _NONE,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": _LOOPBACK,
        "no_proxy": _LOOPBACK,
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(settings),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(settings),
    }
    defaults = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    harmless = {name: value for name, value in given.items() if not name.startswith(_OURS)}
    return defaults | harmless | more | own
