"""What a run asked of AWS and in whose name, and whether an IAM policy allows it: the one simulator of the policies.

A request says by its user agent who made it: a command of the test is a role of its own, as named by `acting`, a
job's script has the role of the pipeline, and so has the service itself. What AWS asks of the caller besides the
action, as the Service Authorization Reference has it (`iam:PassRole`, tags, the first use of another service), is part
of what was done.
"""

from __future__ import annotations

import fnmatch
import io
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest

from pipeline.local.http.messages import HttpAnswer, HttpRequest
from pipeline.local.other_aws import events
from tests.support.service import TEST_APPLICATION, LocalService

Context = frozenset[tuple[str, str]]

PIPELINE: Final = "pipeline"
VARIABLE: Final = "AWS_SDK_UA_APP_ID"
_APPLICATION: Final = re.compile(r"app/([\w-]+)")
_OBJECTS: Final = {
    "commit": "PutObject",
    "pin": "GetObject",
    "head": "GetObject",
    "delete": "DeleteObject",
    "list": "ListBucket",
}

# The end of an action's name -> the member of its request that names what it is done to, and the ARN's resource type.
_NAMED: Final = {
    "ProcessingJob": ("ProcessingJobName", "processing-job"),
    "TrainingJob": ("TrainingJobName", "training-job"),
    "TransformJob": ("TransformJobName", "transform-job"),
    "EndpointConfig": ("EndpointConfigName", "endpoint-config"),
    "Endpoint": ("EndpointName", "endpoint"),
    "UpdateEndpointWeightsAndCapacities": ("EndpointName", "endpoint"),
    "ModelPackageGroup": ("ModelPackageGroupName", "model-package-group"),
    "ModelPackage": ("ModelPackageGroupName", "model-package"),
    "ModelPackages": ("ModelPackageGroupName", "model-package"),
    "Model": ("ModelName", "model"),
    "TrialComponent": ("TrialComponentName", "experiment-trial-component"),
    "Trial": ("TrialName", "experiment-trial"),
    "Experiment": ("ExperimentName", "experiment"),
    "PipelineExecution": ("PipelineExecutionArn", "pipeline"),
    "PipelineExecutionSteps": ("PipelineExecutionArn", "pipeline"),
    "ForExecution": ("PipelineExecutionArn", "pipeline"),
    "PipelineExecutions": ("PipelineName", "pipeline"),
    "StartPipelineExecution": ("PipelineName", "pipeline"),
    "Pipeline": ("PipelineName", "pipeline"),
}
_WITH_CONFIG: Final = ("CreateEndpoint", "UpdateEndpoint")


@dataclass(frozen=True)
class Access:
    """One thing that a role did: the action with its service, the ARN it is done to, and IAM's condition keys."""

    role: str
    action: str
    resource: str
    context: Context = frozenset()


def allows(document: Mapping[str, Any], action: str, resource: str, context: Context | None = None) -> bool:
    """Whether a policy allows an action; without a context as if every condition held."""
    return any(_permits(statement, action, resource, context) for statement in document["Statement"])


def refused(document: Mapping[str, Any], accesses: set[Access]) -> list[Access]:
    """What a policy does not allow of what was done."""
    found = [one for one in accesses if not allows(document, one.action, one.resource, one.context)]
    return sorted(found, key=lambda one: (one.action, one.resource))


def unused(document: Mapping[str, Any], accesses: set[Access]) -> set[tuple[str, str]]:
    """The grants, by the statement's name and the action, that nothing which was done has needed."""
    return {
        (statement["Sid"], action)
        for statement in document["Statement"]
        for action in statement["Action"]
        if not any(
            _permits(statement | {"Action": [action]}, one.action, one.resource, one.context) for one in accesses
        )
    }


def _permits(statement: Mapping[str, Any], action: str, resource: str, context: Context | None) -> bool:
    return (
        any(fnmatch.fnmatchcase(action, given) for given in statement["Action"])
        and any(fnmatch.fnmatchcase(resource, wanted) for wanted in statement["Resource"])
        and (context is None or _holds(statement.get("Condition", {}), dict(context)))
    )


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Whether all conditions hold; a key that the request does not have holds for nothing."""
    for operator, keys in conditions.items():
        like = operator in ("StringLike", "ArnEquals")
        assert like or operator in ("StringEquals", "ForAnyValue:StringEquals"), operator
        for key, wanted in keys.items():
            values = [wanted] if isinstance(wanted, str) else wanted
            given = context.get(key)
            if given is None or not any(fnmatch.fnmatchcase(given, v) if like else given == v for v in values):
                return False
    return True


@contextmanager
def acting(role: str) -> Iterator[None]:
    """The clients that are made meanwhile act in a role."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, role)
        yield


def record(local: LocalService, patch: pytest.MonkeyPatch, *, roles: Mapping[str, str] | None = None) -> set[Access]:
    """Every access from now on, whoever asks for it; `roles` names those of the ARNs that rules and schedules have."""
    recorder = _Recorder(local, roles or {})
    recorder.listen(patch)
    return recorder.found


class _Recorder:
    def __init__(self, local: LocalService, roles: Mapping[str, str]) -> None:
        self._local, self._roles = local, roles
        self._lock = threading.Lock()
        self._now = threading.local()
        configuration = local.service.configuration
        self._where = f"{configuration.region}:{configuration.account}"
        self._account = configuration.account
        self.found: set[Access] = set()

    def listen(self, patch: pytest.MonkeyPatch) -> None:
        service, front = self._local.service, self._local.front
        front._moto.load()
        events.complete_moto()
        from moto.events.models import Rule

        for owner, name, wrapper in (
            (front, "_signed_answer", self._asked),
            (front._moto, "answer", self._elsewhere),
            (service, "call", self._called),
            (service.hosting, "invoke", self._invoked),
            (service.logs, "file_of", self._read_log),
            (events, "start_pipeline", self._started),
            (events, "_tell", self._told),
        ):
            patch.setattr(owner, name, wrapper(getattr(owner, name)))
        patch.setattr(service.events, "_call", service.call)
        patch.setattr(Rule, "send_to_targets", self._sent(Rule.send_to_targets))
        for method, action in _OBJECTS.items():
            patch.setattr(service.objects, method, self._accessed(getattr(service.objects, method), method, action))
        uploads = service.objects.uploads
        patch.setattr(uploads, "create", self._accessed(uploads.create, "create", "PutObject"))

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self._where}:{resource}"

    @property
    def _role(self) -> str:
        return getattr(self._now, "role", PIPELINE)

    @contextmanager
    def _as(self, role: str) -> Iterator[None]:
        before = self._role
        self._now.role = role
        try:
            yield
        finally:
            self._now.role = before

    def _note(self, action: str, resource: str, **context: str) -> None:
        """The context's keys have `__` for the colon."""
        if self._role == TEST_APPLICATION:
            return
        keys = frozenset((name.replace("__", ":"), value) for name, value in context.items())
        with self._lock:
            self.found.add(Access(self._role, action, resource, keys))

    def _asked(self, original: Any) -> Any:
        def answer(request: HttpRequest, wire: Any, name: str) -> HttpAnswer:
            found = _APPLICATION.search(request.headers.get("user-agent", ""))
            with self._as(found[1] if found else PIPELINE):
                return original(request, wire, name)  # type: ignore[no-any-return]

        return answer

    def _called(self, original: Any) -> Any:
        def call(operation: str, request: Any, **more: Any) -> Any:
            for resource in self._resources(operation, request):
                self._note(f"sagemaker:{operation}", resource)
            self._besides(operation, request)
            # What the service reads and writes meanwhile is done in the name of the pipeline's role.
            with self._as(TEST_APPLICATION if self._role == TEST_APPLICATION else PIPELINE):
                return original(operation, request, **more)

        return call

    def _besides(self, operation: str, request: Any) -> None:
        """What AWS asks of the caller of a SageMaker action beside the action."""
        for role in (request.get("RoleArn"), request.get("ExecutionRoleArn")):
            if role and operation.startswith(("Create", "Update")):
                self._note("iam:PassRole", role, iam__PassedToService="sagemaker.amazonaws.com")
        if request.get("Tags") and operation.startswith("Create"):
            for resource in self._resources(operation, request)[:1]:
                self._note("sagemaker:AddTags", resource)

    def _resources(self, operation: str, request: Any) -> list[str]:
        if "ResourceArn" in request:
            return [str(request["ResourceArn"])]
        kinds = [kind for kind in _NAMED if operation.endswith(kind)]
        if not kinds:
            return ["*"]
        member, resource = _NAMED[max(kinds, key=len)]
        others = (request[other] for other in ("ModelPackageArn", "ModelPackageName") if other in request)
        name = str(request.get(member) or next(others, ""))
        version = "/1" * (resource == "model-package" and "/" not in name)
        found = [name if name.startswith("arn:") else self._arn("sagemaker", f"{resource}/{name}{version}")]
        if operation in _WITH_CONFIG:
            found.append(self._arn("sagemaker", f"endpoint-config/{request['EndpointConfigName']}"))
        if operation == "CreateModelPackage":
            found.append(self._arn("sagemaker", f"model-package-group/{name}"))
        return found

    def _invoked(self, original: Any) -> Any:
        def invoke(name: str, *rest: Any, **more: Any) -> Any:
            self._note("sagemaker:InvokeEndpoint", self._arn("sagemaker", f"endpoint/{name}"))
            return original(name, *rest, **more)

        return invoke

    def _accessed(self, original: Any, method: str, action: str) -> Any:
        def access(bucket: str, key: str = "", *rest: Any, **more: Any) -> Any:
            if getattr(self._now, "within", False):  # one access, however the store goes about it
                return original(bucket, key, *rest, **more)
            if method == "list":
                self._note(f"s3:{action}", f"arn:aws:s3:::{bucket}", s3__prefix=key)
            else:
                self._note(f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}")
            self._now.within = True
            try:
                return original(bucket, key, *rest, **more)
            finally:
                self._now.within = False

        return access

    def _read_log(self, original: Any) -> Any:
        def file_of(asked: Any) -> Any:
            group, stream = asked.get("logGroupName", ""), asked.get("logStreamName", "")
            self._note("logs:GetLogEvents", self._arn("logs", f"log-group:{group}:log-stream:{stream}"))
            return original(asked)

        return file_of

    def _sent(self, original: Any) -> Any:
        def send_to_targets(rule: Any, *rest: Any, **more: Any) -> Any:
            self._now.rule = rule
            return original(rule, *rest, **more)

        return send_to_targets

    def _started(self, original: Any) -> Any:
        def start_pipeline(target: Any, event: Any) -> None:
            with self._as(self._roles[target["RoleArn"]]):
                original(target, event)

        return start_pipeline

    def _told(self, original: Any) -> Any:
        def tell(arn: str, message: str) -> None:
            rule = self._now.rule
            if events.DESTINATION in arn:
                (role,) = {found["RoleArn"] for found in rule.targets if found["Arn"] == arn}
                with self._as(self._roles[role]):
                    self._note("events:InvokeApiDestination", arn)
            else:
                with self._as("topic"):
                    self._note("sns:Publish", arn, aws__SourceArn=rule.arn)
            original(arn, message)

        return tell

    def _elsewhere(self, original: Any) -> Any:
        def answer(request: HttpRequest, service: str, body: bytes, **more: Any) -> HttpAnswer:
            action, asked = _decoded(request, body)
            for name, resource, context in self._other(_PREFIXES.get(service, service), action, asked):
                self._note(name, resource, **context)
            return original(request, service, body, **more)  # type: ignore[no-any-return]

        return answer

    def _other(self, service: str, action: str, asked: Any) -> Iterator[tuple[str, str, dict[str, str]]]:
        name = f"{service}:{action}"
        match service:
            case "events":
                yield from self._of_events(name, action, asked)
            case "cloudwatch":
                yield from self._of_cloudwatch(name, action, asked)
            case "application-autoscaling":
                yield from self._of_scaling(name, action, asked)
            case "scheduler":
                yield name, "*" if action == "ListSchedules" else self._arn("scheduler", asked["schedule"]), {}
                if role := asked.get("Target", {}).get("RoleArn"):
                    yield "iam:PassRole", role, {"iam__PassedToService": "scheduler.amazonaws.com"}
            case "secretsmanager":
                secret = asked["SecretId"]
                yield name, secret if secret.startswith("arn:") else self._secret(f"{secret}-AbCdEf"), {}
            case "logs":
                yield name, self._arn("logs", f"log-group:{asked.get('logGroupName', '')}:"), {}
            case "sts":
                return  # everybody may ask who he is
            case _:
                yield name, "*", {}

    def _of_events(self, name: str, action: str, asked: Any) -> Iterator[tuple[str, str, dict[str, str]]]:
        kind = next((kind for kind in ("ApiDestination", "Connection") if action.endswith(kind)), "")
        if not kind:
            own = asked.get("ResourceARN") or self._arn("events", f"rule/{asked.get('Rule') or asked.get('Name')}")
            yield name, own, {}
            if action == "PutRule" and asked.get("Tags"):
                yield "events:TagResource", own, {}
            for role in {target["RoleArn"] for target in asked.get("Targets", []) if "RoleArn" in target}:
                yield "iam:PassRole", role, {"iam__PassedToService": "events.amazonaws.com"}
            return
        resource = {"ApiDestination": "api-destination", "Connection": "connection"}[kind]
        yield name, self._arn("events", f"{resource}/{asked['Name']}/0a1b"), {}
        if kind == "Connection" and (needed := _SECRETS.get(action)):
            # In the caller's name, by a role of EventBridge's that is made at the first time.
            for verb in needed:
                yield f"secretsmanager:{verb}", self._secret(f"events!connection/{asked['Name']}/0a1b"), {}
            if action == "CreateConnection":
                yield from self._linked("apidestinations.events", "AmazonEventBridgeApiDestinations")

    def _of_cloudwatch(self, name: str, action: str, asked: Any) -> Iterator[tuple[str, str, dict[str, str]]]:
        if action == "PutMetricData":
            yield name, "*", {"cloudwatch__namespace": asked["Namespace"]}
            return
        for alarm in asked.get("AlarmNames") or [asked["AlarmName"]]:
            yield name, self._arn("cloudwatch", f"alarm:{alarm}"), {}
            if asked.get("Tags"):
                yield "cloudwatch:TagResource", self._arn("cloudwatch", f"alarm:{alarm}"), {}

    def _of_scaling(self, name: str, action: str, asked: Any) -> Iterator[tuple[str, str, dict[str, str]]]:
        if action.startswith("Describe"):
            yield name, "*", {}
            return
        target = self._arn("application-autoscaling", "scalable-target/0a1b")
        endpoint = asked["ResourceId"].split("/")[1]
        yield name, target, {"application-autoscaling__service-namespace": asked["ServiceNamespace"]}
        if asked.get("Tags"):
            yield "application-autoscaling:TagResource", target, {}
        alarm = self._arn("cloudwatch", f"alarm:TargetTracking-{asked['ResourceId']}-AlarmHigh-0a1b")
        match action:
            case "RegisterScalableTarget":
                for verb in ("DescribeEndpoint", "UpdateEndpointWeightsAndCapacities"):
                    yield f"sagemaker:{verb}", self._arn("sagemaker", f"endpoint/{endpoint}"), {}
                yield "sagemaker:DescribeEndpointConfig", self._arn("sagemaker", "endpoint-config/any"), {}
                yield from self._linked("sagemaker.application-autoscaling", "ApplicationAutoScaling_SageMakerEndpoint")
            case "PutScalingPolicy":
                yield "cloudwatch:PutMetricAlarm", alarm, {}
                yield "cloudwatch:DescribeAlarms", alarm, {}
            case "DeleteScalingPolicy" | "DeregisterScalableTarget":
                yield "cloudwatch:DeleteAlarms", alarm, {}

    def _linked(self, service: str, role: str) -> Iterator[tuple[str, str, dict[str, str]]]:
        principal = f"{service}.amazonaws.com"
        arn = f"arn:aws:iam::{self._account}:role/aws-service-role/{principal}/AWSServiceRoleFor{role}"
        yield "iam:CreateServiceLinkedRole", arn, {"iam__AWSServiceName": principal}

    def _secret(self, name: str) -> str:
        return self._arn("secretsmanager", f"secret:{name}")


_SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    "CreateConnection": ("CreateSecret", "DescribeSecret", "PutSecretValue"),
    "UpdateConnection": ("PutSecretValue",),
    "DeleteConnection": ("DeleteSecret",),
}
_PREFIXES: Final = {"monitoring": "cloudwatch"}
"""Of IAM's actions, where they are not the name that requests are signed for."""
_VERBS: Final = {"POST": "Create", "PUT": "Update", "GET": "Get", "DELETE": "Delete"}


def _decoded(request: HttpRequest, body: bytes) -> tuple[str, Any]:
    """The action and its members, in whatever protocol they came."""
    if target := request.headers.get("x-amz-target"):
        return target.rpartition(".")[2], json.loads(body or b"{}")
    if "/operation/" in request.path:
        from botocore.parsers import RpcV2CBORParser

        members = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))
        return request.path.rpartition("/")[2], members
    if request.path.startswith("/schedules"):
        name = request.path.removeprefix("/schedules").strip("/")
        asked = json.loads(body or b"{}") | {"schedule": f"schedule/default/{name}"}
        return f"{_VERBS[request.method]}Schedule" if name else "ListSchedules", asked
    members = dict(parse_qsl(body.decode("utf-8", "replace")))
    return members.get("Action", f"{request.method} {request.path}"), members
