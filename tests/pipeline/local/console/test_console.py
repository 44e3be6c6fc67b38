"""The console: who gets in, what the pages hold, and that nothing a job wrote can act in them."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jinja2 import Environment, FileSystemLoader

import pipeline.local.console
from pipeline.local.console.access import entry_path
from pipeline.local.console.step_view import endpoint_log
from tests.support.executions import create, run, work
from tests.support.service import KEY, ROLE, LocalService, local_service
from tests.support.waiting import PATIENCE

TEMPLATES = Path(pipeline.local.console.__file__).parent / "templates"
SCRIPT = "<script>alert('x')</script>"
STEPS: dict[str, Any] = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Limit", "Type": "Integer", "DefaultValue": 3}],
    "Steps": [
        {
            "Name": "Check",
            "DisplayName": SCRIPT,
            "Type": "Condition",
            "Arguments": {
                "Conditions": [{"Type": "GreaterThan", "LeftValue": {"Get": "Parameters.Limit"}, "RightValue": 2}],
                "IfSteps": [{"Name": "Refuse", "Type": "Fail", "Arguments": {"ErrorMessage": f"no {SCRIPT}"}}],
                "ElseSteps": [{"Name": "Other", "Type": "Fail", "Arguments": {"ErrorMessage": "never"}}],
            },
        }
    ],
}


class Browser:
    """What a browser sends: the cookie that it was given, no signature."""

    def __init__(self, local: LocalService) -> None:
        self._address = urlsplit(local.url).netloc
        self.cookie = ""

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection(self._address, timeout=PATIENCE)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={"Cookie": self.cookie, "Sec-Fetch-Site": "same-origin"} | sent)
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
        found = {name.lower(): value for name, value in response.getheaders()}
        connection.close()
        if "set-cookie" in found:
            self.cookie = found["set-cookie"].partition(";")[0]
        return response.status, found, text

    def page(self, path: str) -> str:
        """A page that must be there."""
        status, _, text = self.get(path)
        assert status == 200, text
        return text


def cookie_name(local: LocalService) -> str:
    """Two services on one host have one jar of cookies in a browser, so each has a name of its own."""
    return f"pipeline-console-{local.url.rpartition(':')[2]}"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("console")) as service:
        yield service


@pytest.fixture
def browser(local: LocalService) -> Browser:
    found = Browser(local)
    found.get(entry_path(KEY.secret_access_key, time.time()))
    return found


@pytest.fixture(scope="module")
def execution(local: LocalService) -> str:
    """The console's path of an execution that has failed in its Fail step."""
    local.sagemaker.create_pipeline(
        PipelineName="shown", PipelineDefinition=json.dumps(STEPS), RoleArn=ROLE, ClientRequestToken="c" * 32
    )
    arn = local.sagemaker.start_pipeline_execution(PipelineName="shown")["PipelineExecutionArn"]
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        if found["PipelineExecutionStatus"] == "Failed":
            break
        time.sleep(0.02)
    return f"/_console/executions/shown/{arn.rpartition('/')[2]}"


def test_a_token_lets_one_browser_in_once(local: LocalService) -> None:
    path = entry_path(KEY.secret_access_key, time.time())
    first, second = Browser(local), Browser(local)
    status, headers, _ = first.get(path, Sec_Fetch_Site="none")
    assert (status, headers["location"]) == (303, "/_console")
    assert re.fullmatch(rf"{cookie_name(local)}=\S+; Path=/_console; HttpOnly; SameSite=Strict", headers["set-cookie"])
    assert "No execution" in first.page("/_console") or "Executions" in first.page("/_console")
    assert second.get(path)[0] == 403
    assert second.get("/_console")[0] == 403


@pytest.mark.parametrize("token", ["", "a", "1.2.3", "9999999999.abc.def", "..", "x.y." + "0" * 32, "\u00fc.a.b"])
def test_a_token_that_was_made_up_lets_nobody_in(local: LocalService, token: str) -> None:
    from urllib.parse import quote

    assert Browser(local).get(f"/_console/enter?token={quote(token)}")[0] == 403


def test_a_token_is_good_for_ten_minutes_and_with_this_key_alone(local: LocalService) -> None:
    assert Browser(local).get(entry_path(KEY.secret_access_key, time.time() - 601))[0] == 403
    assert Browser(local).get(entry_path("another secret", time.time()))[0] == 403


def test_a_used_token_lets_nobody_in_after_a_restart(tmp_path: Path) -> None:
    path = ""
    for status in (303, 403):
        with local_service(tmp_path) as service:
            path = path or entry_path(KEY.secret_access_key, time.time())
            assert Browser(service).get(path)[0] == status


def test_entering_leads_to_the_first_page_and_nowhere_else(local: LocalService) -> None:
    address = entry_path(KEY.secret_access_key, time.time())
    assert Browser(local).get(f"{address}&page=//evil.example")[1]["location"] == "/_console"


def test_without_the_cookie_nothing_is_shown(local: LocalService, execution: str) -> None:
    stranger = Browser(local)
    for path in ("/_console", execution, "/_console/registry", "/_console/endpoints", "/_console/object/a/b"):
        status, _, text = stranger.get(path, Cookie=f"{cookie_name(local)}=guess; other={cookie_name(local)}")
        assert status == 403
        assert "pipeline local status" in text
    assert stranger.get("/_console/console.css")[0] == 200


def test_the_cookie_opens_nothing_but_the_console(local: LocalService, browser: Browser) -> None:
    assert browser.get("/")[0] == 403
    assert browser.get("/bucket/key")[0] == 403
    assert browser.get("/_console", Origin="https://evil.example")[0] == 403
    assert browser.get("/_console", Sec_Fetch_Site="cross-site")[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_only_reads(browser: Browser, method: str) -> None:
    assert browser.get("/_console", method)[0] == 405


def test_the_first_page_lists_executions_and_pipelines(browser: Browser, execution: str) -> None:
    text = browser.page("/_console")
    assert f'href="{execution}"' in text
    assert '<span class="badge Rejected">Rejected</span>' in text
    assert "shown" in text


def test_an_execution_is_shown_as_a_graph_with_the_step_that_failed_chosen(browser: Browser, execution: str) -> None:
    text = browser.page(execution)
    classes = dict(re.findall(r'<a href="[^"]*\?step=(\w+)" class="step ([\w ]+)">', text))
    assert classes == {"Check": "Succeeded", "Refuse": "Rejected chosen", "Other": "Waiting"}
    assert "data-live" not in text.split("<main")[1][:40]
    assert "no &lt;script&gt;" in text


def test_a_step_shows_what_its_job_said_at_its_end_and_every_line_of_its_log(
    local: LocalService, browser: Browser
) -> None:
    command = "echo one; printf 'x is <wrong>' > /opt/ml/output/message; echo two; exit 3"
    name = create(local, work("Read", command), name="said")
    arn = run(local, name)["PipelineExecutionArn"]
    text = browser.page(f"/_console/executions/said/{arn.rpartition('/')[2]}")
    assert '<p class="failure">AlgorithmError: , exit code: 3</p><p class="said">x is &lt;wrong&gt;</p>' in text
    time = r"<i>[\d:.]{12}</i>"
    assert re.search(rf"<h3>Log, times in UTC</h3>\s*<pre[^>]*>{time} one\n{time} two\n</pre>", text)


def test_times_have_their_zone(browser: Browser, execution: str) -> None:
    assert re.search(r'<td class="time">[\d-]{10} [\d:]{8} \w+</td>', browser.page("/_console"))
    assert re.search(r"started [\d-]{10} [\d:]{8} \w+", browser.page(execution))


def test_a_condition_shows_what_it_compared(browser: Browser, execution: str) -> None:
    text = browser.page(f"{execution}?step=Check")
    assert "<td>Limit = 3</td><td><small>GreaterThan</small></td><td>2</td>" in text


def test_nothing_that_others_wrote_is_markup(browser: Browser, execution: str) -> None:
    for path in (execution, f"{execution}?step=Check", f"{execution}?step={SCRIPT}", "/_console"):
        assert SCRIPT not in browser.page(path.replace("<", "%3C").replace(">", "%3E"))


def test_pages_forbid_scripts_frames_and_addresses_of_others(browser: Browser, execution: str) -> None:
    _, headers, text = browser.get(execution)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text), "a page that needs the network"
    assert "style=" not in text
    assert "onclick" not in text


def test_what_a_job_wrote_is_shown_in_a_sandbox(local: LocalService, browser: Browser) -> None:
    local.s3.create_bucket(Bucket="reports")
    for key, kind in [
        ("a b/report.html", "text/html"),
        ("x.json", "text/plain; charset=utf-8"),
        ("p.png", "image/png"),
    ]:
        local.s3.put_object(Bucket="reports", Key=key, Body=SCRIPT.encode())
        status, headers, text = browser.get(f"/_console/object/reports/{key.replace(' ', '%20')}")
        assert (status, headers["content-type"], text) == (200, kind, SCRIPT)
        assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert "script" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    local.s3.put_object(Bucket="reports", Key="model.tar.gz", Body=b"x")
    assert "attachment" in browser.get("/_console/object/reports/model.tar.gz")[1]["content-disposition"]
    for path in ("reports/absent", "absent/x", "reports/", "..%2f..%2fetc/passwd", ""):
        assert browser.get(f"/_console/object/{path}")[0] == 404


def test_the_registry_shows_versions_with_their_figures(local: LocalService, browser: Browser) -> None:
    local.s3.create_bucket(Bucket="figures")
    metrics = {
        "binary_classification_metrics": {"accuracy": {"value": 0.98765}, "f1_best_constant_classifier": {"value": 0.1}}
    }
    local.s3.put_object(Bucket="figures", Key="evaluation.json", Body=json.dumps(metrics).encode())
    local.sagemaker.create_model_package_group(ModelPackageGroupName="digits")
    local.sagemaker.create_model_package(
        ModelPackageGroupName="digits",
        ModelApprovalStatus="Approved",
        ModelMetrics={
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://figures/evaluation.json"}}
        },
        InferenceSpecification={
            "Containers": [{"Image": "linear-learner:1", "ModelDataUrl": "s3://figures/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    text = browser.page("/_console/registry")
    assert '<th class="number">accuracy</th>' in text
    assert '<td class="number">0.9877</td>' in text
    assert "constant_classifier" not in text
    assert '<span class="badge Approved">Approved</span>' in text


@pytest.mark.parametrize(
    "evaluation",
    [b'{"g": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", b'{"g": {"a": {"value": 1' + b"0" * 400 + b"}}}"],
    ids=["nested deeply", "huge"],
)
def test_a_strange_evaluation_has_no_figures_and_breaks_no_page(
    local: LocalService, browser: Browser, evaluation: bytes
) -> None:
    name = f"strange-{len(evaluation)}"
    local.s3.create_bucket(Bucket=name)
    local.s3.put_object(Bucket=name, Key="evaluation.json", Body=evaluation)
    local.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    statistics = {"ContentType": "application/json", "S3Uri": f"s3://{name}/evaluation.json"}
    local.sagemaker.create_model_package(
        ModelPackageGroupName=name,
        ModelMetrics={"ModelQuality": {"Statistics": statistics}},
        InferenceSpecification={
            "Containers": [{"Image": "linear-learner:1", "ModelDataUrl": f"s3://{name}/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    assert "</html>" in browser.page("/_console")
    assert name in browser.page("/_console/registry")


def test_a_page_that_is_not_there_says_so(browser: Browser) -> None:
    for path in ("/_console/nothing", "/_console/executions/a/b", "/_console/executions", "/_console/../x"):
        assert browser.get(path)[0] == 404


def test_lines_of_several_streams_are_in_the_order_of_their_events(local: LocalService) -> None:
    """A line that a progress bar wrote over, and an event of several lines, stay where they are."""
    group = "/aws/sagemaker/Endpoints/watched"
    local.service.logs.write(group, "v/i-1", [(1000, "10%\r20%\nand on"), (3000, "late")])
    local.service.logs.write(group, "v/i-2", [(2000, "between")])
    stamp = "1970-01-01T00:00:0{}.000Z {}".format
    lines = [stamp(1, "10%\r20%"), "\tand on", stamp(2, "between"), stamp(3, "late")]
    assert endpoint_log(local.service, "watched") == (lines, False)
    shown = Environment(autoescape=True, loader=FileSystemLoader(TEMPLATES), trim_blocks=True, lstrip_blocks=True)
    text = str(shown.get_template("parts.html").module.log(lines, False))  # type: ignore[attr-defined]
    assert re.sub(r"<.*?>", "", text).strip() == (
        "00:00:01.000 10%\r20%\n\tand on\n00:00:02.000 between\n00:00:03.000 late"
    )


def test_endpoints_are_listed_even_when_there_are_none(browser: Browser) -> None:
    assert "No endpoint." in browser.page("/_console/endpoints")
    assert "No endpoint." in browser.page("/_console/endpoints/absent")


def test_a_page_that_can_still_change_asks_for_itself_again(
    local: LocalService, browser: Browser, execution: str
) -> None:
    arn = local.service.arns.execution("shown", execution.rpartition("/")[2])
    local.service.store.merge("pipeline-execution", arn, PipelineExecutionStatus="Executing")
    try:
        assert "<main data-live>" in browser.page(execution)
        assert "<main data-live>" in browser.page("/_console")
    finally:
        local.service.store.merge("pipeline-execution", arn, PipelineExecutionStatus="Failed")
    assert "<main data-live>" not in browser.page(execution)
