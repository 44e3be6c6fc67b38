"""All jobs together: a restart, faults on purpose, bounds, hostile jobs."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.api_errors import ResourceLimitExceeded
from pipeline.local.containers.jobs import job_runner
from pipeline.local.containers.jobs.running_job import PROCESSING, RunningJob
from pipeline.local.faults import InjectedFaults
from tests.support.jobs import Bench, channel, prefix
from tests.support.service import local_service
from tests.support.waiting import until

_SERVICE = """
import pathlib, sys, time, types
tests = types.ModuleType("tests"); tests.__path__ = [{tests!r}]; sys.modules["tests"] = tests
from tests.support.jobs import Bench
from tests.support.service import local_service
with local_service(pathlib.Path(sys.argv[1])) as local:
    bench = Bench(local)
    name = bench.process("import time; print('up'); time.sleep(99.125)", wait=False)
    while not bench.log("Processing", name["ProcessingJobName"]): time.sleep(0.01)
    bench.train("import time; time.sleep(99.125)", wait=False)
    print(name["ProcessingJobName"], flush=True)
    time.sleep(60)
"""


def test_after_a_kill_no_job_claims_to_run_and_no_process_is_left(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[4])
    program = _SERVICE.format(tests=tests)
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        name = service.stdout.readline().strip()
        service.send_signal(signal.SIGKILL)
    with local_service(tmp_path) as local:
        processing = local.sagemaker.describe_processing_job(ProcessingJobName=name)
        assert processing["ProcessingJobStatus"] == "Failed"
        assert processing["FailureReason"].startswith("InternalServerError: We encountered an internal error.")
        assert "ProcessingEndTime" in processing
        (training,) = local.sagemaker.list_training_jobs()["TrainingJobSummaries"]
        described = local.sagemaker.describe_training_job(TrainingJobName=training["TrainingJobName"])
        assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Failed", "Failed")
        streams = local.logs.describe_log_streams(
            logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix=name
        )["logStreams"]
        assert len(streams) == 1, "the log of the job is there again"
    until(lambda: not _alive("99.125"))


def test_closing_the_service_kills_its_jobs(tmp_path: Path) -> None:
    mark = f"77.{os.getpid()}"
    with local_service(tmp_path) as local:
        bench = Bench(local)
        name = bench.process(f"import subprocess; print('up'); subprocess.run(['sleep', '{mark}'])", wait=False)
        bench.until_logged("Processing", name["ProcessingJobName"], "up")
        until(lambda: _alive(f"sleep {mark}"))
    assert not _alive(f"sleep {mark}")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("capacity:*=1", "CapacityError: Unable to provision requested ML compute capacity."),
        ("internal:*=1", "InternalServerError: We encountered an internal error."),
    ],
)
def test_faults_fail_as_many_jobs_as_they_say(tmp_path: Path, fault: str, reason: str) -> None:
    with local_service(tmp_path, faults=InjectedFaults.parse([fault])) as local:
        bench = Bench(local)
        first = bench.train("")
        assert first["TrainingJobStatus"] == "Failed" and first["FailureReason"].startswith(reason)
        assert first["SecondaryStatusTransitions"][-1]["Status"] == "Failed"
        assert bench.train("")["TrainingJobStatus"] == "Completed"


def test_a_job_ends_failed_though_the_disk_is_full_and_gives_its_room_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end cannot be written at first either."""
    full = True

    def writes(running: RunningJob) -> None:
        (running.folder / "algo-1" / "ml").mkdir(parents=True)
        raise OSError(errno.ENOSPC, "No space left on device")

    def finish(running: RunningJob, *arguments: Any, **members: Any) -> None:
        nonlocal full
        if full:
            full = False
            raise OSError(errno.ENOSPC, "No space left on device")
        really(running, *arguments, **members)

    really = RunningJob.finish
    monkeypatch.setitem(job_runner.RUNNERS, PROCESSING, writes)
    monkeypatch.setattr(RunningJob, "finish", finish)
    with local_service(tmp_path) as running:
        done = Bench(running).process("print('never runs')")
        left = list(running.service.state.jobs.glob("processing-job/*/algo-*"))
    assert (done["ProcessingJobStatus"], done["FailureReason"]) == (
        "Failed",
        "ClientError: There is no space left on the disk of SageMaker on localhost; free some.",
    )
    assert not left


def test_a_slow_job_can_be_stopped_before_it_begins(tmp_path: Path) -> None:
    with local_service(tmp_path, faults=InjectedFaults.parse(["slow-job:*=30"])) as local:
        bench = Bench(local)
        name = bench.process("print('ran')", wait=False)["ProcessingJobName"]
        local.service.call("StopProcessingJob", {"ProcessingJobName": name})
        assert bench.ended("Processing", name)["ProcessingJobStatus"] == "Stopped"
        name = bench.train("print('ran')", wait=False)["TrainingJobName"]
        local.service.call("StopTrainingJob", {"TrainingJobName": name})
        job = bench.ended("Training", name)
        assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")


def test_jobs_beyond_the_pool_wait_and_beyond_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_runner, "AT_ONCE", 1)
    monkeypatch.setattr(job_runner, "WAITING", 1)
    with local_service(tmp_path) as local:
        bench = Bench(local)
        first = bench.process("import time; time.sleep(60)", wait=False)["ProcessingJobName"]
        second = bench.process("print('ran')", wait=False)["ProcessingJobName"]
        with pytest.raises(ResourceLimitExceeded, match="account-level service limit"):
            bench.process("", wait=False)
        assert "ProcessingStartTime" not in bench.when("Processing", second, lambda body: True)
        local.service.call("StopProcessingJob", {"ProcessingJobName": first})
        assert bench.ended("Processing", second)["ProcessingJobStatus"] == "Completed"


def test_a_metric_expression_that_never_ends_does_not_hold_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.local.containers.jobs.log_metrics.TIME", 0.5)
    with local_service(tmp_path) as local:
        bench = Bench(local)
        definitions = [{"Name": "bad", "Regex": "(a+)+$"}]
        job = bench.train("print('a' * 60 + 'b')", algorithm={"MetricDefinitions": definitions})
        assert job["TrainingJobStatus"] == "Completed" and "FinalMetricDataList" not in job


def test_a_fork_bomb_ends_with_its_job(tmp_path: Path) -> None:
    bomb = (
        "import os, time\n"
        "for _ in range(400):\n"
        "    try: pid = os.fork()\n"
        "    except OSError: break\n"
        "    if pid == 0: os.setsid(); time.sleep(88.25)\n"
        "raise SystemExit(5)\n"
    )
    mark = f"bomb-{os.getpid()}"
    with local_service(tmp_path) as local:
        job = Bench(local).process(bomb, mark)
        assert job["FailureReason"] == "AlgorithmError: , exit code: 5"
        assert not _alive(mark)


def test_a_job_may_print_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.local.log_files._MOST", 100_000)
    with local_service(tmp_path) as local:
        bench = Bench(local)
        job = bench.process("for i in range(20_000): print('x' * 100)")
        assert job["ProcessingJobStatus"] == "Completed"
        log = bench.log("Processing", job["ProcessingJobName"])
        assert log[-1].startswith("(the output beyond")
        assert sum(map(len, log)) < 200_000


def test_a_name_with_every_legal_character_and_length_works(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        bench = Bench(local)
        name = "A-" + "z9" * 30 + "Z"
        assert len(name) == 63
        assert bench.process("print(1)", ProcessingJobName=name)["ProcessingJobStatus"] == "Completed"


def test_a_job_and_its_training_twin_may_have_one_name(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        bench = Bench(local)
        bench.put("x/a", "1")
        bench.process("print('p')", ProcessingJobName="same", inputs=[prefix("d", "x/", "input/d")])
        bench.train("print('t')", TrainingJobName="same", channels=[channel("d", "x/")], wait=False)
        assert bench.ended("Training", "same")["TrainingJobStatus"] == "Completed"
        assert bench.log("Processing", "same") == ["p"] and bench.log("Training", "same") == ["t"]
        assert bench.keys("models/") == []


def _alive(mark: str) -> bool:
    return subprocess.run(["pgrep", "-f", mark], capture_output=True).returncode == 0
