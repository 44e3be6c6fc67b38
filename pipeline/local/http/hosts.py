"""The hosts of AWS, known by name alone, and the bucket that such a host names.

The suffixes are those of all partitions in botocore's `partitions.json`, with the sites for people beside them.
"""

from __future__ import annotations

import re
from typing import Final

SUFFIXES: Final = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
    "on.aws",
    "aws.amazon.com",
    "awsapps.com",
)
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_PART: Final = r"(?:accelerate|dualstack|fips|external-1|[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2})"
_S3: Final = re.compile(rf"(?:(?P<bucket>.+)\.)?s3(?:[.-]{_PART}){{0,3}}\.(?:{'|'.join(map(re.escape, SUFFIXES))})")


def is_aws(host: str) -> bool:
    """Whether a host, in lower case and without a port, is one of AWS's."""
    return bool(_NAME.fullmatch(host)) and any(host == suffix or host.endswith("." + suffix) for suffix in SUFFIXES)


def covers_aws(pattern: str) -> bool:
    """Whether an entry of NO_PROXY, such as `.amazonaws.com` or `*`, stands for any host of AWS."""
    name = pattern.strip().lower().partition(":")[0].lstrip("*.")
    return pattern.strip() == "*" or is_aws(name) or any(f".{suffix}".endswith(f".{name}") for suffix in SUFFIXES)


def bucket_of(host: str) -> str:
    """The bucket of a host of AWS such as `<bucket>.s3.us-east-1.amazonaws.com`; "" for none."""
    found = _S3.fullmatch(host)
    return (found["bucket"] or "") if found else ""
