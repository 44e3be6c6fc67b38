"""One small pipeline, driven by the SageMaker Python SDK v3, by the AWS CLI, and by boto3: all see the same.

The SDK composes it, uploads, upserts and starts it as its users do, in a process of its own; nothing in it knows of
localhost but the environment, which is what `pipeline local env` prints. A decoy writes down every name that a process
looks up and every address that it connects to: none may be beyond this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.identity import Identity
from pipeline.local.process.discover import RunningService, exports
from tests.support.executions import IMAGE, steps, wait
from tests.support.service import ROLE, LocalService
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.long

Body = dict[str, Any]

_SDK = """
import json, sys, time
import boto3
from sagemaker.core.common_utils import resolve_value_from_config
from sagemaker.core.config.config_manager import SageMakerConfig
from sagemaker.core.config.config_schema import TELEMETRY_OPT_OUT_PATH
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo, ConditionIn, ConditionNot, ConditionOr
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.parallelism_config import ParallelismConfiguration
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import StepRetryPolicy, StepExceptionTypeEnum
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep

# It reads its schema anew at each look into the configuration, which takes seconds.
SageMakerConfig.validate_sagemaker_config = lambda self, config=None: None
image, role, script = sys.argv[1:]
session = PipelineSession()
limit = ParameterFloat("Limit", default_value=0.5)
count = ParameterInteger("Count", default_value=1)
word = ParameterString("Word", default_value="good", enum_values=["good", "bad"])
flag = ParameterBoolean("Flag", default_value=True)
place = Join(on="/", values=["s3://bucket/sdk", ExecutionVariables.PIPELINE_EXECUTION_ID])
processor = ScriptProcessor(
    role=role, image_uri=image, command=["python3"], instance_count=count, instance_type="ml.m5.large",
    sagemaker_session=session, env={"WORD": word, "FLAG": flag.to_string()},
)
report = PropertyFile(name="Report", output_name="out", path="report.json")
target = ProcessingS3Output(s3_uri=place, local_path="/opt/ml/processing/out", s3_upload_mode="EndOfJob")
measure = ProcessingStep(
    name="Measure", property_files=[report], cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
    retry_policies=[StepRetryPolicy(exception_types=[StepExceptionTypeEnum.THROTTLING], max_attempts=3)],
    step_args=processor.run(
        code=script, arguments=["--score", "0.75"],
        outputs=[ProcessingOutput(output_name="out", s3_output=target)],
    ),
)
score = JsonGet(step_name="Measure", property_file=report, json_path="metrics.score.value")
reject = FailStep(
    name="Reject", error_message=Join(on=" ", values=["score", score, "below", limit, "for", word]),
)
gate = ConditionStep(
    name="Gate", if_steps=[], else_steps=[reject],
    conditions=[
        ConditionGreaterThanOrEqualTo(left=score, right=limit),
        ConditionOr(conditions=[ConditionIn(value=word, in_values=["good", "better"]),
                                ConditionNot(ConditionIn(value=word, in_values=["bad"]))]),
    ],
)
pipeline = Pipeline(name="sdk-pipeline", parameters=[limit, count, word, flag], steps=[measure, gate],
                    sagemaker_session=session)
told = {"created": pipeline.upsert(role_arn=role, tags=[{"Key": "team", "Value": "a"}])["PipelineArn"]}
pipeline.upsert(role_arn=role, description="again", tags=[{"Key": "team", "Value": "b"}])
told["described"] = pipeline.describe()["PipelineDescription"]
# What the SDK asks before it sends telemetry, which a proxy of AWS's hosts would let pass unseen.
opted_out = {"config_path": TELEMETRY_OPT_OUT_PATH, "default_value": False}
told["silent"] = resolve_value_from_config(**opted_out, sagemaker_session=session)


def ended(execution):
    while execution.describe()["PipelineExecutionStatus"] in ("Executing", "Stopping"):
        time.sleep(0.05)
    return execution.describe()


first = pipeline.start(parameters={"Count": 1}, execution_display_name="by-the-sdk",
                       parallelism_config=ParallelismConfiguration(2))
told["first"] = [first.arn, ended(first)["PipelineExecutionStatus"]]
told["parameters"] = first.list_parameters()["PipelineParameters"]
second = pipeline.start(parameters={"Limit": 0.9, "Flag": True})
told["second"] = [second.arn, ended(second)["PipelineExecutionStatus"]]
told["steps"] = [[s["StepName"], s["StepStatus"], s.get("FailureReason")] for s in second.list_steps()]
told["definition"] = pipeline.definition()
told["role"], told["bucket"] = get_execution_role(), session.default_bucket()
print(json.dumps(told))
"""
_SCRIPT = """
import json, os, sys
score = float(sys.argv[sys.argv.index("--score") + 1])
print("measured", os.environ["WORD"], os.environ["FLAG"])
with open("/opt/ml/processing/out/report.json", "w") as file:
    json.dump({"metrics": {"score": {"value": score}}}, file)
"""


def _evaluated(local: LocalService, folder: Path) -> dict[str, str]:
    """The environment of a user's shell after he has evaluated the lines for it."""
    settings = local.service.configuration
    identity = Identity(settings.key.access_key_id, settings.key.secret_access_key, settings.account, settings.region)
    state = local.service.state.root
    found = RunningService(local.url, os.getpid(), 0.0, state, identity, local.service.proxy.port)
    given = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_PROFILE": "prod",
        "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z",
        "AWS_ENDPOINT_URL_STS": "https://sts.eu-west-1.amazonaws.com",
        "NO_PROXY": ".amazonaws.com",
    }
    printed = subprocess.run(
        ["sh", "-c", f"{exports(found, given)}\nenv -0"], env=given, capture_output=True, text=True
    )
    return dict(line.partition("=")[::2] for line in printed.stdout.split("\0") if line)


def _decoy(folder: Path, reached: Path) -> Path:
    """A folder for PYTHONPATH that makes each process write down whom it looks up and connects to."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        f"log = open({str(reached)!r}, 'a', buffering=1)\n"
        "def hook(event, arguments):\n"
        "    if event in ('socket.getaddrinfo', 'socket.gethostbyname'):\n"
        "        log.write(f'{arguments[0]}\\n')\n"
        "    elif event == 'socket.connect' and isinstance(arguments[1], tuple):\n"
        "        log.write(f'{arguments[1][0]}\\n')\n"
        "sys.addaudithook(hook)\n"
    )
    return folder


class Driven:
    """What the SDK saw, and the environment of a shell that clients are started from."""

    def __init__(self, local: LocalService, folder: Path) -> None:
        script = folder / "measure.py"
        script.write_text(_SCRIPT)
        self._reached = folder / "reached"
        self.environment = {
            **_evaluated(local, folder),
            "PYTHONPATH": str(_decoy(folder / "site", self._reached)),
            "SAGEMAKER_VALIDATE_ROLE": "false",
        }
        done = self.run(sys.executable, "-c", _SDK, IMAGE, ROLE, str(script))
        self.told: Body = json.loads(done.splitlines()[-1])

    def reached(self) -> set[str]:
        """Whom the clients have looked up or connected to, so far."""
        return set(self._reached.read_text().split())

    def run(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(command, env=self.environment, timeout=PATIENCE, capture_output=True, text=True)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    def aws(self, action: str, *arguments: str) -> Body:
        said = self.run(str(Path(sys.executable).with_name("aws")), "sagemaker", action, *arguments)
        found: Body = json.loads(said) if said.strip() else {}
        return found


@pytest.fixture(scope="module")
def driven(local: LocalService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    yield Driven(local, tmp_path_factory.mktemp("clients"))


def test_the_sdk_upserts_starts_and_follows(local: LocalService, driven: Driven) -> None:
    told = driven.told
    assert told["described"] == "again"
    assert told["first"][1] == "Succeeded" and told["second"][1] == "Failed"
    assert told["parameters"] == [{"Name": "Count", "Value": "1"}]
    assert told["steps"] == [
        ["Reject", "Failed", "score 0.75 below 0.9 for good"],
        ["Gate", "Succeeded", None],
        ["Measure", "Succeeded", None],
    ]
    found = local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=told["first"][0])
    assert found["PipelineExecutionDisplayName"] == "by-the-sdk"
    assert found["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 2}
    assert found["PipelineExperimentConfig"]["ExperimentName"] == "sdk-pipeline"
    tags = local.sagemaker.list_tags(ResourceArn=told["created"])["Tags"]
    assert tags == [{"Key": "team", "Value": "b"}]
    first, second = (steps(local, told[run][0])["Measure"] for run in ("first", "second"))
    assert second["CacheHitResult"] == {"SourcePipelineExecutionArn": told["first"][0]}
    assert second["Metadata"] == first["Metadata"]
    group = "/aws/sagemaker/ProcessingJobs"
    job = first["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    (stream,) = local.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=job + "/")["logStreams"]
    events = local.logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    assert [event["message"] for event in events] == ["measured good true"]


def test_the_cli_does_the_same_with_the_same_definition(
    local: LocalService, driven: Driven, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("definition") / "definition.json"
    file.write_text(driven.told["definition"])
    named = ["--pipeline-name", "cli-pipeline"]
    made = driven.aws("create-pipeline", *named, "--pipeline-definition", f"file://{file}", "--role-arn", ROLE)
    assert made["PipelineArn"].endswith(":pipeline/cli-pipeline")
    begun = driven.aws("start-pipeline-execution", *named, "--pipeline-parameters", "Name=Word,Value=good")
    execution = ["--pipeline-execution-arn", begun["PipelineExecutionArn"]]
    wait(local, begun["PipelineExecutionArn"])
    found = driven.aws("describe-pipeline-execution", *execution)
    assert found["PipelineExecutionStatus"] == "Succeeded"
    listed = driven.aws("list-pipeline-execution-steps", *execution, "--sort-order", "Ascending")
    assert [(step["StepName"], step["StepStatus"]) for step in listed["PipelineExecutionSteps"]] == [
        ("Measure", "Succeeded"),
        ("Gate", "Succeeded"),
    ]
    assert "CacheHitResult" not in listed["PipelineExecutionSteps"][0], "another pipeline has a cache of its own"
    given = driven.aws("list-pipeline-parameters-for-execution", *execution)
    assert given["PipelineParameters"] == [{"Name": "Word", "Value": "good"}]
    aws = str(Path(sys.executable).with_name("aws"))
    said = driven.run(aws, "sagemaker", "retry-pipeline-execution", *execution, code=255)
    assert "(ConflictException) when calling the RetryPipelineExecution operation" in said
    assert driven.aws("delete-pipeline", *named) == {"PipelineArn": made["PipelineArn"]}


_PROGRAM = """
import boto3
session = boto3.Session(profile_name="default")
print(session.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com").get_caller_identity()["Account"])
print(session.client("s3", endpoint_url="https://s3.amazonaws.com").list_buckets()["ResponseMetadata"]["HTTPStatusCode"])
"""


def test_nothing_reaches_aws_whatever_a_program_names(local: LocalService, driven: Driven) -> None:
    assert driven.told["role"] == ROLE
    assert driven.told["silent"] is True
    assert driven.told["bucket"] == "sagemaker-us-east-1-123456789012"
    aws = str(Path(sys.executable).with_name("aws"))
    queue = local.client("sqs").create_queue(QueueName="of-the-cli")["QueueUrl"]
    assert json.loads(driven.run(aws, "sqs", "list-queues", "--queue-name-prefix", "of-the-cli")) == {
        "QueueUrls": [queue]
    }
    assert driven.run(sys.executable, "-c", _PROGRAM).split() == ["123456789012", "200"]
    assert driven.reached() == {"127.0.0.1"}
