"""Captured requests and answers reach S3, as the configuration says."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest

from pipeline.local.containers.hosting.capture import Capture
from pipeline.local.containers.hosting.connection import ContainerAnswer
from pipeline.local.s3.store import Objects
from tests.support.service import LocalService
from tests.support.serving import (
    BATCH,
    BUCKET,
    Deployer,
)
from tests.support.waiting import until


def test_captured_data_reach_s3(deployer: Deployer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.local.containers.hosting.capture.INTERVAL", 0.1)
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    deployer.model("watched")
    deployer.endpoint("watched", deployer.configuration("watched", "watched", DataCaptureConfig=capture))
    summary = deployer.client.describe_endpoint(EndpointName="watched")["DataCaptureConfig"]
    assert summary["CaptureStatus"] == "Started" and summary["CurrentSamplingPercentage"] == 100
    deployer.invoke("watched", BATCH, InferenceId="me")
    prefix = "captured/watched/watched/"
    listed = until(lambda: deployer.local.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []), bool)
    line = json.loads(deployer.local.s3.get_object(Bucket=BUCKET, Key=listed[0]["Key"])["Body"].read())
    given, answered = line["captureData"]["endpointInput"], line["captureData"]["endpointOutput"]
    assert given == {"observedContentType": "text/csv", "mode": "INPUT", "data": BATCH, "encoding": "CSV"}
    assert answered["encoding"] == "BASE64" and answered["mode"] == "OUTPUT"
    assert line["eventMetadata"]["inferenceId"] == "me" and line["eventVersion"] == "0"


def test_a_capture_goes_on_after_a_moment_without_room(local: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[str] = []

    def put(objects: Objects, bucket: str, key: str, data: bytes, **more: Any) -> Any:
        if not refused:
            refused.append(key)
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(objects, bucket, key, data, **more)

    really = Objects.put
    monkeypatch.setattr(Objects, "put", put)
    monkeypatch.setattr("pipeline.local.containers.hosting.capture.INTERVAL", 0.01)
    settings = {"InitialSamplingPercentage": 100, "DestinationS3Uri": f"s3://{BUCKET}/room"}
    watching = Capture(local.service, "e", settings | {"CaptureOptions": [{"CaptureMode": "Input"}]})
    try:
        watching.record("v", {}, b"first", ContainerAnswer(200))
        until(lambda: refused, bool)
        watching.record("v", {}, b"second", ContainerAnswer(200))
        found = until(lambda: list(local.service.objects.list(BUCKET, "room/e/v/")), bool)
        assert b"c2Vjb25k" in local.service.objects.get(BUCKET, found[0].key)
    finally:
        watching.close()
