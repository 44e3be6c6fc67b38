"""Definitions that others wrote, in the forms that AWS's documentation and samples, CDK and Airflow have them.

They are composed here afresh after what such definitions have in common; each runs to its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from pipeline.local.engine import lambdas
from tests.support.executions import run, start, steps, token, wait, wait_step
from tests.support.service import ROLE, LocalService, local_service
from tests.support.third_party import Body, create, get
from tests.support.waiting import until

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    known = lambdas.parse([f"{name}=tests.conformance.functions:{name}" for name in ("start_job", "broken")])
    with local_service(tmp_path_factory.mktemp("third"), lambdas=known) as running:
        running.s3.create_bucket(Bucket="bucket")
        running.service.jobs.grace = 0.3
        yield running


def test_airflows_thirty_one_conditions_are_started_twice_and_stopped_once(local: LocalService) -> None:
    condition = {"Type": "LessThanOrEqualTo", "LeftValue": 3.0, "RightValue": 6.0}
    nested: list[Body] = []
    for number in range(31):
        arguments = {"Conditions": [condition], "IfSteps": nested, "ElseSteps": []}
        nested = [{"Name": f"DummyCond{number}", "Type": "Condition", "Arguments": arguments}]
    name = create(local, "env-pipeline", {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": nested})
    first, second = start(local, name), start(local, name)
    try:
        local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=first, ClientRequestToken=token())
        assert wait(local, first)["PipelineExecutionStatus"] == "Stopped"
    except ClientError as error:  # it was quicker
        assert error.response["Error"]["Code"] == "ValidationException"
    assert wait(local, second)["PipelineExecutionStatus"] == "Succeeded"
    listed = local.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=second)["PipelineExecutionSteps"]
    assert [step["StepName"] for step in listed] == [f"DummyCond{number}" for number in range(31)], "the last one first"
    assert all(step["Metadata"] == {"Condition": {"Outcome": "True"}} for step in listed)
    local.sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=token())


def test_a_function_starts_a_job_elsewhere_and_a_callback_waits_for_it(local: LocalService) -> None:
    """The shape of AWS's geospatial sample: Lambda and Callback in turns, all arguments parameters."""
    queue = local.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    names = ("role", "region", "queue", "config")
    shared = {name: get(f"Parameters.{name}") for name in ("role", "region", "config")}
    outputs = [{"OutputName": name, "OutputType": "String"} for name in ("statusCode", "job_arn")]
    name = create(
        local,
        "geospatial",
        {
            "Version": "2020-12-01",
            "Metadata": {},
            "Parameters": [{"Name": name, "Type": "String"} for name in names],
            "PipelineExperimentConfig": None,
            "Steps": [
                {
                    "Name": "start-step",
                    "Type": "Lambda",
                    "Arguments": {**shared, "name": "job-1"},
                    "FunctionArn": FUNCTION + "start_job",
                    "OutputParameters": outputs,
                },
                {
                    "Name": "callback-step",
                    "Type": "Callback",
                    "Arguments": {"job_arn": get("Steps.start-step.OutputParameters['job_arn']")},
                    "DependsOn": ["start-step"],
                    "SqsQueueUrl": queue,
                    "OutputParameters": [{"OutputName": "status", "OutputType": "String"}],
                },
                {
                    "Name": "export-step",
                    "Type": "Lambda",
                    "Arguments": {**shared, "name": get("Steps.callback-step.OutputParameters['status']")},
                    "FunctionArn": FUNCTION + "start_job",
                    "OutputParameters": outputs,
                },
                {
                    "Name": "check",
                    "Type": "Condition",
                    "Arguments": {
                        "Conditions": [
                            {
                                "Type": "Equals",
                                "LeftValue": get("Steps.export-step.OutputParameters['statusCode']"),
                                "RightValue": "200",
                            }
                        ],
                        "IfSteps": [],
                        "ElseSteps": [{"Name": "no", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
                    },
                },
            ],
        },
    )
    given = {"role": ROLE, "region": "us-east-1", "queue": queue, "config": '{"a": 1}'}
    arn = start(local, name, given=given)
    wait_step(local, arn, "callback-step", "Executing")
    (message,) = until(
        lambda: local.client("sqs").receive_message(QueueUrl=queue).get("Messages", []), lambda found: bool(found)
    )
    body = json.loads(message["Body"])
    assert body["arguments"] == {"job_arn": "arn:of:job-1"}
    assert (body["pipelineExecutionArn"], body["status"]) == (arn, "Executing")
    assert len(body["token"]) == 10
    answer = local.sagemaker.send_pipeline_execution_step_success(
        CallbackToken=body["token"],
        OutputParameters=[{"Name": "status", "Value": "COMPLETED"}],
        ClientRequestToken=token(),
    )
    assert answer["PipelineExecutionArn"] == arn
    assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
    found = steps(local, arn)
    assert found["export-step"]["Metadata"]["Lambda"]["OutputParameters"] == [
        {"Name": "statusCode", "Value": "200"},
        {"Name": "job_arn", "Value": "arn:of:COMPLETED"},
    ]
    assert found["callback-step"]["Metadata"]["Callback"] == {
        "CallbackToken": body["token"],
        "SqsQueueUrl": queue,
        "OutputParameters": [{"Name": "status", "Value": "COMPLETED"}],
    }
    assert found["check"]["Metadata"]["Condition"]["Outcome"] == "True"


@pytest.mark.parametrize(
    "definition, status",
    [
        (
            '{"Version":"2020-12-01","Steps":[{"Name":"Test","Type":"Fail","Arguments":{"ErrorMessage":"test"}}]}',
            "Failed",
        ),
        (
            '{"Version":"2020-12-01","Metadata":{},"Parameters":[],"PipelineExperimentConfig":{"ExperimentName":'
            '{"Get":"Execution.PipelineName"},"TrialName":{"Get":"Execution.PipelineExecutionId"}},"Steps":[]}',
            "Succeeded",
        ),
        ('{"Version": "2020-12-01", "Metadata": {"Project": "p"}, "Steps": []}', "Succeeded"),
        ('{"Steps": [{"Name": "Test", "Type": "Fail"}]}', "Failed"),
    ],
)
def test_the_smallest_definitions(local: LocalService, definition: str, status: str) -> None:
    name = create(local, f"small-{token()[:8]}", json.loads(definition))
    done = run(local, name)
    assert done["PipelineExecutionStatus"] == status
    if "Experiment" in definition:
        assert local.sagemaker.describe_experiment(ExperimentName=name)
        trial = done["PipelineExperimentConfig"]["TrialName"]
        assert local.sagemaker.describe_trial(TrialName=trial)["ExperimentName"] == name


@pytest.mark.parametrize("kind", ["QualityCheck", "ClarifyCheck", "EMR", "AutoML", "EMRServerless"])
def test_steps_that_cannot_run_here_are_taken_and_their_start_says_so(local: LocalService, kind: str) -> None:
    resources = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}}
    checked = {
        "ProcessingResources": resources,
        "AppSpecification": {
            "ImageUri": "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
        },
    }
    nulls = {
        "CheckType": "DATA_QUALITY" if kind == "QualityCheck" else "DATA_BIAS",
        "ModelPackageGroupName": "g",
        "SkipCheck": False,
        "FailOnViolation": True,
        "RegisterNewBaseline": get("Parameters.New"),
        "SuppliedBaselineStatistics": None,
        "SuppliedBaselineConstraints": None,
    }
    forms: dict[str, Body] = {
        "QualityCheck": {"Arguments": checked, **nulls},
        "ClarifyCheck": {"Arguments": checked, **nulls, "ModelName": "m"},
        "EMR": {"Arguments": {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "s3://b/a.jar"}}}},
        "EMRServerless": {"Arguments": {"ExecutionRoleArn": ROLE, "ApplicationId": "a", "JobConfig": {}}},
        "AutoML": {
            "Arguments": {
                "InputDataConfig": [
                    {
                        "TargetAttributeName": "y",
                        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/raw"}},
                    }
                ],
                "OutputDataConfig": {"S3OutputPath": "s3://bucket/auto"},
                "AutoMLJobConfig": {"Mode": "ENSEMBLING"},
            }
        },
    }
    definition = {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "New", "Type": "Boolean", "DefaultValue": False}],
        "Steps": [{"Name": "Odd", "Type": kind} | forms[kind]],
    }
    name = create(local, f"odd-{kind}", definition)
    with pytest.raises(ClientError, match=f"Step Odd is of type {kind}") as caught:
        start(local, name)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert local.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []
