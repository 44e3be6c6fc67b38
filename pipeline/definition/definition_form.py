"""The form of each part of a definition that is not a request: parameters, keys of steps, policies, conditions.

A request in a step's arguments is held to botocore's model elsewhere, by `pipeline.definition.arguments`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipeline.definition.cache_key import seconds
from pipeline.definition.conditions import condition_problems
from pipeline.definition.expression_values import is_expression
from pipeline.definition.properties import BOOLEAN, FLOAT, INTEGER, STRING
from pipeline.definition.step_types import BRANCHES, STEP_TYPES, UNPARSABLE, DefinitionProblem, Placed, error, warning
from pipeline.errors import did_you_mean

PARAMETER_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    STRING: (str,),
    INTEGER: (int,),
    FLOAT: (int, float),
    BOOLEAN: (bool,),
}
RETRIED_EXCEPTIONS: Final = frozenset(
    {
        "Step.SERVICE_FAULT",
        "Step.THROTTLING",
        "SageMaker.JOB_INTERNAL_ERROR",
        "SageMaker.CAPACITY_ERROR",
        "SageMaker.RESOURCE_LIMIT",
        "Emr.RESOURCE_LIMIT",
    }
)

# No limit is documented; beyond it the second wait would be longer than a day.
_RATE: Final = 100_000

_NAME: Final = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_METADATA_KEY: Final = re.compile(r"[A-Za-z0-9\-_]{1,128}")
_METADATA_VALUE: Final = 1024
_STEP_KEYS: Final = frozenset(
    {"Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description", "CacheConfig", "RetryPolicies"}
)
_CACHE_KEYS: Final = frozenset({"Enabled", "ExpireAfter"})
_RETRY_KEYS: Final = frozenset({"ExceptionType", "IntervalSeconds", "BackoffRate", "MaxAttempts", "ExpireAfterMin"})
_FILE_KEYS: Final = frozenset({"PropertyFileName", "OutputName", "FilePath"})
_OUTPUT_KEYS: Final = frozenset({"OutputName", "OutputType"})
_PARAMETER_KEYS: Final = frozenset({"Name", "Type", "DefaultValue", "EnumValues", "Description"})
# The most characters of a parameter's description, and of its default where that is a string.
_PARAMETER_TEXT: Final = 4096
# What the API shows of a step has these lengths.
_TEXTS: Final = {"DisplayName": 256, "Description": 3072, "FunctionArn": 256, "SqsQueueUrl": 256}
_TOP_KEYS: Final = frozenset({"Version", "Metadata", "Parameters", "PipelineExperimentConfig", "MlflowConfig", "Steps"})
CONFIGS: Final = {
    "PipelineExperimentConfig": ("ExperimentName", "TrialName"),
    "MlflowConfig": ("MlflowResourceArn", "MlflowExperimentName"),
}


def top_problems(definition: dict[str, Any]) -> Iterator[DefinitionProblem]:
    """The top of the definition: version, the kinds of its members."""
    yield from _unknown(definition, _TOP_KEYS, "")
    if definition.get("Version", "2020-12-01") != "2020-12-01":
        yield error("Version", f"{UNPARSABLE} Unknown version '{definition['Version']}'.", "it is 2020-12-01")
    for name in ("Parameters", "Steps"):
        if not isinstance(definition.get(name, []), list):
            yield error(name, f"{UNPARSABLE} Expecting start of Json Array.")
    yield from _metadata(definition.get("Metadata"))
    for name, members in CONFIGS.items():
        yield from _config(definition.get(name), name, members)
    if "Steps" not in definition:
        yield error("Steps", f"{UNPARSABLE} Missing required property 'Steps'.")


def _unknown(members: dict[str, Any], known: frozenset[str], path: str) -> Iterator[DefinitionProblem]:
    for name in members:
        if name not in known:
            yield error(f"{path}.{name}".lstrip("."), f"{UNPARSABLE} Cannot parse object, unknown property '{name}'.")


def _metadata(metadata: Any) -> Iterator[DefinitionProblem]:
    if metadata is not None and not isinstance(metadata, dict):
        yield error("Metadata", f"{UNPARSABLE} Expecting start of Json Object.")
        return
    for name, value in (metadata or {}).items():
        if not _METADATA_KEY.fullmatch(name):
            yield error("Metadata", f"Metadata name {name!r} is not 1 to 128 letters, digits, hyphens and underscores.")
        if not isinstance(value, str):
            yield error(f"Metadata.{name}", f"{UNPARSABLE} Expecting a value of type [String].")
        elif len(value) > _METADATA_VALUE:
            text = f"'{name}' has {len(value)} characters, the most is {_METADATA_VALUE}."
            yield error(f"Metadata.{name}", text)


def _config(config: Any, path: str, members: tuple[str, ...]) -> Iterator[DefinitionProblem]:
    """One of the objects at the top whose values may be expressions; null stands for none."""
    if config is None:
        return
    if not isinstance(config, dict):
        yield error(path, f"{UNPARSABLE} Expecting start of Json Object.")
        return
    for name, value in config.items():
        if name not in members:
            yield error(f"{path}.{name}", f"{UNPARSABLE} Cannot parse object, unknown property '{name}'.")
        elif not (isinstance(value, str) or is_expression(value)):
            yield error(f"{path}.{name}", f"{UNPARSABLE} Expecting a value of type [String].")


def parameter_problems(definition: dict[str, Any]) -> Iterator[DefinitionProblem]:
    """The parameters: names, types, defaults."""
    declared = definition.get("Parameters")
    seen: set[str] = set()
    for index, parameter in enumerate(declared if isinstance(declared, list) else []):
        if not isinstance(parameter, dict):
            yield error(f"Parameters[{index}]", f"{UNPARSABLE} Expecting start of Json Object.")
            continue
        name = parameter.get("Name")
        path = f"Parameters[{name or index}]"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield error(path, f"Parameter name {name!r} is not 1 to 64 letters, digits, hyphens and underscores.")
        elif name in seen:
            yield error(path, f"Duplicate parameter name [{name}].")
        seen.add(str(name))
        yield from _unknown(parameter, _PARAMETER_KEYS, path)
        yield from _texts(parameter, path)
        yield from _default(parameter, path)


def _texts(parameter: dict[str, Any], path: str) -> Iterator[DefinitionProblem]:
    if not isinstance(parameter.get("Description") or "", str):
        yield error(f"{path}.Description", f"{UNPARSABLE} Expecting a value of type [String].")
    if not isinstance(parameter.get("EnumValues") or [], list):
        yield error(f"{path}.EnumValues", f"{UNPARSABLE} Expecting start of Json Array.")
    for name in ("Description", "DefaultValue"):
        text = parameter.get(name)
        if isinstance(text, str) and len(text) > _PARAMETER_TEXT:
            yield error(path, f"'{name}' has {len(text)} characters, the most is {_PARAMETER_TEXT}.")


def _default(parameter: dict[str, Any], path: str) -> Iterator[DefinitionProblem]:
    kind = parameter.get("Type", STRING)
    if not isinstance(kind, str) or kind not in PARAMETER_TYPES:
        known = ", ".join(PARAMETER_TYPES)
        yield error(path, f"{UNPARSABLE} Unknown parameter type '{kind}'.", f"there are {known}")
        return
    default = parameter.get("DefaultValue")
    if default is None:
        return
    if not isinstance(default, PARAMETER_TYPES[kind]) or (isinstance(default, bool) and kind != BOOLEAN):
        yield error(
            path, f"The default value {default!r} of parameter [{parameter.get('Name')}] is not of type [{kind}]."
        )
    choices = parameter.get("EnumValues")
    if isinstance(choices, list) and choices and default not in choices:
        yield error(path, f"The default value {default!r} is not one of {choices}.")


def step_problems(step: Placed) -> Iterator[DefinitionProblem]:
    """The form of one step, apart from the request in it."""
    if not _NAME.fullmatch(step.name):
        yield error(
            step.path, f"Step name {step.step.get('Name')!r} is not 1 to 64 letters, digits, hyphens and underscores."
        )
    kind = STEP_TYPES.get(step.type)
    if not step.type:
        yield error(step.path, f"{UNPARSABLE} A step has no 'Type'.")
    elif kind is None:
        hint = did_you_mean(step.type, STEP_TYPES) or f"there are {', '.join(STEP_TYPES)}"
        yield error(step.path, f"{UNPARSABLE} Unknown step type '{step.type}'.", hint)
    else:
        yield from _unknown(step.step, _STEP_KEYS | kind.keys, step.path)
    yield from _kinds(step)
    yield from _policies(step)
    yield from _property_files(step)
    if step.type == "Condition":
        yield from condition_problems(step)
    yield from _held(step)


def _kinds(step: Placed) -> Iterator[DefinitionProblem]:
    """The JSON kinds of the members of a step that are read as they are, and the outputs it declares."""
    arguments = step.step.get("Arguments") or {}
    if not isinstance(arguments, dict) or is_expression(arguments):
        yield error(f"{step.path}.Arguments", f"{UNPARSABLE} Expecting start of Json Object.")
    for name, most in _TEXTS.items():
        text = step.step.get(name) or ""
        if name == "SqsQueueUrl" and is_expression(text):
            continue  # the queue of a Callback may be known at run time only; its type is checked with the arguments
        if not isinstance(text, str):
            yield error(f"{step.path}.{name}", f"{UNPARSABLE} Expecting a value of type [String].")
        elif len(text) > most:
            yield error(f"{step.path}.{name}", f"'{name}' has {len(text)} characters, the most is {most}.")
    outputs = step.step.get("OutputParameters") or []
    path = f"{step.path}.OutputParameters"
    if not isinstance(outputs, list):
        yield error(path, f"{UNPARSABLE} Expecting start of Json Array.")
        return
    for index, output in enumerate(outputs):
        if not isinstance(output, dict) or not isinstance(output.get("OutputName"), str):
            hint = "it has OutputName and OutputType"
            yield error(f"{path}[{index}]", f"{UNPARSABLE} An output parameter is not whole.", hint)
        elif output.get("OutputType", STRING) not in (STRING, INTEGER, FLOAT, BOOLEAN):
            known = ", ".join(PARAMETER_TYPES)
            yield error(f"{path}[{index}]", f"Unknown output type {output['OutputType']!r}.", f"there are {known}")
        else:
            yield from _unknown(output, _OUTPUT_KEYS, f"{path}[{index}]")


def _held(step: Placed) -> Iterator[DefinitionProblem]:
    for branch in BRANCHES.get(step.type, ()):
        steps = step.arguments.get(branch) or []
        path = f"{step.path}.Arguments.{branch}"
        if not isinstance(steps, list):
            yield error(path, f"{UNPARSABLE} Expecting start of Json Array.")
        elif not all(isinstance(inner, dict) for inner in steps):
            yield error(path, f"{UNPARSABLE} Expecting start of Json Object.")


def _policies(step: Placed) -> Iterator[DefinitionProblem]:
    kind = STEP_TYPES.get(step.type)
    cache, retries = step.step.get("CacheConfig"), step.step.get("RetryPolicies")
    if cache is not None:
        yield from _cache(cache, f"{step.path}.CacheConfig")
        if kind and not kind.cached:
            yield warning(f"{step.path}.CacheConfig", f"A {step.type} step is never cached.")
    if retries is not None:
        if not isinstance(retries, list):
            yield error(f"{step.path}.RetryPolicies", f"{UNPARSABLE} Expecting start of Json Array.")
            return
        if retries and kind and not kind.retried:
            yield warning(f"{step.path}.RetryPolicies", f"A {step.type} step is never retried.")
        for index, policy in enumerate(retries):
            yield from _retry(policy, f"{step.path}.RetryPolicies[{index}]")


def _cache(cache: Any, path: str) -> Iterator[DefinitionProblem]:
    if not isinstance(cache, dict):
        yield error(path, f"{UNPARSABLE} Expecting start of Json Object.")
        return
    yield from _unknown(cache, _CACHE_KEYS, path)
    if not isinstance(cache.get("Enabled"), bool):
        yield error(path, f"{UNPARSABLE} Expecting a value of type [Boolean].", "'Enabled' is true or false")
    after = cache.get("ExpireAfter") if cache.get("Enabled") else None
    if after is not None and (not isinstance(after, str) or seconds(after) is None):
        yield error(path, f"{UNPARSABLE} 'ExpireAfter' is no ISO 8601 duration: {after!r}.", "such as P30D or PT1H")


def _retry(policy: Any, path: str) -> Iterator[DefinitionProblem]:
    if not isinstance(policy, dict):
        yield error(path, f"{UNPARSABLE} Expecting start of Json Object.")
        return
    yield from _unknown(policy, _RETRY_KEYS, path)
    if policy.get("MaxAttempts") is not None and policy.get("ExpireAfterMin") is not None:
        yield error(path, "A retry policy has either 'MaxAttempts' or 'ExpireAfterMin', not both.")
    exceptions = policy.get("ExceptionType")
    if not isinstance(exceptions, list) or not exceptions:
        yield error(path, f"{UNPARSABLE} Expecting start of Json Array.", "'ExceptionType' lists what is retried")
    else:
        for name in exceptions:
            if not isinstance(name, str) or name not in RETRIED_EXCEPTIONS:
                yield error(
                    path, f"Unknown exception type {name!r}.", f"there are {', '.join(sorted(RETRIED_EXCEPTIONS))}"
                )
    for name, most in (("IntervalSeconds", 43_200), ("MaxAttempts", 20), ("ExpireAfterMin", 14_400)):
        value = policy.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most):
            yield error(path, f"'{name}' of a retry policy is a whole number from 0 to {most}, not {value!r}.")
    rate = policy.get("BackoffRate")
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= _RATE):
        yield error(path, f"'BackoffRate' of a retry policy is a number from 0 to {_RATE}, not {rate!r}.")


def _property_files(step: Placed) -> Iterator[DefinitionProblem]:
    files = step.step.get("PropertyFiles")
    if step.type != "Processing" or files is None:
        return
    if not isinstance(files, list):
        yield error(f"{step.path}.PropertyFiles", f"{UNPARSABLE} Expecting start of Json Array.")
        return
    outputs = _outputs(step)
    for index, file in enumerate(files):
        path = f"{step.path}.PropertyFiles[{index}]"
        if not isinstance(file, dict) or not {"PropertyFileName", "OutputName", "FilePath"} <= file.keys():
            hint = "it has PropertyFileName, OutputName and FilePath"
            yield error(path, f"{UNPARSABLE} A property file is not whole.", hint)
        elif file["OutputName"] not in outputs:
            message = f"Output [{file['OutputName']}] of property file [{file['PropertyFileName']}] is not defined."
            yield error(path, message, f"the step has {', '.join(outputs) or 'no outputs'}")
        else:
            yield from _unknown(file, _FILE_KEYS, path)


def _outputs(step: Placed) -> list[str]:
    config = step.arguments.get("ProcessingOutputConfig")
    outputs = config.get("Outputs") if isinstance(config, dict) else None
    return [str(item.get("OutputName")) for item in outputs or [] if isinstance(item, dict)]
