"""The environment in which a client's every call to AWS is answered here, whatever endpoint its program names.

One table for the shells of people and for jobs: each variable of AWS's clients that could send them elsewhere, or make
them sign as somebody else, is set here or taken away.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pipeline.limits import Row
from pipeline.local.egress import proxy_address
from pipeline.local.egress.authority import Authority
from pipeline.local.http.hosts import covers_aws
from pipeline.local.identity import Identity

PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
UNSET: Final = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_ENDPOINT_DISCOVERY_ENABLED",
    "AWS_ACCOUNT_ID",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_AUTH_SCHEME_PREFERENCE",
    "AWS_SIGV4A_SIGNING_REGION_SET",
    "AWS_DATA_PATH",
    "AWS_CSM_ENABLED",
    "AWS_PARTNER_APP_ARN",
    "AWS_ENDPOINT_URL_SAGEMAKER",
    "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
    "AWS_ENDPOINT_URL_SAGEMAKER_METRICS",
    "AWS_ENDPOINT_URL_SAGEMAKER_FEATURESTORE_RUNTIME",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_S3_CONTROL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_SCHEDULER",
    "AWS_ENDPOINT_URL_CLOUDWATCH",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "BOTO_CONFIG",
    "BOTOCORE_EXPERIMENTAL__PLUGINS",
)
"""Variables that would send a client elsewhere, or make it sign as somebody else."""

_UNSET_PREFIXES: Final = ("AWS_ENDPOINT_URL_", "AWS_BEARER_TOKEN_")
"""One a service, of which there are hundreds: what is there is unset."""

_BUNDLES: Final = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_SDK: Final = """\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""

PARITY: Final = (
    Row(
        area="clients",
        subject="addresses of AWS in a program",
        here="answered here after `pipeline local env`, and in jobs: HTTPS requests to AWS's hosts, also for files in"
        " public buckets; 400 with its name for a service that is not here",
        aws="Answered by AWS.",
    ),
    Row(
        area="clients",
        subject="programs that take no proxy, or have their roots of trust built in",
        here="what they send to AWS's own addresses leaves the machine, or fails for the certificate: tell them the"
        " endpoint",
        aws="Answered by AWS.",
    ),
)


def variables(
    folder: Path, service: str, proxy_port: int, identity: Identity, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What a client needs. `given` is the environment it has now, whose own proxy and certificates go on to count.

    Makes the files that the variables name in `folder` if need be. Raises OSError.
    """
    given = given or {}
    through = proxy_address.address_of(proxy_port, identity.secret_access_key, _upstream(given))
    direct = ",".join(_direct(given))
    own = [Path(given[name]) for name in (*_BUNDLES, "CURL_CA_BUNDLE") if given.get(name)]
    bundle = str(Authority(folder).bundle(own))
    sdk = str(_written(folder / "sagemaker-sdk.yaml", _SDK))
    # A program that names the default profile is not given the keys of the environment.
    profile = (
        f"[default]\nregion = {identity.region}\naws_access_key_id = {identity.access_key_id}\n"
        f"aws_secret_access_key = {identity.secret_access_key}\n"
    )
    config = str(_written(folder / "aws-config", profile))
    return {
        "AWS_ENDPOINT_URL": service,
        "AWS_ACCESS_KEY_ID": identity.access_key_id,
        "AWS_SECRET_ACCESS_KEY": identity.secret_access_key,
        "AWS_DEFAULT_REGION": identity.region,
        "AWS_REGION": identity.region,
        "AWS_CONFIG_FILE": config,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTPS_PROXY": through,
        "https_proxy": through,
        "NO_PROXY": direct,
        "no_proxy": direct,
        **dict.fromkeys(_BUNDLES, bundle),
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": sdk,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": sdk,
    }


def unset(given: Iterable[str]) -> list[str]:
    """The variables to take away from an environment that has those names."""
    return sorted({*UNSET, *(name for name in given if name.startswith(_UNSET_PREFIXES))})


def _upstream(given: Mapping[str, str]) -> str:
    """The user's own proxy for HTTPS, or none."""
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    found = next((given[name] for name in names if given.get(name)), "")
    return proxy_address.upstream_of(found) if found else ""


def _direct(given: Mapping[str, str]) -> list[str]:
    """The hosts that need no proxy: this machine, and the user's own but for AWS's."""
    others = (given.get("no_proxy") or given.get("NO_PROXY") or "").split(",")
    kept = [part.strip() for part in others if part.strip() and not covers_aws(part)]
    return list(dict.fromkeys([*kept, *LOOPBACK]))


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True, mode=0o700)
    if not path.exists() or path.read_text() != text:
        path.touch(mode=0o600)
        path.write_text(text)
    return path
