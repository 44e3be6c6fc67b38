"""The steps that a selective execution runs, for `start --only` and `--from`. A pure function over the definition.

The service wants a connected part of the graph, so every step on a path between two chosen ones is chosen too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.clients import Clients
from pipeline.definition.graph import upstream
from pipeline.errors import UsageError, did_you_mean
from pipeline.executions.execution_snapshot import find
from pipeline.service_errors import translated


@dataclass(frozen=True)
class Selection:
    """The steps that run (none: all of them), and the execution that the others' results come from."""

    steps: tuple[str, ...] = ()
    source: str = ""


def choose(clients: Clients, pipeline: str, *, only: Sequence[str], start: str, source: str) -> Selection:
    """What the flags mean for the deployed pipeline. Raises UsageError for a step that is not there."""
    if not only and not start:
        return Selection()
    with translated():
        text = clients.sagemaker.describe_pipeline(PipelineName=pipeline)["PipelineDefinition"]
    return Selection(selected(json.loads(text), only=only, start=start), find(clients, pipeline, source))


def selected(definition: Mapping[str, Any], *, only: Sequence[str], start: str) -> tuple[str, ...]:
    """The chosen steps in the order of the definition, with those that lie between them."""
    after = _followers(definition)
    for name in [*only, *([start] if start else [])]:
        if name not in after:
            hint = did_you_mean(name, after) or f"the steps are {', '.join(after)}"
            raise UsageError(f"the pipeline has no step {name}", hint=hint)
    chosen = set(only) | (_reached(start, after) if start else set())
    between = {
        name for name in after if _reached(name, after) & chosen and any(name in _reached(one, after) for one in chosen)
    }
    return tuple(name for name in after if name in chosen | between)


def _followers(definition: Mapping[str, Any]) -> dict[str, set[str]]:
    """Each step with those that wait for it directly."""
    waiting = upstream(definition)
    after: dict[str, set[str]] = {name: set() for name in waiting}
    for name, sources in waiting.items():
        for source in sources:
            after[source].add(name)
    return after


def _reached(name: str, after: Mapping[str, set[str]]) -> set[str]:
    """The step and all that come after it."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += after.get(current, ())
    return found
