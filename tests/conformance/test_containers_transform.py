"""Batch transform at its edges: section 3 of the container facts, over HTTP."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import numpy as np
import pytest

from scripts.formats import recordio
from tests.support import own_container
from tests.support.own_container import behaving
from tests.support.remote_jobs import BUCKET, Remote, error_of, status
from tests.support.service import ROLE, LocalService
from tests.support.serving import BUCKET as MODELS
from tests.support.serving import JSON_ANSWER, JSONLINES_ANSWER, X1, X2, Deployer
from tests.support.waiting import until

CSV, LINES, JSON = "text/csv", "application/jsonlines", "application/json"
RECORDS = "application/x-recordio-protobuf"
ROWS = f"{X1}\n{X2}\n"
FEATURES = [[float(number) for number in row.split(",")] for row in (X1, X2)]


class Batch(Remote):
    """Transform jobs, each between two prefixes of its own."""

    def __init__(self, local: LocalService) -> None:
        super().__init__(local)
        deployer = Deployer(local)
        deployer.model("golden")
        deployer.model("echo", own_container.IMAGE, behaving(echo=True))
        deployer.model("tell", own_container.IMAGE, behaving())
        object.__setattr__(self, "_deployer", deployer)
        object.__setattr__(self, "_count", 0)

    def own(self, name: str, **behaviour: Any) -> str:
        """A model whose container behaves so."""
        model: str = self._deployer.model(name, own_container.IMAGE, behaving(**behaviour))  # type: ignore[attr-defined]
        return model

    def start(self, objects: Mapping[str, bytes | str], *, model: str = "golden", source: str = "", **more: Any) -> str:
        """The name of a job on these objects; `given` and `output` are members of its input and output."""
        object.__setattr__(self, "_count", self._count + 1)  # type: ignore[attr-defined]
        name = f"batch-{self._count}"  # type: ignore[attr-defined]
        for key, body in objects.items():
            self.local.s3.put_object(Bucket=BUCKET, Key=f"{name}/in/{key}", Body=body)
        place = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/in/{source}"}
        self.client.create_transform_job(
            TransformJobName=name,
            ModelName=model,
            TransformInput={"DataSource": {"S3DataSource": place}} | more.pop("given", {}),
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{name}/out"} | more.pop("output", {}),
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": more.pop("instances", 1)},
            **more,
        )
        return name

    def run(self, objects: Mapping[str, bytes | str], **more: Any) -> tuple[str, Any]:
        """The job's name and its description at the end."""
        name = self.start(objects, **more)
        return name, self.ended(name)

    def outputs(self, name: str) -> dict[str, bytes]:
        """What the job wrote, by key below its output path."""
        return {key: self.get(f"{name}/out/{key}") for key in self.keys(f"{name}/out/")}

    def told(self, name: str, host: str = "") -> list[Any]:
        """What the telling container said, request by request."""
        (output,) = self.outputs(name).values()
        decoder, found, text = json.JSONDecoder(), [], output.decode().strip()
        while text:
            one, end = decoder.raw_decode(text)
            found.append(one)
            text = text[end:].strip()
        return found

    def bodies(self, name: str) -> list[str]:
        """The requests that the telling container got."""
        return [one["body"] for one in self.told(name)]

    def streams(self, name: str) -> dict[str, list[str]]:
        """The lines of the job's log streams."""
        group = "/aws/sagemaker/TransformJobs"
        found = self.local.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        names = [stream["logStreamName"] for stream in found]
        read = self.local.logs.get_log_events
        return {
            stream: [e["message"] for e in read(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]]
            for stream in names
        }

    def data_log(self, name: str) -> str:
        """The service's own lines on a job."""
        return "\n".join(
            line for stream, lines in self.streams(name).items() if stream.endswith("/data-log") for line in lines
        )


@pytest.fixture(scope="module")
def batch(local: LocalService, tmp_path_factory: pytest.TempPathFactory) -> Batch:
    own_container.register(tmp_path_factory.mktemp("own"))
    return Batch(local)


def line(content_type: str = CSV, **more: Any) -> dict[str, Any]:
    return {"ContentType": content_type, "SplitType": "Line"} | more


def lines(accept: str = LINES) -> dict[str, Any]:
    return {"Accept": accept, "AssembleWith": "Line"}


# how an object becomes requests


@pytest.mark.parametrize(
    ("body", "single", "expected"),
    [
        (b"1\n2\n3", True, ["1\n", "2\n", "3"]),
        pytest.param(b"1\r\n2\r\n", True, ["1\r\n", "2\r\n"], marks=pytest.mark.long),
        pytest.param(b'"a, b",1\n"c",2\n', False, ['"a, b",1\n"c",2\n'], marks=pytest.mark.long),
        pytest.param("ä€\nb".encode(), True, ["ä€\n".encode().decode("latin-1"), "b"], marks=pytest.mark.long),
        pytest.param(b"only", False, ["only"], marks=pytest.mark.long),
    ],
)
def test_lines_are_sent_as_they_are(batch: Batch, body: bytes, single: bool, expected: list[str]) -> None:
    strategy = "SingleRecord" if single else "MultiRecord"
    name, job = batch.run({"a": body}, model="tell", given=line(), BatchStrategy=strategy)
    assert status(job) == "Completed" and batch.bodies(name) == expected


@pytest.mark.long
def test_multirecord_fills_requests_with_whole_records(batch: Batch) -> None:
    size = 400 * 1024
    rows = [str(number) * (size - 1) + "\n" for number in range(5)]
    name, _ = batch.run({"a": "".join(rows)}, model="tell", given=line(), MaxPayloadInMB=1)
    assert batch.bodies(name) == [rows[0] + rows[1], rows[2] + rows[3], rows[4]]


def test_a_record_above_the_limit_fails_its_object_only(batch: Batch) -> None:
    objects = {"long": "1\n" + "x" * (1024**2 + 1) + "\n", "short": "1\n2\n"}
    name, job = batch.run(objects, model="echo", given=line(), output=lines(CSV), MaxPayloadInMB=1)
    assert (status(job), job["FailureReason"]) == ("Failed", "ClientError: See job logs for more information")
    assert batch.outputs(name) == {"short.out": b"1\n2\n"}


@pytest.mark.long
def test_without_a_limit_the_whole_object_is_one_request(batch: Batch) -> None:
    body = "x" * (7 * 1024**2)
    name, job = batch.run({"a": body}, model="echo", given={"ContentType": CSV}, MaxPayloadInMB=0)
    assert status(job) == "Completed" and len(batch.outputs(name)["a.out"]) == len(body)
    name, _ = batch.run({"a": "x"}, model="tell", given={"ContentType": CSV}, MaxPayloadInMB=0)
    (told,) = batch.told(name)
    assert told["headers"]["transfer-encoding"] == "chunked" and "content-length" not in told["headers"]
    name, job = batch.run({"a": body}, model="echo", given={"ContentType": CSV})
    assert status(job) == "Failed", "6 MB are the default"


@pytest.mark.long
def test_records_of_recordio_come_and_go_in_their_frames(batch: Batch) -> None:
    data = recordio.encode_dense(np.array(FEATURES, np.float32), None)
    given = {"ContentType": RECORDS, "SplitType": "RecordIO"}
    name, _ = batch.run({"a": data}, model="tell", given=given)
    assert batch.bodies(name) == [data.decode("latin-1")]
    single, _ = batch.run({"a": data}, model="tell", given=given, BatchStrategy="SingleRecord")
    half = len(data) // 2
    assert [body.rstrip("\0") for body in batch.bodies(single)] == [
        part.decode("latin-1").rstrip("\0") for part in (data[:half], data[half:])
    ]
    name, job = batch.run({"a": data}, given=given, output={"Accept": RECORDS})
    assert status(job) == "Completed"
    answer = batch.outputs(name)["a.out"]
    assert answer.count(b"predicted_label") == answer.count(b"score") == 2


@pytest.mark.long
def test_a_damaged_recordio_object_is_the_clients_fault(batch: Batch) -> None:
    given = {"ContentType": RECORDS, "SplitType": "RecordIO"}
    name, job = batch.run({"a": b"\x0a\x23\xd7\xce\x08\0\0\0abc"}, given=given)
    assert job["FailureReason"] == "ClientError: See job logs for more information" and not batch.outputs(name)


@pytest.mark.long
def test_a_broken_gzip_fails_its_object_only(batch: Batch) -> None:
    good = gzip.compress(ROWS.encode())
    objects: dict[str, bytes | str] = {"good.gz": good, "cut.gz": good[:-9], "plain": ROWS}
    name, job = batch.run(objects, given=line(CompressionType="Gzip"), output=lines())
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert batch.outputs(name) == {"good.gz.out": JSONLINES_ANSWER}


# how answers become objects


@pytest.mark.long
def test_answers_are_put_together_as_they_are_or_as_lines(batch: Batch) -> None:
    for body, assembly, expected in (
        ("1\n2\n3", "None", b"1\n2\n3"),
        ("1\n2\n3", "Line", b"1\n2\n3\n"),
        ("1\n2\n", "Line", b"1\n2\n"),
    ):
        name, _ = batch.run(
            {"a": body}, model="echo", given=line(), output={"AssembleWith": assembly}, BatchStrategy="SingleRecord"
        )
        assert batch.outputs(name) == {"a.out": expected}, (body, assembly)
    batch.own("bare", answer='{"score":1}')
    name, _ = batch.run({"a": "1\n2\n"}, model="bare", given=line(), BatchStrategy="SingleRecord")
    assert batch.outputs(name)["a.out"] == b'{"score":1}{"score":1}'


@pytest.mark.long
def test_csv_without_accept_gives_one_json_document_a_request(batch: Batch) -> None:
    name, _ = batch.run({"a": ROWS}, given=line())
    assert batch.outputs(name) == {"a.out": JSON_ANSWER}
    name, _ = batch.run({"a": ROWS}, given=line(), BatchStrategy="SingleRecord")
    first, second = (json.dumps({"predictions": [one]}) for one in json.loads(JSON_ANSWER)["predictions"])
    assert batch.outputs(name) == {"a.out": (first + second).encode()}


@pytest.mark.long
def test_json_is_sent_whole(batch: Batch) -> None:
    body = json.dumps({"instances": [{"features": row} for row in FEATURES]}, indent=1)
    name, job = batch.run({"a.json": body}, given={"ContentType": JSON}, output={"Accept": JSON})
    assert status(job) == "Completed" and batch.outputs(name) == {"a.json.out": JSON_ANSWER}
    stored = batch.local.s3.head_object(Bucket=BUCKET, Key=f"{name}/out/a.json.out")
    assert stored["ContentType"] == JSON


@pytest.mark.long
def test_outputs_are_named_after_their_inputs(batch: Batch) -> None:
    keys = ["part-0", "part-1.csv", "part/x", "ä b+c%.csv", "deep/er/y.csv"]
    name, job = batch.run(dict.fromkeys(keys, "1\n"), model="echo", given=line(), instances=2)
    assert status(job) == "Completed" and sorted(batch.outputs(name)) == sorted(f"{key}.out" for key in keys)
    name, _ = batch.run({"part-0": "1", "part-1": "1", "other": "1"}, model="echo", source="part-")
    assert sorted(batch.outputs(name)) == ["part-0.out", "part-1.out"]


@pytest.mark.long
def test_the_output_path_may_be_a_whole_bucket_or_end_in_a_slash(batch: Batch) -> None:
    batch.local.s3.create_bucket(Bucket="transformed")
    for path in ("s3://transformed", "s3://transformed/", "s3://transformed/a/", "s3://transformed/a"):
        _, job = batch.run({"x": "1"}, model="echo", output={"S3OutputPath": path})
        assert status(job) == "Completed"
    listed = batch.local.s3.list_objects_v2(Bucket="transformed")["Contents"]
    assert [item["Key"] for item in listed] == ["a/x.out", "x.out"]


@pytest.mark.long
def test_an_output_to_no_bucket_fails(batch: Batch) -> None:
    name, job = batch.run({"x": "1"}, model="echo", output={"S3OutputPath": "s3://not-there/x"})
    assert status(job) == "Failed" and job["FailureReason"].startswith("ClientError")
    assert "not-there" in batch.data_log(name) or "NoSuchBucket" in batch.data_log(name)


def test_several_requests_at_once_keep_their_order(batch: Batch) -> None:
    batch.own("together", echo=True, together=8)  # each waits for the other seven
    rows = "".join(f"{number}\n" for number in range(8))
    name, job = batch.run(
        {"a": rows}, model="together", given=line(), BatchStrategy="SingleRecord", MaxConcurrentTransforms=8
    )
    assert status(job) == "Completed" and batch.outputs(name)["a.out"] == rows.encode()


# what the container is told


@pytest.mark.long
def test_a_container_is_told_of_the_batch_and_of_what_was_asked_for(batch: Batch) -> None:
    Deployer(batch.local).model("told", own_container.IMAGE, behaving(), Environment={"A": "model", "B": "model"})
    name, job = batch.run({"a": "1"}, model="told", Environment={"B": "job"}, given={"ContentType": "text/plain"})
    (told,) = batch.told(name)
    env = told["env"]
    assert env["SAGEMAKER_BATCH"] == "true" and (env["A"], env["B"]) == ("model", "job")
    assert env["TRANSFORM_JOB_ARN"] == job["TransformJobArn"] and "TRAINING_JOB_ARN" not in env
    unset = ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "SAGEMAKER_BATCH_STRATEGY", "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS")
    assert not [key for key in unset if key in env]
    assert told["headers"]["content-type"] == "text/plain" and "accept" not in told["headers"]
    assert told["headers"]["user-agent"] == "Go-http-client/1.1"
    assert not [key for key in told["headers"] if key.startswith("x-amzn")]
    set_now = {"MaxPayloadInMB": 3, "BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 2}
    name, _ = batch.run({"a": "1"}, model="told", given=line(), output={"Accept": JSON}, **set_now)
    (told,) = batch.told(name)
    assert [told["env"][key] for key in unset] == ["3", "SINGLE_RECORD", "2"]
    assert told["headers"]["accept"] == JSON


@pytest.mark.long
def test_the_request_goes_before_the_container_and_that_before_the_defaults(batch: Batch) -> None:
    batch.own(
        "wishes", parameters={"MaxConcurrentTransforms": 3, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 2}
    )
    name, _ = batch.run({"a": "1\n2\n"}, model="wishes", given=line())
    assert batch.bodies(name) == ["1\n", "2\n"]
    assert "MaxConcurrentTransforms=3, MaxPayloadInMB=2, BatchStrategy=SINGLE_RECORD" in batch.data_log(name)
    name, _ = batch.run({"a": "1\n2\n"}, model="wishes", given=line(), BatchStrategy="MultiRecord", MaxPayloadInMB=5)
    assert batch.bodies(name) == ["1\n2\n"]
    assert "MaxConcurrentTransforms=3, MaxPayloadInMB=5, BatchStrategy=MULTI_RECORD" in batch.data_log(name)
    name, _ = batch.run({"a": "1\n2\n"}, model="tell", given=line())
    assert "MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD" in batch.data_log(name)


@pytest.mark.long
def test_a_container_may_take_its_time_to_be_ready(batch: Batch) -> None:
    batch.own("late", ready_after=1.5)
    name, job = batch.run({"a": "1"}, model="late")
    assert status(job) == "Completed" and batch.bodies(name) == ["1"]


@pytest.mark.long
def test_containers_of_a_pipeline_model_answer_one_another(batch: Batch) -> None:
    url = f"s3://{MODELS}/{{}}/model.tar.gz".format
    golden = {"Image": "x/linear-learner:1", "ModelDataUrl": url("golden")}
    echo = {"Image": own_container.IMAGE, "ModelDataUrl": url("tell")}
    batch.client.create_model(ModelName="two", Containers=[golden, echo], ExecutionRoleArn=ROLE)
    name, job = batch.run({"a": ROWS}, model="two", given=line(), output={"Accept": JSON})
    assert status(job) == "Completed", batch.data_log(name)
    (told,) = batch.told(name)
    assert told["body"].encode() == JSON_ANSWER and told["headers"]["content-type"] == JSON


# what goes wrong


@pytest.mark.long
def test_the_containers_faults_are_tried_again_as_often_as_was_said(batch: Batch) -> None:
    batch.own("thrice", echo=True, fail_first=3)
    name, job = batch.run({"a": "1"}, model="thrice")
    assert status(job) == "Completed" and batch.outputs(name) == {"a.out": b"1"}
    name, job = batch.run({"a": "1"}, model="thrice", ModelClientConfig={"InvocationsMaxRetries": 2})
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    said = [text for lines in batch.streams(name).values() for text in lines if text.startswith("invocation")]
    assert len(said) == 3 and not batch.outputs(name)


@pytest.mark.long
def test_what_the_container_refuses_is_the_clients_fault_and_leaves_the_others(batch: Batch) -> None:
    batch.own("picky", echo=True, refuse=["bad"])
    objects = {"1": "good\n", "2": "good\nbad\n", "3": "good\n"}
    name, job = batch.run(objects, model="picky", given=line(), BatchStrategy="SingleRecord")
    assert (status(job), job["FailureReason"]) == ("Failed", "ClientError: See job logs for more information")
    assert batch.outputs(name) == {"1.out": b"good\n", "3.out": b"good\n"}
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}"
    log = batch.data_log(name).splitlines()
    assert all(re.match(rf"{stamp}:\[sagemaker logs\]: ", text) for text in log)
    said = [text.partition(f"[sagemaker logs]: {BUCKET}/{name}/in/2: ")[2] for text in log if f"{name}/in/2" in text]
    assert said == ["ClientError: 400", "", "Message:", "refused"]
    assert not [text for text in log if f"{name}/in/1" in text]


@pytest.mark.long
def test_a_header_row_is_a_record_that_linear_learner_refuses(batch: Batch) -> None:
    header = ",".join(f"f{number}" for number in range(14))
    name, job = batch.run({"a.csv": f"{header}\n{ROWS}"}, given=line(), output=lines())
    assert job["FailureReason"] == "ClientError: See job logs for more information" and not batch.outputs(name)
    assert "unable to evaluate payload provided" in batch.data_log(name)


@pytest.mark.long
def test_the_answer_to_a_wish_for_csv_cannot_be_joined(batch: Batch) -> None:
    """Linear-learner has no CSV output: the classical mistake of its users."""
    processing = {"JoinSource": "Input"}
    name, job = batch.run({"a.csv": ROWS}, given=line(), output=lines(CSV), DataProcessing=processing)
    assert status(job) == "Failed" and job["FailureReason"].startswith("ClientError") and not batch.outputs(name)
    assert "Failed to parse output from the algorithm as CSV" in batch.data_log(name)


@pytest.mark.long
def test_the_streams_of_a_job(batch: Batch) -> None:
    name, _ = batch.run({"a": "1", "b": "2"}, model="tell", instances=2)
    streams = batch.streams(name)
    containers = [stream for stream in streams if not stream.endswith("/data-log")]
    assert len(containers) == 2 and {f"{stream}/data-log" for stream in containers} < set(streams)
    assert all(re.fullmatch(rf"{name}/[\w-]+-\d+", stream) for stream in containers)
    assert all("container starts with ['serve']" in streams[stream] for stream in containers)


@pytest.mark.long
def test_a_stop_stores_nothing_of_what_was_under_way(batch: Batch) -> None:
    batch.own("stuck", echo=True, sleep=30)
    name = batch.start({"a": "1\n"}, model="stuck", given=line())
    until(lambda: batch.streams(name), lambda streams: any("invocation 1" in text for text in streams.values()))
    assert status(batch.describe(name)) == "InProgress"
    batch.client.stop_transform_job(TransformJobName=name)
    assert status(batch.describe(name)) in ("Stopping", "Stopped")
    job = batch.ended(name)
    assert status(job) == "Stopped" and "TransformEndTime" in job and "FailureReason" not in job
    assert not batch.outputs(name)


def test_the_description_of_a_job(batch: Batch) -> None:
    name, job = batch.run({"a": "1\n"}, model="echo", given=line(), output=lines(CSV), MaxPayloadInMB=1)
    assert set(job) == {
        "TransformJobName",
        "TransformJobArn",
        "TransformJobStatus",
        "ModelName",
        "MaxPayloadInMB",
        "TransformInput",
        "TransformOutput",
        "TransformResources",
        "CreationTime",
        "TransformStartTime",
        "TransformEndTime",
        "DataProcessing",
    }
    assert job["TransformInput"] == {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/in/"}},
        "ContentType": CSV,
        "CompressionType": "None",
        "SplitType": "Line",
    }


def test_what_is_beyond_the_documented_limits_is_refused(batch: Batch) -> None:
    for more, word in (
        ({"Environment": {f"K{number}": "" for number in range(17)}}, "environment"),
        ({"MaxPayloadInMB": 101}, "MaxPayloadInMB"),
        ({"MaxPayloadInMB": 51, "MaxConcurrentTransforms": 2}, "MaxPayloadInMB"),
        ({"ModelClientConfig": {"InvocationsMaxRetries": 4}}, "invocationsMaxRetries"),
        ({"ModelClientConfig": {"InvocationsTimeoutInSeconds": 3601}}, "invocationsTimeoutInSeconds"),
        ({"DataProcessing": {"InputFilter": "$" + "[0]" * 21}}, "inputFilter"),
        ({"DataProcessing": {"OutputFilter": "$[0]"}, "given": {"ContentType": CSV}}, "Accept"),
        ({"given": {"ContentType": JSON, "SplitType": "Line"}, "output": {"Accept": JSON},
          "DataProcessing": {"JoinSource": "Input"}}, "AssembleWith"),
    ):  # fmt: skip
        code, message = error_of(batch.start, objects={}, model="echo", **more)
        assert code == "ValidationException" and word in message, (more, message)


# filters and joins


# What a path picks is held in process, by the tests of filters: these are whole jobs.
FILTERS: list[tuple[str, str, str, dict[str, str], str]] = [
    (CSV, CSV, "a,1,2\nb,3,4\n", {"InputFilter": "$[1:]"}, "1,2\n3,4\n"),
    (CSV, CSV, "a,1,2\n", {"InputFilter": "$[0,-1]"}, "a,2\n"),
    (CSV, CSV, "a,1,2\n", {"InputFilter": "$[2]"}, "2\n"),
    (CSV, CSV, "a,1,2\n", {"InputFilter": "$[0,2:]"}, "a,2\n"),
    (CSV, CSV, "a,1\n", {"JoinSource": "Input"}, "a,1,a,1\n"),
    (CSV, CSV, "a,1,2\n", {"InputFilter": "$[1]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}, "a,1\n"),
    (CSV, CSV, '"x, ""y""",1\n', {"JoinSource": "Input", "OutputFilter": "$[0]"}, '"x, ""y"""\n'),
    (CSV, CSV, '"x, y",007,1e3\n', {"InputFilter": "$[0:]"}, '"x, y",007,1e3\n'),
    (LINES, LINES, '{"a":{"b":[1,2]},"c":3}\n', {"InputFilter": "$.a.b"}, "[1,2]\n"),
    (LINES, LINES, '{"a":1,"b":2,"c":3}\n', {"InputFilter": "$['a','c']"}, '{"a":1,"c":3}\n'),
    (LINES, LINES, '{"a":1}\n', {"JoinSource": "Input"}, '{"SageMakerOutput":{"a":1},"a":1}\n'),
    (LINES, LINES, "[1]\n", {"JoinSource": "Input"}, '{"SageMakerInput":[1],"SageMakerOutput":[1]}\n'),
    (
        LINES,
        LINES,
        '{"id":1,"x":2}\n{"id":3,"x":4}\n',
        {"InputFilter": "$.x", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"},
        '{"SageMakerOutput":2,"id":1}\n{"SageMakerOutput":4,"id":3}\n',
    ),
    (
        LINES,
        LINES,
        '{"id":1,"x":{"y":2}}\n',
        {"InputFilter": "$.x", "JoinSource": "Input", "OutputFilter": "$.SageMakerOutput.y"},
        "2\n",
    ),
]
BRIEF = (5,)


@pytest.mark.parametrize(
    ("content_type", "accept", "body", "processing", "expected"),
    [
        pytest.param(*row, id=f"{row[0]} {number}", marks=() if number in BRIEF else pytest.mark.long)
        for number, row in enumerate(FILTERS)
    ],
)
def test_filters_and_joins(
    batch: Batch, content_type: str, accept: str, body: str, processing: dict[str, str], expected: str
) -> None:
    several = body.count("\n") > 1
    for strategy in ("MultiRecord", "SingleRecord") if several else ("MultiRecord",):
        name, job = batch.run(
            {"a": body},
            model="echo",
            given=line(content_type),
            output=lines(accept),
            DataProcessing=processing,
            BatchStrategy=strategy,
        )
        assert status(job) == "Completed", batch.data_log(name)
        assert batch.outputs(name)["a.out"].decode() == expected, strategy


def test_a_whole_json_document_is_filtered_and_joined(batch: Batch) -> None:
    body = json.dumps({"id": 7, "payload": {"instances": [{"features": row} for row in FEATURES]}}, indent=2)
    name, job = batch.run(
        {"a": body},
        given={"ContentType": JSON},
        output={"Accept": JSON},
        DataProcessing={"InputFilter": "$.payload", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"},
    )
    assert status(job) == "Completed", batch.data_log(name)
    assert json.loads(batch.outputs(name)["a.out"]) == {"id": 7, "SageMakerOutput": json.loads(JSON_ANSWER)}


@pytest.mark.long
def test_predictions_of_linear_learner_beside_their_keys(batch: Batch) -> None:
    """An id column that the model does not see: features as JSON Lines, the answer beside the input's id."""
    rows = [{"id": f"r{n}", "features": row} for n, row in enumerate(FEATURES * 50)]
    name, job = batch.run(
        {"a": "".join(json.dumps(row) + "\n" for row in rows)},
        given=line(LINES),
        output=lines(),
        DataProcessing={
            "InputFilter": "$['features']",
            "JoinSource": "Input",
            "OutputFilter": "$['id','SageMakerOutput']",
        },
    )
    # `$['features']` is the list alone, which is no record of linear-learner's.
    assert status(job) == "Failed"
    nested = [{"id": row["id"], "data": {"features": row["features"]}} for row in rows]
    name, job = batch.run(
        {"a": "".join(json.dumps(row) + "\n" for row in nested)},
        given=line(LINES),
        output=lines(),
        DataProcessing={"InputFilter": "$.data", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"},
    )
    assert status(job) == "Completed", batch.data_log(name)
    found = [json.loads(text) for text in batch.outputs(name)["a.out"].splitlines()]
    assert [one["id"] for one in found] == [row["id"] for row in rows]
    assert {one["SageMakerOutput"]["score"] for one in found} == {0.989977359771728, 0.504138827323913}


def test_a_path_beyond_the_record_fails_the_object(batch: Batch) -> None:
    name, job = batch.run(
        {"a": "1,2\n", "b": "1,2,3\n"},
        model="echo",
        given=line(),
        output=lines(CSV),
        DataProcessing={"InputFilter": "$[2]"},
    )
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert batch.outputs(name) == {"b.out": b"3\n"}


# what is captured


def manifests(batch: Batch, name: str, side: str) -> list[list[Any]]:
    """The captured manifests of one side, whose keys tell the hour of the job's start."""
    started = batch.describe(name)["TransformStartTime"].astimezone(UTC)
    keys = batch.keys(f"{name}/captured/{side}/")
    assert all(re.fullmatch(rf"{started:%Y/%m/%d/%H}/[^/]+", key) for key in keys), keys
    return [json.loads(batch.get(f"{name}/captured/{side}/{key}")) for key in keys]


@pytest.mark.long
def test_the_manifests_of_a_capture_name_what_went_in_and_came_out(batch: Batch) -> None:
    name = f"batch-{batch._count + 1}"  # type: ignore[attr-defined]
    capture = {"DestinationS3Uri": f"s3://{BUCKET}/{name}/captured/"}
    found, job = batch.run({"a": "1\n", "sub/b": "2\n"}, model="echo", DataCaptureConfig=capture)
    assert found == name and status(job) == "Completed" and job["DataCaptureConfig"] == capture
    assert manifests(batch, name, "input") == [[{"prefix": f"s3://{BUCKET}/{name}/in/"}, "a", "sub/b"]]
    assert manifests(batch, name, "output") == [[{"prefix": f"s3://{BUCKET}/{name}/out/"}, "a.out", "sub/b.out"]]
    assert batch.outputs(name)["a.out"] == b"1\n", "no ids unless they are asked for"


@pytest.mark.parametrize(
    ("accept", "body", "pattern"),
    [
        (CSV, "0\n1\n", r"0,{uuid},{time}\n1,{uuid},{time}\n"),
        pytest.param(
            LINES,
            '{"output":0.10}\n{}\n',
            r'\{{"output":0.10,"SageMakerInferenceId":"{uuid}","SageMakerInferenceTime":"{time}"\}}\n'
            r'\{{"SageMakerInferenceId":"{uuid}","SageMakerInferenceTime":"{time}"\}}\n',
            marks=pytest.mark.long,
        ),
    ],
)
def test_each_record_gets_an_inference_id_and_the_start_of_the_job(
    batch: Batch, accept: str, body: str, pattern: str
) -> None:
    capture = {"DestinationS3Uri": f"s3://{BUCKET}/captured", "GenerateInferenceId": True}
    name, job = batch.run(
        {"a": body}, model="echo", given=line(accept), output=lines(accept), DataCaptureConfig=capture
    )
    started = job["TransformStartTime"].astimezone(UTC)
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    text = batch.outputs(name)["a.out"].decode()
    assert re.fullmatch(pattern.format(uuid=uuid, time=f"{started:%Y-%m-%dT%H:%M:%SZ}"), text), text
    ids = re.findall(uuid, text)
    assert len(set(ids)) == 2
