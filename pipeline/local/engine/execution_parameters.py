"""Pipeline parameters at start: text becomes what the definition declares, what is missing gets its default."""

from __future__ import annotations

from typing import Any, Final

from pipeline.definition.typed_parameters import default, typed
from pipeline.limits import Row
from pipeline.local.api_errors import ValidationException
from pipeline.local.kinds import Body

PARITY: Final = (
    Row(
        area="pipelines",
        subject="texts for unknown, missing and wrongly typed parameters at start",
        here="a ValidationException that names the parameters",
        aws="refused; texts not established, but for the empty string",
    ),
)


def resolve(definition: Body, supplied: list[Body]) -> Body:
    """The typed value of every parameter by name. Raises ValidationException."""
    declared = {str(item["Name"]): item for item in definition.get("Parameters") or []}
    given = {item["Name"]: item["Value"] for item in supplied}
    if len(given) < len(supplied):
        raise ValidationException("Pipeline parameters must not be given more than once.")
    if any(value == "" for value in given.values()):
        raise ValidationException('[string "" is too short (length: 0, required minimum: 1)]')
    if unknown := [name for name in given if name not in declared]:
        raise ValidationException(f"Unknown pipeline parameters: [{', '.join(unknown)}].")
    missing = [name for name, item in declared.items() if name not in given and item.get("DefaultValue") is None]
    if missing:
        raise ValidationException(f"Pipeline parameters without a default value must be given: [{', '.join(missing)}].")
    return {name: _typed(item, given[name]) if name in given else default(item) for name, item in declared.items()}


def _typed(declared: Body, text: str) -> Any:
    name, kind = declared["Name"], declared.get("Type", "String")
    allowed = declared.get("EnumValues")
    if allowed and text not in [str(value) for value in allowed]:
        choices = ", ".join(str(value) for value in allowed)
        raise ValidationException(f"Value [{text}] of pipeline parameter [{name}] is not one of [{choices}].")
    try:
        return typed(declared, text)
    except ValueError:
        raise ValidationException(f"Value [{text}] of pipeline parameter [{name}] is not of type [{kind}].") from None
