"""The watch of an endpoint: when it looks, how far back, and from where on a difference counts; `[env.NAME.watch]`.

A second small pipeline compares what the endpoint was asked with the test set of the version that it serves.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_Expression = Annotated[str, StringConstraints(pattern=r"^(rate\(\d+ (minute|hour|day)s?\)|cron\((\S+ ){5}\S+\))$")]
_Labels = Annotated[str, StringConstraints(pattern=r"^(none|s3://[a-z0-9][a-z0-9.-]+/.+)$")]


class Watch(BaseModel):
    """The watch of one environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schedule: Annotated[_Expression, Field(description="When it looks: rate(1 day), or cron(...) in UTC.")] = (
        "rate(1 day)"
    )
    hours: Annotated[int, Field(ge=1, le=720, description="How many hours back it looks.")] = 24
    max_psi: Annotated[float, Field(gt=0, description="The population stability index that counts as drift.")] = 0.2
    labels: Annotated[_Labels, Field(description="The S3 prefix at which true labels arrive, or none.")] = "none"
    retrain: Annotated[bool, Field(description="Whether drift starts the pipeline that trains.")] = False
