"""When a step may start, given how those above it ended: triggers on their end, branches, selections.

Every step of a definition, nested ones too, is a node. A node may start when the Condition that holds it has taken its
branch and every step it waits for has ended as its trigger wants; once that cannot happen any more, it never runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from pipeline.definition.graph import waits
from pipeline.definition.step_types import Definition, Placed, Step, walk

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
class StepNode:
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
class ExecutionGraph:
    """All steps of a definition by name, in the order of the definition."""

    nodes: Mapping[str, StepNode]

    @classmethod
    def of(cls, definition: Definition) -> ExecutionGraph:
        """The graph of a definition that has passed the checks at create."""
        # The steps of a loop's body become nodes, of their own graph, when its items are known.
        placed = {step.name: step for step in walk(definition) if step.loop is None}
        return cls(
            {
                name: StepNode(name, step.type, step.step, waits(step, placed), _branch(step))
                for name, step in placed.items()
            }
        )

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

    def selected(self, names: Collection[str]) -> ExecutionGraph:
        """The graph of a selective execution: a selected step runs whatever an unselected Condition around it said."""
        nodes = dict(self.nodes)
        for name in names:
            node = nodes[name]
            if node.branch and node.branch.condition not in names:
                nodes[name] = replace(node, branch=None)
        return ExecutionGraph(nodes)


def _branch(step: Placed) -> Branch | None:
    if not step.within:
        return None
    condition, branch = step.within[-1]
    return Branch(condition, branch == "IfSteps")


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
