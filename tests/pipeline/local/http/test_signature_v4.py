"""Signatures: botocore is the oracle of what is right; AWS's codes for what is wrong."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.http import signature_v2
from pipeline.local.http.signature_v4 import Claim, claim_of, scope_of
from pipeline.local.http.signed_requests import Credential, SignatureRefused, SignedRequest

KEY, SECRET = "AKIAEXAMPLE", "a-secret"
SECRETS: Callable[[str], str | None] = {KEY: SECRET}.get


def now() -> float:
    return datetime.datetime.now(datetime.UTC).timestamp()


def verify(request: SignedRequest, secrets: Callable[[str], str | None], at: float) -> Credential:
    return claim_of(request, secrets, at).verified(request)


def signed(
    auth: Any, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None, secret: str = SECRET
) -> SignedRequest:
    """The request as it would arrive, signed by botocore."""
    request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    request.context["payload_signing_enabled"] = True
    name = "s3" if auth in (S3SigV4Auth, S3SigV4QueryAuth) else "sagemaker"
    if auth is HmacV1QueryAuth:
        auth(Credentials(KEY, secret)).add_auth(request)
    else:
        auth(Credentials(KEY, secret), name, "us-east-1").add_auth(request)
    parts = urlsplit(request.url)
    sent = {name.lower(): value for name, value in request.headers.items()}
    sent.setdefault("host", parts.netloc)
    return SignedRequest(method, parts.path, parts.query, sent, hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize("path", ["/", "/endpoints/digits/invocations", "/a%20b/../c", "/BatchPutMetrics"])
def test_a_request_signed_by_botocore_is_believed(path: str) -> None:
    request = signed(SigV4Auth, "POST", f"http://127.0.0.1:99{path}", b'{"a":1}', {"X-Amz-Target": "SageMaker.X"})
    credential = verify(request, SECRETS, now())
    assert (credential.access_key_id, credential.region, credential.service) == (KEY, "us-east-1", "sagemaker")


KEYS = st.text(min_size=1, max_size=12)
QUERIES = st.dictionaries(st.text("ab-_.~ü/&=+ %", min_size=1, max_size=5), st.text(max_size=5), max_size=3)


def address(key: str, query: dict[str, str]) -> str:
    """An object's address, quoted as botocore does."""
    url = f"http://127.0.0.1:99/bucket/{quote(key.encode('utf-8', 'replace'), safe='/~')}"
    return url + ("?" + urlencode(query, quote_via=quote, errors="replace", safe="~") if query else "")


@given(KEYS, QUERIES)
def test_any_s3_key_and_query_signed_by_botocore_is_believed(key: str, query: dict[str, str]) -> None:
    request = signed(S3SigV4Auth, "PUT", address(key, query), b"body", {"x-amz-meta-a": "  two   words "})
    assert verify(request, SECRETS, now()).service == "s3"


@given(
    KEYS,
    st.dictionaries(
        st.sampled_from(
            ["versionId", "partNumber", "uploadId", "response-content-type", "response-content-disposition"]
        ),
        st.text("ab-_.~ü/&=+ %;", min_size=1, max_size=6),
        max_size=3,
    ),
    st.sampled_from(["GET", "PUT", "HEAD", "DELETE"]),
)
def test_any_presigned_address_of_the_old_kind_is_believed_for_its_own_method_key_and_query(
    key: str, query: dict[str, str], method: str
) -> None:
    request = signed(HmacV1QueryAuth, method, address(key, query))
    assert signature_v2.is_presigned(request.query)
    assert signature_v2.verify(request, SECRETS, now()).service == "s3"
    for other in (
        changed(request, method="POST"),
        changed(request, path=request.path + "x"),
        changed(request, query=request.query + "&torrent"),
        changed(request, headers={**request.headers, "x-amz-acl": "public-read"}),
    ):
        with pytest.raises(SignatureRefused) as caught:
            signature_v2.verify(other, SECRETS, now())
        assert caught.value.reason == "mismatch"


def test_a_presigned_address_is_believed_until_it_expires() -> None:
    request = signed(S3SigV4QueryAuth, "GET", "http://127.0.0.1:99/bucket/key%20a")
    assert verify(request, SECRETS, now()).payload_hash == "UNSIGNED-PAYLOAD"
    with pytest.raises(SignatureRefused) as caught:
        verify(request, SECRETS, now() + 3601)
    assert caught.value.reason == "expired"


def test_the_scope_is_read_from_header_and_query() -> None:
    assert scope_of(signed(SigV4Auth, "POST", "http://127.0.0.1:99/")) == ("us-east-1", "sagemaker")
    assert scope_of(signed(S3SigV4QueryAuth, "GET", "http://127.0.0.1:99/b/k")) == ("us-east-1", "s3")
    assert scope_of(SignedRequest("GET", "/", "", {})) == ("", "")


@pytest.mark.parametrize("sent", ["\u00e9", "\u00e9".encode().decode("latin-1")], ids=["Latin-1", "UTF-8"])
def test_a_header_beyond_ascii_is_believed_in_either_encoding(sent: str) -> None:
    request = signed(S3SigV4Auth, "PUT", "http://127.0.0.1:99/b/k", b"", {"x-amz-meta-a": "\u00e9"})
    request.headers["x-amz-meta-a"] = sent  # as it is read from the wire
    assert verify(request, SECRETS, now()).access_key_id == KEY


AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
AWS_CHUNKS = {
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9": [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ],
    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e": [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
    ],
}
"""The signatures of the two uploads in chunks that AWS's documentation works through, by that of their heads."""


@pytest.mark.parametrize("seed", list(AWS_CHUNKS), ids=["without trailers", "with a trailer"])
def test_chunks_as_awss_documentation_signs_them_are_believed(seed: str) -> None:
    credential = Credential("AKIAIOSFODNN7EXAMPLE", "20130524", "us-east-1", "s3", "")
    chunks = Claim(credential, AWS_SECRET, [], "", "20130524T000000Z", seed).chunks()
    for data, signature in zip((b"a" * 65536, b"a" * 1024, b""), AWS_CHUNKS[seed], strict=False):
        chunks.check_chunk(hashlib.sha256(data).hexdigest(), signature)
    for signature in AWS_CHUNKS[seed][3:]:
        chunks.check_trailers(b"x-amz-checksum-crc32c:sOO8/Q==\n", signature)
    with pytest.raises(SignatureRefused):
        chunks.check_chunk(hashlib.sha256(b"more").hexdigest(), seed)


@given(
    st.sampled_from([S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth]),
    st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    st.text("ab/%+ ~ü", max_size=8),
    st.dictionaries(st.sampled_from(["x-amz-meta-a", "x-amz-acl", "content-type"]), st.text("ab c=;", max_size=6)),
    st.binary(max_size=20),
    st.sampled_from(["method", "path", "query", "header", "body", "secret"]),
)
def test_whatever_botocore_signs_is_believed_and_nothing_else(
    auth: Any, method: str, key: str, headers: dict[str, str], body: bytes, change: str
) -> None:
    from urllib.parse import quote

    presigned = auth is S3SigV4QueryAuth  # botocore takes a body for more of the query
    url = f"http://127.0.0.1:99/b/{quote(key, safe='/~')}"
    request = signed(auth, method, url, b"" if presigned else body, headers)
    assert verify(request, SECRETS, now()).access_key_id == KEY
    changes: dict[str, dict[str, Any]] = {
        "method": {"method": "PATCH"},
        "path": {"path": request.path + "x"},
        "query": {"query": f"{request.query}&x=y" if request.query else "x=y"},
        "header": {"headers": {**request.headers, "host": "127.0.0.1:98"}},
        "body": {"headers": {**request.headers, "x-amz-content-sha256": "0" * 64}, "body_hash": "0" * 64},
        "secret": {},
    }
    secrets = {KEY: "another"}.get if change == "secret" else SECRETS
    if change == "body" and presigned:
        return  # the body of a presigned address is nobody's to vouch for
    with pytest.raises(SignatureRefused):
        verify(changed(request, **changes[change]), secrets, now())


def changed(request: SignedRequest, **members: Any) -> SignedRequest:
    return SignedRequest(**{**vars(request), **members})


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
        with pytest.raises(SignatureRefused) as caught:
            verify(forgery, SECRETS, now())
        assert caught.value.reason == "mismatch"


@pytest.mark.parametrize(("seconds", "words"), [(-901, "still later than"), (901, "now earlier than")])
def test_a_date_a_quarter_of_an_hour_off_is_stale(seconds: int, words: str) -> None:
    request = signed(SigV4Auth, "POST", "http://127.0.0.1:99/")
    with pytest.raises(SignatureRefused, match=words) as caught:
        verify(request, SECRETS, now() + seconds)
    assert caught.value.reason == "stale"


def test_a_presigned_address_of_the_future_is_stale() -> None:
    request = signed(S3SigV4QueryAuth, "GET", "http://127.0.0.1:99/bucket/key")
    assert verify(request, SECRETS, now() - 890)
    with pytest.raises(SignatureRefused, match="still later than") as caught:
        verify(request, SECRETS, now() - 910)
    assert caught.value.reason == "stale"


class _HostUnsigned(SigV4Auth):
    def headers_to_sign(self, request: Any) -> Any:
        headers = super().headers_to_sign(request)
        del headers["host"]
        return headers


class _AnotherDay(SigV4Auth):
    """The scope is of another day than the date, all else in order."""

    def _own(self, request: Any) -> Any:
        scope = AWSRequest()
        scope.context["timestamp"] = "20010203T040506Z"
        return scope

    def scope(self, request: Any) -> Any:
        return super().scope(self._own(request))

    def credential_scope(self, request: Any) -> Any:
        return super().credential_scope(self._own(request))

    def signature(self, string_to_sign: str, request: Any) -> Any:
        return super().signature(string_to_sign, self._own(request))


@pytest.mark.parametrize("auth", [_HostUnsigned, _AnotherDay])
def test_a_right_signature_that_leaves_out_host_or_day_is_refused(auth: Any) -> None:
    request = signed(auth, "POST", "http://127.0.0.1:99/", b"{}")
    with pytest.raises(SignatureRefused, match="'Host' must be a 'SignedHeader'.* dates must agree") as caught:
        verify(request, SECRETS, now())
    assert caught.value.reason == "malformed"


def test_a_presigned_address_of_another_service_than_s3_leaves_no_body_unsigned() -> None:
    request = signed(SigV4QueryAuth, "POST", "http://127.0.0.1:99/")
    assert verify(request, SECRETS, now()).payload_hash == hashlib.sha256(b"").hexdigest()
    with pytest.raises(SignatureRefused, match="does not match"):
        verify(changed(request, body_hash=hashlib.sha256(b"{}").hexdigest()), SECRETS, now())
    with pytest.raises(SignatureRefused, match="the payload's hash is not known"):
        verify(changed(request, body_hash=""), SECRETS, now())


def test_a_key_that_is_not_ours_is_unknown() -> None:
    with pytest.raises(SignatureRefused) as caught:
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
    with pytest.raises(SignatureRefused) as caught:
        verify(SignedRequest("GET", "/", "", {"host": "127.0.0.1", **headers}), SECRETS, now())
    assert caught.value.reason == "malformed"


def test_no_signature_at_all_is_missing() -> None:
    with pytest.raises(SignatureRefused) as caught:
        verify(SignedRequest("GET", "/", "", {"host": "127.0.0.1"}), SECRETS, now())
    assert caught.value.reason == "missing"


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=20))
def test_no_text_makes_it_raise_anything_but_refused(authorization: str, query: str, date: str) -> None:
    headers = {"host": "127.0.0.1", "authorization": authorization, "x-amz-date": date}
    for request in (
        SignedRequest("GET", "/", query, headers),
        SignedRequest("GET", "/", f"X-Amz-Signature={query}", {}),
    ):
        with pytest.raises(SignatureRefused):
            verify(request, SECRETS, now())


def test_a_presigned_address_that_cannot_be_is_refused() -> None:
    known = {"AKIAEXAMPLE": "secret"}.get
    scope = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE/20260101/us-east-1/s3/aws4_request"
    for rest in (f"&X-Amz-Signature=a&X-Amz-Expires={'9' * 5000}", "&aX-Amz-Signature=a&X-Amz-Expires=60"):
        query = f"{scope}&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host{rest}"
        with pytest.raises(SignatureRefused):
            verify(SignedRequest("GET", "/", query, {"host": "127.0.0.1"}), known, 1767225600.0)
