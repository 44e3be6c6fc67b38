"""Jobs for tests: a script is put into S3, run as a job by the real service, and its last description returned."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.service import ROLE, LocalService
from tests.support.waiting import PATIENCE, until

Body = dict[str, Any]
BUCKET = "bucket"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.0-1-cpu-py3"
"""Of a tag whose libraries are not listed, so that a log holds what the job prints."""
LINEAR_LEARNER = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
CODE = "/opt/ml/processing/input/code"
_names = itertools.count(1)


def prefix(name: str, key: str, local: str, **more: str) -> Body:
    """A ProcessingInput of a prefix of the test's bucket; `local` is below /opt/ml/processing/."""
    source = {"S3Uri": f"s3://{BUCKET}/{key}", "LocalPath": f"/opt/ml/processing/{local}", "S3DataType": "S3Prefix"}
    return {"InputName": name, "S3Input": source | more}


def output(name: str, key: str, local: str, mode: str = "EndOfJob") -> Body:
    """A ProcessingOutput to a prefix of the test's bucket."""
    target = {"S3Uri": f"s3://{BUCKET}/{key}", "LocalPath": f"/opt/ml/processing/{local}", "S3UploadMode": mode}
    return {"OutputName": name, "S3Output": target}


def channel(name: str, key: str, **more: Any) -> Body:
    """A training channel of a prefix of the test's bucket."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{key}"} | more.pop("source", {})
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}} | more


@dataclass
class Bench:
    """A running service with a bucket."""

    local: LocalService
    _made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.local.service.objects.create_bucket(BUCKET)

    def put(self, key: str, content: str | bytes) -> None:
        """An object of the bucket."""
        self.local.service.objects.put(BUCKET, key, content.encode() if isinstance(content, str) else content)

    def get(self, key: str) -> bytes:
        """The content of an object."""
        return self.local.service.objects.get(BUCKET, key)

    def keys(self, start: str = "") -> list[str]:
        """The keys that begin with `start`."""
        return [found.key for found in self.local.service.objects.list(BUCKET, start)]

    def process(
        self,
        script: str,
        *arguments: str,
        inputs: Sequence[Body] = (),
        outputs: Sequence[Body] = (),
        env: Mapping[str, str] | None = None,
        count: int = 1,
        wait: bool = True,
        **more: Any,
    ) -> Body:
        """Run a Python script as a processing job; its Describe response."""
        name = f"job-{next(_names)}"
        self.put(f"code/{name}/script.py", script)
        request: Body = {
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "AppSpecification": {
                "ImageUri": IMAGE,
                "ContainerEntrypoint": ["python3", f"{CODE}/script.py"],
            },
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": count, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1}
            },
            "ProcessingInputs": [prefix("code", f"code/{name}/", "input/code"), *inputs],
            "ProcessingOutputConfig": {"Outputs": list(outputs)},
            "Environment": dict(env or {}),
        }
        if arguments:
            request["AppSpecification"]["ContainerArguments"] = list(arguments)
        request |= more
        self.local.service.call("CreateProcessingJob", request)
        name = request["ProcessingJobName"]
        return self.ended("Processing", name) if wait else {"ProcessingJobName": name}

    def train(
        self,
        script: str,
        *,
        channels: Sequence[Body] = (),
        wait: bool = True,
        algorithm: Body | None = None,
        **more: Any,
    ) -> Body:
        """Run a Python script as a training job; its Describe response."""
        name = f"train-{next(_names)}"
        self.put(f"code/{name}/train.py", script)
        request: Body = {
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/train.py"],
            }
            | (algorithm or {}),
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1},
            "InputDataConfig": [channel("code", f"code/{name}/"), *channels],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        request |= more
        self.local.service.call("CreateTrainingJob", request)
        name = request["TrainingJobName"]
        return self.ended("Training", name) if wait else {"TrainingJobName": name}

    def ended(self, title: str, name: str) -> Body:
        """The description of a job when it is over."""
        return self.when(title, name, lambda body: body[f"{title}JobStatus"] in ("Completed", "Failed", "Stopped"))

    def when(self, title: str, name: str, true: Callable[[Body], bool]) -> Body:
        """The description of a job as soon as something is true of it."""
        request = {f"{title}JobName": name}

        def look() -> Body | None:
            body = self.local.service.call(f"Describe{title}Job", request)
            return body if true(body) else None

        found = self.local.service.store.wait(look, PATIENCE)
        assert found is not None, f"{name} did not get there: {self.local.service.call(f'Describe{title}Job', request)}"
        return found

    def until_logged(self, title: str, name: str, text: str) -> None:
        """Wait until a job has printed a line."""
        until(lambda: self.log(title, name), lambda lines: text in lines)

    def log(self, title: str, name: str, host: str = "algo-1") -> list[str]:
        """The lines that one host of a job has printed."""
        body = self.local.service.call(f"Describe{title}Job", {f"{title}JobName": name})
        stream = f"{name}/{host}-{int(body['CreationTime'])}"
        return [text for _, text in self.local.service.logs.read(f"/aws/sagemaker/{title}Jobs", stream)]

    def json(self, title: str, name: str, host: str = "algo-1") -> Any:
        """What a job has printed, as one JSON text."""
        return json.loads("\n".join(self.log(title, name, host)))
