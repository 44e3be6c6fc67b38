"""An endpoint whose requests are answered here, the data that its model learnt from, and files of rows for it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.response import StreamingBody

from pipeline.clients import Clients
from pipeline.operate.predict import PredictedRow, predict, rows
from scripts.features.featurizer import Category, Featurizer

ROWS = [[1.0, 0.5, -2.25], [0.1, 1e-7, 3.0]]


def parsed(path: Path) -> list[list[float]]:
    return [[float(value) for value in sent.line.decode().split(",")] for sent in rows(path)]


class Endpoint(Clients):
    """A client whose requests are answered here: each row's score is its first number, its label 1.

    `inspection` is what the conversion of the data that its model learnt from left; none for a model made elsewhere.
    A model that takes `raw` columns has a container before it, which reads a header. What it says to `refuse` it
    says of requests with `at` in them.
    """

    def __init__(
        self,
        refuse: str = "",
        reply: bytes | None = None,
        inspection: dict[str, Any] | None = None,
        *,
        raw: Sequence[str] = (),
        at: bytes = b"",
        status: int = 400,
    ) -> None:
        super().__init__(boto3.Session("k", "s", region_name="us-east-1"))
        self.asked: list[bytes] = []
        self._refuse = refuse
        self._reply = reply
        self._inspection = inspection
        self._raw = raw
        self._header = tuple(f"{name},".encode() for name in raw)
        self._at = at
        self._status = status
        answers = (
            (self.sagemaker, "before-call.sagemaker", self._describe),
            (self.s3, "before-call.s3.GetObject", self._object),
            (self.runtime, "before-call.sagemaker-runtime.InvokeEndpoint", self._answer),
        )
        for client, event, answer in answers:
            events: Any = client.meta.events  # the stubs know of no handler that answers
            events.register(event, answer)

    def _describe(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        from botocore.awsrequest import AWSResponse

        source = {"S3DataSource": {"S3Uri": "s3://b/p/executions/e/ConvertData/train", "S3DataType": "S3Prefix"}}
        artefact = "s3://b/p/executions/e/TrainModel/model/job-1/output/model.tar.gz"
        known: dict[str, Any] = {
            "DescribeEndpoint": {"EndpointConfigName": "c"},
            "DescribeEndpointConfig": {"ProductionVariants": [{"ModelName": "m"}]},
            "DescribeModel": {"Containers": [{"ModelDataUrl": artefact}] * (2 if self._raw else 1)},
            "DescribeTrainingJob": {"InputDataConfig": [{"ChannelName": "train", "DataSource": source}]},
        }
        http = AWSResponse("http://127.0.0.1", 200, {}, None)  # type: ignore[arg-type]
        return http, known[model.name]

    def _object(self, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        from botocore.awsrequest import AWSResponse

        inspection = params["url_path"].endswith("/ConvertData/inspection/inspection.json")
        assert inspection or params["url_path"].endswith("/ConvertData/inspection/featurizer.json"), params["url_path"]
        status = 200 if self._inspection else 404
        http = AWSResponse("http://127.0.0.1", status, {}, None)  # type: ignore[arg-type]
        if self._inspection is None:
            return http, {"Error": {"Code": "NoSuchKey", "Message": "gone"}, "ResponseMetadata": {}}
        fitted = Featurizer(tuple(Category(name, ("Bonn",), True) for name in self._raw))
        text = json.dumps(self._inspection).encode() if inspection else fitted.dump()
        return http, {"Body": StreamingBody(io.BytesIO(text), len(text)), "ResponseMetadata": {}}

    def _answer(self, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        from botocore.awsrequest import AWSResponse

        body = params["body"] if isinstance(params["body"], bytes) else params["body"].read()
        self.asked.append(body)
        refused = bool(self._refuse) and self._at in b"\n" + body
        status = 424 if refused else 200
        http = AWSResponse("http://127.0.0.1", status, {}, None)  # type: ignore[arg-type]
        if refused:
            error = {"Code": "ModelError", "Message": self._refuse}
            return http, {"Error": error, "OriginalStatusCode": self._status, "ResponseMetadata": {}}
        lines = [line for line in body.splitlines() if not line.startswith(self._header)]
        text = self._reply if self._reply is not None else b"".join(map(_answered, lines))
        return http, {"Body": StreamingBody(io.BytesIO(text), len(text)), "ResponseMetadata": {}}


def _answered(line: bytes) -> bytes:
    return json.dumps({"score": float(line.split(b",")[0]), "predicted_label": 1}).encode() + b"\n"


def inspected(label: str = "'kind' (column 3 of 3)", **features: Any) -> dict[str, Any]:
    given = {"names": ["width", "height"], "count": 2, "scale": 1.0} | features
    return {"label": label, "classes": ["frog", "newt"], "features": given}


RAW = inspected("'kind' (column 2 of 3)", names=["age = 3", "city = Bonn"])


def sent_for(folder: Path, text: str, inspection: dict[str, Any]) -> tuple[Endpoint, list[PredictedRow]]:
    path = folder / ("rows.json" if text[0] in "{[" else "rows.csv")
    path.write_text(text)
    endpoint = Endpoint(inspection=inspection)
    return endpoint, list(predict(endpoint, "demo", path))
