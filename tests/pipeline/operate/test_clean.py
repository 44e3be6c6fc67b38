"""What clean finds, what it leaves alone and why, and that it removes the rest; against moto alone and localhost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.errors import UsageError
from pipeline.operate import clean, model_registry
from pipeline.operate.clean import Item, RemainsKind
from pipeline.operate.resource_inventory import EXECUTION_TAG, inventory
from tests.support.clients import aws_alone, clients_of
from tests.support.evaluated import BUCKET, evaluated
from tests.support.executions import run, start, token, wait, wait_step
from tests.support.service import LocalService, local_service

NOW = datetime(2026, 5, 1, tzinfo=UTC)
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
ROLE = "arn:aws:iam::123456789012:role/pipeline"
SETTINGS = Settings(name="demo", bucket=BUCKET, tags={"project": "demo"})


@pytest.fixture
def aws() -> Iterator[Clients]:
    with aws_alone() as clients:
        clients.s3.create_bucket(Bucket=BUCKET)
        yield clients


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("clean")
    with local_service(folder) as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


def tags(execution: str, pipeline: str = "demo") -> list[dict[str, str]]:
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{pipeline}/execution/{execution}"
    return [{"Key": EXECUTION_TAG, "Value": arn}]


def deployed(aws: Clients, execution: str, *, endpoint: str = "", pipeline: str = "demo", of: str = "") -> None:
    """What an execution leaves: files, a model of them (or of another execution's), a configuration, an endpoint."""
    artifact = f"{pipeline}/executions/{of or execution}/TrainModel/model.tar.gz"
    aws.s3.put_object(Bucket=BUCKET, Key=f"{pipeline}/executions/{execution}/ConvertData/train/part-0", Body=b"x")
    aws.s3.put_object(Bucket=BUCKET, Key=artifact, Body=b"x")
    aws.sagemaker.create_model(
        ModelName=f"pipelines-{execution}-model",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{artifact}"},
        Tags=tags(execution, pipeline),  # type: ignore[arg-type]
    )
    variant: Any = {
        "VariantName": "AllTraffic",
        "ModelName": f"pipelines-{execution}-model",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    aws.sagemaker.create_endpoint_config(
        EndpointConfigName=f"pipelines-{execution}-config",
        ProductionVariants=[variant],
        Tags=tags(execution, pipeline),  # type: ignore[arg-type]
    )
    if endpoint:
        aws.sagemaker.create_endpoint(
            EndpointName=endpoint,
            EndpointConfigName=f"pipelines-{execution}-config",
            Tags=tags(execution, pipeline),  # type: ignore[arg-type]
        )


def planned(aws: Clients, *names: str, older_than: timedelta | None = None) -> clean.CleanPlan:
    return clean.plan(inventory(aws, SETTINGS), names=names, older_than=older_than, now=datetime.now(UTC))


def apply(aws: Clients, plan: clean.CleanPlan) -> list[str]:
    told: list[str] = []
    clean.apply(aws, plan, progress=lambda item: told.append(item.name))
    return told


def files(aws: Clients) -> set[str]:
    found = aws.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {item["Key"].split("/executions/")[1].split("/")[0] for item in found}


def test_without_a_choice_everything_is_listed_and_nothing_chosen(aws: Clients) -> None:
    deployed(aws, "old")
    plan = planned(aws)
    assert plan.remove == ()
    assert [item.key for item in plan.stay] == [
        (RemainsKind.ENDPOINT_CONFIG, "pipelines-old-config"),
        (RemainsKind.MODEL, "pipelines-old-model"),
        (RemainsKind.EXECUTION_FILES, "old"),
    ]


def test_what_is_old_goes_but_what_is_in_service_stays_whole(aws: Clients) -> None:
    deployed(aws, "old")
    deployed(aws, "new", endpoint="demo")
    assert apply(aws, planned(aws, older_than=timedelta(0))) == ["pipelines-old-config", "pipelines-old-model", "old"]
    assert aws.sagemaker.describe_endpoint(EndpointName="demo")["EndpointStatus"] == "InService"
    assert [item["ModelName"] for item in aws.sagemaker.list_models()["Models"]] == ["pipelines-new-model"]
    assert files(aws) == {"new"}


def test_files_stay_while_a_model_in_service_was_trained_by_that_execution(aws: Clients) -> None:
    deployed(aws, "first")
    deployed(aws, "second", endpoint="demo", of="first")
    apply(aws, planned(aws, older_than=timedelta(0)))
    assert files(aws) == {"first"}


def test_an_endpoint_in_service_goes_when_it_is_named_and_first(aws: Clients) -> None:
    deployed(aws, "new", endpoint="demo")
    assert apply(aws, planned(aws, "demo", older_than=timedelta(0))) == [
        "demo",
        "pipelines-new-config",
        "pipelines-new-model",
        "new",
    ]
    assert aws.sagemaker.list_endpoints()["Endpoints"] == []
    assert files(aws) == set()


def test_the_configuration_in_service_cannot_be_named(aws: Clients) -> None:
    deployed(aws, "new", endpoint="demo")
    with pytest.raises(UsageError, match="the endpoint demo needs it") as raised:
        planned(aws, "pipelines-new-config")
    assert raised.value.hint == "name demo as well, if it is to go too"


@pytest.mark.long
def test_another_pipelines_things_are_neither_listed_nor_removed(aws: Clients) -> None:
    deployed(aws, "theirs", endpoint="other", pipeline="other")
    deployed(aws, "idle", pipeline="other")
    assert planned(aws, older_than=timedelta(0)) == clean.CleanPlan()
    with pytest.raises(UsageError, match="was not made by this pipeline"):
        planned(aws, "other")


@pytest.mark.long
def test_another_pipelines_endpoint_keeps_our_configuration(aws: Clients) -> None:
    deployed(aws, "ours")
    aws.sagemaker.create_endpoint(EndpointName="theirs", EndpointConfigName="pipelines-ours-config")
    plan = planned(aws, older_than=timedelta(0))
    assert plan.remove == ()
    with pytest.raises(UsageError, match="the endpoint theirs needs it") as raised:
        planned(aws, "pipelines-ours-config")
    assert raised.value.hint == ""


def test_what_was_made_by_hand_counts_by_tags_and_name_together(aws: Clients) -> None:
    variant: Any = {
        "VariantName": "a",
        "ModelName": "pipelines-x-model",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    deployed(aws, "x", pipeline="other")
    for name, value in (("demo-by-hand", "demo"), ("unrelated", "demo"), ("demo-theirs", "x")):
        aws.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant], Tags=[{"Key": "project", "Value": value}]
        )
    assert [item.name for item in planned(aws).stay] == ["demo-by-hand"]


def test_removing_again_what_is_gone_does_no_harm(aws: Clients) -> None:
    deployed(aws, "old")
    plan = planned(aws, older_than=timedelta(0))
    apply(aws, plan)
    apply(aws, plan)


def test_more_files_than_one_request_takes_are_removed(aws: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "_BATCH", 3)
    for number in range(7):
        aws.s3.put_object(Bucket=BUCKET, Key=f"demo/executions/old/{number}", Body=b"")
    aws.s3.put_object(Bucket=BUCKET, Key="demo/executions-of-others/x", Body=b"")
    apply(aws, planned(aws, "old"))
    assert [item["Key"] for item in aws.s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [
        "demo/executions-of-others/x"
    ]


def test_a_bucket_that_is_not_there_holds_nothing() -> None:
    with aws_alone() as aws:
        assert planned(aws) == clean.CleanPlan()


def test_an_approved_version_and_its_files_stay_on_localhost(local: LocalService) -> None:
    clients = clients_of(local)
    name = evaluated(local, "demo")
    kept, other = (run(local, name)["PipelineExecutionArn"].rpartition("/")[2] for _ in range(2))
    model_registry.approve(clients, model_registry.model(clients, "demo", 1), "")
    plan = planned(clients, older_than=timedelta(0))
    assert [item.name for item in plan.remove] == ["demo/2", other]
    assert {item.name: item.stays for item in plan.stay} == {
        "demo/1": "it is approved",
        kept: "the model package demo/1 needs it",
        "demo": "the model package demo/1 needs it",
    }
    apply(clients, plan)
    assert [model.version for model in model_registry.models(clients, "demo")] == [1]
    assert files(clients) == {kept}
    assert model_registry.model(clients, "demo", 1).figures["accuracy"] == 0.9


@pytest.mark.long
def test_a_running_execution_keeps_its_files(local: LocalService) -> None:
    from tests.support.executions import create, work

    settings = Settings(name="running", bucket=BUCKET)
    arn = start(local, create(local, work("Work", "sleep 20"), name="running"))
    execution = arn.rpartition("/")[2]
    wait_step(local, arn, "Work", "Executing")
    local.s3.put_object(Bucket=BUCKET, Key=f"running/executions/{execution}/x", Body=b"")
    (item, pipeline) = inventory(clients_of(local), settings)
    assert (item.name, item.stays) == (execution, "the execution is Executing")
    assert pipeline.key == (RemainsKind.PIPELINE, "running")
    local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
    wait(local, arn)
    (item, _) = inventory(clients_of(local), settings)
    assert item.stays == ""


@pytest.mark.parametrize(
    ("text", "age"),
    [("30d", timedelta(days=30)), ("12h", timedelta(hours=12)), ("2w", timedelta(weeks=2)), ("0d", timedelta(0))],
)
def test_ages_are_written_as_a_number_and_a_unit(text: str, age: timedelta) -> None:
    assert clean.parse_age(text) == age


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "1y", "999999d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an age"):
        clean.parse_age(text)


@st.composite
def inventories(draw: st.DrawFn) -> list[Item]:
    """Things of all kinds, each of which uses some of the kinds after its own."""
    items: list[Item] = []
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(RemainsKind))
        used = draw(st.lists(st.sampled_from([item.key for item in items if item.kind > kind] or [None]), max_size=3))
        items.append(
            Item(
                kind,
                f"n{number}",
                f"n{number}",
                NOW - timedelta(days=draw(st.integers(0, 60))),
                frozenset(key for key in used if key),
                stays=draw(st.sampled_from(["", "", "it is approved"])),
                by_name_only=draw(st.sampled_from(["", "in service"])) if kind is RemainsKind.ENDPOINT else "",
                own=draw(st.booleans()) or kind > RemainsKind.ENDPOINT_CONFIG,
            )
        )
    return items


@given(inventories(), st.integers(0, 60))
def test_nothing_that_stays_ever_misses_what_it_uses(items: list[Item], days: int) -> None:
    plan = clean.plan(items, names=(), older_than=timedelta(days=days), now=NOW)
    removed = {item.key for item in plan.remove}
    for item in items:
        if item.key not in removed:
            assert not item.uses & removed
    assert [item.kind for item in plan.remove] == sorted(item.kind for item in plan.remove)
    assert all(item.own and not item.stays and not item.by_name_only for item in plan.remove)
    assert all(NOW - item.changed >= timedelta(days=days) for item in plan.remove)
