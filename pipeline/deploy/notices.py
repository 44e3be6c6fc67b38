"""Who is told what: a rule for each thing that people wait for, with a message that is short and says what to type.

EventBridge writes the message from the event; nothing of ours runs for it. On localhost it goes to the topic, to the
console and to the service's log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipeline.api_destinations import webhook_name
from pipeline.config.settings import Settings, partition
from pipeline.event_rules import DESTINATION, SOURCE, STEP_EVENT, EventRule, RuleTarget, rule_name
from steps.step_names import REJECT_MODEL, REPORT_DRIFT, VALIDATE_ENDPOINT

_EXECUTION: Final = "SageMaker Model Building Pipeline Execution Status Change"
_PACKAGE: Final = "SageMaker Model Package State Change"

_OF_STEP: Final = {"step": "$.detail.stepName", "why": "$.detail.failureReason", "arn": "$.detail.pipelineExecutionArn"}
_OF_EXECUTION: Final = {"arn": "$.detail.pipelineExecutionArn"}
_OF_PACKAGE: Final = {"version": "$.detail.ModelPackageVersion"}


def notices(settings: Settings, training: str, release: str, watch: str) -> tuple[EventRule, ...]:
    """The rules that tell the topics of the settings; the rest are ARNs of pipelines. None without a topic."""
    if not (settings.notify.topics or settings.notify.webhook):
        return ()
    drifted = [_drifted(settings, watch)] if settings.watch else []
    return (*_rules(settings, training, release, watch), *drifted)


def _rules(settings: Settings, training: str, release: str, watch: str) -> Iterator[EventRule]:
    name, group, endpoint = settings.name, settings.model_group, settings.endpoint
    env = f" --env {settings.environment}"
    failed = {"currentStepStatus": ["Failed"]}
    yield _rule(
        settings,
        "rejected",
        "A model is rejected.",
        _pattern(STEP_EVENT, {"pipelineArn": [training], "stepName": [REJECT_MODEL], **failed}),
        f"{name}: <why> Look: pipeline report <arn>{env}",
        _OF_STEP,
    )
    yield _rule(
        settings,
        "failed",
        "A step fails.",
        _pattern(
            STEP_EVENT,
            {
                "pipelineArn": [training, release, *([watch] if settings.watch else [])],
                "stepName": [{"anything-but": [REJECT_MODEL, VALIDATE_ENDPOINT, REPORT_DRIFT]}],
                **failed,
            },
        ),
        f"{name}: step <step> failed: <why> Look: pipeline report <arn>{env}",
        _OF_STEP,
    )
    yield _rule(
        settings,
        "waiting",
        "A version waits for approval.",
        _pattern(_PACKAGE, {"ModelPackageGroupName": [group], "ModelApprovalStatus": ["PendingManualApproval"]}),
        f"{name}: version <version> of {group} waits for approval: pipeline models approve <version>{env}",
        _OF_PACKAGE,
    )
    yield _rule(
        settings,
        "released",
        "A version is released.",
        _pattern(_EXECUTION, {"pipelineArn": [release], "currentPipelineExecutionStatus": ["Succeeded"]}),
        f"{name}: endpoint {endpoint} serves the approved version, validated. Back: pipeline models rollback{env}",
        _OF_EXECUTION,
    )
    yield _rule(
        settings,
        "rolled-back",
        "An endpoint that did not pass its validation is put back.",
        _pattern(STEP_EVENT, {"pipelineArn": [training, release], "stepName": [VALIDATE_ENDPOINT], **failed}),
        f"{name}: endpoint {endpoint} did not pass its validation and is put back to what passed before: <why> "
        f"Look: pipeline report <arn>{env}",
        _OF_STEP,
    )


def _drifted(settings: Settings, watch: str) -> EventRule:
    return _rule(
        settings,
        "drifted",
        "What the endpoint is asked drifts.",
        _pattern(STEP_EVENT, {"pipelineArn": [watch], "stepName": [REPORT_DRIFT], "currentStepStatus": ["Failed"]}),
        f"{settings.name}: endpoint {settings.endpoint}: <why> "
        f"Look: pipeline report <arn> --env {settings.environment}",
        _OF_STEP,
    )


def _pattern(detail_type: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {"source": [SOURCE], "detail-type": [detail_type], "detail": dict(detail)}


def _rule(
    settings: Settings, what: str, description: str, pattern: Mapping[str, Any], message: str, paths: Mapping[str, str]
) -> EventRule:
    used = {key: path for key, path in paths.items() if f"<{key}>" in message}
    topics = enumerate(settings.notify.topics, 1)
    targets = [RuleTarget(f"topic-{at}", topic, paths=used, message=message) for at, topic in topics]
    if settings.notify.webhook:
        where = f"arn:{partition(settings.region)}:events:{settings.region}:{settings.account}"
        arn = f"{where}:{DESTINATION}{webhook_name(settings.name)}"
        targets.append(RuleTarget("webhook", arn, settings.events_role, paths=used, message=message))
    return EventRule(rule_name(settings.name, f"tell-{what}"), description, pattern, tuple(targets))
