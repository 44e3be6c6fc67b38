"""Which step waits for what: DependsOn, references, branches, and triggers on an upstream's failure.

Every step of a definition, nested ones too, is a node. A node may start when the Condition that holds it has taken its
branch and every step it waits for has ended as its trigger wants; once that cannot happen any more, it never runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from pipeline.local.engine.expressions import referenced_step, references

Step = dict[str, Any]

NEVER: Final = "Never"
"""The settled state of a step that did not run and will not."""


class Decision(Enum):
    """What the scheduler does with a step that has not started."""

    RUN = "run"
    WAIT = "wait"
    NEVER = "never"


@dataclass(frozen=True)
class Branch:
    """The branch of a Condition step in which a step stands."""

    condition: str
    outcome: bool


@dataclass(frozen=True)
class Node:
    """One step: what it is, what it waits for (each with its trigger), where it stands."""

    name: str
    type: str
    step: Step
    waits: Mapping[str, str]
    branch: Branch | None

    @property
    def upstream(self) -> set[str]:
        """The steps directly above: those it waits for and the Condition around it."""
        return set(self.waits) | ({self.branch.condition} if self.branch else set())


@dataclass(frozen=True)
class Graph:
    """All steps of a definition by name, in the order of the definition."""

    nodes: Mapping[str, Node]

    @classmethod
    def of(cls, definition: dict[str, Any]) -> Graph:
        """The graph of a definition that has passed the checks at create."""
        found = list(_walk(definition.get("Steps") or [], None))
        names = {str(step.get("Name")) for step, _ in found}
        return cls({node.name: node for node in (_node(step, branch, names) for step, branch in found)})

    def decide(self, name: str, settled: Mapping[str, str], outcomes: Mapping[str, bool]) -> Decision:
        """Whether a step can start now. `settled`: how steps ended (Succeeded, Failed, Stopped, Never)."""
        node = self.nodes[name]
        decisions = [_triggered(trigger, settled.get(step)) for step, trigger in node.waits.items()]
        if node.branch:
            decisions.append(_taken(node.branch, settled, outcomes))
        if Decision.NEVER in decisions:
            return Decision.NEVER
        return Decision.WAIT if Decision.WAIT in decisions else Decision.RUN

    def above(self, name: str) -> set[str]:
        """Every step that must come before this one, near and far."""
        found: set[str] = set()
        pending = [name]
        while pending:
            for step in self.nodes[pending.pop()].upstream - found:
                found.add(step)
                pending.append(step)
        return found

    def selected(self, names: Collection[str]) -> Graph:
        """The graph of a selective execution: a selected step runs whatever an unselected Condition around it said."""
        nodes = dict(self.nodes)
        for name in names:
            node = nodes[name]
            if node.branch and node.branch.condition not in names:
                nodes[name] = replace(node, branch=None)
        return Graph(nodes)


def _walk(steps: list[Step], branch: Branch | None) -> Iterator[tuple[Step, Branch | None]]:
    for step in steps:
        yield step, branch
        if step.get("Type") == "Condition":
            arguments = step.get("Arguments") or {}
            for member, outcome in (("IfSteps", True), ("ElseSteps", False)):
                yield from _walk(arguments.get(member) or [], Branch(str(step["Name"]), outcome))


def _node(step: Step, branch: Branch | None, names: set[str]) -> Node:
    waits: dict[str, str] = {}
    for path in references(_own(step)):
        if (target := referenced_step(path)) in names and target is not None:
            waits[target] = "Completed"
    for entry in _depends_on(step):
        if entry["Step"] in names:
            waits[entry["Step"]] = str(entry.get("Trigger", "Completed"))
    return Node(str(step["Name"]), str(step.get("Type")), step, waits, branch)


def _depends_on(step: Step) -> Iterator[dict[str, Any]]:
    """The entries of a step and of the body in it; those that name another step of the body are passed over later."""
    body = (step.get("Arguments") or {}).get("ForEachBody") if step.get("Type") == "ForEach" else None
    for one in [*(body or []), step]:
        for entry in one.get("DependsOn") or []:
            yield entry if isinstance(entry, dict) else {"Step": entry}


def _own(step: Step) -> Step:
    """The step without what stands in its branches: a Condition does not wait for its children."""
    if step.get("Type") != "Condition":
        return step
    arguments = step.get("Arguments") or {}
    return step | {"Arguments": {"Conditions": arguments.get("Conditions")}}


def _triggered(trigger: str, ended: str | None) -> Decision:
    if ended is None:
        return Decision.WAIT
    wanted = {"Completed": ("Succeeded",), "Any": ("Succeeded", "Failed", "Stopped")}.get(trigger, (trigger,))
    return Decision.RUN if ended in wanted else Decision.NEVER


def _taken(branch: Branch, settled: Mapping[str, str], outcomes: Mapping[str, bool]) -> Decision:
    ended = settled.get(branch.condition)
    if ended is None:
        return Decision.WAIT
    taken = ended == "Succeeded" and outcomes.get(branch.condition) is branch.outcome
    return Decision.RUN if taken else Decision.NEVER
