"""Moto as the rest of AWS: STS, IAM, KMS, ECR, SQS, SNS, EventBridge, CloudWatch and its Logs.

It is imported when first needed (0.4 s) or in the background after the start. What moto cannot answer is 400 with the
name of the action, never 500 and never a page of HTML. Its state is in memory; `kept` makes some of it durable.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import threading
import time
from typing import Any, Final
from urllib.parse import parse_qs

from pipeline.limits import Row
from pipeline.local.http.messages import FilePart, HttpAnswer, HttpRequest
from pipeline.local.http.protocols import Wire, failure
from pipeline.local.http.wsgi import environ_of, run
from pipeline.local.other_aws import iam
from pipeline.local.other_aws.events import complete_moto
from pipeline.local.other_aws.moto_state import IMPORTING
from pipeline.local.other_aws.persistence import KeptState

ROLE: Final = "pipeline"

PARITY: Final = (
    Row(
        area="other services",
        subject="state of STS, IAM, KMS, ECR, SQS, SNS, Secrets Manager, metrics",
        here=f"in memory, gone after a restart; the role `{ROLE}` exists at every start",
        aws="durable",
    ),
    Row(
        area="other services",
        subject="EventBridge rules, API destinations, schedules, alarms, scaling targets",
        here="durable, in the service's own region; another version of moto that cannot read them sets them aside and"
        " says so in the log",
        aws="durable",
    ),
    Row(
        area="other services",
        subject="IAM decisions",
        here="none: whoever has the key may do everything",
        aws="each request is authorized",
    ),
    Row(
        area="other services",
        subject="Lambda and Batch",
        here="refused, since moto would need Docker; a Lambda step calls a function registered here",
        aws="services of their own",
    ),
)

_WARM_AFTER_SECONDS: Final = 2.0
_TOKEN_SECONDS: Final = 12 * 3600
_REFUSED: Final = ("lambda", "batch")
_WITH_POLICIES: Final = ("iam", "cloudformation")
_LARGEST_NAME: Final = 120
_NONE: Final = {
    "DescribeScalableTargets": b'{"ScalableTargets": []}',
    "DescribeScalingPolicies": b'{"ScalingPolicies": []}',
}
_TRUST: Final = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)


class Moto:
    """The rest of AWS for one account."""

    def __init__(self, account: str, kept: KeptState) -> None:
        self._account = account
        self._kept = kept
        self._application: Any = None

    def load(self) -> Any:
        """Import moto and make what exists from the start; later calls return at once."""
        with IMPORTING:
            if self._application is None:
                self._application = self._loaded()
            return self._application

    def warm(self) -> None:
        """Load in the background, but not while the first clients want their answers.

        Whatever goes wrong there shows again with the first request that needs moto.
        """

        def load() -> None:
            with contextlib.suppress(ImportError):
                self.load()

        timer = threading.Timer(_WARM_AFTER_SECONDS, load)
        timer.name, timer.daemon = "moto", True
        timer.start()

    def answer(self, request: HttpRequest, service: str, body: bytes, *, own_key: bool) -> HttpAnswer:
        """Moto's answer to a request whose body has been read, for the service of its credential scope."""
        wire = _wire(request, service)
        if (known := _without_moto(wire, request, service, body)) is not None:
            return known
        application = self.load()
        if service in _WITH_POLICIES:
            _read_policies_of_aws(self._account)
        if service == "events":
            complete_moto()
        environ = environ_of(request)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)
        if own_key:
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._account
        # What cannot be kept is a fault of this service, not something that moto lacks.
        with self._kept.changing(service, _action(request, body)):
            try:
                answer = run(application, environ)
            except Exception as error:  # moto raises whatever it likes for what it lacks
                return _lacking(wire, request, service, body, f"{type(error).__name__}: {error}")
        if answer.status >= 500 or _is_html(answer):
            return _lacking(wire, request, service, body, "")
        if service == "ecr" and _action(request, body) == "GetAuthorizationToken":
            answer = _valid(answer)
        return HttpAnswer(answer.status, _clean(answer.headers), answer.body)

    def secret_of(self, access_key_id: str) -> str | None:
        """The secret of a key that moto's STS or IAM handed out, or None."""
        if self._application is None:
            return None
        from moto.iam.models import iam_backends

        for account in list(iam_backends.values()):
            for backend in list(account.values()):
                key = backend.access_keys.get(access_key_id)
                if key is not None:
                    return str(key.secret_access_key)
        return None

    def _loaded(self) -> Any:
        os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
        os.environ.setdefault("MOTO_ALLOW_NONEXISTENT_REGION", "true")
        from moto.iam.models import iam_backends
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        backend = iam_backends[self._account]["aws"]
        if not any(role.name == ROLE for role in backend.roles.values()):
            backend.create_role(
                role_name=ROLE,
                assume_role_policy_document=_TRUST,
                path="/",
                permissions_boundary=None,
                description="the execution role of pipelines on localhost",
                tags=[],
                max_session_duration="3600",
            )
        return DomainDispatcherApplication(create_backend_app)


def _read_policies_of_aws(account: str) -> None:
    """Bring the policies that AWS manages to the IAM of an account, unless they are there.

    Moto itself would read them, for 0.2 s each, into every account and partition that it looks a key up in, and by a
    setting of the whole process.
    """
    from moto.iam.models import AWSManagedPolicy, aws_managed_policies_data, iam_backends

    backend = iam_backends[account]["aws"]
    with IMPORTING:
        if backend.aws_managed_policies:
            return
        policies = [
            AWSManagedPolicy.from_data(name, account, backend.region_name, found)
            for name, found in json.loads(aws_managed_policies_data).items()
        ]
        backend.managed_policies |= {policy.arn: policy for policy in policies}
        backend.aws_managed_policies = policies


def _without_moto(wire: Wire, request: HttpRequest, service: str, body: bytes) -> HttpAnswer | None:
    """What needs no moto, or must not reach it."""
    if service in _REFUSED:
        return failure(wire, "UnsupportedOperation", f"localhost does not run {service}; see the parity table.", 400)
    if service == "glue" and _action(request, body) == "GetTables" and b'"Expression"' in body:
        # moto would follow any regular expression, and hold the whole service up meanwhile
        return failure(wire, "UnsupportedOperation", "localhost cannot answer glue GetTables with an Expression.", 400)
    if service == "application-autoscaling" and not _scales() and (empty := _NONE.get(_action(request, body))):
        # moto takes seconds to load for it, and every plan asks
        return HttpAnswer(200, [("content-type", "application/x-amz-json-1.1")], empty)
    if service == "iam" and iam.is_simulation(body):
        return iam.allowed(body)
    return None


def _scales() -> bool:
    """Whether anything may have been registered to scale."""
    return "moto.applicationautoscaling.models" in sys.modules


def _valid(answer: HttpAnswer) -> HttpAnswer:
    """A token for docker that is good for twelve hours; moto's expired in 2015."""
    if answer.status != 200 or isinstance(answer.body, FilePart):
        return answer
    found = json.loads(answer.body if isinstance(answer.body, bytes) else b"".join(answer.body))
    for token in found["authorizationData"]:
        token["expiresAt"] = time.time() + _TOKEN_SECONDS
    kept = [(name, value) for name, value in answer.headers if name.lower() != "content-length"]
    return HttpAnswer(answer.status, kept, json.dumps(found).encode())


def _lacking(wire: Wire, request: HttpRequest, service: str, body: bytes, reason: str) -> HttpAnswer:
    detail = f" ({reason[:300]})" if reason else ""
    name = _action(request, body)
    return failure(wire, "UnsupportedOperation", f"localhost cannot answer {service} {name}{detail}.", 400)


def _action(request: HttpRequest, body: bytes) -> str:
    """The action's name, in whatever protocol it came."""
    target = request.headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2][:_LARGEST_NAME]
    text = request.query + "&" + body[:4096].decode("latin-1")
    if re.search(r"(?:^|&)Action=", text):
        return parse_qs(text).get("Action", [""])[0][:_LARGEST_NAME]
    return f"{request.method} {request.path}"[:_LARGEST_NAME]


def _wire(request: HttpRequest, service: str) -> Wire:
    if "x-amz-target" in request.headers:
        return Wire.JSON
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return Wire.QUERY
    return Wire.REST_JSON


def _is_html(answer: HttpAnswer) -> bool:
    return any(name.lower() == "content-type" and "text/html" in value for name, value in answer.headers) and (
        answer.status >= 400
    )


def _clean(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in headers
        if not name.lower().startswith("access-control-") and name.lower() not in ("connection", "date", "server")
    ]
