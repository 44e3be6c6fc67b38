"""Jobs for tests that know nothing of the service but its HTTP: everything through boto3 clients."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from tests.support.service import ROLE, LocalService
from tests.support.waiting import until

Body = dict[str, Any]
BUCKET: Final = "bucket"
IMAGE: Final = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.0-1-cpu-py3"
"""Of a tag whose libraries are not listed, so that a log holds what the job prints."""
LINEAR_LEARNER: Final = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
CODE: Final = "/opt/ml/processing/input/code"
_OVER: Final = ("Completed", "Failed", "Stopped")
_names = itertools.count(1)


@dataclass(frozen=True)
class Remote:
    """The bucket and the jobs of a running service, by its clients."""

    local: LocalService

    @property
    def client(self) -> Any:
        """The client of SageMaker."""
        return self.local.sagemaker

    def put(self, **objects: str | bytes) -> None:
        """Objects of the bucket by key."""
        for key, content in objects.items():
            body = content.encode() if isinstance(content, str) else content
            self.local.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        """The content of an object."""
        content: bytes = self.local.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix, relative to it."""
        found = self.local.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [item["Key"].removeprefix(prefix) for item in found]

    def process(
        self,
        script: str,
        *arguments: str,
        inputs: Sequence[Body] = (),
        outputs: Sequence[Body] = (),
        count: int = 1,
        **more: Any,
    ) -> str:
        """Start a Python script as a processing job; its name."""
        name = f"process-{next(_names)}"
        self.put(**{f"code/{name}/script.py": script})
        application = {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{CODE}/script.py"]}
        cluster = {"InstanceCount": count, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1}
        request: Body = {
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "AppSpecification": application | ({"ContainerArguments": list(arguments)} if arguments else {}),
            "ProcessingResources": {"ClusterConfig": cluster},
            "ProcessingInputs": [given("code", f"code/{name}/", CODE), *inputs],
        }
        if outputs:
            request["ProcessingOutputConfig"] = {"Outputs": list(outputs)}
        self.client.create_processing_job(**request | more)
        return name

    def train(
        self, script: str = "", *, channels: Sequence[Body] = (), algorithm: Body | None = None, **more: Any
    ) -> str:
        """Start a Python script, or an algorithm's image without one, as a training job; its name."""
        name = f"train-{next(_names)}"
        specification: Body = {"TrainingImage": IMAGE, "TrainingInputMode": "File"} | (algorithm or {})
        data = list(channels)
        if algorithm is None or script:
            self.put(**{f"code/{name}/train.py": script})
            data.insert(0, channel("code", f"code/{name}/"))
            specification["ContainerEntrypoint"] = ["python3", "/opt/ml/input/data/code/train.py"]
        request: Body = {
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "AlgorithmSpecification": specification,
            "InputDataConfig": data,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        self.client.create_training_job(**request | more)
        return name

    def describe(self, name: str) -> Body:
        """The Describe response of a job that this object started."""
        if name.startswith("process-"):
            found: Body = self.client.describe_processing_job(ProcessingJobName=name)
        elif name.startswith("train-"):
            found = self.client.describe_training_job(TrainingJobName=name)
        else:
            found = self.client.describe_transform_job(TransformJobName=name)
        return {key: value for key, value in found.items() if key != "ResponseMetadata"}

    def ended(self, name: str) -> Body:
        """The Describe response of a job that is over."""
        return self.local.when(lambda: self.describe(name), lambda found: status(found) in _OVER)

    def model(self, name: str) -> dict[str, bytes]:
        """The files of a training job's model.tar.gz."""
        return unpacked(self.get(f"models/{name}/output/model.tar.gz"))

    def log(self, name: str, host: str = "algo-1") -> list[str]:
        """What one host of a job has printed."""
        kind = "Processing" if name.startswith("process-") else "Training"
        group = f"/aws/sagemaker/{kind}Jobs"
        try:
            streams = self.local.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/{host}-")
        except ClientError:
            return []
        lines: list[str] = []
        for stream in streams["logStreams"]:
            events = self.local.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )
            lines += [event["message"] for event in events["events"]]
        return lines

    def until_logged(self, name: str, text: str) -> None:
        """Wait until a job has printed a line."""
        until(lambda: self.log(name), lambda lines: text in lines)

    def told(self, name: str, host: str = "algo-1") -> Any:
        """What a finished job printed, as one JSON text."""
        assert status(self.ended(name)) == "Completed", (self.ended(name).get("FailureReason"), self.log(name))
        return json.loads("\n".join(self.log(name, host)))


def status(found: Body) -> str:
    """The status of a job by its Describe response."""
    member = next(key for key in found if key.endswith("JobStatus"))
    return str(found[member])


def given(name: str, key: str, local: str, **more: str) -> Body:
    """A ProcessingInput of a prefix of the bucket at a path of the container."""
    source = {"S3Uri": f"s3://{BUCKET}/{key}", "LocalPath": local, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source | more}


def made(name: str, key: str, local: str, mode: str = "EndOfJob") -> Body:
    """A ProcessingOutput from a path of the container to a prefix of the bucket."""
    return {
        "OutputName": name,
        "S3Output": {"S3Uri": f"s3://{BUCKET}/{key}", "LocalPath": local, "S3UploadMode": mode},
    }


def channel(name: str, key: str, *, source: Mapping[str, Any] | None = None, **more: Any) -> Body:
    """A training channel of a prefix of the bucket."""
    place = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{key}"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": place | dict(source or {})}} | more


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The files of a tar archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: file.read() for entry in tar if (file := tar.extractfile(entry)) is not None}


def error_of(action: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """The code and the message with which an action is refused."""
    try:
        answer = action(**request)
    except ClientError as error:
        found = error.response["Error"]
        return found["Code"], found["Message"]
    raise AssertionError(f"it was taken: {answer}")
