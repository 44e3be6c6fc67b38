"""Signatures: botocore is the oracle of what is right; AWS's codes for what is wrong."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.local.signing import Refused, Request, scope_of, verify

KEY, SECRET = "AKIAEXAMPLE", "a-secret"
SECRETS: Callable[[str], str | None] = {KEY: SECRET}.get


def now() -> float:
    return datetime.datetime.now(datetime.UTC).timestamp()


def signed(
    auth: Any, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None, secret: str = SECRET
) -> Request:
    """The request as it would arrive, signed by botocore."""
    request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    request.context["payload_signing_enabled"] = True
    name = "s3" if auth in (S3SigV4Auth, S3SigV4QueryAuth) else "sagemaker"
    auth(Credentials(KEY, secret), name, "us-east-1").add_auth(request)
    parts = urlsplit(request.url)
    sent = {name.lower(): value for name, value in request.headers.items()}
    sent.setdefault("host", parts.netloc)
    return Request(method, parts.path, parts.query, sent, hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize("path", ["/", "/endpoints/digits/invocations", "/a%20b/../c", "/BatchPutMetrics"])
def test_a_request_signed_by_botocore_is_believed(path: str) -> None:
    request = signed(SigV4Auth, "POST", f"http://127.0.0.1:99{path}", b'{"a":1}', {"X-Amz-Target": "SageMaker.X"})
    credential = verify(request, SECRETS, now())
    assert (credential.access_key_id, credential.region, credential.service) == (KEY, "us-east-1", "sagemaker")


@settings(max_examples=100, deadline=None)
@given(
    st.text(min_size=1, max_size=12),
    st.dictionaries(st.text("ab-_.~ü/&=+ %", min_size=1, max_size=5), st.text(max_size=5), max_size=3),
)
def test_any_s3_key_and_query_signed_by_botocore_is_believed(key: str, query: dict[str, str]) -> None:
    from urllib.parse import quote, urlencode

    url = f"http://127.0.0.1:99/bucket/{quote(key.encode('utf-8', 'replace'), safe='/~')}"
    if query:
        url += "?" + urlencode(query, quote_via=quote, errors="replace", safe="~")
    request = signed(S3SigV4Auth, "PUT", url, b"body", {"x-amz-meta-a": "  two   words "})
    assert verify(request, SECRETS, now()).service == "s3"


def test_a_presigned_address_is_believed_until_it_expires() -> None:
    request = signed(S3SigV4QueryAuth, "GET", "http://127.0.0.1:99/bucket/key%20a")
    assert verify(request, SECRETS, now()).payload_hash == "UNSIGNED-PAYLOAD"
    with pytest.raises(Refused) as caught:
        verify(request, SECRETS, now() + 3601)
    assert caught.value.reason == "expired"


def test_the_scope_is_read_from_header_and_query() -> None:
    assert scope_of(signed(SigV4Auth, "POST", "http://127.0.0.1:99/")) == ("us-east-1", "sagemaker")
    assert scope_of(signed(S3SigV4QueryAuth, "GET", "http://127.0.0.1:99/b/k")) == ("us-east-1", "s3")
    assert scope_of(Request("GET", "/", "", {})) == ("", "")


def changed(request: Request, **members: Any) -> Request:
    return Request(**{**vars(request), **members})


def test_whatever_is_changed_after_signing_is_seen() -> None:
    request = signed(SigV4Auth, "POST", "http://127.0.0.1:99/a", b"{}", {"X-Amz-Target": "SageMaker.A"})
    forgeries = [
        changed(request, method="PUT"),
        changed(request, path="/b"),
        changed(request, query="a=b"),
        changed(request, body_hash=hashlib.sha256(b"[]").hexdigest()),
        changed(request, headers={**request.headers, "x-amz-target": "SageMaker.B"}),
        changed(request, headers={**request.headers, "host": "evil.example"}),
        signed(SigV4Auth, "POST", "http://127.0.0.1:99/a", secret="another"),
    ]
    for forgery in forgeries:
        with pytest.raises(Refused) as caught:
            verify(forgery, SECRETS, now())
        assert caught.value.reason == "mismatch"


@pytest.mark.parametrize(("seconds", "words"), [(-901, "still later than"), (901, "now earlier than")])
def test_a_date_a_quarter_of_an_hour_off_is_stale(seconds: int, words: str) -> None:
    request = signed(SigV4Auth, "POST", "http://127.0.0.1:99/")
    with pytest.raises(Refused, match=words) as caught:
        verify(request, SECRETS, now() + seconds)
    assert caught.value.reason == "stale"


def test_a_key_that_is_not_ours_is_unknown() -> None:
    with pytest.raises(Refused) as caught:
        verify(signed(SigV4Auth, "POST", "http://127.0.0.1:99/"), {}.get, now())
    assert caught.value.reason == "unknown"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "AWS AKIAEXAMPLE:abc"},
        {"authorization": "AWS4-HMAC-SHA256"},
        {"authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature="},
        {
            "authorization": "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b",
            "x-amz-date": "20260101T000000Z",
        },
        {"authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=\xfc"},
    ],
)
def test_what_is_no_signature_is_malformed(headers: dict[str, str]) -> None:
    with pytest.raises(Refused) as caught:
        verify(Request("GET", "/", "", {"host": "127.0.0.1", **headers}), SECRETS, now())
    assert caught.value.reason == "malformed"


def test_no_signature_at_all_is_missing() -> None:
    with pytest.raises(Refused) as caught:
        verify(Request("GET", "/", "", {"host": "127.0.0.1"}), SECRETS, now())
    assert caught.value.reason == "missing"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=20))
def test_no_text_makes_it_raise_anything_but_refused(authorization: str, query: str, date: str) -> None:
    headers = {"host": "127.0.0.1", "authorization": authorization, "x-amz-date": date}
    for request in (Request("GET", "/", query, headers), Request("GET", "/", f"X-Amz-Signature={query}", {})):
        with pytest.raises(Refused):
            verify(request, SECRETS, now())


def test_a_presigned_address_that_cannot_be_is_refused() -> None:
    known = {"AKIAEXAMPLE": "secret"}.get
    scope = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE/20260101/us-east-1/s3/aws4_request"
    for rest in (f"&X-Amz-Signature=a&X-Amz-Expires={'9' * 5000}", "&aX-Amz-Signature=a&X-Amz-Expires=60"):
        query = f"{scope}&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host{rest}"
        with pytest.raises(Refused):
            verify(Request("GET", "/", query, {"host": "127.0.0.1"}), known, 1767225600.0)
