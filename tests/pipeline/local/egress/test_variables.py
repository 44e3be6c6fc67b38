"""The variables: everything that botocore reads and that could lead elsewhere is set or taken away."""

from __future__ import annotations

from pathlib import Path

from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.credentials import ContainerProvider, EnvProvider

from pipeline.local.egress import proxy_address
from pipeline.local.egress.variables import unset, variables
from pipeline.local.identity import Identity

IDENTITY = Identity("AKIA", "secret", "123456789012", "us-east-1")
SERVICE = "http://127.0.0.1:1"
HARMLESS = {
    "AWS_DEFAULTS_MODE",
    "AWS_DISABLE_HOST_PREFIX_INJECTION",
    "AWS_DISABLE_REQUEST_COMPRESSION",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_IMDS_USE_IPV6",
    "AWS_MAX_ATTEMPTS",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
    "AWS_RESPONSE_CHECKSUM_VALIDATION",
    "AWS_RETRY_MODE",
    "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH",
    "AWS_SDK_UA_APP_ID",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "BOTOCORE_TCP_KEEPALIVE",
}
"""They say how a client asks, not whom: the proxy answers wherever they lead."""


def test_every_variable_that_botocore_reads_is_set_or_unset_or_harmless(tmp_path: Path) -> None:
    read: set[str] = set()
    for _, names, _, _ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values():
        read |= {names} if isinstance(names, str) else set(names or ())
    read |= {*EnvProvider.TOKENS, EnvProvider.ACCESS_KEY, EnvProvider.SECRET_KEY, EnvProvider.EXPIRY_TIME}
    read |= {value for name, value in vars(ContainerProvider).items() if name.startswith("ENV_VAR")}
    known = set(variables(tmp_path, SERVICE, 2, IDENTITY)) | set(unset([])) | HARMLESS
    assert {name for name in read if not name.startswith("AWS_CSM_")} - known == set()
    assert "AWS_CSM_ENABLED" in known


def test_an_endpoint_or_a_token_for_any_service_is_unset() -> None:
    assert {"AWS_ENDPOINT_URL_BRAKET", "AWS_BEARER_TOKEN_BEDROCK"} <= set(
        unset(["AWS_ENDPOINT_URL_BRAKET", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PAGER"])
    )
    assert "AWS_PAGER" not in unset(["AWS_PAGER"])


def test_the_users_own_proxy_and_certificates_go_on_to_count(tmp_path: Path) -> None:
    company = tmp_path / "company.pem"
    company.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    given = {
        "https_proxy": "http://proxy.example:3128",
        "NO_PROXY": "internal.example,.amazonaws.com",
        "REQUESTS_CA_BUNDLE": str(company),
    }
    first = variables(tmp_path / "egress", SERVICE, 2, IDENTITY, given)
    again = variables(tmp_path / "egress", SERVICE, 2, IDENTITY, {**given, **first})
    assert first == again, "evaluated twice it is the same"
    assert proxy_address.upstream_of(first["HTTPS_PROXY"]) == "http://proxy.example:3128"
    assert first["NO_PROXY"] == first["no_proxy"] == "internal.example,127.0.0.1,localhost,::1"
    assert company.read_text() in Path(first["AWS_CA_BUNDLE"]).read_text()
