"""The EventBridge rules that go with the pipeline, as data: what happens, who is told or started.

A rule is the pipeline's own when its name is the pipeline's and one of the purposes below; others are never touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.config.watch_settings import Watch
from steps.step_names import REPORT_DRIFT

SOURCE: Final = "aws.sagemaker"
RELEASE: Final = "release"
WATCH: Final = "watch"
RETRAIN: Final = "retrain"
STEP_EVENT: Final = "SageMaker Model Building Pipeline Execution Step Status Change"

PURPOSES: Final = (
    RELEASE,
    WATCH,
    RETRAIN,
    *(f"tell-{what}" for what in ("rejected", "failed", "waiting", "released", "rolled-back", "drifted")),
)
"""What the rules of a pipeline are for; part of their names."""

DESTINATION: Final = "api-destination/"
"""What the resource of an API destination begins with. EventBridge adds an id to the name, which is known only then."""

_LONGEST: Final = 64


@dataclass(frozen=True)
class RuleTarget:
    """Where an event goes: a pipeline, with parameters that may be JSONPaths into the event, a topic or a webhook.

    The latter get the `message`, in which <name> stands for what the path of that name finds in the event.
    """

    id: str
    arn: str
    role: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True)
class EventRule:
    """Which events go where, or what is started when, by `schedule`; `description` says it for people."""

    name: str
    description: str
    pattern: Mapping[str, Any]
    targets: tuple[RuleTarget, ...]
    enabled: bool = True
    schedule: str = ""


def rule_name(pipeline: str, purpose: str) -> str:
    """The name that a rule of this pipeline has with EventBridge, which takes 64 characters."""
    name = f"{pipeline}-{purpose}"
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(pipeline.encode()).hexdigest()[:8]
    return f"{pipeline[: _LONGEST - len(purpose) - len(digest) - 2]}-{digest}-{purpose}"


def release_rule(pipeline: str, group: str, release_arn: str, role: str, parameter: str) -> EventRule:
    """The rule that starts the release pipeline when a version of the group becomes Approved."""
    return EventRule(
        rule_name(pipeline, RELEASE),
        f"An approved version of {group} is released.",
        {
            "source": [SOURCE],
            "detail-type": ["SageMaker Model Package State Change"],
            "detail": {"ModelPackageGroupName": [group], "ModelApprovalStatus": ["Approved"]},
        },
        (RuleTarget("release", release_arn, role, {parameter: "$.detail.ModelPackageArn"}),),
    )


def watch_rules(pipeline: str, watch_arn: str, watch: Watch, training_arn: str, role: str) -> Iterator[EventRule]:
    """The rule that starts the watch when it is due, and the one by which drift starts the training, if it is to."""
    yield EventRule(
        rule_name(pipeline, WATCH),
        f"The endpoint of {pipeline} is watched for drift: {watch.schedule}.",
        {},
        (RuleTarget(WATCH, watch_arn, role),),
        schedule=watch.schedule,
    )
    if watch.retrain:
        yield EventRule(
            rule_name(pipeline, RETRAIN),
            f"Drift starts {pipeline}.",
            {
                "source": [SOURCE],
                "detail-type": [STEP_EVENT],
                "detail": {"pipelineArn": [watch_arn], "stepName": [REPORT_DRIFT], "currentStepStatus": ["Failed"]},
            },
            (RuleTarget(RETRAIN, training_arn, role),),
        )
