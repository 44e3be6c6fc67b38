"""The parts of a definition: a problem, a step with its place, and all step types that the service has.

The table of step types says which request a step's arguments are, which response its properties are, and what the
pipeline service refuses or fills in itself, which is not always what the public API does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Definition = dict[str, Any]
Step = dict[str, Any]
Level = Literal["error", "warning"]

UNPARSABLE: Final = "Unable to parse pipeline definition."

# Texts of the service that are on record; it does not say where in the definition it found what they speak of.
_ON_RECORD: Final = re.compile(
    r"Unable to parse pipeline definition\. (Expecting start of Json (Array|Object)\.|Unknown Argument member '.*'"
    r"|Cannot parse object, unknown property '.*'\.|Model Validation failed: .* enum value set: .*)"
    r"|Cannot assign property reference .*|.* can not depends on .*",
    re.DOTALL,
)


@dataclass(frozen=True)
class DefinitionProblem:
    """`error`: the service refuses the definition, with this message. `warning`: it takes it, and it may not do
    what is meant. `path` says where in the definition, `hint` what to do."""

    level: Level
    path: str
    message: str
    hint: str = ""

    @property
    def answer(self) -> str:
        """What the service answers: AWS's text as it is, where it is on record; else ours, which says where."""
        if not self.path or _ON_RECORD.fullmatch(self.message):
            return self.message
        return f"{self.message} (at {self.path}{f'; {self.hint}' if self.hint else ''})"

    def __str__(self) -> str:
        text = f"{self.level}: {self.path}: {self.message}" if self.path else f"{self.level}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


def error(path: str, message: str, hint: str = "") -> DefinitionProblem:
    """What the service refuses."""
    return DefinitionProblem("error", path, message, hint)


def warning(path: str, message: str, hint: str = "") -> DefinitionProblem:
    """What the service takes."""
    return DefinitionProblem("warning", path, message, hint)


@dataclass(frozen=True)
class StepType:
    """One step type. `request` and `response` are shapes of botocore's model; None: the arguments or the properties
    are free. `given` are members that the service fills in, at any depth, so that the API's "required" does not hold
    for them."""

    request: str | None = None
    response: str | None = None
    given: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()
    cached: bool = False
    retried: bool = False
    free: bool = False
    """Whether properties of any name are taken, since no shape says which there are."""


_ROLE: Final = frozenset({"RoleArn", "ExecutionRoleArn"})
_CHECK_KEYS: Final = frozenset(
    {
        "CheckType",
        "ModelPackageGroupName",
        "SkipCheck",
        "FailOnViolation",
        "RegisterNewBaseline",
        "SuppliedBaselineStatistics",
        "SuppliedBaselineConstraints",
        "ModelName",
    }
)
_CONSTRAINTS: Final = frozenset({"CalculatedBaselineConstraints", "BaselineUsedForDriftCheckConstraints"})
_STATISTICS: Final = frozenset({"CalculatedBaselineStatistics", "BaselineUsedForDriftCheckStatistics"})


def _job(name: str, job_name: str, **kwargs: Any) -> StepType:
    return StepType(
        request=f"Create{name}Request",
        response=f"Describe{name}Response",
        given=_ROLE | {job_name},
        cached=True,
        retried=True,
        **kwargs,
    )


def _check(baselines: frozenset[str]) -> StepType:
    return StepType(
        request="CreateProcessingJobRequest",
        given=_ROLE | {"ProcessingJobName"},
        keys=_CHECK_KEYS,
        properties=baselines,
        cached=True,
        retried=True,
    )


STEP_TYPES: Final[Mapping[str, StepType]] = {
    "Processing": _job("ProcessingJob", "ProcessingJobName", keys=frozenset({"PropertyFiles"})),
    "Training": _job("TrainingJob", "TrainingJobName"),
    "Tuning": _job(
        "HyperParameterTuningJob",
        "HyperParameterTuningJobName",
        properties=frozenset({"TrainingJobSummaries"}),
    ),
    "Transform": _job("TransformJob", "TransformJobName"),
    "AutoML": _job(
        "AutoMLJob",
        "AutoMLJobName",
        refused=frozenset({"ModelDeployConfig", "GenerateCandidateDefinitionsOnly"}),
        properties=frozenset({"BestCandidateProperties"}),
    ),
    "Model": StepType("CreateModelInput", "DescribeModelOutput", given=_ROLE | {"ModelName"}, retried=True),
    "RegisterModel": StepType(
        "CreateModelPackageInput",
        "DescribeModelPackageOutput",
        refused=frozenset({"ModelPackageName", "CertifyForMarketplace"}),
        retried=True,
    ),
    "EndpointConfig": StepType(
        "CreateEndpointConfigInput",
        "DescribeEndpointConfigOutput",
        given=_ROLE | {"EndpointConfigName"},
        refused=frozenset({"DataCaptureConfig", "ExplainerConfig"}),
        cached=True,
        retried=True,
    ),
    "Endpoint": StepType(
        "CreateEndpointInput",
        "DescribeEndpointOutput",
        given=frozenset({"EndpointName"}),
        refused=frozenset({"DeploymentConfig"}),
        cached=True,
    ),
    "InferenceComponent": StepType("CreateInferenceComponentInput", "DescribeInferenceComponentOutput"),
    "Condition": StepType(properties=frozenset({"Outcome"})),
    "Fail": StepType(),
    "Lambda": StepType(keys=frozenset({"FunctionArn", "OutputParameters"}), cached=True),
    "Callback": StepType(keys=frozenset({"SqsQueueUrl", "OutputParameters"}), cached=True),
    "QualityCheck": _check(_CONSTRAINTS | _STATISTICS),
    "ClarifyCheck": _check(_CONSTRAINTS),
    "EMR": StepType(cached=True, retried=True, free=True),
    "EMRServerless": StepType(cached=True, retried=True, free=True),
    "Lineage": StepType(properties=frozenset({"ActionArns", "ArtifactArns", "ContextArns", "Associations"})),
    "Job": StepType(cached=True, retried=True, free=True),
    "Cleanup": StepType(),
    "ForEach": StepType(),
    "BedrockCustomModel": StepType(free=True),
    "BedrockCustomModelDeployment": StepType(free=True),
    "BedrockModelImport": StepType(free=True),
    "BedrockProvisionedModelThroughput": StepType(free=True),
    "Athena": StepType(free=True),
    "HubContent": StepType(free=True),
}

# Where steps stand within steps: the arguments of these types that hold them.
BRANCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "Condition": ("IfSteps", "ElseSteps"),
    "ForEach": ("ForEachBody",),
}


@dataclass(frozen=True)
class Placed:
    """A step and where it stands: its path in the definition, and what it stands within, outermost first."""

    step: Step = field(repr=False)
    path: str
    within: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The step's name, "" where it has none that is a string."""
        name = self.step.get("Name")
        return name if isinstance(name, str) else ""

    @property
    def type(self) -> str:
        """The step's type, "" where it has none that is a string."""
        kind = self.step.get("Type")
        return kind if isinstance(kind, str) else ""

    @property
    def arguments(self) -> dict[str, Any]:
        """The step's arguments, {} where they are no object."""
        arguments = self.step.get("Arguments")
        return arguments if isinstance(arguments, dict) else {}

    @property
    def own(self) -> dict[str, Any]:
        """The step without the steps within it."""
        held = BRANCHES.get(self.type, ())
        kept = {name: value for name, value in self.arguments.items() if name not in held}
        return {**self.step, "Arguments": kept} if held else self.step

    @property
    def loop(self) -> str | None:
        """The name of the ForEach step in whose body it stands, or None."""
        return next((name for name, branch in self.within if branch == "ForEachBody"), None)

    @property
    def body(self) -> dict[str, Placed]:
        """The steps in the body of a ForEach step by name, empty for other types."""
        held = self.arguments.get("ForEachBody") if self.type == "ForEach" else None
        inner = (*self.within, (self.name, "ForEachBody"))
        return {step.name: step for step in _walk(held, f"{self.path}.Arguments.ForEachBody", inner)}


def walk(definition: Mapping[str, Any]) -> Iterator[Placed]:
    """Every step, those within steps too, in the order of the text."""
    yield from _walk(definition.get("Steps"), "Steps", ())


def steps(definition: Mapping[str, Any]) -> dict[str, Placed]:
    """Every step by name, those within Condition and ForEach steps too, in the order of the text."""
    return {step.name: step for step in walk(definition)}


def _walk(steps: Any, path: str, within: tuple[tuple[str, str], ...]) -> Iterator[Placed]:
    if not isinstance(steps, list):
        return
    for index, step in enumerate(steps):
        if not isinstance(step, dict):
            continue
        placed = Placed(step, f"{path}[{step.get('Name') or index}]", within)
        yield placed
        for branch in BRANCHES.get(placed.type, ()):
            inner = (*within, (placed.name, branch))
            yield from _walk(placed.arguments.get(branch), f"{placed.path}.Arguments.{branch}", inner)
