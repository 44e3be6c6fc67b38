"""A version taken to another account and region: two services on localhost, and moto alone."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.errors import UsageError
from pipeline.operate import promotion_policy
from pipeline.operate.promotion import PromotionPlace, promote
from tests.support.clients import aws_alone, clients_of
from tests.support.commands import Commands
from tests.support.evaluated import BUCKET
from tests.support.service import LocalService, local_service

MODEL = b"the artefact"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
IN_IRELAND = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/linear-learner:1"
DEV = Settings(name="digits", bucket=BUCKET)
PROD = Settings(
    environment="prod", name="digits", bucket="prod-bucket", region="eu-west-1", account="210987654321",
    tags={"team": "vision"},
)  # fmt: skip
RUN = f"s3://{BUCKET}/digits/executions/abc"


def registered(clients: Clients, *, model: bytes = MODEL, **more: str) -> str:
    """A version of the group as RegisterModel makes it, with its files; its ARN."""
    files = {
        "TrainModel/output/model.tar.gz": MODEL,
        "EvaluateModel/evaluation/evaluation.json": b"{}",
        "EvaluateModel/evaluation/report.html": b"<html>",
        "ConvertData/features/part-0.csv": b"1,2",
    }
    for name, content in files.items():
        clients.s3.put_object(Bucket=BUCKET, Key=f"digits/executions/abc/{name}", Body=content)
    properties = {"ModelSha256": hashlib.sha256(model).hexdigest(), "TestFeatures": f"{RUN}/ConvertData/features"}
    statistics = {"ContentType": "application/json", "S3Uri": f"{RUN}/EvaluateModel/evaluation/evaluation.json"}
    clients.sagemaker.create_model_package_group(ModelPackageGroupName="digits")
    return clients.sagemaker.create_model_package(
        ModelPackageGroupName="digits",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": f"{RUN}/TrainModel/output/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        ModelMetrics={"ModelQuality": {"Statistics": statistics}},
        CustomerMetadataProperties={**properties, **more},
    )["ModelPackageArn"]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalService, LocalService]]:
    """A service for each account."""
    one, other = (tmp_path_factory.mktemp(name) for name in ("dev", "prod"))
    with local_service(one) as dev, local_service(other, account=PROD.account, region=PROD.region) as prod:
        yield dev, prod


@pytest.fixture
def both(there: tuple[LocalService, LocalService]) -> Iterator[tuple[PromotionPlace, PromotionPlace]]:
    places = [PromotionPlace(settings, clients_of(local)) for settings, local in zip((DEV, PROD), there, strict=True)]
    for place in places:
        bucket(place)
    yield places[0], places[1]
    for place in places:
        empty(place)


def bucket(place: PromotionPlace) -> None:
    region = place.settings.region
    where: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    place.clients.s3.create_bucket(Bucket=place.settings.bucket, **where)


def empty(place: PromotionPlace) -> None:
    for arn in versions(place):
        place.clients.sagemaker.delete_model_package(ModelPackageName=arn)
    groups = place.clients.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    for group in groups:
        place.clients.sagemaker.delete_model_package_group(ModelPackageGroupName=group["ModelPackageGroupName"])
    for key in contents(place):
        place.clients.s3.delete_object(Bucket=place.settings.bucket, Key=key)
    place.clients.s3.delete_bucket(Bucket=place.settings.bucket)


def versions(place: PromotionPlace) -> list[str]:
    pages = place.clients.sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName="digits")
    return [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]


def contents(place: PromotionPlace) -> Mapping[str, bytes]:
    listed = place.clients.s3.list_objects_v2(Bucket=place.settings.bucket).get("Contents", [])
    read = place.clients.s3.get_object
    return {item["Key"]: read(Bucket=place.settings.bucket, Key=item["Key"])["Body"].read() for item in listed}


def promoted_whole(source: PromotionPlace, target: PromotionPlace, arn: str) -> None:
    """Promote twice, and hold what is there against what was registered."""
    first, second = (promote(source, target, arn, progress=lambda _: None) for _ in range(2))
    assert (first.new, first.copied, second.new) == (True, 4, False)
    assert versions(target) == [first.arn] == [second.arn]
    assert f":{target.settings.region}:" in first.arn
    found = target.clients.sagemaker.describe_model_package(ModelPackageName=first.arn)
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    (container,) = found["InferenceSpecification"]["Containers"]
    assert container["Image"] == IN_IRELAND
    properties = found["CustomerMetadataProperties"]
    content = hashlib.sha256(hashlib.sha256(MODEL).hexdigest().encode()).hexdigest()
    assert (properties["PromotedFrom"], properties["PromotedSha256"]) == (arn, content)
    files = contents(target)
    root = f"digits/promoted/{content[:16]}/executions/abc"
    assert files == {
        f"{root}/TrainModel/output/model.tar.gz": MODEL,
        f"{root}/EvaluateModel/evaluation/evaluation.json": b"{}",
        f"{root}/EvaluateModel/evaluation/report.html": b"<html>",
        f"{root}/ConvertData/features/part-0.csv": b"1,2",
    }
    assert container["ModelDataUrl"] == f"s3://prod-bucket/{root}/TrainModel/output/model.tar.gz"
    assert found["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].removeprefix("s3://prod-bucket/") in files
    assert properties["TestFeatures"] == f"s3://prod-bucket/{root}/ConvertData/features"


def test_a_version_is_registered_once_by_its_content_with_its_files_and_waits(
    both: tuple[PromotionPlace, PromotionPlace],
) -> None:
    source, target = both
    promoted_whole(source, target, registered(source.clients))


@pytest.mark.long
def test_moto_alone_takes_all_of_it() -> None:
    with aws_alone() as clients:
        ireland = Clients(type(clients.session)("testing", "testing", region_name="eu-west-1"))
        source, target = PromotionPlace(DEV, clients), PromotionPlace(PROD, ireland)
        bucket(source)
        bucket(target)
        promoted_whole(source, target, registered(clients))


def test_other_bytes_than_were_evaluated_are_refused_and_nothing_is_written(
    both: tuple[PromotionPlace, PromotionPlace],
) -> None:
    source, target = both
    arn = registered(source.clients, model=b"what was evaluated")
    with pytest.raises(UsageError, match="version 1 is not the one that was evaluated: ModelSha256 is .*, its bytes"):
        promote(source, target, arn, progress=lambda _: None)
    assert contents(target) == {}


def test_a_version_without_a_hash_or_with_a_file_gone_is_refused(both: tuple[PromotionPlace, PromotionPlace]) -> None:
    source, target = both
    gone = registered(source.clients, Comparison=f"{RUN}/gone/comparison.json")
    with pytest.raises(UsageError, match="gone/comparison.json, which the version names, is gone"):
        promote(source, target, gone, progress=lambda _: None)
    source.clients.sagemaker.update_model_package(
        ModelPackageArn=gone, CustomerMetadataPropertiesToRemove=["ModelSha256"]
    )
    with pytest.raises(UsageError, match="registered without ModelSha256"):
        promote(source, target, gone, progress=lambda _: None)
    assert (contents(target), versions(target)) == ({}, [])


def test_the_command_promotes_to_what_the_file_says_of_the_other_environment(
    both: tuple[PromotionPlace, PromotionPlace],
    there: tuple[LocalService, LocalService],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    source, _ = both
    registered(source.clients)
    monkeypatch.chdir(tmp_path)
    run = Commands(there[0], "digits", monkeypatch, capsys)
    (tmp_path / "pipeline.toml").write_text(
        f'[env.prod]\nname = "live"\nbucket = "{BUCKET}"\n[env.same]\nname="digits"\n'
    )
    first, second = run("promote", "1", "--to", "prod"), run("promote", "1", "--to", "prod")
    assert first.code == second.code == 0, first
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/live/1"
    assert first.out.splitlines()[-2:] == [
        f"registered {arn}, 4 files copied",
        "next: `pipeline models approve 1 --env prod`",
    ]
    assert second.out == f"version 1 is there already: {arn}\n"
    same = run("promote", "1", "--to", "same")
    assert same.code == 1 and "same has the registry of dev" in same.err
    printed = run("promote", "1", "--to", "prod", "--policies").out
    assert "# dev" in printed and f"arn:aws:s3:::{BUCKET}/live/promoted/*" in printed
    source.clients.sagemaker.delete_model_package(ModelPackageName=arn)


@contextmanager
def iam(decisions: Mapping[str, str]) -> Iterator[str]:
    """An IAM that decides by the action, in the form that its reference documents; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            actions = [value for name, (value,) in given.items() if name.startswith("ActionNames")]
            members = "".join(
                f"<member><EvalActionName>{action}</EvalActionName>"
                f"<EvalDecision>{decisions.get(action, 'allowed')}</EvalDecision></member>"
                for action in actions
            )
            name = "SimulatePrincipalPolicy"
            body = (
                f'<{name}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><{name}Result>'
                f"<EvaluationResults>{members}</EvaluationResults><IsTruncated>false</IsTruncated></{name}Result></{name}Response>"
            )
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_iam_refuses_is_named_before_anything_is_written(there: tuple[LocalService, LocalService]) -> None:
    documents = promotion_policy.policies(DEV, PROD)
    clients = clients_of(there[0])
    assert promotion_policy.refused(clients, documents["prod"]) == ()
    with iam({"s3:PutObject": "implicitDeny"}) as address:
        asking = Clients(clients.session, clients.endpoint_url)
        asking.other = lambda _: clients.session.client("iam", endpoint_url=address)  # type: ignore[method-assign]
        assert promotion_policy.refused(asking, documents["prod"]) == ("s3:PutObject",)
        assert promotion_policy.refused(asking, documents["dev"]) == ()


def test_the_policies_allow_every_call_of_a_promotion(both: tuple[PromotionPlace, PromotionPlace]) -> None:
    source, target = both
    arn = registered(source.clients)
    called: dict[str, set[str]] = {"dev": set(), "prod": set()}
    for place in both:
        for client in (place.clients.sagemaker, place.clients.s3):
            client.meta.events.register(  # type: ignore[attr-defined]
                "before-call",
                lambda model, name=place.settings.environment, **_: called[name].add(model.name),
                unique_id="calls",
            )
    promote(source, target, arn, progress=lambda _: None)
    documents = promotion_policy.policies(DEV, PROD)
    named = {"HeadObject": "GetObject", "ListObjectsV2": "ListBucket"}
    for environment, calls in called.items():
        allowed = {
            action.partition(":")[2] for found in documents[environment]["Statement"] for action in found["Action"]
        }
        assert {named.get(call, call) for call in calls} <= allowed, json.dumps(documents[environment])
