"""What boto3 raises becomes one line and a remedy that fits."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, WaiterError

from pipeline.clients import connect
from pipeline.errors import ServiceError, SettingsError
from pipeline.service_errors import translated


def refused(code: str, message: str, operation: str = "StartPipelineExecution", **more: str) -> ServiceError:
    with pytest.raises(ServiceError) as raised, translated():
        raise ClientError({"Error": {"Code": code, "Message": message, **more}}, operation)  # type: ignore[typeddict-unknown-key]
    return raised.value


def test_a_page_that_a_proxy_sent_becomes_a_line_of_text() -> None:
    page = "<!doctype html>\n<title>502 Bad Gateway</title>\n<h1>Bad Gateway</h1>\n"
    error = refused("502", page)
    assert error.message == "StartPipelineExecution was refused (502): 502 Bad Gateway Bad Gateway"
    assert "wait a moment" in error.hint


def test_a_message_of_several_lines_becomes_one() -> None:
    assert refused("ValidationException", "1 error:\n  Value 'x'").message.endswith(": 1 error: Value 'x'")


def test_a_token_that_was_used_is_no_other_writer() -> None:
    error = refused("ConflictException", "The ClientRequestToken abc was used for another request.")
    assert error.hint == "the token belongs to a start with other parameters: give another --token"
    assert "somebody else" in refused("ConflictException", "The pipeline is being updated.").hint


def test_a_missing_bucket_is_named_in_the_command_that_creates_it() -> None:
    error = refused("NoSuchBucket", "The specified bucket does not exist", "PutObject", BucketName="digits")
    assert "`aws s3 mb s3://digits`" in error.hint


def test_a_wait_that_failed_says_how_to_go_on() -> None:
    with pytest.raises(ServiceError) as raised, translated():
        raise WaiterError("endpoint_deleted", "Max attempts exceeded", {})
    assert raised.value.hint == "repeat the command: it goes on where this one ended"


def test_an_endpoint_that_is_no_address_is_a_line_and_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(SettingsError, match="^Invalid endpoint: nonsense$") as raised:
        _ = connect(region="us-east-1").target
    assert "AWS_ENDPOINT_URL" in raised.value.hint


def test_localhost_is_spoken_to_in_its_own_region_whatever_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert connect(region="eu-west-1").session.region_name == "eu-west-1"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert connect(region="eu-west-1").session.region_name == "us-east-1"
