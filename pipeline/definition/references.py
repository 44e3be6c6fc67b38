"""`Get`, `Std:Join` and `Std:JsonGet` as they stand in a definition: what they refer to, and what type they have.

A reference is checked against the parameters, the steps and, member by member, the shape of the Describe response
that a step's properties have. The type decides where an expression may stand: the service refuses an Integer
parameter where a string belongs, and wants it joined.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.definition.expression_values import is_expression, referenced_step
from pipeline.definition.paths import PathError, beyond_json_path, parse
from pipeline.definition.properties import ANY, OBJECT, STRING, property_kind
from pipeline.definition.step_types import UNPARSABLE, DefinitionProblem, Placed, error
from pipeline.errors import did_you_mean

EXECUTION_VARIABLES: Final = frozenset(
    {
        "StartDateTime",
        "CurrentDateTime",
        "PipelineName",
        "PipelineArn",
        "PipelineExecutionId",
        "PipelineExecutionArn",
        "TrainingJobName",
        "ProcessingJobName",
    }
)


@dataclass(frozen=True)
class CheckScope:
    """What can be referred to: the types of the parameters and the steps, by name."""

    parameters: Mapping[str, str]
    steps: Mapping[str, Placed]

    def kind(self, expression: dict[str, Any], path: str, problems: list[DefinitionProblem], *, of: Placed) -> str:
        """The type of an expression that stands in the step `of`; what is wrong with it is added to `problems`."""
        name, argument = next(iter(expression.items()))
        if name == "Get":
            return self._get(argument, path, problems, of)
        if name == "Std:Join":
            self._join(argument, path, problems, of)
            return STRING
        self._json_get(argument, path, problems, of)
        return ANY

    def text(self, value: Any, path: str, *, of: Placed) -> list[DefinitionProblem]:
        """Whether a value is a string, or an expression of that type; not what is wrong within the expression."""
        if not is_expression(value):
            text = f"{UNPARSABLE} Expecting a value of type [String]."
            return [] if isinstance(value, str) else [error(path, text)]
        kind = self.kind(value, path, [], of=of)
        return [] if kind in (STRING, ANY) else [unassignable(value, kind, STRING, path)]

    def _get(self, reference: Any, path: str, problems: list[DefinitionProblem], of: Placed) -> str:
        if not isinstance(reference, str):
            problems.append(error(path, f"{UNPARSABLE} Expecting a string after 'Get'."))
            return ANY
        root, _, rest = reference.partition(".")
        if root == "Parameters":
            return self._parameter(rest, path, problems)
        if root == "Execution":
            if rest not in EXECUTION_VARIABLES:
                hint = did_you_mean(rest, EXECUTION_VARIABLES)
                problems.append(error(path, f"Unknown execution variable [{reference}].", hint))
            return STRING
        if root == "Steps":
            return self._property(reference, rest, path, problems, of)
        if _of_iteration(reference, path, of):
            return ANY
        problems.append(
            error(path, f"Unknown reference [{reference}].", "it begins with Parameters, Execution or Steps")
        )
        return ANY

    def _parameter(self, name: str, path: str, problems: list[DefinitionProblem]) -> str:
        if name not in self.parameters:
            message = f"Parameter [{name}] is referenced but not defined."
            problems.append(error(path, message, did_you_mean(name, self.parameters)))
            return ANY
        return self.parameters[name]

    def _property(self, reference: str, rest: str, path: str, problems: list[DefinitionProblem], of: Placed) -> str:
        step_name = referenced_step(reference) or ""
        step = self._step(step_name, path, problems, of)
        if step is None:
            return ANY
        try:
            parts = parse(rest[len(step_name) :].removeprefix("."))
        except PathError as problem:
            problems.append(error(path, f"Cannot parse property reference [{reference}].", str(problem)))
            return ANY
        found, hint = property_kind(step, parts)
        if found is None:
            problems.append(error(path, f"Cannot resolve property reference [{reference}].", hint))
        return found or ANY

    def _step(self, name: str, path: str, problems: list[DefinitionProblem], of: Placed) -> Placed | None:
        step = self.steps.get(name)
        if step is not None and not (hint := out_of_reach(step, of)):
            return step
        hint = hint if step else did_you_mean(name, self.steps)
        problems.append(error(path, f"Step [{name}] is referenced but not defined.", hint))
        return None

    def _join(self, argument: Any, path: str, problems: list[DefinitionProblem], of: Placed) -> None:
        if not isinstance(argument, dict):
            problems.append(error(path, f"{UNPARSABLE} Expecting start of Json Object."))
            return
        _refuse_others(argument, ("On", "Values"), path, problems)
        if not isinstance(argument.get("On", ""), str):
            problems.append(error(path, f"{UNPARSABLE} Expecting a string for 'On'."))
        values = argument.get("Values")
        if not isinstance(values, list):
            problems.append(error(path, f"{UNPARSABLE} Expecting start of Json Array."))
            return
        for index, value in enumerate(values):
            self._joined(value, f"{path}.Values[{index}]", problems, of)

    def _joined(self, value: Any, path: str, problems: list[DefinitionProblem], of: Placed) -> None:
        if is_expression(value):
            if self.kind(value, path, problems, of=of) == OBJECT:
                problems.append(error(path, f"Cannot join [{value.get('Get')}], which is no single value."))
        elif isinstance(value, (dict, list)) or value is None:
            problems.append(error(path, f"{UNPARSABLE} Expecting a primitive value or a function in 'Values'."))

    def _json_get(self, argument: Any, path: str, problems: list[DefinitionProblem], of: Placed) -> None:
        if not isinstance(argument, dict):
            problems.append(error(path, f"{UNPARSABLE} Expecting start of Json Object."))
            return
        _refuse_others(argument, ("PropertyFile", "S3Uri", "Path"), path, problems)
        if not isinstance(argument.get("Path"), str) or not argument["Path"]:
            problems.append(
                error(path, f"{UNPARSABLE} Expecting a string for 'Path'.", "a path cannot be an expression")
            )
        elif refused := beyond_json_path(argument["Path"]):
            problems.append(error(path, f"Cannot parse json path [{argument['Path'][:200]}].", refused))
        if ("PropertyFile" in argument) == ("S3Uri" in argument):
            problems.append(error(path, f"{UNPARSABLE} Std:JsonGet needs either 'PropertyFile' or 'S3Uri'."))
        elif "PropertyFile" in argument:
            self._property_file(argument["PropertyFile"], path, problems, of)
        else:
            if is_expression(argument["S3Uri"]):
                self.kind(argument["S3Uri"], path, problems, of=of)
            problems += self.text(argument["S3Uri"], f"{path}.S3Uri", of=of)

    def _property_file(self, reference: Any, path: str, problems: list[DefinitionProblem], of: Placed) -> None:
        text = reference.get("Get") if is_expression(reference) else None
        parts = text.split(".") if isinstance(text, str) else []
        if len(parts) != 4 or parts[0] != "Steps" or parts[2] != "PropertyFiles":
            hint = "write {'Get': 'Steps.<step>.PropertyFiles.<file>'}"
            problems.append(error(path, f"{UNPARSABLE} 'PropertyFile' is no reference to a property file.", hint))
            return
        step = self._step(parts[1], path, problems, of)
        if step is None:
            return
        if step.type != "Processing":
            problems.append(error(path, f"Property file reference [{text}] does not point at a Processing step."))
        elif parts[3] not in (names := property_files(step)):
            problems.append(error(path, f"Property file [{text}] is not defined.", did_you_mean(parts[3], names)))


def property_files(step: Placed) -> list[str]:
    """The names of the property files that a step declares."""
    declared = step.step.get("PropertyFiles")
    files = declared if isinstance(declared, list) else []
    return [str(file.get("PropertyFileName")) for file in files if isinstance(file, dict)]


def unassignable(value: dict[str, Any], kind: str, wanted: str, path: str) -> DefinitionProblem:
    """An expression of one type where an argument of another type is wanted; in the words of the service."""
    function, argument = next(iter(value.items()))
    shown = argument if function == "Get" else function
    hint = "join it: {'Std:Join': {'On': '', 'Values': [...]}}" if wanted == STRING else f"it is {kind}"
    return error(path, f"Cannot assign property reference [{shown}] to argument of type [{wanted}].", hint)


def out_of_reach(step: Placed, of: Placed) -> str:
    """Why `of` cannot refer to a step, though there is one of that name; "" if it can."""
    if step.loop in (None, of.loop):
        return ""
    return f"it stands in the body of {step.loop}; refer to Steps.{step.loop}.IterationOutputs[0].{step.name}"


def _of_iteration(reference: str, path: str, of: Placed) -> bool:
    """Whether the reference is to the item of an iteration, or to its output, where there is an iteration."""
    if of.loop is not None:
        return re.match(r"ForEach\.CurrentItem(?![^.\[])", reference) is not None
    selecting = path.startswith(f"{of.path}.Arguments.Selector")
    return of.type == "ForEach" and selecting and reference.startswith("IterationOutput.")


def _refuse_others(
    argument: dict[str, Any], known: tuple[str, ...], path: str, problems: list[DefinitionProblem]
) -> None:
    for name in argument:
        if name not in known:
            problems.append(error(path, f"{UNPARSABLE} Cannot parse object, unknown property '{name}'."))
