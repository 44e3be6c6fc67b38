"""The report of executions that really ran: figures, thresholds, the approved model, links, and as which text."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.clients import Clients, Target
from pipeline.errors import UsageError
from pipeline.executions.execution_snapshot import StepView
from pipeline.operate import model_registry
from pipeline.report.html import html, pictures, write
from pipeline.report.links import Links
from pipeline.report.markdown import duration, fenced, markdown
from pipeline.report.report import Report, gather
from tests.support.clients import clients_of
from tests.support.evaluated import BUCKET, PNG, evaluated
from tests.support.executions import create, run, work
from tests.support.service import LocalService, local_service

AWS = Target("eu-west-1", "123456789012")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Ran:
    """One service with three executions of one pipeline: approved, better, rejected; and one of another that failed."""

    clients: Clients
    approved: Report
    better: Report
    rejected: Report
    failed: Report


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder: Path = tmp_path_factory.mktemp("report")
    with local_service(folder) as local:
        local.s3.create_bucket(Bucket=BUCKET)
        clients = clients_of(local)
        name = evaluated(local, "demo")
        first = run_arn(local, name, "0.9")
        chosen = model_registry.model(clients, "demo", 1)
        model_registry.approve(clients, chosen, "good")
        approved = gather(clients, first, now=NOW)
        better = gather(clients, run_arn(local, name, "0.95"), now=NOW)
        rejected = gather(clients, run_arn(local, name, "0.5"), now=NOW)
        broken = create(local, work("Work", "echo '`| <script>alert(1)</script>'; exit 1"), name="broken")
        failed = gather(clients, run(local, broken)["PipelineExecutionArn"], now=NOW)
        yield Ran(clients, approved, better, rejected, failed)


def run_arn(local: LocalService, name: str, accuracy: str) -> str:
    return str(run(local, name, given={"Accuracy": accuracy})["PipelineExecutionArn"])


def test_figures_stand_beside_threshold_and_approved_model(ran: Ran) -> None:
    accuracy, recall = ran.better.figures
    assert (accuracy.name, accuracy.value, accuracy.approved, accuracy.difference) == (
        "accuracy",
        0.95,
        0.9,
        pytest.approx(0.05),
    )
    assert accuracy.gate is not None
    assert (accuracy.gate.parameter, accuracy.gate.threshold, accuracy.gate.passed) == ("MinAccuracy", 0.8, True)
    assert (recall.name, recall.gate, recall.difference) == ("recall", None, 0.0)


def test_an_execution_is_not_compared_with_the_model_that_it_registered_itself(ran: Ran) -> None:
    assert ran.approved.registered.endswith("model-package/demo/1")
    assert ran.approved.approved is None
    assert ran.better.approved is not None and ran.better.approved.version == 1


def test_a_rejected_model_is_reported_with_the_figure_that_missed(ran: Ran) -> None:
    assert ran.rejected.failure == "accuracy 0.5"
    assert [figure.gate.passed for figure in ran.rejected.figures if figure.gate] == [False]
    assert ran.rejected.registered == ""
    assert ran.rejected.approved is not None


def test_markdown_has_one_table_a_subject(ran: Ran) -> None:
    text = markdown(ran.better)
    assert text.startswith("## ✅ demo: Succeeded\n")
    assert "| figure | value | threshold | gate | approved, version 1 | difference |" in text
    assert "| accuracy | 0.9500 | at least 0.8 (`MinAccuracy`) | ✅ met | 0.9000 | +0.0500 |" in text
    assert "| **1** | 2 | 5 |" in text
    assert "| EvaluateModel | ✅ Succeeded |" in text
    assert re.search(r"```mermaid\nflowchart TD\n.*\n```", text, re.S)
    assert "](http" not in text, "addresses on localhost are no links for others"


def test_classes_of_the_confusion_matrix_have_their_names(ran: Ran) -> None:
    report = dataclasses.replace(ran.better, classes=("not 7", "7"))
    assert "| actual \\ predicted | not 7 | 7 |" in markdown(report)
    assert "| **7** | 2 | 5 |" in markdown(report)
    assert re.search(r"<th[^>]*>not 7</th>", html(report, ()))


def test_every_table_of_the_markdown_is_rectangular(ran: Ran) -> None:
    for report in (ran.approved, ran.better, ran.rejected, ran.failed):
        for table in re.findall(r"(?:^\|.*\|\n?)+", markdown(report), re.M):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_what_a_job_says_stays_within_its_block(ran: Ran) -> None:
    text = markdown(ran.failed)
    assert text.startswith("## ❌ broken: Failed\n")
    block = text[text.index("```text") :].partition("\n```\n")[0]
    assert "<script>" in block
    assert "<script>" not in text.replace(block, "")
    assert "<script>" not in html(ran.failed, ())


def test_a_step_that_runs_has_run_until_the_moment_of_the_report(ran: Ran) -> None:
    assert ran.better.until == ran.better.ended
    (step, *_) = ran.better.execution.steps
    assert step.started is not None
    running = dataclasses.replace(ran.better.execution, steps=(dataclasses.replace(step, ended=None),))
    report = dataclasses.replace(ran.better, execution=running, ended=None, until=step.started + timedelta(seconds=90))
    assert re.search(rf"{step.name} .* 90.0 s$", report.as_text(), re.M)
    assert "| 1 min 30 s |" in markdown(report)


def test_a_fence_is_longer_than_the_backticks_within() -> None:
    assert fenced("text", "a ```` b").startswith("`````text\n")


@pytest.mark.parametrize(("seconds", "text"), [(3.21, "3.2 s"), (125, "2 min 5 s"), (7384, "2 h 3 min")])
def test_durations_are_as_a_person_says_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_page_needs_nothing_else(ran: Ran) -> None:
    page = html(ran.better, pictures(ran.clients, ran.better))
    loaded = [value for tag, name, value in _attributes(page) if name in ("src", "srcset") or tag == "link"]
    assert loaded == [f"data:image/png;base64,{PNG}"]
    assert not re.search(r"url\((?!#)|@import|<script", page)
    assert "default-src 'none'" in page


def test_the_page_shows_graph_matrix_and_every_step(ran: Ran) -> None:
    page = html(ran.better, ())
    assert page.count("<svg") == 1
    for step in ran.better.execution.steps:
        assert f'data-step="{step.name}"' in page
    assert ">90</td>" in page and ">5</td>" in page
    assert "+0.0500" in page


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write(tmp_path / "report.html", "page")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(UsageError, match="cannot be written"):
        write(tmp_path / "nowhere" / "report.html", "page")


def test_json_has_the_same_figures(ran: Ran) -> None:
    document = json.loads(ran.better.as_json())
    assert document["figures"] == {"accuracy": 0.95, "recall": 0.75}
    assert document["approved"] == {"model": ran.approved.registered, "figures": {"accuracy": 0.9, "recall": 0.75}}


def test_on_aws_steps_and_outputs_link_to_the_console(ran: Ran) -> None:
    links = Links(AWS, "demo", ran.better.execution.arn)
    report = dataclasses.replace(ran.better, links=links)
    job = next(step.job_name for step in report.execution.steps if step.name == "EvaluateModel")
    page = f"https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/processing-jobs/{job}"
    assert f"[EvaluateModel]({page})" in markdown(report)
    assert f'href="{page}"' in html(report, ())
    assert links.s3("s3://b/a b/").endswith("/s3/buckets/b?region=eu-west-1&prefix=a%20b%2F")


@pytest.mark.parametrize(
    ("region", "host"),
    [("cn-north-1", "console.amazonaws.cn"), ("us-gov-west-1", "console.amazonaws-us-gov.com")],
)
def test_other_partitions_have_consoles_of_their_own(region: str, host: str) -> None:
    step = StepView("A", "Succeeded", kind="TrainingJob", metadata={"Arn": "arn:aws:x:y:z:training-job/job-1"})
    assert Links(Target(region, "1"), "demo", "").step(step).startswith(f"https://{region}.{host}/")


class _Attributes(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, name, value or "") for name, value in attrs]


def _attributes(page: str) -> list[tuple[str, str, str]]:
    parser = _Attributes()
    parser.feed(page)
    return parser.found
