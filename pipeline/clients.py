"""The boto3 clients of the pipeline's home, AWS or localhost.

Both are the same client code; only the endpoint URL differs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pipeline.errors import SettingsError
from pipeline.service_errors import translated

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sts import STSClient

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Target:
    """One account and region of AWS, or the service on localhost (then `endpoint_url` is set)."""

    region: str
    account: str
    endpoint_url: str | None = None

    @property
    def local(self) -> bool:
        """True for a service on this machine."""
        return self.endpoint_url is not None

    def describe(self) -> str:
        """What each command says first: where it reads and writes."""
        if self.local:
            return f"localhost ({self.endpoint_url})"
        return f"AWS account {self.account}, region {self.region}"

    def require_account(self, account: str) -> None:
        """Refuse to go on in an account of AWS other than the one that the settings declare. Raises SettingsError.

        Localhost stands in for any account.
        """
        if not self.local and account != self.account:
            raise SettingsError(
                f"the credentials are those of account {self.account}, the settings declare {account}",
                hint="sign in to the declared account, or choose another environment with --env",
            )


class Clients:
    """The boto3 clients of one target, each made when it is first needed."""

    def __init__(self, session: boto3.Session, endpoint_url: str | None = None) -> None:
        self.session = session
        self.endpoint_url = endpoint_url

    @cached_property
    def sagemaker(self) -> SageMakerClient:
        """SageMaker."""
        return self.session.client("sagemaker", endpoint_url=self.endpoint_url, config=_config())

    @cached_property
    def runtime(self) -> SageMakerRuntimeClient:
        """SageMaker endpoints."""
        return self.session.client("sagemaker-runtime", endpoint_url=self.endpoint_url, config=_config())

    @cached_property
    def s3(self) -> S3Client:
        """S3."""
        return self.session.client("s3", endpoint_url=self.endpoint_url, config=_config())

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch Logs."""
        return self.session.client("logs", endpoint_url=self.endpoint_url, config=_config())

    @cached_property
    def sts(self) -> STSClient:
        """STS."""
        return self.session.client("sts", endpoint_url=self.endpoint_url, config=_config())

    def other(self, service: str) -> Any:
        """A client of a service that only a few commands need."""
        return self.session.client(service, endpoint_url=self.endpoint_url, config=_config())  # type: ignore[call-overload]

    @cached_property
    def target(self) -> Target:
        """Where these clients speak to: asks STS once for the account. Raises ServiceError."""
        with translated():
            account = self.sts.get_caller_identity()["Account"]
            url = self.endpoint_url or urlsplit(self.sagemaker.meta.endpoint_url).geturl()
        local = urlsplit(url).hostname in _LOOPBACK
        return Target(self.session.region_name or "", account, url if local else None)


def connect(*, region: str, profile: str = "") -> Clients:
    """Clients for whatever the environment names: AWS, or localhost by AWS_ENDPOINT_URL.

    A `profile` has its own credentials.

    Localhost stands in for any region; it knows requests that are signed for its own.
    """
    import boto3

    if urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).hostname in _LOOPBACK:
        region = os.environ.get("AWS_DEFAULT_REGION") or region

    with translated():
        return Clients(boto3.Session(region_name=region, profile_name=profile or None))


def connect_local(variables: Mapping[str, str | None], environ: MutableMapping[str, str]) -> Clients:
    """Clients for the service on localhost, given the variables that `pipeline local env` prints.

    The process's own environment is cleared of everything that names the user's AWS account first: nothing
    local reads real credentials, whatever profile is set.
    """
    for name in [name for name in environ if name.startswith("AWS_")]:
        del environ[name]
    files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    for name, value in {**files, **variables}.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
    return connect(region=environ["AWS_DEFAULT_REGION"])


def _config() -> Any:
    from botocore.config import Config

    return Config(retries={"mode": "standard", "max_attempts": 6}, connect_timeout=5, read_timeout=60)
