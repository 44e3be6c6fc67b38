"""What the service would say to a pipeline definition.

Pure JSON, no SDK. `check` knows what SageMaker refuses when a pipeline is created, in SageMaker's words where they are
known, and what it takes though it will not do what is meant; the service on localhost answers with the same.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pipeline.definition.arguments import argument_problems
from pipeline.definition.definition_form import CONFIGS, parameter_problems, step_problems, top_problems
from pipeline.definition.expression_values import gets, referenced_step, within
from pipeline.definition.graph import graph_problems
from pipeline.definition.loops import loop_problems
from pipeline.definition.own_arguments import own_argument_problems
from pipeline.definition.properties import STRING
from pipeline.definition.references import CheckScope
from pipeline.definition.step_types import UNPARSABLE, Definition, DefinitionProblem, Placed, error, walk
from pipeline.limits import Row

PARITY: Final = (
    Row(
        area="pipelines",
        subject="texts of what is refused when a pipeline is created",
        here="AWS's where they are on record, else our own with the place in the definition",
        aws="on record: wrong JSON kinds, unknown members, enums, types of references, DependsOn a Fail step",
    ),
    Row(
        area="pipelines",
        subject="required members, lengths and ranges in a step's arguments",
        here="held to the API's model at create, but for names and roles, which the service fills in",
        aws="lengths are checked at create; required members and ranges not established",
    ),
    Row(
        area="pipelines",
        subject="step types that SageMaker gets after this version",
        here="refused as unknown when the pipeline is created; those known today are taken, run or not",
        aws="taken",
    ),
    Row(
        area="pipelines",
        subject="patterns of strings in a step's arguments",
        here="a warning of `plan`; the request of the step fails by them when it runs",
        aws="not established when",
    ),
    Row(
        area="pipelines",
        subject="a String, or a Std:Join, where a number belongs",
        here="refused when the pipeline is created",
        aws="the opposite, a number where a string belongs, is seen to be refused; this not established",
    ),
    Row(
        area="pipelines",
        subject="a number or a boolean as the message of a Fail step",
        here="taken as text, with a warning of `plan`",
        aws="not established; where an argument of a job is a string they are refused",
    ),
    Row(
        area="pipelines",
        subject="DependsOn a Condition step",
        here="taken, with a warning of `plan`; the step waits until the condition is decided",
        aws="refused in January 2023; may be obsolete",
    ),
)

# What CreatePipeline takes, in characters.
LIMIT: Final = 1_048_576


def check(definition: Definition | str) -> list[DefinitionProblem]:
    """What the service would say to the definition, errors before warnings, each in the order of the text.

    A string is parsed first; anything but a JSON object is one error.
    """
    try:
        found = _check(_parsed(definition))
    except _UnparsableError as unparsable:
        return [unparsable.problem]
    except RecursionError:
        return [error("", f"{UNPARSABLE} It is nested too deeply.")]
    unique = list(dict.fromkeys(found))
    return sorted(unique, key=lambda problem: problem.level != "error")


class _UnparsableError(Exception):
    def __init__(self, problem: DefinitionProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _parsed(definition: Definition | str) -> Definition:
    if not isinstance(definition, str):
        return definition
    if len(definition) > LIMIT:
        raise _UnparsableError(error("", f"{UNPARSABLE} It has {len(definition)} characters, the most is {LIMIT}."))
    try:
        parsed = json.loads(definition, parse_constant=_refuse_constant)
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno} (character {problem.pos})"
        raise _UnparsableError(error("", f"{UNPARSABLE} {problem.msg} at {place}.")) from None
    except ValueError:
        raise _UnparsableError(error("", f"{UNPARSABLE} A number in it has too many digits.")) from None
    if not isinstance(parsed, dict):
        raise _UnparsableError(error("", f"{UNPARSABLE} Expecting start of Json Object."))
    return parsed


def _refuse_constant(name: str) -> Any:
    raise _UnparsableError(error("", f"{UNPARSABLE} {name} is no JSON value."))


def _check(definition: Definition) -> list[DefinitionProblem]:
    problems = [*top_problems(definition), *parameter_problems(definition)]
    placed = list(walk(definition))
    top = definition.get("Steps")
    if isinstance(top, list) and not all(isinstance(step, dict) for step in top):
        problems.append(error("Steps", f"{UNPARSABLE} Expecting start of Json Object."))
    scope = CheckScope(
        {name: str(entry.get("Type", STRING)) for name, entry in _parameters(definition).items()},
        {step.name: step for step in placed},
    )
    problems += _config_references(definition, scope)
    for step in placed:
        problems += step_problems(step)
        problems += loop_problems(step, scope)
        problems += _references(step, scope)
        problems += argument_problems(step, scope)
        problems += own_argument_problems(step, scope)
    return problems + graph_problems(placed)


def _parameters(definition: Definition) -> dict[str, dict[str, Any]]:
    """The parameters as they stand in the definition, by name."""
    declared = definition.get("Parameters")
    entries = declared if isinstance(declared, list) else []
    return {entry["Name"]: entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("Name"), str)}


def _references(step: Placed, scope: CheckScope) -> list[DefinitionProblem]:
    problems: list[DefinitionProblem] = []
    for path, expression in within(step.own, step.path):
        scope.kind(expression, path, problems, of=step)
    return problems


def _config_references(definition: Definition, scope: CheckScope) -> list[DefinitionProblem]:
    """What the names of experiments refer to: parameters and the execution, which are known before any step has run."""
    problems: list[DefinitionProblem] = []
    for name in CONFIGS:
        for path, expression in within(definition.get(name), name):
            of_steps = [reference for reference in gets(expression) if referenced_step(reference)]
            for reference in of_steps:
                hint = "it is needed before any step has run"
                problems.append(error(path, f"Cannot resolve property reference [{reference}].", hint))
            if not of_steps:
                scope.kind(expression, path, problems, of=Placed({}, name))
    return problems
