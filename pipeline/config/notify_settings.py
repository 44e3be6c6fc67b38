"""Who is told of what happens: SNS topics, which carry on to mail or a queue, and a webhook of Slack's form.

The table `[env.NAME.notify]`. The webhook's address is a secret, so the settings name the secret that holds it.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_Topic = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+$")]
_Secret = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9/_+=.@-]+|arn:aws[a-z-]*:secretsmanager:[!-~]+)?$", max_length=512)
]
_WEBHOOK: Final = "webhook="
_MOST_TARGETS: Final = 5
"""Of a rule of EventBridge."""


class Notify(BaseModel):
    """The topics, and the name or ARN of the secret with the webhook's address; none is none told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topics: Annotated[tuple[_Topic, ...], Field(max_length=_MOST_TARGETS)] = ()
    webhook: _Secret = ""

    @model_validator(mode="after")
    def _fits(self) -> Notify:
        if len(self.topics) + bool(self.webhook) > _MOST_TARGETS:
            raise ValueError(f"a rule of EventBridge has at most {_MOST_TARGETS} targets, topics and webhook together")
        return self


def topics_alone(value: object) -> object:
    """The table may be its topics alone with commas between, as in flags and variables, and webhook=SECRET."""
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    webhooks = [part.removeprefix(_WEBHOOK) for part in parts if part.startswith(_WEBHOOK)]
    topics = tuple(part for part in parts if not part.startswith(_WEBHOOK))
    return {"topics": topics} | ({"webhook": webhooks[-1]} if webhooks else {})
