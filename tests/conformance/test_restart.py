"""What clients find when the service was down for a moment: the same tokens, caches, executions that go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.executions import create, run, start, steps, token, wait, wait_step, work
from tests.support.service import LocalService, local_service

Body = dict[str, Any]


def arn_of(step: Body) -> str:
    (entry,) = step["Metadata"].values()
    return str(entry["Arn"])


def callback(local: LocalService) -> Body:
    url = local.client("sqs").create_queue(QueueName="waiting")["QueueUrl"]
    return {
        "Name": "Ask",
        "Type": "Callback",
        "SqsQueueUrl": url,
        "Arguments": {},
        "OutputParameters": [{"OutputName": "answer", "OutputType": "String"}],
    }


def test_everything_goes_on_where_it_was(tmp_path: Path) -> None:
    cached: Body = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
    with local_service(tmp_path) as local:
        local.s3.create_bucket(Bucket="bucket")
        reader = work("Use", arguments={"Environment": {"A": {"Get": "Steps.Ask.OutputParameters['answer']"}}})
        name = create(local, work("Done", **cached), callback(local), reader, work("Long", "sleep 1"))
        first = start(local, name, ClientRequestToken="t" * 32)
        wait_step(local, first, "Done", "Succeeded")
        wait_step(local, first, "Long", "Executing")
        answered = wait_step(local, first, "Ask", "Executing")["Metadata"]["Callback"]["CallbackToken"]
        stopped = create(local, callback(local))
        second = start(local, stopped)
        asked = wait_step(local, second, "Ask", "Executing")["Metadata"]["Callback"]["CallbackToken"]
        local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=second, ClientRequestToken=token())
        wait_step(local, second, "Ask", "Stopping")
        before = steps(local, first)
    with local_service(tmp_path) as local:
        assert start(local, name, ClientRequestToken="t" * 32) == first, "a token is kept"
        local.sagemaker.send_pipeline_execution_step_success(
            CallbackToken=answered, OutputParameters=[{"Name": "answer", "Value": "yes"}]
        )
        assert wait(local, first)["PipelineExecutionStatus"] == "Succeeded"
        found = steps(local, first)
        assert found["Done"] == before["Done"]
        assert arn_of(found["Long"]) != arn_of(before["Long"]), "a job that went down with the service is made again"
        lost = local.sagemaker.describe_processing_job(ProcessingJobName=arn_of(before["Long"]).rsplit("/", 1)[-1])
        assert lost["ProcessingJobStatus"] == "Failed"
        assert lost["FailureReason"].startswith("InternalServerError: ")
        used = local.sagemaker.describe_processing_job(ProcessingJobName=arn_of(found["Use"]).rsplit("/", 1)[-1])
        assert used["Environment"] == {"A": "yes"}
        # It was stopped before, and waits for its answer all the same.
        described = local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=second)
        assert described["PipelineExecutionStatus"] == "Stopping"
        local.sagemaker.send_pipeline_execution_step_failure(CallbackToken=asked, FailureReason="too late")
        assert wait(local, second)["PipelineExecutionStatus"] == "Stopped"
        again = create(local, work("Done", **cached))
        assert "CacheHitResult" not in steps(local, run(local, again)["PipelineExecutionArn"])["Done"]
        config = {"SelectedSteps": [{"StepName": "Done"}]}
        third = run(local, name, SelectiveExecutionConfig=config)["PipelineExecutionArn"]
        assert steps(local, third)["Done"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
        (execution,) = (
            one["PipelineExecutionArn"]
            for one in local.sagemaker.list_pipeline_executions(PipelineName=stopped)["PipelineExecutionSummaries"]
        )
        assert execution == second
