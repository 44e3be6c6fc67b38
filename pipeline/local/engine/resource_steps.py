"""Steps that create a resource: jobs, models, model packages, endpoint configurations.

One attempt evaluates the arguments, looks into the cache, calls the Create action under a generated name and, for jobs,
waits for their end. Retry policies make further attempts. The name is noted before the call, so after a restart
the step finds its job again instead of making a second one.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from pipeline.definition import cache_key
from pipeline.definition.expression_values import evaluate
from pipeline.limits import Row
from pipeline.local import resource_names
from pipeline.local.api_errors import ApiError
from pipeline.local.engine import pipeline_experiment, retries, reuse
from pipeline.local.engine.argument_types import shaped
from pipeline.local.engine.resources import RESOURCES, Resource
from pipeline.local.engine.retries import Retries
from pipeline.local.engine.step_run import Ended, StepRun
from pipeline.local.kinds import ENDPOINT_CONFIG, MODEL_PACKAGE, TUNING_JOB, Body, StepChanges
from pipeline.local.retried_calls import patiently

PARITY: Final = (
    Row(
        area="pipelines",
        subject="name of an endpoint configuration whose step names one",
        here="<name>-<execution id>-<10 characters>, the name cut so that all fits 63 characters",
        aws="suffixed so that it is unique in the execution; the form is not established",
    ),
    Row(
        area="pipelines",
        subject="job names given in Arguments",
        here="replaced by pipelines-<execution id>-<step>-<10 characters>, custom prefixes too",
        aws="overridden; with a custom prefix the name begins with it, in a form not established",
    ),
    Row(
        area="pipelines",
        subject="a job that is stopped while its execution is not",
        here="the step ends Stopped and the execution Failed",
        aws="not established",
    ),
)

EXECUTION_TAG: Final = "sagemaker:pipeline-execution-arn"
_ENDED: Final = ("Completed", "Failed", "Stopped")


class Rejected(Exception):
    """A call was refused: which action, and with what."""

    def __init__(self, action: str, error: ApiError) -> None:
        super().__init__(action)
        self.action = action
        self.error = error


class Creation:
    """The runner of one step that creates a resource."""

    def __init__(self, run: StepRun) -> None:
        self.run = run
        self.service = run.service
        self.resource: Resource = RESOURCES[run.node.type]

    def __call__(self) -> Ended:
        """All attempts of the step."""
        policies, began = Retries.of(self.run.node.step), self.service.clock.now()
        attempt = self.run.row["AttemptCount"]
        ended = self._attach() if self.run.resumed else self._attempt(attempt)
        if ended is not None and self.run.resumed and ended.exception == retries.JOB_INTERNAL_ERROR:
            ended = None  # the job went down with the service
        while True:
            if ended is not None:
                if ended.exception is None or self.run.stopping:
                    return ended
                seconds = policies.wait(ended.exception, self.service.clock.now() - began)
                if seconds is None:
                    return ended
                self.run.pause(seconds)
            if self.run.stopping:
                return Ended("Stopped")
            attempt += 1
            self.run.note(AttemptCount=attempt, _name=None, _resource=None, Metadata={})
            ended = self._attempt(attempt)

    def _attach(self) -> Ended | None:
        """Take up the attempt that a restart interrupted; None if it must be made anew."""
        name = self.run.row.get("_name")
        if name is None or self.resource.kind == MODEL_PACKAGE:
            return None
        body = self.service.store.get(self.resource.kind, name)
        if body is None:
            return None
        self._made(name, str(body[self.resource.arn]))
        return self._outcome(name)

    def _attempt(self, attempt: int) -> Ended:
        name = self.new_name()
        scope = self.run.scope.creating(self.run.node.type, name)
        arguments = evaluate(self.run.arguments, scope)
        arguments = shaped(self.resource.create, arguments)
        key = cache_key.key(self.run.node.type, arguments)
        if attempt == 1 and (hit := reuse.earlier(self.run, self.resource, key)) is not None:
            return hit
        self.run.note(_name=name, _cache_key=key)
        request = self._request(arguments, name)
        try:
            arn = self.create(request)
        except Rejected as rejected:
            return self._rejected(rejected)
        self._made(name, arn)
        if self.resource.experiment:
            pipeline_experiment.record_job(self.service, self.run.execution, self.resource, name, arn, request)
        return self._outcome(name)

    def new_name(self) -> str:
        """A new name for the resource; an endpoint configuration keeps the beginning of the name it was given."""
        execution, step = str(self.run.execution["_id"]), re.sub(r"[^a-zA-Z0-9-]", "-", self.run.node.name)
        if self.resource.kind == ENDPOINT_CONFIG and "EndpointConfigName" in self.run.arguments:
            given = evaluate(self.run.arguments["EndpointConfigName"], self.run.scope)
            return resource_names.suffixed(str(given), execution)
        if self.resource.kind == TUNING_JOB:
            return resource_names.pipeline_tuning_job(execution, step)
        return resource_names.pipeline_resource(execution, step)

    def create(self, request: Body) -> str:
        """Call the Create action and return the ARN. Raises Rejected."""
        return str(self.call(self.resource.create, request)[self.resource.arn])

    def call(self, action: str, request: Body) -> Body:
        """An action of the service. Raises Rejected."""
        try:
            return self.service.call(action, request)
        except ApiError as error:
            raise Rejected(action, error) from error

    def _request(self, arguments: Body, name: str) -> Body:
        request = arguments | {self.resource.name: name}
        if self.resource.role:
            _default(request, self.resource.role.split("."), self.run.execution["_role"])
            for definition in request.get("TrainingJobDefinitions") or []:
                definition.setdefault("RoleArn", self.run.execution["_role"])
        if self.resource.tags:
            kept = [tag for tag in request.get("Tags") or [] if tag.get("Key") != EXECUTION_TAG]
            request["Tags"] = [*kept, {"Key": EXECUTION_TAG, "Value": self.run.arn}]
        if self.resource.experiment:
            pipeline_experiment.join(request, self.run.execution)
        return request

    def _made(self, name: str, arn: str) -> None:
        """Executing from now on: who sees this status finds the resource in the step's Metadata."""
        resource = arn if self.resource.kind == MODEL_PACKAGE else name
        members: StepChanges = {"Metadata": {self.resource.metadata: {"Arn": arn}}, "_resource": resource}
        if self.run.row["StepStatus"] == "Starting":
            self.run.progress("Executing", **members)
        else:
            self.run.note(**members)

    def _outcome(self, name: str) -> Ended:
        if not self.resource.status:
            return Ended("Succeeded")
        body = self._wait(name)
        status = body.get(self.resource.status)
        if status == "Completed":
            reuse.remember(self.run, name)
            return Ended("Succeeded")
        if status == "Stopped":
            return Ended("Stopped", None if self.run.stopping else "The job was stopped.")
        reason = str(body.get("FailureReason", ""))
        return Ended("Failed", reason or None, retries.of_failure(reason))

    def _wait(self, name: str) -> Body:
        """The body of the job when it has ended; tells it to stop when the execution is to."""
        asked = False
        while True:

            def look(asked: bool = asked) -> Body | None:
                body: Body | None = self.service.store.get(self.resource.kind, name)
                if body is None:
                    return {self.resource.status: "Failed", "FailureReason": "ClientError: The job was deleted."}
                if body.get(self.resource.status) in _ENDED:
                    return body
                return {} if self.run.stopping and not asked else None

            body = self.run.wait(look, of=(self.resource.kind, name))
            if body:
                return body
            asked = True
            self.run.progress("Stopping")
            try:
                patiently(self.service, self.resource.stop, {self.resource.name: name})
            except ApiError:
                pass  # it ended at the same moment; the next look sees it

    def _rejected(self, rejected: Rejected) -> Ended:
        reason = f"ClientError: Failed to invoke sagemaker:{rejected.action}. Error Details: {rejected.error.message}"
        exception = retries.of_error(rejected.error)
        if exception == retries.RESOURCE_LIMIT:
            known = Retries.of(self.run.node.step).configured(exception)
            reason += (
                "\nRetry not appropriate on execution of step with PipelineExecutionArn"
                f" {self.run.arn.lower()} and StepId {self.run.node.name}. "
                + ("Retry attempts are exhausted for" if known else "No retry policy configured for")
                + " the exception type SAGEMAKER_RESOURCE_LIMIT."
            )
        return Ended("Failed", reason, exception)


class Registration(Creation):
    """RegisterModel: the group first, whether it is there or not; then the package, marked with its execution."""

    def create(self, request: Body) -> str:
        """Create the group, tolerate that it exists, create the package. Raises Rejected."""
        group = request.get("ModelPackageGroupName")
        tags = request.pop("Tags", None) or []
        if group:
            request.pop("ModelPackageName")
            if not str(group).startswith("arn:"):
                self._group(str(group), [*tags, {"Key": EXECUTION_TAG, "Value": self.run.arn}])
        request["MetadataProperties"] = {"GeneratedBy": self.run.arn} | (request.get("MetadataProperties") or {})
        token = self._token()
        made = self.service.store.answered(self.resource.create, token)  # just before a restart
        answer = made[1] if made else self.call(self.resource.create, request | {"ClientToken": token})
        arn = str(answer[self.resource.arn])
        self.service.store.tag(arn, {tag["Key"]: tag["Value"] for tag in tags} | {EXECUTION_TAG: self.run.arn})
        return arn

    def _group(self, group: str, tags: list[Body]) -> None:
        try:
            self.call("CreateModelPackageGroup", {"ModelPackageGroupName": group, "Tags": tags})
        except Rejected as rejected:
            if "already exists" not in rejected.error.message:
                raise

    def _token(self) -> str:
        """The same in all attempts of one run of the step."""
        text = f"{self.run.arn} {self.run.node.name} {self.run.row['StartTime']}"
        return hashlib.sha256(text.encode()).hexdigest()[:36]


def _default(request: Body, path: list[str], value: Any) -> None:
    for member in path[:-1]:
        inner = request.get(member)
        if not isinstance(inner, dict):
            return
        request = inner
    request.setdefault(path[-1], value)
