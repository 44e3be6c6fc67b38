"""The graph of the steps: names, dependencies by DependsOn and by reference, cycles, Fail steps, nesting.

The rules need the whole definition, not one step of it: the service checks them when a pipeline is created, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pipeline.definition.expression_values import gets, referenced_step
from pipeline.definition.references import out_of_reach
from pipeline.definition.step_types import UNPARSABLE, DefinitionProblem, Placed, error, steps, warning
from pipeline.errors import did_you_mean

_TRIGGERS: Final = frozenset({"Completed", "Failed", "Stopped", "Any"})


def graph_problems(steps: Sequence[Placed]) -> list[DefinitionProblem]:
    """What is wrong between the steps."""
    by_name = {step.name: step for step in steps}
    problems = [*_duplicates(steps), *_nesting(steps)]
    for step in steps:
        problems += _depends_on(step, by_name)
        problems += _fail_and_branches(step, by_name)
    return problems + _cycles(steps, by_name)


def waits(step: Placed, by_name: Mapping[str, Placed]) -> dict[str, str]:
    """The steps that a step waits for, by DependsOn or by reference, each with the trigger that lets it go on.

    A ForEach step waits for what the steps of its body need of steps outside; its own trigger counts before theirs.
    """
    body = step.body
    triggers = {name: trigger for one in (*body.values(), step) for _, name, trigger in _declared(one)}
    found: list[str] = []
    for one in (step, *body.values()):
        found += [name for _, name, _ in _declared(one)]
        found += [name for reference in gets(one.own) if (name := referenced_step(reference))]
    wanted = [name for name in dict.fromkeys(found) if name in by_name and name not in body]
    return {name: triggers.get(name, "Completed") for name in wanted}


def dependencies(step: Placed, by_name: Mapping[str, Placed]) -> list[str]:
    """The names of the steps directly above a step, each once: those it waits for and the one it stands within."""
    above = dict.fromkeys([*waits(step, by_name), *(name for name, _ in step.within[-1:])])
    return [name for name in above if name in by_name and name not in step.body]


def upstream(definition: Mapping[str, Any]) -> dict[str, list[str]]:
    """For each step the steps it waits for: by DependsOn, by reference, and the one it stands within."""
    by_name = steps(definition)
    return {name: dependencies(step, by_name) for name, step in by_name.items()}


def in_order(steps: Mapping[str, Placed]) -> list[str]:
    """The names so that each step comes after those above it; a definition that was checked has no cycle."""
    order: dict[str, None] = {}

    def visit(name: str, trail: frozenset[str]) -> None:
        if name in order or name in trail:
            return
        for above in dependencies(steps[name], steps):
            visit(above, trail | {name})
        order[name] = None

    for name in steps:
        visit(name, frozenset())
    return list(order)


def _declared(step: Placed) -> Iterator[tuple[str, str, str]]:
    entries = step.step.get("DependsOn")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        name = entry.get("Step") if isinstance(entry, dict) else entry
        if isinstance(name, str):
            trigger = entry.get("Trigger", "Completed") if isinstance(entry, dict) else "Completed"
            yield f"{step.path}.DependsOn[{index}]", name, str(trigger)


def _duplicates(steps: Sequence[Placed]) -> Iterator[DefinitionProblem]:
    seen: dict[str, str] = {}
    for step in steps:
        if step.name and step.name in seen:
            hint = f"the other is {seen[step.name]}; names are unique over the whole pipeline"
            yield error(step.path, f"Duplicate step name [{step.name}].", hint)
        seen.setdefault(step.name, step.path)


def _nesting(steps: Sequence[Placed]) -> Iterator[DefinitionProblem]:
    for step in steps:
        if step.loop and step.type in ("Condition", "Fail", "ForEach"):
            yield error(step.path, f"A {step.type} step cannot stand in the body of a ForEach step.")
        elif step.type == "Condition" and step.within:
            hint = f"it stands within {step.within[-1][0]}; it is documented as unsupported, though seen to run"
            yield warning(step.path, "Condition steps are nested.", hint)


def _depends_on(step: Placed, by_name: Mapping[str, Placed]) -> Iterator[DefinitionProblem]:
    entries = step.step.get("DependsOn")
    if entries is None:
        return
    if not isinstance(entries, list):
        yield error(f"{step.path}.DependsOn", f"{UNPARSABLE} Expecting start of Json Array.")
        return
    for index, entry in enumerate(entries):
        yield from _entry(step, entry, f"{step.path}.DependsOn[{index}]", by_name)


def _entry(step: Placed, entry: Any, path: str, by_name: Mapping[str, Placed]) -> Iterator[DefinitionProblem]:
    name = entry.get("Step") if isinstance(entry, dict) else entry
    if not isinstance(name, str):
        yield error(path, f"{UNPARSABLE} Expecting the name of a step.")
        return
    if isinstance(entry, dict):
        for key in entry.keys() - {"Step", "Trigger"}:
            yield error(path, f"{UNPARSABLE} Cannot parse object, unknown property '{key}'.")
        if str(entry.get("Trigger", "Completed")) not in _TRIGGERS:
            yield error(path, f"Unknown trigger '{entry['Trigger']}'.", f"there are {', '.join(sorted(_TRIGGERS))}")
    if name not in by_name:
        yield error(path, f"Step [{name}] is referenced but not defined.", did_you_mean(name, by_name))
    elif hint := out_of_reach(by_name[name], step):
        yield error(path, f"Step [{name}] is referenced but not defined.", hint)
    elif by_name[name].type == "Condition" and name not in dict(step.within):
        hint = "depend on the steps within it, or refer to its Outcome"
        yield warning(path, f"{step.name} depends on the Condition step {name}, which the service has refused.", hint)


def _fail_and_branches(step: Placed, by_name: Mapping[str, Placed]) -> Iterator[DefinitionProblem]:
    for name in dependencies(step, by_name):
        other = by_name[name]
        if other.type == "Fail":
            hint = "a Fail step ends the execution"
            yield error(step.path, f"{step.name} can not depends on {name}", hint)
        else:
            yield from _never_runs(step, other)


def _never_runs(step: Placed, other: Placed) -> Iterator[DefinitionProblem]:
    """A step never runs that waits for a step of the branch which excludes its own."""
    mine = dict(step.within)
    for condition, branch in other.within:
        if branch in ("IfSteps", "ElseSteps") and mine.get(condition, branch) != branch:
            hint = f"they stand in different branches of {condition}"
            yield warning(step.path, f"{step.name} waits for {other.name} and will never run.", hint)


def _cycles(steps: Sequence[Placed], by_name: Mapping[str, Placed]) -> list[DefinitionProblem]:
    """One problem for each cycle found. Iterative, as a pipeline may have thousands of steps in a row."""
    edges = {step.name: dependencies(step, by_name) for step in steps}
    done: set[str] = set()
    problems = []
    for start in edges:
        trail: list[str] = []
        on_trail: set[str] = set()
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            name, depth = stack.pop()
            while len(trail) > depth:
                left = trail.pop()
                on_trail.discard(left)
                done.add(left)
            if name in on_trail:
                cycle = [*trail[trail.index(name) :], name]
                problems.append(error(by_name[name].path, f"Cyclic dependency: {' -> '.join(cycle)}"))
            elif name not in done:
                trail.append(name)
                on_trail.add(name)
                stack += [(upstream, depth + 1) for upstream in edges[name]]
        done.update(trail)
    return problems
