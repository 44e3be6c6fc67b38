"""Faults on purpose: their texts, and when each of them strikes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.local.api_errors import InternalFailure, ResourceLimitExceeded, ThrottlingException
from pipeline.local.faults import InjectedFaults
from tests.support.service import ROLE, local_service
from tests.support.waiting import PATIENCE


def test_without_texts_nothing_goes_wrong() -> None:
    faults = InjectedFaults.parse([])
    for _ in range(100):
        faults.before("CreateTrainingJob")
    assert faults.job_failure("TrainModel") is None
    assert faults.job_delay("TrainModel") == faults.endpoint_delay == 0.0
    assert faults == InjectedFaults()


@pytest.mark.parametrize(
    ("text", "error"), [("throttle=0.3", ThrottlingException), ("service-fault=0.3", InternalFailure)]
)
def test_a_rate_strikes_about_so_often(text: str, error: type[Exception]) -> None:
    faults, struck = InjectedFaults.parse([text]), 0
    for _ in range(1000):
        try:
            faults.before("ListPipelines")
        except error:
            struck += 1
    assert 200 < struck < 400


def test_a_limit_strikes_the_first_requests_of_its_action() -> None:
    faults = InjectedFaults.parse(["limit:CreateTrainingJob=2"])
    faults.before("CreateProcessingJob")
    for _ in range(2):
        with pytest.raises(ResourceLimitExceeded):
            faults.before("CreateTrainingJob")
    faults.before("CreateTrainingJob")


@pytest.mark.parametrize(
    ("kind", "code"),
    [("capacity", "CapacityError"), ("internal", "InternalServerError"), ("fail", "AlgorithmError")],
)
def test_the_first_jobs_of_a_step_fail_by_name_or_by_the_name_of_their_job(kind: str, code: str) -> None:
    faults = InjectedFaults.parse([f"{kind}:TrainModel=2"])
    assert faults.job_failure("ConvertData") is None
    assert faults.job_failure("pipelines-abcdefghijkl-ConvertData-0123456789") is None
    for name in ("TrainModel", "pipelines-abcdefghijkl-TrainModel-0123456789"):
        failure = faults.job_failure(name)
        assert failure is not None
        assert failure[0] == code
        assert failure[1].startswith(f"{code}: ")
    assert faults.job_failure("TrainModel") is None


def test_a_star_is_any_step_and_long_names_are_cut_as_job_names_cut_them() -> None:
    assert InjectedFaults.parse(["fail:*=1"]).job_failure("whatever") is not None
    step = "AStepWhoseNameIsLongerThanTwentyCharacters"
    faults = InjectedFaults.parse([f"fail:{step}=1", f"slow-job:{step}=5"])
    name = f"pipelines-abcdefghijkl-{step[:20]}-0123456789"
    assert faults.job_failure(name) is not None
    assert faults.job_delay(name) == 5.0


def test_slow_endpoints_have_their_seconds() -> None:
    assert InjectedFaults.parse(["slow-endpoint=30"]).endpoint_delay == 30.0


def test_a_retry_policy_outlasts_a_limit_and_a_lack_of_capacity(tmp_path: Path) -> None:
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    step = {
        "Name": "Work",
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["true"]},
            "RoleArn": ROLE,
        },
        "RetryPolicies": [
            {
                "ExceptionType": ["SageMaker.RESOURCE_LIMIT", "SageMaker.CAPACITY_ERROR"],
                "MaxAttempts": 3,
                "BackoffRate": 1.0,
            }
        ],
    }
    faults = InjectedFaults.parse(["limit:CreateProcessingJob=1", "capacity:Work=1"])
    with local_service(tmp_path, faults=faults) as local:
        sagemaker = local.sagemaker
        definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
        sagemaker.create_pipeline(
            PipelineName="retried", PipelineDefinition=definition, RoleArn=ROLE, ClientRequestToken="r" * 32
        )
        arn = sagemaker.start_pipeline_execution(PipelineName="retried")["PipelineExecutionArn"]
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
            if found != "Executing":
                break
            time.sleep(0.05)
        steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        assert [(step["StepStatus"], step["AttemptCount"]) for step in steps] == [("Succeeded", 3)]


@pytest.mark.parametrize(
    "text",
    ["", "throttle", "throttle=", "throttle=2", "throttle=-1", "throttle=nan", "throttle:x=0.1", "slow-endpoint=inf",
     "capacity=1", "capacity:=1", "capacity:A=x", "capacity:A=-1", "limit:CreateModel=1.5", "nonsense=1",
     "slow-job:A=x"],
)  # fmt: skip
def test_a_text_that_is_no_fault_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        InjectedFaults.parse([text])
    assert repr(text) in caught.value.message
    assert "capacity:STEP=COUNT" in caught.value.hint


def test_an_action_that_does_not_exist_cannot_be_limited() -> None:
    with pytest.raises(UsageError, match="CreateTrainingJobs") as caught:
        InjectedFaults.parse(["limit:CreateTrainingJobs=1"])
    assert "CreateTrainingJob," in (caught.value.hint or "")
