from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.s3_requests import error_of
from tests.support.torture import length

KEYS = st.sets(st.text("ab/ü", min_size=1, max_size=5), max_size=10)


def expected(keys: set[str], prefix: str, delimiter: str) -> list[str]:
    """Keys and common prefixes in order, from the definition."""
    found: dict[str, None] = {}
    for key in sorted(keys, key=lambda key: key.encode()):
        if key.startswith(prefix):
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            found[key if end < 0 else key[: end + len(delimiter)]] = None
    return list(found)


def fill(s3: Any, bucket: str, keys: set[str]) -> None:
    old = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    for key in old:
        s3.delete_object(Bucket=bucket, Key=key)
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")


def paged(s3: Any, operation: str, bucket: str, size: int, **arguments: str) -> list[str]:
    found: list[str] = []
    pages = s3.get_paginator(operation).paginate(
        Bucket=bucket, PaginationConfig={"PageSize": size}, **{key: value for key, value in arguments.items() if value}
    )
    for page in pages:
        items = [item["Key"] for item in page.get("Contents", [])]
        items += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
        assert len(items) <= size
        found += sorted(items, key=lambda item: item.encode())
    return found


@settings(max_examples=length(10, 300))
@given(keys=KEYS, prefix=st.sampled_from(["", "a", "a/", "ü", "b/a"]), delimiter=st.sampled_from(["", "/", "a"]))
def test_every_way_to_page_lists_the_same(s3: Any, bucket: str, keys: set[str], prefix: str, delimiter: str) -> None:
    fill(s3, bucket, keys)
    wanted = expected(keys, prefix, delimiter)
    for operation in ("list_objects_v2", "list_objects"):
        for size in (1, 2, 1000):
            assert paged(s3, operation, bucket, size, Prefix=prefix, Delimiter=delimiter) == wanted


def test_start_after_and_counts(s3: Any, bucket: str) -> None:
    fill(s3, bucket, {"a", "b/1", "b/2", "c"})
    answer = s3.list_objects_v2(Bucket=bucket, StartAfter="a", Delimiter="/")
    assert [found["Key"] for found in answer["Contents"]] == ["c"]
    assert answer["CommonPrefixes"] == [{"Prefix": "b/"}]
    assert (answer["KeyCount"], answer["StartAfter"], answer["IsTruncated"]) == (2, "a", False)
    assert "Owner" not in answer["Contents"][0]
    assert "Owner" in s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)["MaxKeys"] == 1000


def test_what_a_listing_says_of_an_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", StorageClass="GLACIER")
    found = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert (found["Size"], found["ETag"], found["StorageClass"]) == (5, '"5d41402abc4b2a76b9719d911017c592"', "GLACIER")
    assert found["LastModified"].microsecond == 0
    assert found["LastModified"] == s3.head_object(Bucket=bucket, Key="k")["LastModified"]


def test_a_token_that_is_none_and_counts_that_are_none_are_refused(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as caught:
        s3.list_objects_v2(Bucket=bucket, ContinuationToken="not a token")
    assert error_of(caught.value) == ("InvalidArgument", 400)


def test_control_characters_in_keys_survive_url_encoding(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a\x01\tb", Body=b"")
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Key"] == "a\x01\tb"


def test_buckets_are_listed_in_pages(s3: Any, bucket: str) -> None:
    names = sorted(f"{bucket}-{letter}" for letter in "abc")
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = s3.get_paginator("list_buckets").paginate(Prefix=f"{bucket}-", PaginationConfig={"PageSize": 2})
    assert [[found["Name"] for found in page["Buckets"]] for page in pages] == [names[:2], names[2:]]
