"""Sixteen clients at once, S3 and SageMaker mixed, no retries: not one error, not one wrong byte."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import ROLE, LocalService, local_service
from tests.support.torture import length
from tests.support.waiting import PATIENCE

THREADS = 16
DEFINITION = json.dumps(
    {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Limit", "Type": "Integer", "DefaultValue": 3}],
        "Steps": [
            {
                "Name": "Check",
                "Type": "Condition",
                "Arguments": {
                    "Conditions": [{"Type": "GreaterThan", "LeftValue": {"Get": "Parameters.Limit"}, "RightValue": 2}],
                    "IfSteps": [{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "too much"}}],
                    "ElseSteps": [],
                },
            }
        ],
    }
)


class Client:
    """One thread's work; every answer is checked against what this thread wrote."""

    def __init__(self, local: LocalService, number: int) -> None:
        self._s3, self._sagemaker, self._logs = local.s3, local.sagemaker, local.logs
        self._name = f"soak-{number}"
        self._random = random.Random(number)
        self._count = 0
        self.operations = 0

    def work(self) -> None:
        self._count += 1
        chosen = self._random.choice(
            [self.objects, self.shared_key, self.pipeline, self.registry, self.log, self.search]
        )
        chosen(f"{self._name}-{self._count}")
        self.operations += 1

    def objects(self, name: str) -> None:
        body = self._random.randbytes(self._random.choice((0, 1, 1000, 300_000)))
        etag = self._s3.put_object(Bucket="soak", Key=f"{self._name}/ü {name}", Body=body)["ETag"]
        assert etag.strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest()
        assert self._s3.get_object(Bucket="soak", Key=f"{self._name}/ü {name}")["Body"].read() == body
        listed = self._s3.list_objects_v2(Bucket="soak", Prefix=self._name)["Contents"]
        assert any(found["ETag"] == etag for found in listed) or len(listed) == 1000
        self._s3.delete_object(Bucket="soak", Key=f"{self._name}/ü {name}")

    def shared_key(self, name: str) -> None:
        """All threads write and read the same key: what is read is one of the bodies, whole."""
        body = name.encode() * self._random.choice((1, 10_000))
        self._s3.put_object(Bucket="soak", Key="shared", Body=body)
        read = self._s3.get_object(Bucket="soak", Key="shared")["Body"].read()
        once = read[: read.find(b"soak-", 5)] if read.find(b"soak-", 5) > 0 else read
        assert read == once * (len(read) // len(once))

    def pipeline(self, name: str) -> None:
        token = name.ljust(32, "x")
        self._sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=DEFINITION, RoleArn=ROLE, ClientRequestToken=token
        )
        arn = self._sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken=token)[
            "PipelineExecutionArn"
        ]
        end = time.monotonic() + PATIENCE
        while True:
            found = self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            if found["PipelineExecutionStatus"] != "Executing":
                break
            assert time.monotonic() < end
            time.sleep(0.02)
        assert found["PipelineExecutionStatus"] == "Failed"
        steps = self._sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        assert {step["StepName"] for step in steps} == {"Check", "End"}
        self._sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=token)

    def registry(self, name: str) -> None:
        self._sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "a", "Value": name}])
        listed = self._sagemaker.list_model_package_groups(NameContains=name)["ModelPackageGroupSummaryList"]
        assert name in {found["ModelPackageGroupName"] for found in listed}
        self._sagemaker.delete_model_package_group(ModelPackageGroupName=name)

    def log(self, name: str) -> None:
        self._logs.create_log_group(logGroupName=name)
        self._logs.create_log_stream(logGroupName=name, logStreamName="a")
        event = {"timestamp": int(time.time() * 1000), "message": name}
        self._logs.put_log_events(logGroupName=name, logStreamName="a", logEvents=[event])
        assert self._logs.get_log_events(logGroupName=name, logStreamName="a")["events"][0]["message"] == name

    def search(self, name: str) -> None:
        wanted: Any = {"Filters": [{"Name": "PipelineName", "Operator": "Contains", "Value": self._name}]}
        self._sagemaker.search(Resource="Pipeline", SearchExpression=wanted)


@pytest.mark.torture
def test_sixteen_clients_at_once_meet_no_error(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        local.s3.create_bucket(Bucket="soak")
        for name in ("sagemaker", "logs"):
            local.client(name)
        failures: list[str] = []
        clients = [Client(local, number) for number in range(THREADS)]
        end = time.monotonic() + length(2, 60)

        def run(client: Client) -> None:
            while not client.operations or time.monotonic() < end:
                try:
                    client.work()
                except Exception as error:  # counted: the test wants them all
                    failures.append(f"{type(error).__name__}: {error}")
                    return

        threads = [threading.Thread(target=run, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert all(client.operations for client in clients)
