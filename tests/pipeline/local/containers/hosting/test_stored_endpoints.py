"""What the store has of endpoints: written once the disk has room, and told to EventBridge."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.local import disk
from pipeline.local.store import Store
from tests.support.service import local_service
from tests.support.serving import ACCOUNT, Deployer
from tests.support.waiting import until


def test_changes_of_status_are_events(deployer: Deployer) -> None:
    queue = deployer.local.client("sqs").create_queue(QueueName="endpoint-events")["QueueUrl"]
    rules = deployer.local.client("events")
    rules.put_rule(Name="ready", EventPattern=json.dumps({"detail": {"EndpointStatus": ["IN_SERVICE"]}}))
    target = {"Id": "1", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:endpoint-events"}
    rules.put_targets(Rule="ready", Targets=[target])
    deployer.endpoint("heard", deployer.configuration("heard", deployer.model("heard")))
    receive = deployer.local.client("sqs").receive_message
    (message,) = until(lambda: receive(QueueUrl=queue).get("Messages", []), bool)
    event = json.loads(message["Body"])
    assert event["detail-type"] == "SageMaker Endpoint State Change"
    assert event["detail"]["EndpointName"] == "heard" and event["detail"]["Tags"] == {}
    assert event["resources"] == [event["detail"]["EndpointArn"]]
    rules.remove_targets(Rule="ready", Ids=["1"])


@pytest.mark.long
def test_the_status_of_an_endpoint_waits_for_room_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def merge(store: Store, kind: str, name: str, **members: Any) -> dict[str, Any]:
        if members.get("EndpointStatus") == "InService" and len(refused) < 2:
            refused.append(name)
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(store, kind, name, **members)

    really = Store.merge
    monkeypatch.setattr(Store, "merge", merge)
    monkeypatch.setattr(disk, "AGAIN_SECONDS", 0.01)
    with local_service(tmp_path) as local:
        deployer = Deployer(local)
        found = deployer.endpoint("full", deployer.configuration("full", deployer.model("full")))
    assert (refused, found["EndpointStatus"]) == (["full", "full"], "InService")
