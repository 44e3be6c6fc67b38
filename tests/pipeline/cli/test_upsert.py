"""`plan` and `upsert` as commands against AWS as moto has it: what they say, what they send, and what AWS's refusals
become, in whole outputs."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from pipeline.cli import execute
from pipeline.config.settings_sources import load
from pipeline.deploy.desired import desired
from pipeline.operate import policy
from tests.support.calls import Refusal, recorded, refused
from tests.support.golden import assert_golden
from tests.support.service import KEY, local_service

BUCKET = "linear-learner-pipeline-123456789012"
CI = "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform"
ROLE = "arn:aws:iam::123456789012:role/pipeline"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder, which keeps the composed definition from one command to the next."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with the bucket, in a folder without settings; retries do not wait."""
    from botocore.retries.standard import ExponentialBackoff

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield


@pytest.mark.usefixtures("aws")
def test_a_pipeline_goes_to_aws_and_a_second_plan_has_nothing_to_do(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["plan", "--detailed-exitcode", "--state", str(state)]) == 2
    assert execute(["upsert", "--state", str(state)]) == 0
    told = capsys.readouterr()
    begun = "composing the pipeline to compare it with what is deployed\n"
    assert told.err == f"{begun}linear-learner-dev on AWS account 123456789012, region us-east-1\n" * 2
    assert told.out.splitlines()[-6:] == [
        "create pipeline linear-learner-dev",
        "record the checksum of the definition",
        "create pipeline linear-learner-dev-release",
        "record the checksum of the definition of linear-learner-dev-release",
        "+ rule linear-learner-dev-release: An approved version of linear-learner-dev is released.",
        "arn:aws:sagemaker:us-east-1:123456789012:pipeline/linear-learner-dev",
    ]
    assert execute(["plan", "--detailed-exitcode", "--state", str(state)]) == 0
    assert capsys.readouterr().out.startswith("Nothing to do: what is deployed is what is built.\n")


@pytest.mark.usefixtures("aws")
def test_a_saved_plan_is_carried_out_once_and_refused_when_something_changed_since(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["plan", "--out", "saved.json", "--set", "tags=a=1", "--state", str(state)]) == 0
    told = capsys.readouterr().out
    assert execute(["upsert", "saved.json", "--state", str(state)]) == 0
    done = capsys.readouterr().out
    assert "+ rule linear-learner-dev-release" in told and "+ rule linear-learner-dev-release" in done
    assert execute(["upsert", "saved.json", "--state", str(state)]) == 1
    assert "what is deployed has changed since the plan was made; nothing was done" in capsys.readouterr().err
    assert execute(["plan", "--detailed-exitcode", "--set", "tags=a=1", "--state", str(state)]) == 0


@pytest.mark.usefixtures("aws")
def test_a_saved_plan_is_refused_with_other_code_other_flags_another_account_and_when_it_is_none(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["plan", "--out", "saved.json", "--state", str(state)]) == 0
    saved = json.loads(Path("saved.json").read_text())
    for change, reason in (
        ({"definitions": ["0", "1"]}, "the code or the steps here are others than the plan was made with"),
        ({"where": "AWS account 210987654321, region us-east-1"}, "the plan is for AWS account 210987654321"),
        ({"format": 2}, "other.json holds no plan"),
    ):
        Path("other.json").write_text(json.dumps({**saved, **change}))
        capsys.readouterr()
        assert execute(["upsert", "other.json", "--state", str(state)]) == 1
        assert reason in capsys.readouterr().err
    assert execute(["upsert", "saved.json", "--set", "name=x", "--state", str(state)]) == 1
    assert "a saved plan has its own settings" in capsys.readouterr().err
    assert execute(["upsert", "none.json", "--state", str(state)]) == 1
    assert "there is no plan none.json" in capsys.readouterr().err
    assert boto3.client("sagemaker", region_name="us-east-1").list_pipelines()["PipelineSummaries"] == []


@pytest.mark.long
@pytest.mark.usefixtures("aws")
def test_flags_and_settings_give_parallelism_and_description(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("pipeline.toml").write_text('parallelism = 2\ndescription = "Digits."\n')
    assert execute(["upsert", "--state", str(state)]) == 0
    assert execute(["plan", "--json", "--parallelism", "5", "--description", "Zeros.", "--state", str(state)]) == 0
    document = json.loads(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))
    assert document["attributes"] == [
        {"path": "description", "kind": "changed", "old": "Digits.", "new": "Zeros."},
        {"path": "parallelism", "kind": "changed", "old": 2, "new": 5},
    ]


@pytest.mark.usefixtures("aws")
@pytest.mark.long
def test_the_ci_role_of_pipeline_policy_may_make_every_call_that_they_make(state: Path) -> None:
    with recorded() as sent:
        for tags in ("a=1,b=2", "a=2,c=3"):
            assert execute(["upsert", "--set", f"tags={tags}", "--set", "name=other", "--state", str(state)]) == 0
    settings = load(flags={"name": "other"}, variables={})
    definition = desired(settings, cache=None).definition
    allowed = {
        action
        for statement in policy.policy("ci", settings, json.loads(definition))["Statement"]
        for action in statement["Action"]
    }
    storage = {"ListObjectsV2": "s3:ListBucket", "PutObject": "s3:PutObject", "GetObject": "s3:GetObject"}
    called = {operation for operation, _ in sent} - {"GetCallerIdentity"}
    assert "pricing:GetProducts" in allowed
    called -= {"GetProducts"}
    assert "application-autoscaling:DescribeScalableTargets" in allowed
    called -= {"DescribeScalableTargets"}
    assert {"CreatePipeline", "UpdatePipeline", "DeleteTags"} < called
    of_events = ("Rule", "Target", "ApiDestination", "Connection")
    rules = {operation for operation in called if any(part in operation for part in of_events)}
    assert {"DescribeRule", "PutRule", "PutTargets"} <= rules
    called -= {"TagResource"}
    assert {f"events:{operation}" for operation in {*rules, "TagResource"}} <= allowed
    assert {storage.get(operation, f"sagemaker:{operation}") for operation in called - rules} <= allowed


def test_aws_and_localhost_are_sent_the_same_bytes(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
        with recorded() as to_aws:
            assert execute(["upsert", "--state", str(state)]) == 0
    with local_service(tmp_path / "local") as service:
        service.s3.create_bucket(Bucket=BUCKET)
        _environment(monkeypatch, service.url)
        with recorded() as to_localhost:
            assert execute(["upsert", "--state", str(state)]) == 0
    assert _comparable(to_aws) == _comparable(to_localhost)
    capsys.readouterr()
    assert execute(["definition", "--state", str(state)]) == 0
    created = json.loads(next(body for operation, body in to_aws if operation == "CreatePipeline"))
    assert created["PipelineDefinition"] == capsys.readouterr().out.removesuffix("\n")


def _environment(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """What `pipeline local env` prints."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret_access_key)


def _comparable(sent: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The requests without the token of CreatePipeline, which is another each time, and the chunks of TLS uploads.

    Prices are asked for on AWS alone. Files are uploaded side by side, in any order.
    """
    found = []
    for operation, body in (request for request in sent if request[0] != "GetProducts"):
        if operation == "CreatePipeline":
            body = json.dumps({**json.loads(body), "ClientRequestToken": ""}).encode()
        if b"\r\n0\r\nx-amz-checksum-" in body:
            body = body.partition(b"\r\n")[2].rpartition(b"\r\n0\r\nx-amz-checksum-")[0]
        found.append((operation, body))
    groups = (list(group) for _, group in itertools.groupby(found, key=lambda request: request[0]))
    return [request for group in groups for request in (sorted(group) if group[0][0] == "PutObject" else group)]


REFUSALS = {
    "expired": Refusal("GetCallerIdentity", "ExpiredToken", "The security token included in the request is expired"),
    "invalid": Refusal("GetCallerIdentity", "InvalidClientTokenId", "The security token is invalid.", status=403),
    "no_read": Refusal("DescribePipeline", "AccessDeniedException", f"{CI}: sagemaker:DescribePipeline on it"),
    "no_create": Refusal("CreatePipeline", "AccessDeniedException", f"{CI}: sagemaker:CreatePipeline on it"),
    "no_pass_role": Refusal("CreatePipeline", "AccessDeniedException", f"{CI}: iam:PassRole on resource: {ROLE}"),
    "no_role": Refusal(
        "CreatePipeline",
        "ValidationException",
        f"Could not assume role {ROLE}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role.",
    ),
    "no_listing": Refusal("ListObjectsV2", "AccessDenied", "Access Denied", status=403),
    "no_writing": Refusal("PutObject", "AccessDenied", "Access Denied", status=403),
    "throttled": Refusal("DescribePipeline", "ThrottlingException", "Rate exceeded"),
    "limit": Refusal("CreatePipeline", "ResourceLimitExceeded", "The account-level service limit is 0 Pipelines."),
    "tags": Refusal("AddTags", "AccessDeniedException", f"{CI}: sagemaker:AddTags on it"),
}
# One of each moment: before anything is known, at reading, at the upload, at the pipeline itself.
BRIEF = {"expired", "no_read", "no_listing", "no_writing", "no_create"}


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in BRIEF else pytest.mark.long) for name in REFUSALS]
)
def test_what_aws_refuses_is_one_line_and_a_remedy(name: str, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with refused(REFUSALS[name]):
        assert execute(["upsert", "--state", str(state)]) == 1
    assert_golden(f"refusals/{name}.txt", capsys.readouterr().err)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("other_account", ["--set", "account=111122223333"]),
        ("no_bucket", ["--set", "bucket=not-there"]),
        ("no_region", ["--set", "region=nowhere"]),
        ("negative", ["--parallelism", "0"]),
    ],
)
def test_what_the_settings_get_wrong_is_one_line_and_a_remedy(
    name: str, arguments: list[str], state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["upsert", "--state", str(state), *arguments]) == 1
    assert_golden(f"refusals/{name}.txt", capsys.readouterr().err)


def test_a_service_that_is_not_there_is_one_line_and_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from botocore.retries.standard import ExponentialBackoff

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
    _environment(monkeypatch, "http://127.0.0.1:9")
    assert execute(["plan"]) == 1
    assert_golden("refusals/not_there.txt", capsys.readouterr().err)


@pytest.mark.usefixtures("aws")
def test_two_forms_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["plan", "--json", "--markdown"]) == 1
    assert capsys.readouterr().err == "error: --json and --markdown exclude each other\nhint: give one of them\n"
