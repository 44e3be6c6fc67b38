"""A trained version, trained again from what was recorded, and taken to another environment that releases it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline import raw_data
from pipeline.executions import control
from tests.e2e.test_policy_of_a_run import PARAMETERS, digits, ended
from tests.support.clients import clients_of
from tests.support.commands import Commands
from tests.support.evaluated import BUCKET
from tests.support.service import LocalService, local_service

pytestmark = pytest.mark.long

NAME = "digits"
TOML = f'[env.prod]\nname = "live"\nbucket = "{BUCKET}"\n'


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalService]:
    with local_service(tmp_path) as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


def test_a_version_is_trained_again_bit_by_bit_and_promoted_to_where_an_approval_releases_it(
    local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.toml").write_text(TOML)
    run = Commands(local, NAME, monkeypatch, capsys)
    assert run("upsert").code == 0
    clients = clients_of(local)
    dataset = raw_data.DataSet.of(digits(tmp_path))
    raw_data.upload(dataset, clients, BUCKET, NAME, progress=lambda _: None)
    given = {"InputDataUrl": dataset.uri(BUCKET, NAME), "NumModels": "2", "Epochs": "2", **PARAMETERS}
    assert ended(local.service, control.start(clients, NAME, given)) == "Succeeded"

    again = run("reproduce", "1")
    assert again.code == 0, again
    assert again.out.splitlines()[-1] == "version 1 is reproduced: its 786 numbers are equal bit by bit"
    names = [item["PipelineName"] for item in local.sagemaker.list_pipelines()["PipelineSummaries"]]
    assert sorted(names) == ["digits", "digits-release"]

    promoted = run("promote", "1", "--to", "prod")
    assert promoted.code == 0, promoted
    assert run("upsert", "--env", "prod", settings=False).code == 0
    released = run("models", "approve", "1", "--env", "prod", "--follow", settings=False)
    assert released.code == 0, released
    assert local.sagemaker.describe_endpoint(EndpointName="live")["EndpointStatus"] == "InService"
    assert "promoted from" in run("reproduce", "1", "--env", "prod", settings=False).err

    altered(local, dataset.uri(BUCKET, NAME))
    other = run("reproduce", "1")
    assert other.code == 1
    assert "version 1 is not reproduced: the weight of feature" in other.err, other
    assert "of 784 differ, by at most" in other.err
    for name, where in ((NAME, ()), ("live", ("--env", "prod"))):
        rules = [rule["Name"] for rule in local.client("events").list_rules(NamePrefix=f"{name}-")["Rules"]]
        assert run("clean", *(f"rule:{rule}" for rule in rules), "--yes", *where, settings=not where).code == 0


def altered(local: LocalService, uri: str) -> None:
    """Swap the pixels of the data, as somebody does who writes over what a version learnt from."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    (found,) = local.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    arrays = dict(np.load(io.BytesIO(local.s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())))
    content = io.BytesIO()
    np.savez(content, x=arrays["x"][:, ::-1], y=arrays["y"])
    local.s3.put_object(Bucket=bucket, Key=found["Key"], Body=content.getvalue())
