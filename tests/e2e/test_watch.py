"""An endpoint that captures, requests as the training data were and requests that drift: the watch tells the two apart.

The commands are those that an engineer types; what the watch does must be covered by the policy that is printed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import raw_data
from pipeline.config.settings import Settings
from pipeline.config.settings_sources import load
from pipeline.deploy.desired import desired
from pipeline.executions import control
from pipeline.local.containers.hosting import capture
from pipeline.operate import policy
from tests.e2e.test_policy_of_a_run import PARAMETERS, ended
from tests.support.authorization import PIPELINE, Access, record, refused
from tests.support.clients import clients_of
from tests.support.commands import Commands
from tests.support.evaluated import BUCKET
from tests.support.raw_table import customers
from tests.support.service import LocalService, local_service
from tests.support.waiting import until

pytestmark = pytest.mark.long

NAME = "churn"
ROWS = 400
ROLES = {"arn:aws:iam::123456789012:role/pipeline-events": "events"}


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalService]:
    monkeypatch.setattr(capture, "INTERVAL", 0.1)
    with local_service(tmp_path, wait_factor=0.001) as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def run(
    local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Commands:
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("FEATURES", "table"),
        ("RELEASE", "false"),
        ("ROLLOUT", "kind=all-at-once,capture_percent=100"),
        ("WATCH", f"hours=1,labels=s3://{BUCKET}/labels"),
        ("NOTIFY", "arn:aws:sns:us-east-1:123456789012:people"),
    ):
        monkeypatch.setenv(f"PIPELINE_{name}", value)
    return Commands(local, NAME, monkeypatch, capsys)


def where() -> Settings:
    """The settings that the commands have."""
    return load(flags={"name": NAME, "bucket": BUCKET}, variables=os.environ)


def deployed(local: LocalService, folder: Path) -> None:
    """An approved version behind the endpoint."""
    clients = clients_of(local)
    customers(1500, 1).to_csv(folder / "customers.csv", index=False)
    dataset = raw_data.DataSet.of(folder / "customers.csv")
    raw_data.upload(dataset, clients, BUCKET, NAME, progress=lambda _: None)
    given = {
        "InputDataUrl": dataset.uri(BUCKET, NAME),
        "LabelColumn": "churn",
        "PositiveClass": "yes",
        "NumModels": "1",
        "Deploy": "true",
        "ModelApprovalStatus": "Approved",
        **PARAMETERS,
    }
    assert ended(local.service, control.start(clients, NAME, given)) == "Succeeded"


def ask(local: LocalService, table: pd.DataFrame, name: str) -> None:
    """Send the rows in requests of forty, each with an inference id, and wait until all of them are captured."""
    before = len(captured(local))
    for at in range(0, len(table), 40):
        part = table.iloc[at : at + 40].drop(columns="churn")
        body = part.to_csv(index=False, header=False)
        kinds = {"ContentType": "text/csv", "Accept": "application/jsonlines"}
        if at % 80:
            body, kinds = part.to_json(orient="records", lines=True), {"ContentType": "application/jsonlines"}
        local.runtime.invoke_endpoint(EndpointName=NAME, Body=body.encode(), InferenceId=f"{name}-{at}", **kinds)
    until(lambda: len(captured(local)) == before + len(table) // 40)


def captured(local: LocalService) -> list[bytes]:
    found = local.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{NAME}/captured/").get("Contents", [])
    bodies = (local.s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in found)
    return [line for body in bodies for line in body.splitlines()]


def labels(local: LocalService, table: pd.DataFrame, name: str) -> None:
    """The truth of the rows that were asked, in the format of Model Monitor's ground truth."""
    lines = [
        json.dumps(
            {
                "groundTruthData": {"data": "\n".join(table.iloc[at : at + 40]["churn"]), "encoding": "CSV"},
                "eventMetadata": {"eventId": f"{name}-{at}"},
                "eventVersion": "0",
            }
        )
        for at in range(0, len(table), 40)
    ]
    local.s3.put_object(Bucket=BUCKET, Key=f"labels/{name}.jsonl", Body="\n".join(lines).encode())


def result(local: LocalService, arn: str, name: str) -> Any:
    key = f"{NAME}/executions/{arn.rpartition('/')[2]}/WatchEndpoint/watch/{name}"
    return json.loads(local.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def test_rows_like_those_of_the_training_pass_and_drift_is_named_by_column(
    local: LocalService, run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.client("sns").create_topic(Name="people")
    new = run("upsert")
    assert "+ pipeline churn-watch: 3 parameters, 3 steps" in new.out, new
    assert "+ rule churn-watch: The endpoint of churn is watched for drift: rate(1 day)." in new.out
    assert run("plan", "--detailed-exitcode").code == 0
    deployed(local, tmp_path)
    clients = clients_of(local)

    same = customers(ROWS, 2)
    ask(local, same, "same")
    labels(local, same, "same")
    arn = control.start(clients, f"{NAME}-watch", {})
    assert ended(local.service, arn) == "Succeeded", run("steps", arn.rpartition("/")[2])
    watched = result(local, arn, "watch.json")
    assert watched["rows"] == ROWS and watched["quality"]["rows"] == ROWS
    assert result(local, arn, "violations.json") == {"violations": []}
    assert {"id", "note", "country", "joined"}.isdisjoint(watched["columns"])
    metrics = {item["MetricName"] for item in local.client("cloudwatch").list_metrics()["Metrics"]}
    assert {f"feature_baseline_drift_{name}" for name in ("age", "income", "city", "active", "score")} <= metrics

    recorded = record(local, monkeypatch, roles=ROLES)
    other = customers(ROWS, 3)
    other["income"] *= 3
    other.loc[np.arange(ROWS) % 4 == 0, "age"] = None
    ask(local, other, "other")
    recorded.clear()
    arn = control.start(clients, f"{NAME}-watch", {})
    assert ended(local.service, arn) == "Failed"
    done = {one for one in recorded if one.role == PIPELINE}
    settings = where()
    document = policy.policy("pipeline", settings, json.loads(desired(settings, cache=None).definition))
    assert Access(PIPELINE, "s3:GetObject", f"arn:aws:s3:::{BUCKET}/labels/same.jsonl") in done
    assert refused(document, done) == []
    told = until(lambda: [one.text for one in local.service.events.told if "Drift in" in one.text])
    assert told[0].startswith("churn: endpoint churn: Drift in ") and "Look: pipeline report arn:" in told[0]
    said = run("follow", arn.rpartition("/")[2])
    assert said.code == 3 and "Drift in" in said.err, said
    found = {
        (item["feature_name"], item["constraint_check_type"])
        for item in result(local, arn, "violations.json")["violations"]
    }
    assert {("income", "baseline_drift_check"), ("age", "completeness_check")} <= found
    assert {column for column, _ in found} == {"income", "age"}
