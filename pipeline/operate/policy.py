"""IAM policies with the least that is needed: for the pipeline's role, CI's, the scheduler's, EventBridge's, and for
engineers, who also decide on models, try endpoints, schedule and clean up.

Nothing is created: the documents are printed. What the pipeline's role needs is derived in `pipeline_role_policy`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipeline.api_destinations import webhook_name
from pipeline.config.settings import Settings
from pipeline.errors import UsageError
from pipeline.event_rules import PURPOSES, rule_name
from pipeline.operate.pipeline_role_policy import pipeline_role
from pipeline.operate.policy_statements import (
    LOOKS_AT_SCALING,
    Names,
    Statement,
    allow,
    list_bucket,
    pass_role,
    sagemaker,
    scaling,
    use_of_key,
    webhook,
)

Document = dict[str, Any]

MOST_CHARACTERS: Final = 6144
ROLES: Final = ("pipeline", "ci", "engineer", "scheduler", "events")

_RULE_ACTIONS: Final = (
    "DeleteRule",
    "DescribeRule",
    "ListTargetsByRule",
    "PutRule",
    "PutTargets",
    "RemoveTargets",
    "TagResource",
)


def policy(of: str, settings: Settings, definition: Mapping[str, Any]) -> Document:
    """The permissions of one of the roles. Raises UsageError for a role that is not there."""
    makers = {
        "pipeline": pipeline_role,
        "ci": _ci,
        "engineer": _engineer,
        "scheduler": _scheduler,
        "events": _events,
        "topic": _topic,
    }
    if of not in makers:
        raise UsageError(f"there is no policy for {of}", hint=f"the roles are {', '.join(makers)}")
    return {"Version": "2012-10-17", "Statement": list(makers[of](settings, definition))}


def trust(of: str, settings: Settings, *, repository: str = "", branch: str = "main") -> Document:
    """Who may assume one of the roles; the CI role is GitHub's by OIDC, for one branch of one repository.

    Raises UsageError for a role that is not there, or a repository that is not OWNER/NAME.
    """
    if of == "ci":
        return _github_trust(settings, repository, branch)
    services = {name: f"{name}.amazonaws.com" for name in ("scheduler", "events")} | {
        "pipeline": "sagemaker.amazonaws.com"
    }
    if of == "topic":
        raise UsageError("a topic assumes no role", hint="`pipeline policy topic` prints the topic's own policy")
    if of == "engineer":
        raise UsageError(
            "engineers sign in as themselves", hint="attach `pipeline policy engineer` to who they sign in as"
        )
    if of not in services:
        raise UsageError(f"there is no policy for {of}", hint=f"the roles are {', '.join(ROLES)}")
    statement = {"Effect": "Allow", "Principal": {"Service": services[of]}, "Action": "sts:AssumeRole"}
    # The condition keeps another account's pipelines or schedules from using the role.
    statement["Condition"] = {"StringEquals": {"aws:SourceAccount": settings.account}}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _ci(settings: Settings, definition: Mapping[str, Any]) -> Iterator[Statement]:
    names = Names(settings)
    pipeline = settings.name
    # Those that release, watch and reproduce have its name and more.
    resources = names.sagemaker(*(f"pipeline/{pipeline}{rest}" for rest in ("", "/execution/*", "-*")))
    actions = (
        "CreatePipeline",
        "UpdatePipeline",
        "DescribePipeline",
        "StartPipelineExecution",
        "StopPipelineExecution",
        "RetryPipelineExecution",
        "DescribePipelineExecution",
        "DescribePipelineDefinitionForExecution",
        "ListPipelineExecutions",
        "ListPipelineExecutionSteps",
        "ListPipelineParametersForExecution",
        "AddTags",
        "DeleteTags",
        "ListTags",
    )
    yield allow("Pipeline", sagemaker(actions), resources)
    yield pass_role(settings.role, "sagemaker")
    yield allow("Retire", ["sagemaker:DeletePipeline"], names.sagemaker(f"pipeline/{pipeline}-*"))
    own = [names.arn("events", f"rule/{name}") for name in _rule_names(pipeline)]
    yield allow("Rules", [f"events:{action}" for action in _RULE_ACTIONS], own)
    yield pass_role(settings.events_role, "events") | {"Sid": "PassEventsRole"}
    yield from webhook(settings, names)
    yield from scaling(settings, names)
    jobs = ("DescribeProcessingJob", "DescribeTrainingJob", "DescribeTransformJob")
    yield allow(
        "Report",
        sagemaker((*jobs, "DescribeModelPackage", "ListModelPackages", "DescribeEndpoint")),
        names.sagemaker(
            "*-job/pipelines-*",
            f"model-package-group/{settings.model_group}",
            f"model-package/{settings.model_group}/*",
            f"endpoint/{settings.endpoint}",
        ),
    )
    yield allow("LookUp", ["pricing:GetProducts", *LOOKS_AT_SCALING], ["*"])
    below = f"{settings.bucket}/{settings.prefix}"
    uploads = [names.s3(f"{below}/{folder}/*") for folder in ("code", "data", "definitions")]
    yield allow("Upload", ["s3:PutObject"], uploads)
    yield allow("Read", ["s3:GetObject"], [names.s3(f"{below}/*")])
    yield list_bucket(names, settings.bucket, settings.prefix)
    logs = ["logs:DescribeLogStreams", "logs:GetLogEvents"]
    yield allow("Logs", logs, [names.arn("logs", "log-group:/aws/sagemaker/*")])
    if settings.kms_key:
        yield use_of_key(["kms:Decrypt", "kms:GenerateDataKey"], settings.kms_key, names)


def _rule_names(pipeline: str) -> list[str]:
    """The names of the pipeline's rules, those of the notices as one, unless it is so long that they are shortened."""
    names = [rule_name(pipeline, purpose) for purpose in PURPOSES]
    told = f"{pipeline}-tell-"
    if not all(name.startswith(pipeline) for name in names):
        return names
    return [*(name for name in names if not name.startswith(told)), f"{told}*"]


def _engineer(settings: Settings, definition: Mapping[str, Any]) -> Iterator[Statement]:
    names = Names(settings)
    yield from _ci(settings, definition)
    packages = names.sagemaker(f"model-package/{settings.model_group}/*")
    endpoint = names.sagemaker(f"endpoint/{settings.endpoint}")
    made = names.sagemaker("endpoint-config/*", "model/pipelines-*")
    yield allow("Models", sagemaker(["UpdateModelPackage", "DeleteModelPackage"]), packages)
    yield allow("Endpoint", sagemaker(["InvokeEndpoint", "DeleteEndpoint"]), endpoint)
    yield allow("Clean", sagemaker(["DeleteEndpointConfig", "DeleteModel"]), made)
    alarms = [names.arn("cloudwatch", f"alarm:{settings.endpoint}-*")]
    yield allow("CleanAlarms", ["cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"], alarms)
    yield allow("CleanFiles", ["s3:DeleteObject"], [names.s3(f"{settings.bucket}/{settings.prefix}/*")])
    yield allow("CleanPipelines", ["sagemaker:DeletePipeline"], names.sagemaker(f"pipeline/{settings.name}"))
    group = names.sagemaker(f"model-package-group/{settings.model_group}")
    yield allow("CleanGroup", sagemaker(["DeleteModelPackageGroup", "DescribeModelPackageGroup"]), group)
    # What others made is looked at too: it may use what is to be removed.
    listed = [f"{action}{kind}" for kind in ("Endpoint", "EndpointConfig", "Model") for action in ("List", "Describe")]
    looks = [f"{name}s" if name.startswith("List") else name for name in listed]
    yield allow("Look", [*sagemaker([*looks, "ListTags"]), "scheduler:ListSchedules"], ["*"])
    schedules = ("CreateSchedule", "DeleteSchedule", "GetSchedule", "UpdateSchedule")
    own = [names.arn("scheduler", f"schedule/default/{settings.name}-*")]
    yield allow("Schedules", [f"scheduler:{action}" for action in schedules], own)
    yield pass_role(f"{settings.role}-scheduler", "scheduler") | {"Sid": "PassSchedulerRole"}


def _scheduler(settings: Settings, definition: Mapping[str, Any]) -> Iterator[Statement]:
    resources = Names(settings).sagemaker(f"pipeline/{settings.name}")
    yield allow("Start", ["sagemaker:StartPipelineExecution"], resources)


def _events(settings: Settings, definition: Mapping[str, Any]) -> Iterator[Statement]:
    started = [settings.release_name]
    if settings.watch is not None:
        started += [settings.watch_name, *([settings.name] if settings.watch.retrain else [])]
    resources = Names(settings).sagemaker(*(f"pipeline/{name}" for name in started))
    yield allow("Start", ["sagemaker:StartPipelineExecution"], resources)
    if settings.notify.webhook:
        called = [Names(settings).arn("events", f"api-destination/{webhook_name(settings.name)}/*")]
        yield allow("Tell", ["events:InvokeApiDestination"], called)


def _topic(settings: Settings, definition: Mapping[str, Any]) -> Iterator[Statement]:
    """Of the topics themselves, not of a role: EventBridge publishes to a topic by the topic's own leave."""
    if not settings.notify.topics:
        raise UsageError("the settings name no topics", hint='put topics = ["arn:aws:sns:..."] into [env.NAME.notify]')
    statement = allow("Publish", ["sns:Publish"], settings.notify.topics)
    statement["Principal"] = {"Service": "events.amazonaws.com"}
    rules = [Names(settings).arn("events", f"rule/{rule_name(settings.name, purpose)}") for purpose in PURPOSES]
    yield statement | {"Condition": {"ArnEquals": {"aws:SourceArn": rules}}}


def _github_trust(settings: Settings, repository: str, branch: str) -> Document:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise UsageError(f"{repository!r} is not a repository", hint="give --repository OWNER/NAME")
    issuer = "token.actions.githubusercontent.com"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": Names(settings).arn("iam", f"oidc-provider/{issuer}", region="")},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{issuer}:aud": "sts.amazonaws.com",
                f"{issuer}:sub": f"repo:{repository}:ref:refs/heads/{branch}",
            }
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def text(document: Document) -> str:
    """A document as it is pasted into IAM."""
    return json.dumps(document, indent=2)


def parts(document: Document) -> list[Document]:
    """The document in as few as IAM takes: a managed policy has 6,144 characters at most, and a role ten of them."""
    found: list[Document] = []
    for statement in document["Statement"]:
        longer = {**document, "Statement": [*(found[-1]["Statement"] if found else []), statement]}
        if found and _length(longer) <= MOST_CHARACTERS:
            found[-1] = longer
        else:
            found.append({**document, "Statement": [statement]})
    return found


def _length(document: Document) -> int:
    """How IAM counts: without white space."""
    return len(re.sub(r"\s", "", text(document)))
