"""One InvokeEndpoint: which variant answers, what reaches its container, and how its answer reaches the client.

Only the headers that the API has pass through, in both directions. Errors are rest-json answers with AWS's codes
and texts, made here so that the HTTP front has only to send them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local import request_rules, request_shapes
from pipeline.local.containers.hosting.connection import ContainerAnswer, NoAnswer, TooLate
from pipeline.local.containers.hosting.production_variants import Fleet, NoSuchContainer, Variant
from pipeline.local.request_rules.rule_type import Around
from pipeline.local.resource_names import Arns

PARITY: Final = (
    Row(
        area="hosting",
        subject="largest request",
        here="25 MB, 4 MB of a serverless variant; linear-learner itself takes 6 MB, as its container does",
        aws="25 MB in the hosting documentation, 6 MB in the API model",
    ),
)

_RUNTIME: Final = ("sagemaker-runtime", "2017-05-13")
PAYLOAD_LIMIT: Final = 25 * 1024**2
SERVERLESS_LIMIT: Final = 4 * 1024**2
_MESSAGE_LIMIT: Final = 8 * 1024
_STATUS: Final = {
    "ValidationError": 400,
    "ModelError": 424,
    "ServiceUnavailable": 503,
    "InternalFailure": 500,
}
_TO_CONTAINER: Final = (
    "Content-Type",
    "Accept",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-Inference-Id",
    "X-Amzn-SageMaker-Session-Id",
)
_TO_CLIENT: Final = (
    "Content-Type",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-New-Session-Id",
    "X-Amzn-SageMaker-Closed-Session-Id",
)
_TIMED_OUT: Final = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)


def refused(code: str, message: str, *, error_code: str = "", **members: Any) -> ContainerAnswer:
    """An error of the runtime API."""
    body = ({"ErrorCode": error_code} if error_code else {}) | {"Message": message} | members
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)]
    return ContainerAnswer(_STATUS[code], headers, json.dumps(body).encode())


class Invocation:
    """One request to one fleet; `headers` are the client's."""

    def __init__(self, arns: Arns, fleet: Fleet, headers: Mapping[str, str]) -> None:
        self._arns = arns
        self._fleet = fleet
        self._headers = {name.lower(): value for name, value in headers.items()}
        self.variant: Variant | None = None
        self.status = 200
        """What the container answered; 500 where it gave no whole answer in time."""

    def answer(self, body: bytes) -> ContainerAnswer:
        """Ask the variant's container and translate its answer."""
        if problems := request_shapes.header_problems(*_RUNTIME, "InvokeEndpoint", self._headers):
            return refused("ValidationError", problems)
        if problem := request_rules.first_problem("InvokeEndpoint", self._asked(), Around()):
            return refused("ValidationError", problem, error_code="TARGET_MODEL_HEADER_NOT_SUPPORTED")
        target = self._headers.get("x-amzn-sagemaker-target-variant")
        variant = self._fleet.variants.get(target) if target else self._fleet.pick()
        if variant is None:
            return refused(
                "ValidationError", f"Production variant {target} not found for endpoint {self._fleet.endpoint}."
            )
        if variant.serverless and len(body) > SERVERLESS_LIMIT:
            return refused("ValidationError", f"Request {uuid.uuid4()} has oversize body.")
        self.variant = variant
        sent = {name: self._headers[name.lower()] for name in _TO_CONTAINER if name.lower() in self._headers}
        try:
            answer = variant.request(sent, body, self._headers.get("x-amzn-sagemaker-target-container-hostname", ""))
        except NoSuchContainer as error:
            return refused(
                "ValidationError",
                f"Container {error} not found for endpoint {self._fleet.endpoint}. Its containers are invoked one by"
                " one (InferenceExecutionConfig Mode Direct): TargetContainerHostname must name one.",
            )
        except TooLate:
            self.status = 500
            return self._model_error(variant, 0, f' with message "{_TIMED_OUT}"', _TIMED_OUT)
        except NoAnswer:
            self.status = 500
            return self._model_error(variant, 500, " and could not load the entire response body", "")
        self.status = answer.status
        if answer.status // 100 != 2:
            return self._refusal(variant, answer)
        return self._success(variant, answer)

    def _asked(self) -> dict[str, str]:
        """The members of the request that there are rules for."""
        model = self._headers.get("x-amzn-sagemaker-target-model")
        return {"EndpointName": self._fleet.endpoint} | ({} if model is None else {"TargetModel": model})

    def _success(self, variant: Variant, answer: ContainerAnswer) -> ContainerAnswer:
        returned = {name.lower(): value for name, value in answer.headers}
        headers = [(name, returned[name.lower()]) for name in _TO_CLIENT if name.lower() in returned]
        headers.append(("x-Amzn-Invoked-Production-Variant", variant.name))
        return ContainerAnswer(200, headers, answer.body)

    def _refusal(self, variant: Variant, answer: ContainerAnswer) -> ContainerAnswer:
        text = answer.body.decode("utf-8", "replace")
        if len(text) > _MESSAGE_LIMIT:
            return self._model_error(
                variant, answer.status, " and could not load the entire response body", text[:_MESSAGE_LIMIT]
            )
        return self._model_error(variant, answer.status, f' with message "{text}"', text)

    def _model_error(self, variant: Variant, status: int, saying: str, original: str) -> ContainerAnswer:
        region, endpoint = self._arns.region, self._fleet.endpoint
        client = status // 100 == 4
        message = (
            f"Received {'client' if client else 'server'} error ({status}) from primary{saying}. "
            f"See https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
            f"#logEventViewer:group=/aws/sagemaker/Endpoints/{endpoint} in account {self._arns.account} "
            "for more information."
        )
        return refused(
            "ModelError",
            message,
            error_code="CLIENT_ERROR_FROM_MODEL" if client else "INTERNAL_FAILURE_FROM_MODEL",
            OriginalStatusCode=status,
            OriginalMessage=original,
            LogStreamArn=(
                f"arn:aws:logs:{region}:{self._arns.account}:log-group:/aws/sagemaker/Endpoints/{endpoint}"
                f":log-stream:{variant.stream}"
            ),
        )
