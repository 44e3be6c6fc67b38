"""The webhook that notices are sent to: an API destination of EventBridge, and the connection that it must have.

The address of a Slack webhook is a secret itself, so the settings name a secret of Secrets Manager that holds it, and
no plan shows it. A webhook is the pipeline's own when its name is the pipeline's and `notify`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.clients import Clients
from pipeline.errors import UsageError
from pipeline.event_rules import rule_name
from pipeline.service_errors import error_code, translated

PURPOSE: Final = "notify"
_ABSENT: Final = "ResourceNotFoundException"


@dataclass(frozen=True)
class Webhook:
    """Its name with EventBridge, and its address; empty for a destination that is there without one."""

    name: str
    url: str = field(repr=False)


@dataclass(frozen=True)
class PutWebhook:
    """Create the destination with its connection, or give it another address."""

    webhook: Webhook
    new: bool


@dataclass(frozen=True)
class RemoveWebhook:
    """Remove the destination of that name, with its connection."""

    name: str


WebhookChange = PutWebhook | RemoveWebhook


def webhook_name(pipeline: str) -> str:
    """The name of the pipeline's destination, and of the connection."""
    return rule_name(pipeline, PURPOSE)


def wanted(clients: Clients, pipeline: str, secret: str) -> Webhook | None:
    """The webhook that the settings ask for, its address read from the secret. Raises ServiceError, UsageError."""
    if not secret:
        return None
    with translated():
        url = str(clients.other("secretsmanager").get_secret_value(SecretId=secret).get("SecretString", "")).strip()
    if not url.startswith("https://"):
        raise UsageError(
            f"the secret {secret} does not hold the address of a webhook", hint="store its whole address, https://..."
        )
    return Webhook(webhook_name(pipeline), url)


def read(clients: Clients, pipeline: str) -> Webhook | None:
    """The pipeline's webhook that is there; half of one counts, so that it is made whole. Raises ServiceError."""
    events, name = clients.other("events"), webhook_name(pipeline)
    with translated():
        found = _found(events.describe_api_destination, name)
        if found is None and _found(events.describe_connection, name) is None:
            return None
    return Webhook(name, (found or {}).get("InvocationEndpoint", ""))


def plan(wanted: Webhook | None, there: Webhook | None) -> WebhookChange | None:
    """What is to be done so that the webhook there is the one that is wanted."""
    if wanted is None:
        return RemoveWebhook(there.name) if there else None
    return None if wanted == there else PutWebhook(wanted, there is None)


def apply(clients: Clients, what: WebhookChange) -> None:
    """Carry out the change; repeating it does no harm. Raises ServiceError."""
    events = clients.other("events")
    with translated():
        if isinstance(what, RemoveWebhook):
            remove(events, what.name)
            return
        name = what.webhook.name
        connection = _found(events.describe_connection, name) or events.create_connection(
            Name=name,
            Description="The webhook asks for no key; EventBridge asks for one to send.",
            AuthorizationType="API_KEY",
            AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "X-Sent-By", "ApiKeyValue": name}},
        )
        there = _found(events.describe_api_destination, name)
        put = events.update_api_destination if there else events.create_api_destination
        put(
            Name=name,
            ConnectionArn=connection["ConnectionArn"],
            InvocationEndpoint=what.webhook.url,
            HttpMethod="POST",
            InvocationRateLimitPerSecond=1,
        )


def remove(events: Any, name: str) -> None:
    """Remove the destination and the connection, as far as they are there. Raises ClientError."""
    from botocore.exceptions import ClientError

    for call in (events.delete_api_destination, events.delete_connection):
        try:
            call(Name=name)
        except ClientError as error:
            if error_code(error) != _ABSENT:
                raise


def describe(what: WebhookChange) -> str:
    """What the change does, in a line, without the address."""
    match what:
        case RemoveWebhook(name):
            return f"- webhook {name}"
        case PutWebhook(webhook, new):
            return f"+ webhook {webhook.name}" if new else f"~ webhook {webhook.name}: another address"


def _found(call: Any, name: str) -> dict[str, Any] | None:
    from botocore.exceptions import ClientError

    try:
        found: dict[str, Any] = call(Name=name)
    except ClientError as error:
        if error_code(error) == _ABSENT:
            return None
        raise
    return found
