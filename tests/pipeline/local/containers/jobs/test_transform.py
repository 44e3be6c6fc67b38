"""Batch transform jobs through boto3: splits, strategies, assembly, filters, joins, failures, stop."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from scripts.formats import recordio
from tests.support.damage import shorten
from tests.support.service import LocalService, local_service
from tests.support.serving import (
    BUCKET,
    FOREIGN_IMAGE,
    JSONLINES_ANSWER,
    X1,
    X2,
    Deployer,
    register_foreign,
)
from tests.support.waiting import until

ROWS = f"{X1}\n{X2}\n"
JSONLINES = "application/jsonlines"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("transform")
    register_foreign(folder)
    with local_service(folder) as running:
        yield running


class Batches:
    """Runs transform jobs, each on a prefix of its own."""

    def __init__(self, local: LocalService) -> None:
        self.local = local
        self.client = local.sagemaker
        deployer = Deployer(local)
        self.golden = deployer.model("golden")
        self.echo = deployer.model("echo", FOREIGN_IMAGE, {"model.json": b'{"echo": true}'})
        self.tell = deployer.model("tell", FOREIGN_IMAGE, {})
        self._count = 0

    def run(
        self, objects: Mapping[str, bytes | str], *, model: str = "golden", wait: bool = True, **more: Any
    ) -> tuple[str, Any]:
        """The job's name and its description at the end."""
        self._count += 1
        name = f"job-{self._count}"
        for key, body in objects.items():
            self.local.s3.put_object(Bucket=BUCKET, Key=f"{name}/in/{key}", Body=body)
        given = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/in/"}}}
        request = {
            "TransformJobName": name,
            "ModelName": model,
            "TransformInput": given | more.pop("given", {}),
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/{name}/out"} | more.pop("output", {}),
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": more.pop("instances", 1)},
        }
        self.client.create_transform_job(**request, **more)
        return name, self.settled(name) if wait else None

    def settled(self, name: str) -> Any:
        over = ("Completed", "Failed", "Stopped")
        return self.local.when(
            lambda: self.client.describe_transform_job(TransformJobName=name),
            lambda found: found["TransformJobStatus"] in over,
        )

    def outputs(self, name: str) -> dict[str, bytes]:
        """What the job wrote, by key below its output path."""
        prefix = f"{name}/out/"
        listed = self.local.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        keys = [item["Key"] for item in listed]
        read = self.local.s3.get_object
        return {key.removeprefix(prefix): read(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def requests(self, name: str) -> list[str]:
        """The bodies that the telling container got."""
        (output,) = self.outputs(name).values()
        decoder, texts, text = json.JSONDecoder(), [], output.decode().strip()
        while text:
            told, end = decoder.raw_decode(text)
            texts.append(told["body"])
            text = text[end:].strip()
        return texts

    def data_log(self, name: str) -> str:
        events = self.local.logs.filter_log_events(
            logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=f"{name}/"
        )["events"]
        return "\n".join(event["message"] for event in events)


@pytest.fixture(scope="module")
def batches(local: LocalService) -> Batches:
    return Batches(local)


def csv(**more: Any) -> dict[str, Any]:
    return {"ContentType": "text/csv", "SplitType": "Line"} | more


def lines(**more: Any) -> dict[str, Any]:
    return {"Accept": JSONLINES, "AssembleWith": "Line"} | more


def test_csv_lines_become_json_lines(batches: Batches) -> None:
    name, job = batches.run({"data.csv": ROWS}, given=csv(), output=lines())
    assert job["TransformJobStatus"] == "Completed", job
    assert batches.outputs(name) == {"data.csv.out": JSONLINES_ANSWER}
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert job["TransformInput"]["CompressionType"] == "None"
    assert job["DataProcessing"] == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    assert "MaxConcurrentTransforms=" in batches.data_log(name)


@pytest.mark.long
def test_each_object_has_its_output_below_the_prefix(batches: Batches) -> None:
    objects = {"a.csv": ROWS, "sub/b.csv": ROWS, "sub/": ""}
    name, job = batches.run(objects, given=csv(), output=lines(), instances=2)
    assert job["TransformJobStatus"] == "Completed"
    assert set(batches.outputs(name)) == {"a.csv.out", "sub/b.csv.out"}


@pytest.mark.long
def test_a_single_object_is_named_by_its_last_part(batches: Batches) -> None:
    batches.local.s3.put_object(Bucket=BUCKET, Key="one/deep/x.csv", Body=ROWS)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/one/deep/x.csv"}}
    name, _ = batches.run({}, given=csv(DataSource=source), output=lines())
    assert set(batches.outputs(name)) == {"x.csv.out"}


@pytest.mark.long
def test_a_manifest_names_the_objects(batches: Batches) -> None:
    batches.local.s3.put_object(Bucket=BUCKET, Key="many/1.csv", Body=ROWS)
    batches.local.s3.put_object(Bucket=BUCKET, Key="many/2.csv", Body=ROWS)
    manifest = json.dumps([{"prefix": f"s3://{BUCKET}/many/"}, "2.csv"])
    batches.local.s3.put_object(Bucket=BUCKET, Key="many.manifest", Body=manifest)
    source = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/many.manifest"}}
    name, _ = batches.run({}, given=csv(DataSource=source), output=lines())
    assert set(batches.outputs(name)) == {"2.csv.out"}


@pytest.mark.long
def test_gzip_is_unpacked(batches: Batches) -> None:
    name, _ = batches.run({"a.csv.gz": gzip.compress(ROWS.encode())}, given=csv(CompressionType="Gzip"), output=lines())
    assert batches.outputs(name) == {"a.csv.gz.out": JSONLINES_ANSWER}


@pytest.mark.long
def test_an_object_that_is_damaged_within_fails_the_job_and_no_other_object(batches: Batches) -> None:
    damaged = bytes.fromhex("1f8b08000000000000ff") + b"\x07" * 20
    objects = {"a.gz": damaged, "b.gz": gzip.compress(ROWS.encode())}
    name, job = batches.run(objects, given=csv(CompressionType="Gzip"), output=lines())
    assert (job["TransformJobStatus"], job["FailureReason"]) == (
        "Failed",
        "ClientError: See job logs for more information",
    )
    assert batches.outputs(name) == {"b.gz.out": JSONLINES_ANSWER}


@pytest.mark.long
def test_an_object_that_is_damaged_on_disk_is_not_transformed_in_part(batches: Batches) -> None:
    batches.local.s3.put_object(Bucket=BUCKET, Key="short/a.csv", Body=ROWS)
    shorten(batches.local.service.objects, BUCKET, "short/a.csv", ROWS.index("\n") + 1)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/short/"}}
    name, job = batches.run({}, given=csv(DataSource=source), output=lines())
    assert job["TransformJobStatus"] == "Failed"
    assert batches.outputs(name) == {}


@pytest.mark.long
def test_recordio_is_split_by_its_frames(batches: Batches) -> None:
    rows = np.array([[float(x) for x in row.split(",")] for row in (X1, X2)], np.float32)
    # Sparse records end in padding, which a single one loses on its way to the container.
    ends, keys = np.arange(0, 29, 14), np.tile(np.arange(14), 2)
    sparse = recordio.encode_sparse(ends, keys, rows.ravel(), rows.shape, None)
    assert int.from_bytes(sparse[4:8], "little") % 4
    objects = {"dense": recordio.encode_dense(rows, None), "sparse": sparse}
    given = {"ContentType": "application/x-recordio-protobuf", "SplitType": "RecordIO"}
    for strategy in ("SingleRecord", "MultiRecord"):
        name, job = batches.run(objects, given=given, output={"Accept": JSONLINES}, BatchStrategy=strategy)
        assert job["TransformJobStatus"] == "Completed", job
        assert batches.outputs(name) == {"dense.out": JSONLINES_ANSWER, "sparse.out": JSONLINES_ANSWER}


def test_tfrecords_stay_whole(batches: Batches) -> None:
    records = [struct.pack("<Q", len(data)) + b"CRC1" + data + b"CRC2" for data in (b"one", b"three")]
    given = {"ContentType": "application/x-tfrecord", "SplitType": "TFRecord"}
    name, _ = batches.run({"t": b"".join(records)}, model="tell", given=given, BatchStrategy="SingleRecord")
    assert batches.requests(name) == [record.decode("latin-1") for record in records]


@pytest.mark.parametrize(
    ("strategy", "split_type", "expected"),
    [
        ("SingleRecord", "Line", ["1,2\n", "3,4\n", "5,6"]),
        pytest.param("MultiRecord", "Line", ["1,2\n3,4\n5,6"], marks=pytest.mark.long),
        pytest.param(None, "None", ["1,2\n3,4\n5,6"], marks=pytest.mark.long),
    ],
)
def test_strategies_make_requests(batches: Batches, strategy: str | None, split_type: str, expected: list[str]) -> None:
    more = {"BatchStrategy": strategy} if strategy else {}
    name, _ = batches.run({"a": "1,2\n3,4\n5,6"}, model="tell", given=csv(SplitType=split_type), **more)
    assert batches.requests(name) == expected


@pytest.mark.long
def test_requests_keep_below_the_payload_limit_and_their_order(batches: Batches) -> None:
    rows = [f"{number:07}," + "x" * 1000 for number in range(4000)]
    name, job = batches.run(
        {"big": "\n".join(rows) + "\n"},
        model="echo",
        given=csv(),
        output={"AssembleWith": "None"},
        MaxPayloadInMB=1,
        MaxConcurrentTransforms=4,
    )
    assert job["TransformJobStatus"] == "Completed"
    assert batches.outputs(name)["big.out"].decode().splitlines() == rows


def test_line_assembly_ends_each_answer_with_one_newline(batches: Batches) -> None:
    name, _ = batches.run(
        {"a": "1\n2\n3"}, model="echo", given=csv(), output={"AssembleWith": "Line"}, BatchStrategy="SingleRecord"
    )
    assert batches.outputs(name)["a.out"] == b"1\n2\n3\n"


@pytest.mark.long
def test_the_container_sees_the_jobs_environment(batches: Batches) -> None:
    name, _ = batches.run(
        {"a": "1"},
        model="tell",
        given=csv(),
        MaxPayloadInMB=2,
        BatchStrategy="MultiRecord",
        Environment={"TINT": "blue"},
    )
    (output,) = batches.outputs(name).values()
    env, sent = json.loads(output)["env"], json.loads(output)["headers"]
    assert env["SAGEMAKER_BATCH"] == "true" and env["TINT"] == "blue"
    assert env["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "2" and env["SAGEMAKER_BATCH_STRATEGY"] == "MULTI_RECORD"
    assert "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS" not in env
    assert env["TRANSFORM_JOB_ARN"].endswith(f":transform-job/{name}")
    assert sent["content-type"] == "text/csv" and sent["user-agent"] == "Go-http-client/1.1" and "accept" not in sent


@pytest.mark.long
def test_the_container_may_say_how_it_wants_its_requests(batches: Batches) -> None:
    parameters = {"MaxConcurrentTransforms": 2, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 1}
    model = json.dumps({"parameters": parameters}).encode()
    Deployer(batches.local).model("wishes", FOREIGN_IMAGE, {"model.json": model})
    name, _ = batches.run({"a": "1\n2\n"}, model="wishes", given=csv())
    assert batches.requests(name) == ["1\n", "2\n"]
    name, _ = batches.run({"a": "1\n2\n"}, model="wishes", given=csv(), BatchStrategy="MultiRecord")
    assert batches.requests(name) == ["1\n2\n"]


@pytest.mark.long
def test_a_bad_object_fails_the_job_but_not_the_others(batches: Batches) -> None:
    name, job = batches.run({"a.csv": ROWS, "b.csv": "1,2\n", "c.csv": ROWS}, given=csv(), output=lines())
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert set(batches.outputs(name)) == {"a.csv.out", "c.csv.out"}
    log = batches.data_log(name)
    assert f":[sagemaker logs]: {BUCKET}/{name}/in/b.csv: ClientError: 400" in log
    assert "unable to evaluate payload provided" in log
    assert "The feature dimension of the input: 2 does not match" in log


def test_a_failing_container_is_an_algorithm_error(batches: Batches) -> None:
    client = {"InvocationsMaxRetries": 1}
    name, job = batches.run({"a": "boom"}, model="echo", given=csv(), ModelClientConfig=client)
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert "Bad HTTP status received from algorithm: 500" in batches.data_log(name)
    name, job = batches.run(
        {"a": "slow"},
        model="echo",
        given=csv(),
        ModelClientConfig={"InvocationsMaxRetries": 0, "InvocationsTimeoutInSeconds": 1},
    )
    assert "Model server did not respond to /invocations request within 1 seconds" in batches.data_log(name)
    name, job = batches.run({"a": "die"}, model="echo", given=csv(), ModelClientConfig={"InvocationsMaxRetries": 0})
    assert "Unable to get response from algorithm" in batches.data_log(name)


@pytest.mark.long
def test_a_model_that_does_not_start(batches: Batches) -> None:
    Deployer(batches.local).model("crash", FOREIGN_IMAGE, {"model.json": b'{"crash": true}'})
    _, job = batches.run({"a": "1"}, model="crash", given=csv())
    assert job["FailureReason"] == "AlgorithmError: Model container failed to respond to ping"


@pytest.mark.long
def test_an_unsplit_object_above_the_limit_fails(batches: Batches) -> None:
    name, job = batches.run({"a": "x" * (1024**2 + 1)}, model="echo", MaxPayloadInMB=1)
    assert job["TransformJobStatus"] == "Failed" and not batches.outputs(name)
    assert "MaxPayloadInMB" in batches.data_log(name)


def test_no_input_fails_the_job(batches: Batches) -> None:
    _, job = batches.run({}, given=csv())
    assert job["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL")


@pytest.mark.long
def test_csv_rows_are_filtered_and_joined(batches: Batches) -> None:
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    name, job = batches.run(
        {"a": "id1,1,2\nid2,3,4\n"},
        model="echo",
        given=csv(),
        output={"Accept": "text/csv", "AssembleWith": "Line"},
        DataProcessing=processing,
    )
    assert job["TransformJobStatus"] == "Completed", batches.data_log(name)
    assert batches.outputs(name)["a.out"] == b"id1,2\nid2,4\n"


@pytest.mark.long
def test_json_lines_are_filtered_and_joined(batches: Batches) -> None:
    objects = [
        {"id": number, "features": {"features": [float(x) for x in row.split(",")]}}
        for number, row in enumerate((X1, X2))
    ]
    name, job = batches.run(
        {"a.jsonl": "".join(json.dumps(item) + "\n" for item in objects)},
        given={"ContentType": JSONLINES, "SplitType": "Line"},
        output=lines(),
        DataProcessing={
            "InputFilter": "$.features",
            "JoinSource": "Input",
            "OutputFilter": "$['id','SageMakerOutput']",
        },
    )
    assert job["TransformJobStatus"] == "Completed", batches.data_log(name)
    first, second = batches.outputs(name)["a.jsonl.out"].decode().splitlines()
    assert first == '{"SageMakerOutput":{"predicted_label":1,"score":0.989977359771728},"id":0}'
    assert json.loads(second)["id"] == 1


@pytest.mark.long
def test_a_filter_beyond_the_record_fails_the_object(batches: Batches) -> None:
    name, job = batches.run(
        {"a": "1,2\n"},
        model="echo",
        given=csv(),
        output={"Accept": "text/csv", "AssembleWith": "Line"},
        DataProcessing={"OutputFilter": "$[7]"},
    )
    assert job["FailureReason"].startswith("ClientError")
    assert "index 7 is outside a record of 2 elements" in batches.data_log(name)


@pytest.mark.long
def test_a_stopped_job_stores_nothing_and_waits_for_no_answer(batches: Batches, tmp_path: Path) -> None:
    paused = tmp_path / "paused"
    name, _ = batches.run({"a": f"pause {paused}"}, model="echo", given=csv(), wait=False)
    until(paused.exists)
    batches.client.stop_transform_job(TransformJobName=name)
    job = batches.settled(name)
    assert job["TransformJobStatus"] == "Stopped" and paused.exists()
    assert not batches.outputs(name)
    with pytest.raises(ClientError, match="The request was rejected because the transform job is in status Stopped"):
        batches.client.stop_transform_job(TransformJobName=name)


def test_jobs_leave_no_processes_and_no_files(batches: Batches) -> None:
    name, _ = batches.run({"a.csv": ROWS}, given=csv(), output=lines())
    folder = batches.local.service.state.jobs / "transform-job" / name
    assert {entry.name for entry in folder.iterdir()} <= {"log", "output"}
    assert not list((folder / "output").iterdir())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}, "must not exceed 100"),
        ({"BatchStrategy": "SingleRecord"}, "needs a SplitType"),
        ({"DataProcessing": {"InputFilter": "features"}}, "no JSONPath"),
        ({"DataProcessing": {"InputFilter": "$..x"}}, "no JSONPath"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "ContentType"),
        ({"given": {"ContentType": "text/csv"}, "output": {"Accept": "text/csv"},
          "DataProcessing": {"JoinSource": "Input"}}, "SplitType Line"),
        ({"model": "nobody"}, "Could not find model"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_create(batches: Batches, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        batches.run({}, **more)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.long
def test_names_are_unique_and_jobs_are_listed(batches: Batches) -> None:
    name, _ = batches.run({"a.csv": ROWS}, given=csv(), output=lines())
    batches._count -= 1
    with pytest.raises(ClientError, match="Transform job names must be unique within an AWS account") as caught:
        batches.run({}, given=csv())
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    listed = batches.client.list_transform_jobs(NameContains="job-", MaxResults=2)
    assert listed["TransformJobSummaries"][0]["TransformJobName"] == name and "NextToken" in listed
    with pytest.raises(ClientError, match="Could not find requested job with name: "):
        batches.client.describe_transform_job(TransformJobName="none")
    with pytest.raises(ClientError, match="Could not find job to update with name"):
        batches.client.stop_transform_job(TransformJobName="none")
