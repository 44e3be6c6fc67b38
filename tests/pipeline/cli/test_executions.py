"""start, follow, stop, retry, steps, logs, executions, describe, report, graph: what they print and exit with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.calls import recorded
from tests.support.commands import Commands
from tests.support.evaluated import BUCKET, evaluated
from tests.support.executions import create, fail, start, steps, wait, wait_step, work
from tests.support.service import LocalService, local_service

COMMANDS = ("follow", "stop", "retry", "steps", "executions", "describe", "report")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("commands")
    with local_service(folder) as running:
        running.s3.create_bucket(Bucket=BUCKET)
        create(running, work("Work", "echo hello; echo world"), name="plain")
        create(running, work("Long", "echo begun; sleep 300"), name="long")
        create(running, work("Work", "echo 'row 3 is empty'; exit 3"), name="broken")
        create(running, fail("Reject", "accuracy 0.9 (at least 0.97)"), name="gate")
        evaluated(running, "demo")
        public = {"Name": "InputDataUrl", "Type": "String", "DefaultValue": "s3://elsewhere/digits.npz"}
        told = work("Work", "echo", arguments={"Environment": {"DATA": {"Get": "Parameters.InputDataUrl"}}})
        create(running, told, name="raw", parameters=[public])
        create(running, work("First", "true"), work("Second", "true", DependsOn=["First"]), name="two")
        yield running


@pytest.fixture
def commands(
    local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[_Of]:
    monkeypatch.chdir(tmp_path)
    yield _Of(local, monkeypatch, capsys)


class _Of:
    """The commands of each of the pipelines."""

    def __init__(
        self, local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._made = (local, monkeypatch, capsys)

    def __getitem__(self, name: str) -> Commands:
        local, monkeypatch, capsys = self._made
        return Commands(local, name, monkeypatch, capsys)


def execution_id(arn: str) -> str:
    return arn.strip().rpartition("/")[2]


def masked(text: str) -> str:
    """What is another in each run: ids and seconds."""
    text = re.sub(r"(execution/|--execution |report |retry |follow |stop )[a-z0-9]{12}\b", r"\1ID", text)
    return re.sub(r" +\d+\.\d s", " N s", text)


def test_start_and_follow_to_success(commands: _Of, local: LocalService) -> None:
    said = commands["plain"]("start", "--follow")
    assert said.code == 0
    assert said.err == f"plain on localhost ({local.url})\n"
    lines = [line for line in masked(said.out).splitlines() if "Starting" not in line]
    assert lines[0] == "arn:aws:sagemaker:us-east-1:123456789012:pipeline/plain/execution/ID"
    assert lines[-1] == "Work               Succeeded N s"


def test_an_execution_that_was_followed_ends_with_its_figures(commands: _Of) -> None:
    said = commands["demo"]("start", "--follow", "--name", "figures")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "accuracy 0.9000 at least 0.8 MinAccuracy met" in lines
    assert lines[-3:] == ["actual \\ predicted 0 1", "0 90 3", "1 2 5"]


@pytest.mark.long
def test_an_execution_is_started_like_another(commands: _Of, local: LocalService) -> None:
    local.s3.put_object(Bucket=BUCKET, Key="d/rows.csv", Body=b"1,2\n")
    first = execution_id(commands["raw"]("start", "--param", f"InputDataUrl=s3://{BUCKET}/").out)
    second = execution_id(commands["raw"]("start", "--like", first).out)
    third = execution_id(commands["raw"]("start", "--like", "latest", "--param", f"InputDataUrl=s3://{BUCKET}/d").out)
    told = {which: json.loads(commands["raw"]("describe", which, "--json").out) for which in (second, third)}
    assert told[second]["parameters"]["InputDataUrl"] == f"s3://{BUCKET}/"
    assert told[third]["parameters"]["InputDataUrl"] == f"s3://{BUCKET}/d"


def test_localhost_says_what_to_do_about_data_that_are_not_there_and_takes_them(
    commands: _Of, local: LocalService, tmp_path: Path
) -> None:
    said = commands["raw"]("start")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[1:] == [
        "error: there are no data at s3://elsewhere/digits.npz on localhost",
        "hint: give --data PATH, or put them there by `aws s3 cp`",
    ]
    (tmp_path / "rows.csv").write_text("1,2\n")
    said = commands["raw"]("start", "--data", str(tmp_path / "rows.csv"), "--follow")
    assert said.code == 0, said
    assert said.out.startswith("arn:aws:sagemaker:"), "who reads the ARN reads nothing before it"
    assert "uploading rows.csv" in said.err
    (key,) = [item["Key"] for item in local.s3.list_objects_v2(Bucket=BUCKET, Prefix="raw/data/")["Contents"]]
    assert key.endswith("/rows.csv")


@pytest.mark.long
def test_steps_show_what_a_job_said(commands: _Of) -> None:
    commands["broken"]("start", "--follow")
    assert "AlgorithmError: , exit code: 3 row 3 is empty" in commands["broken"]("steps").out


@pytest.mark.long
def test_the_times_of_steps_that_a_selective_execution_did_not_run_are_marked(commands: _Of) -> None:
    source = execution_id(commands["two"]("start", "--follow").out.splitlines()[0])
    selected = commands["two"]("start", "--only", "Second", "--source", source, "--follow").out
    (line,) = [line for line in selected.splitlines() if line.startswith("First")]
    assert " ".join(line.split()) == f"First Succeeded not run, taken from {source}"
    assert f"not run, taken from {source}" in commands["two"]("steps").out


def test_follow_with_logs_prints_them_between(commands: _Of) -> None:
    said = commands["plain"]("start", "--follow", "--logs")
    assert [line for line in said.out.splitlines() if "|" in line] == ["Work | hello", "Work | world"]


def test_a_failed_step_has_its_code_its_last_lines_and_the_command_for_the_rest(commands: _Of) -> None:
    said = commands["broken"]("start", "--follow")
    assert said.code == 4
    assert masked(said.err).splitlines()[1:] == [
        "error: step Work failed: AlgorithmError: , exit code: 3",
        "  row 3 is empty",
        f"hint: `pipeline logs Work --execution ID --set name=broken --set bucket={BUCKET}` shows its whole log",
    ]


def test_a_rejected_gate_has_a_code_of_its_own(commands: _Of) -> None:
    said = commands["gate"]("start", "--follow")
    assert said.code == 3
    assert masked(said.err).splitlines()[1:] == [
        "error: accuracy 0.9 (at least 0.97)",
        f"hint: `pipeline report ID --set name=gate --set bucket={BUCKET}` shows the figures",
    ]


def test_timeout_stop_and_retry(commands: _Of, local: LocalService) -> None:
    long = commands["long"]
    late = long("start", "--follow", "--timeout", "0.5")
    assert late.code == 6
    assert "running Long" in late.err and "goes on" in late.err
    arn = late.out.splitlines()[0]
    wait_step(local, arn, "Long", "Executing")
    assert long("stop").out == f"stopping {arn}\n"
    stopped = long("follow")
    assert stopped.code == 5
    assert (
        masked(stopped.err).splitlines()[-1]
        == f"hint: `pipeline retry ID --set name=long --set bucket={BUCKET}` resumes it"
    )
    assert long("retry").code == 0
    wait_step(local, arn, "Long", "Executing")
    long("stop", arn[-12:])
    wait(local, arn)


def test_the_same_token_starts_no_second_execution(commands: _Of) -> None:
    first, again = (commands["gate"]("start", "--token", "build 17") for _ in range(2))
    assert first.out == again.out
    assert commands["gate"]("start", "--token", "build 18").out != first.out


@pytest.mark.long
def test_only_one_step_runs_of_a_selective_execution(commands: _Of, local: LocalService) -> None:
    commands["demo"]("start", "--follow")
    said = commands["demo"]("start", "--only", "EvaluateModel", "--follow")
    assert said.code == 0
    assert list(steps(local, said.out.splitlines()[0])) == ["EvaluateModel"]
    wrong = commands["demo"]("start", "--only", "EvaluateModle")
    assert (wrong.code, wrong.err.splitlines()[-1]) == (1, "hint: did you mean EvaluateModel?")


def test_steps_logs_and_executions(commands: _Of) -> None:
    arn = commands["plain"]("start", "--follow", "--name", "by-hand").out.splitlines()[0]
    assert re.search(r"^Work +Succeeded", commands["plain"]("steps").out, re.M)
    assert commands["plain"]("logs", "Work").out == "hello\nworld\n"
    assert commands["plain"]("logs", "Work", "--follow").out == "hello\nworld\n"
    assert re.search(
        rf"^{arn[-12:]} +Succeeded .* \d+\.\d s +by-hand", commands["plain"]("executions", "--count", "1").out, re.M
    )
    wrong = commands["plain"]("logs", "Wrok")
    assert (wrong.code, wrong.err.splitlines()[-1]) == (1, "hint: did you mean Work?")


def test_a_step_without_a_job_has_no_log_and_says_why(commands: _Of) -> None:
    commands["gate"]("start", "--follow")
    said = commands["gate"]("logs", "Reject")
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines()[1:] == ["Reject has no job, and so no log: it is Failed. accuracy 0.9 (at least 0.97)"]


def test_a_pipeline_that_never_ran_says_so(commands: _Of, local: LocalService) -> None:
    create(local, work("Work"), name="unused")
    said = commands["unused"]("executions")
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines()[1].startswith("no executions: `pipeline start --set name=unused")


@pytest.mark.parametrize("flags", [("executions", "--count", "0"), ("follow", "--timeout", "-1")])
def test_a_number_that_cannot_be_is_refused(commands: _Of, flags: tuple[str, ...]) -> None:
    said = commands["plain"](*flags)
    assert said.code == 1
    assert flags[1] in said.err


@pytest.mark.long
def test_describe_tells_figures_as_text_and_as_json(commands: _Of) -> None:
    commands["demo"]("start", "--follow")
    assert "accuracy     0.9000, at least 0.8 (MinAccuracy): met" in commands["demo"]("describe").out
    document = json.loads(commands["demo"]("describe", "--json").out)
    assert (document["status"], document["figures"]["accuracy"]) == ("Succeeded", 0.9)


def test_report_prints_markdown_and_writes_a_page(commands: _Of, tmp_path: Path) -> None:
    commands["demo"]("start", "--follow")
    said = commands["demo"]("report", "--markdown", "--html", "r.html")
    assert said.code == 0
    assert said.out.startswith("## ✅ demo: Succeeded\n")
    page = (tmp_path / "r.html").read_text()
    assert page.startswith("<!doctype html>") and "data:image/png;base64," in page
    assert commands["demo"]("report", "--html", "other.html").out == "other.html\n"
    wrong = commands["demo"]("report", "--html", "nowhere/r.html")
    assert (wrong.code, "cannot be written" in wrong.err) == (1, True)


@pytest.mark.long
def test_the_graph_of_an_execution_has_its_statuses(commands: _Of) -> None:
    commands["demo"]("start", "--follow")
    said = commands["demo"]("graph", "--execution", "latest", "--mermaid")
    assert re.search(r"class step_EvaluateModel.* Succeeded", said.out)
    assert commands["demo"]("graph", "--execution", "latest").out.startswith("<svg ")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipeline_that_is_not_there_is_one_line_and_a_remedy(commands: _Of, command: str) -> None:
    said = commands["nowhere"](command)
    assert said.code == 1
    assert said.err.splitlines()[1].startswith("error: ")
    assert said.err.splitlines()[2].startswith("hint: ")
    assert said.out == ""


def test_an_execution_that_is_not_there_is_said(commands: _Of) -> None:
    said = commands["plain"]("describe", "zzzz")
    assert said.code == 1
    assert "no execution 'zzzz'" in said.err


@pytest.mark.long
def test_lists_tell_what_was_rejected_from_what_crashed_or_was_stopped(commands: _Of, local: LocalService) -> None:
    outcomes = {}
    for name in ("plain", "gate", "broken", "long"):
        arn = commands[name]("start").out.strip()
        if name == "long":
            commands[name]("stop")
        wait(local, arn)
        table = commands[name]("executions", "--count", "1").out
        (row,) = json.loads(commands[name]("executions", "--count", "1", "--json").out)
        assert f"{row['id']}  {row['outcome']}" in table and row["seconds"] > 0
        assert json.loads(commands[name]("describe", "--json").out)["outcome"] == row["outcome"]
        outcomes[name] = (row["status"], row["outcome"], row["reason"])
    assert {name: found[:2] for name, found in outcomes.items()} == {
        "plain": ("Succeeded", "Succeeded"),
        "gate": ("Failed", "Rejected"),
        "broken": ("Failed", "Failed"),
        "long": ("Stopped", "Stopped"),
    }
    assert outcomes["gate"][2] == "accuracy 0.9 (at least 0.97)"
    assert re.search("^Reject +Rejected ", commands["gate"]("steps").out, re.MULTILINE)


def test_executions_show_the_figures_of_each_by_few_requests(commands: _Of, local: LocalService) -> None:
    for accuracy in ("0.9", "0.7"):
        wait(local, start(local, "demo", given={"Accuracy": accuracy}))
    with recorded() as sent:
        rows = json.loads(commands["demo"]("executions", "--count", "2", "--json").out)
    assert [(row["outcome"], row["figures"]) for row in rows] == [
        ("Rejected", {"accuracy": 0.7, "recall": 0.75}),
        ("Succeeded", {"accuracy": 0.9, "recall": 0.75}),
    ]
    # The list itself, and who is asking; then at most four for each of the two.
    assert len(sent) <= 2 + 4 * len(rows), [operation for operation, _ in sent]
    head, *table = commands["demo"]("executions", "--count", "2").out.splitlines()
    assert head.split() == ["execution", "status", "started", "time", "accuracy", "name"]
    assert ["0.7000" in table[0], "0.9000" in table[1]] == [True, True]


@pytest.mark.long
def test_the_tail_of_a_log_is_its_last_lines(commands: _Of) -> None:
    commands["plain"]("start", "--follow")
    assert commands["plain"]("logs", "Work").out.splitlines()[-2:] == ["hello", "world"]
    assert commands["plain"]("logs", "Work", "--tail", "1").out == "world\n"
    both = commands["plain"]("logs", "Work", "--tail", "1", "--follow")
    assert (both.code, both.err.splitlines()[0]) == (1, "error: --tail has no meaning with --follow")


def test_steps_as_json_tell_rejected_from_failed(commands: _Of) -> None:
    commands["gate"]("start", "--follow")
    (step,) = json.loads(commands["gate"]("steps", "--json").out)
    assert (step["name"], step["status"], step["outcome"]) == ("Reject", "Failed", "Rejected")
    assert step["started"].startswith("20")
