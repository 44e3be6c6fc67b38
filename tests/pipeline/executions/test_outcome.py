"""Why an execution failed, as far as the service and the job say, and that trouble on the way hides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.clients import Clients
from pipeline.errors import ExecutionStopped, GateRejected, StepFailed
from pipeline.executions.execution_snapshot import snapshot
from pipeline.executions.outcome import explain
from tests.support.calls import refusing
from tests.support.clients import clients_of
from tests.support.executions import create, fail, run, start, wait, wait_step, work
from tests.support.service import LocalService, local_service


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("verdict")
    with local_service(folder) as running:
        yield running


@pytest.fixture
def clients(local: LocalService) -> Clients:
    return clients_of(local)


def test_a_step_that_failed_shows_the_last_lines_of_its_log(local: LocalService, clients: Clients) -> None:
    name = create(local, work("Work", "for i in $(seq 30); do echo line $i; done; exit 3"))
    arn = run(local, name)["PipelineExecutionArn"]
    error = explain(clients, snapshot(clients, arn))
    assert isinstance(error, StepFailed) and error.exit_code == 4
    assert error.message.startswith("step Work failed: ")
    assert error.message.splitlines()[-10:] == [f"  line {number}" for number in range(21, 31)]
    assert error.hint == f"`pipeline logs Work --execution {arn[-12:]}` shows its whole log"


def test_a_jobs_own_exit_message_is_shown_instead(local: LocalService, clients: Clients) -> None:
    name = create(local, work("Work", "echo noise; echo 'row 3 is empty' > /opt/ml/output/message; exit 1"))
    error = explain(clients, snapshot(clients, run(local, name)["PipelineExecutionArn"]))
    assert error is not None
    assert error.message == "step Work failed: row 3 is empty"


def test_lines_without_end_are_cut(local: LocalService, clients: Clients) -> None:
    name = create(local, work("Work", "head -c 5000 /dev/zero | tr '\\0' x; exit 3"))
    error = explain(clients, snapshot(clients, run(local, name)["PipelineExecutionArn"]))
    assert error is not None
    assert error.message.splitlines()[1] == "  " + 300 * "x" + "…"


def test_a_log_that_may_not_be_read_hides_nothing(local: LocalService, clients: Clients) -> None:
    name = create(local, work("Work", "exit 3"))
    end = snapshot(clients, run(local, name)["PipelineExecutionArn"])
    with refusing(clients.logs, "DescribeLogStreams", "AccessDeniedException", "not authorized"):
        error = explain(clients, end)
    assert isinstance(error, StepFailed)
    assert "exit code: 3" in error.message and "not authorized" in error.message


def test_a_step_that_never_got_a_job_has_no_log_to_point_at(local: LocalService, clients: Clients) -> None:
    source = {"S3Uri": "s3://nowhere/x", "LocalPath": "/opt/ml/processing/x", "S3DataType": "S3Prefix"}
    inputs = [{"InputName": "x", "S3Input": source | {"S3InputMode": "File"}}]
    name = create(local, work("Work", arguments={"ProcessingInputs": inputs}))
    error = explain(clients, snapshot(clients, run(local, name)["PipelineExecutionArn"]))
    assert isinstance(error, StepFailed)
    assert "logs" not in error.hint and "pipeline retry" in error.hint


def test_a_gate_that_rejects_is_no_step_that_failed(local: LocalService, clients: Clients) -> None:
    arn = run(local, create(local, fail("Reject", "accuracy 0.9")))["PipelineExecutionArn"]
    error = explain(clients, snapshot(clients, arn))
    assert isinstance(error, GateRejected)
    assert (error.exit_code, error.message) == (3, "accuracy 0.9")
    assert error.hint == f"`pipeline report {arn[-12:]}` shows the figures"


def test_a_stopped_execution_says_how_to_go_on(local: LocalService, clients: Clients) -> None:
    arn = start(local, create(local, work("Work", "sleep 300")))
    wait_step(local, arn, "Work", "Executing")
    local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="a" * 32)
    wait(local, arn, until=("Stopped",))
    error = explain(clients, snapshot(clients, arn))
    assert isinstance(error, ExecutionStopped)
    assert error.hint == f"`pipeline retry {arn[-12:]}` resumes it"


def test_success_has_no_explanation(local: LocalService, clients: Clients) -> None:
    arn = run(local, create(local, work("Work")))["PipelineExecutionArn"]
    assert explain(clients, snapshot(clients, arn)) is None


def test_a_rejection_for_the_positives_alone_says_what_chose_the_threshold(
    local: LocalService, clients: Clients
) -> None:
    met, missed = "accuracy 0.99 (at least 0.96)", "recall 0.4 (at least 0.8), f1 0.5 (at least 0.85)"
    for reason, told in (
        (f"The model is rejected. Missed: {missed}. Met: {met}.", True),
        (f"The model is rejected. Missed: {met}, {missed}.", False),
        ("The model is rejected. Missed: weighted recall 0.4 (at least 0.8).", False),
    ):
        error = explain(
            clients, snapshot(clients, run(local, create(local, fail("No", reason)))["PipelineExecutionArn"])
        )
        assert error is not None and ("ModelSelectionCriteria=f1" in error.hint) is told, error.hint
