"""Step caching: when a step need not run, because an earlier run had the same arguments.

The key is made of the attributes that AWS documents for each step type, after evaluation, and of nothing else: instance
types, outputs, roles and the content behind an S3 prefix do not count. Only runs that succeeded are remembered,
each by pipeline, step and key; a hit is not a run, so it does not prolong the life of what it found.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pipeline.limits import Row

PARITY: Final = (
    Row(
        area="pipelines",
        subject="life of a cached result",
        here="ExpireAfter counts from the end of the run that made the result; without ExpireAfter it never expires",
        aws="documented as required when caching is enabled, though the SDK emits it only when asked",
    ),
)

ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Tuning": (
        "HyperParameterTuningJobConfig",
        "TrainingJobDefinition.AlgorithmSpecification",
        "TrainingJobDefinition.HyperParameterRanges",
        "TrainingJobDefinition.InputDataConfig",
        "TrainingJobDefinition.StaticHyperParameters",
        "TrainingJobDefinition.TuningObjective",
        "TrainingJobDefinitions",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
}
_DURATION: Final = re.compile(
    r"P?(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.IGNORECASE,
)
_SECONDS: Final = {
    "years": 365 * 86400,
    "months": 30 * 86400,
    "weeks": 7 * 86400,
    "days": 86400,
    "hours": 3600,
    "minutes": 60,
    "seconds": 1,
}


def key(step_type: str, arguments: dict[str, Any]) -> str | None:
    """The cache key of a step with evaluated arguments; None for a type that is never cached."""
    if step_type not in ATTRIBUTES:
        return None
    found = attributes(step_type, arguments)
    chosen = {path: found.get(path) for path in ATTRIBUTES[step_type]}
    text = json.dumps([step_type, chosen], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def attributes(step_type: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those attributes of the key that the arguments have, by path."""
    members = {path: _member(arguments, path) for path in ATTRIBUTES[step_type]}
    return {path: value for path, value in members.items() if value is not None}


def seconds(duration: str) -> float | None:
    """`P30D`, `p30d`, `30dT5h`, `T12H` in seconds (a month has 30 days, a year 365); None if it is no duration."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groupdict().values()):
        return None
    return float(sum(int(count) * _SECONDS[unit] for unit, count in found.groupdict().items() if count))


def oldest(step: dict[str, Any], now: float) -> float | None:
    """The time after which a run must have ended to be reused; None where the step's caching is off."""
    config = step.get("CacheConfig") or {}
    if config.get("Enabled") is not True:
        return None
    after = config.get("ExpireAfter")
    age = seconds(str(after)) if after is not None else None
    return float("-inf") if age is None else now - age


def _member(arguments: Mapping[str, Any], path: str) -> Any:
    value: Any = arguments
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
