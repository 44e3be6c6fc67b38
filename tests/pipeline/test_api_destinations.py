"""The webhook of the notices: made whole, never shown, told on the console of localhost, gone after clean."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import api_destinations, event_rule_changes, event_rules
from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.config.settings_sources import load
from pipeline.deploy.delivery import wanted_rules
from pipeline.errors import SettingsError, UsageError
from pipeline.local.console.access import entry_path
from pipeline.operate import clean, policy, schedule
from pipeline.operate.resource_inventory import inventory
from tests.pipeline.local.console.test_console import Browser
from tests.support.clients import aws_alone, clients_of
from tests.support.service import KEY, ROLE, local_service
from tests.support.waiting import until

URL = "https://hooks.example.com/services/T0/B0/secret"
TOPIC = "arn:aws:sns:us-east-1:123456789012:people"


def settings() -> Settings:
    return load(flags={"name": "demo", "notify": f"webhook=demo/hook,{TOPIC}", "bucket": "demo-bucket"}, variables={})


def put(clients: Clients, url: str = URL) -> list[str]:
    """Bring the webhook and the rules to what is wanted; what was done, in lines."""
    secrets = clients.other("secretsmanager")
    names = [item["Name"] for item in secrets.list_secrets()["SecretList"]]
    (secrets.put_secret_value if "demo/hook" in names else _created(secrets))(SecretId="demo/hook", SecretString=url)
    said = []
    change = api_destinations.plan(
        api_destinations.wanted(clients, "demo", "demo/hook"), api_destinations.read(clients, "demo")
    )
    if change:
        said.append(api_destinations.describe(change))
        api_destinations.apply(clients, change)
    for rule in event_rule_changes.plan(wanted_rules(settings()), event_rule_changes.read(clients, "demo")):
        said.append(event_rule_changes.describe(rule))
        event_rule_changes.apply(clients, rule)
    return said


def _created(secrets: Any) -> Any:
    secrets.create_secret(Name="demo/hook", SecretString="x")
    return secrets.put_secret_value


def made(clients: Clients) -> list[str]:
    """What EventBridge and its scheduler have."""
    events = clients.other("events")
    return [
        *(item["Name"] for item in events.list_rules()["Rules"]),
        *(item["Name"] for item in events.list_api_destinations()["ApiDestinations"]),
        *(item["Name"] for item in events.list_connections()["Connections"]),
        *(item["Name"] for item in clients.other("scheduler").list_schedules()["Schedules"]),
    ]


def test_the_destination_and_its_connection_are_made_changed_and_never_show_the_address() -> None:
    with aws_alone() as clients:
        first = put(clients)
        assert first[0] == "+ webhook demo-notify" and put(clients) == []
        found = clients.other("events").describe_api_destination(Name="demo-notify")
        assert (found["InvocationEndpoint"], found["HttpMethod"]) == (URL, "POST")
        target = clients.other("events").list_targets_by_rule(Rule="demo-tell-failed")["Targets"][1]
        assert target["Arn"] == found["ApiDestinationArn"]
        assert json.loads(target["InputTransformer"]["InputTemplate"])["text"].startswith("demo: step <step> failed")
        again = put(clients, URL + "2")
        assert again == ["~ webhook demo-notify: another address"]
        shown = [*first, *again, repr(api_destinations.wanted(clients, "demo", "demo/hook"))]
        assert not any("hooks.example.com" in line for line in shown)


def test_after_clean_nothing_is_left_that_acts_by_itself() -> None:
    with aws_alone() as clients:
        clients.s3.create_bucket(Bucket="demo-bucket")
        put(clients)
        nightly = schedule.plan(schedule.PipelineSchedule("demo-nightly", "rate(1 day)", ROLE), ())
        assert nightly is not None
        schedule.apply(clients, "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo", nightly)
        items = [item for item in inventory(clients, settings()) if item.kind < clean.RemainsKind.ENDPOINT]
        assert len(items) == len(made(clients)) - 1  # the connection goes with its destination
        by_name = [f"{item.kind.title}:{item.name}" for item in items]
        chosen = clean.plan(items, names=by_name, older_than=None, now=items[0].changed)
        clean.apply(clients, chosen, progress=lambda _: None)
        assert made(clients) == []


def test_an_address_that_is_none_and_a_sixth_target_are_refused() -> None:
    with aws_alone() as clients:
        clients.other("secretsmanager").create_secret(Name="demo/hook", SecretString="people")
        with pytest.raises(UsageError, match="demo/hook does not hold the address of a webhook"):
            api_destinations.wanted(clients, "demo", "demo/hook")
    with pytest.raises(SettingsError, match="at most 5 targets"):
        load(flags={"notify": ",".join(["webhook=x", *(f"{TOPIC}{at}" for at in range(5))])}, variables={})


def test_the_policies_cover_the_webhook_and_grow_by_it_alone() -> None:
    with_it = {item["Sid"] for item in policy.policy("ci", settings(), {"Steps": []})["Statement"]}
    without = {item["Sid"] for item in policy.policy("ci", Settings(name="demo"), {"Steps": []})["Statement"]}
    assert with_it - without == {"WebhookRole", "WebhookKey", "WebhookAddress"}
    called = policy.policy("events", settings(), {"Steps": []})["Statement"][1]
    assert called["Action"] == ["events:InvokeApiDestination"]
    assert called["Resource"] == ["arn:aws:events:us-east-1:123456789012:api-destination/demo-notify/*"]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[Any, Clients]]:
    with local_service(tmp_path) as local:
        clients = clients_of(local)
        clients.other("sns").create_topic(Name="people")
        put(clients)
        yield local, clients
        for item in clients.other("events").list_rules()["Rules"]:
            event_rule_changes.remove(clients.other("events"), item["Name"])
        api_destinations.remove(clients.other("events"), "demo-notify")


@pytest.mark.long
def test_on_localhost_the_console_shows_what_topic_and_webhook_are_told(told: tuple[Any, Clients]) -> None:
    local, _ = told
    detail = {
        "pipelineArn": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo",
        "stepName": "TrainModel",
        "currentStepStatus": "Failed",
        "failureReason": 'it said "no"',
        "pipelineExecutionArn": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo/execution/abc",
    }
    local.service.events.emit(event_rules.STEP_EVENT, [detail["pipelineArn"]], detail)
    first, second = until(lambda: list(local.service.events.told), lambda found: len(found) == 2)
    text = 'demo: step TrainModel failed: it said "no" Look: pipeline report ' + detail["pipelineExecutionArn"]
    assert (first.to, first.text) == ("people", f"{text} --env dev")
    assert (second.to, json.loads(second.text)) == ("demo-notify", {"text": f"{text} --env dev"})
    browser = Browser(local)
    browser.get(entry_path(KEY.secret_access_key, time.time()))
    assert "step TrainModel failed" in browser.page("/_console/messages")
