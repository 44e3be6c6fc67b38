"""A serverless endpoint, `[env.NAME.serverless]`: memory and a bound on requests at once where others have instances.

AWS starts its containers when requests come, and bills by request. It has less: no rollout but all at once, no captured
requests, no network of one's own, one container; `setting_conflicts` refuses them together.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Serverless(BaseModel):
    """The serverless endpoint of one environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    memory_mb: Annotated[
        int, Field(ge=1024, le=6144, multiple_of=1024, description="The memory of each of its containers.")
    ] = 2048
    concurrency: Annotated[int, Field(ge=1, le=200, description="How many requests it takes at once.")] = 5
