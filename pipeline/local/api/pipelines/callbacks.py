"""Answers to Callback steps: success with output parameters, or failure with a reason; each token counts once."""

from __future__ import annotations

from typing import Final

from pipeline.limits import Row
from pipeline.local.api import action
from pipeline.local.api.idempotency import once
from pipeline.local.api_errors import ConflictException, ResourceNotFound
from pipeline.local.kinds import CALLBACK, STEP, Body
from pipeline.local.service import Service

PARITY: Final = (
    Row(
        area="pipelines",
        subject="a callback token that is not known, or was answered before",
        here="ResourceNotFound; ConflictException",
        aws="both codes are declared; texts not established",
    ),
)


@action("SendPipelineExecutionStepSuccess")
def succeed(service: Service, request: Body) -> Body:
    """End a Callback step with its outputs."""
    answer = {"outputs": request.get("OutputParameters") or []}
    return once(service, "SendPipelineExecutionStepSuccess", request, lambda: _answer(service, request, answer))[0]


@action("SendPipelineExecutionStepFailure")
def fail(service: Service, request: Body) -> Body:
    """End a Callback step as failed."""
    answer = {"failure": request.get("FailureReason", "")}
    return once(service, "SendPipelineExecutionStepFailure", request, lambda: _answer(service, request, answer))[0]


def _answer(service: Service, request: Body, answer: Body) -> Body:
    token = request["CallbackToken"]
    body = service.store.get(CALLBACK, token)
    if body is None:
        raise ResourceNotFound(f"Callback token '{token}' does not exist.")
    row = service.store.get(STEP, f"{body['execution']}/{body['step']}")
    waiting = row and row.get("_token") == token and row["StepStatus"] in ("Starting", "Executing", "Stopping")
    if "outputs" in body or "failure" in body or not waiting:
        raise ConflictException(f"Callback token '{token}' was answered already, or its step has ended.")
    service.store.merge(CALLBACK, token, **answer)
    return {"PipelineExecutionArn": body["execution"]}
