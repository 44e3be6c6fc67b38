"""Who is told of what happens: SNS topics, which carry on to mail, chat or a queue; `[env.NAME.notify]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_Topic = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+$")]


class Notify(BaseModel):
    """The topics; none is none told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topics: Annotated[tuple[_Topic, ...], Field(max_length=5)] = ()
    """A rule of EventBridge has at most five targets."""


def topics_alone(value: object) -> object:
    """The table may be its topics alone with commas between, as in flags and environment variables."""
    if isinstance(value, str):
        return {"topics": tuple(part.strip() for part in value.split(",") if part.strip())}
    return value
