"""Which hosts are AWS's, held against botocore's own list of partitions and its own endpoints."""

from __future__ import annotations

import json
from pathlib import Path

import botocore
import pytest

from pipeline.local.http import guard
from pipeline.local.http.hosts import SUFFIXES, bucket_of, covers_aws, is_aws


def test_every_partition_that_botocore_knows_is_aws() -> None:
    partitions = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())["partitions"]
    known = {p["outputs"][name] for p in partitions for name in ("dnsSuffix", "dualStackDnsSuffix")}
    assert known <= set(SUFFIXES)


@pytest.mark.parametrize(
    "host",
    [
        "sts.amazonaws.com",
        "queue.amazonaws.com",
        "api.sagemaker.us-east-1.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
    ],
)
def test_hosts_of_aws(host: str) -> None:
    assert is_aws(host) and guard.is_aws(host) and guard.is_aws(f"{host}:443")


@pytest.mark.parametrize(
    "host", ["example.org", "notamazonaws.com", "amazonaws.com.example.org", "amazonaws.com/x", "127.0.0.1", "", "com"]
)
def test_hosts_of_others(host: str) -> None:
    assert not is_aws(host) and not bucket_of(host)


@pytest.mark.parametrize(
    "host, bucket",
    [
        ("s3.amazonaws.com", ""),
        ("s3.us-east-1.amazonaws.com", ""),
        ("s3-us-west-2.amazonaws.com", ""),
        ("b.s3.amazonaws.com", "b"),
        ("b.s3.us-east-1.amazonaws.com", "b"),
        ("b.s3-eu-west-1.amazonaws.com", "b"),
        ("a.b.s3.dualstack.us-gov-west-1.amazonaws.com", "a.b"),
        ("b.s3-accelerate.amazonaws.com", "b"),
        ("b.s3.cn-north-1.amazonaws.com.cn", "b"),
        ("my.s3.bucket.s3.us-east-1.amazonaws.com", "my.s3.bucket"),
        ("sts.us-east-1.amazonaws.com", ""),
        ("123.s3-control.us-east-1.amazonaws.com", ""),
    ],
)
def test_the_bucket_of_a_host_of_s3(host: str, bucket: str) -> None:
    assert bucket_of(host) == bucket
    assert guard.bucket_of(host) == bucket


@pytest.mark.parametrize(
    "entry", ["*", "*.amazonaws.com", ".amazonaws.com", "amazonaws.com:443", ".com", "sts.amazonaws.com"]
)
def test_an_exception_from_the_proxy_that_would_let_aws_through_is_seen(entry: str) -> None:
    assert covers_aws(entry)


@pytest.mark.parametrize("entry", ["127.0.0.1", ".example.com", "169.254.169.254", "my.amazonaws.company"])
def test_other_exceptions_are_left(entry: str) -> None:
    assert not covers_aws(entry)
