"""What EventBridge is told of an endpoint, for rules that wait for its status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.local.service_context import ServiceContext


def emit_state(service: ServiceContext, body: Mapping[str, Any]) -> None:
    """Tell EventBridge the status of an endpoint; an event has it as `IN_SERVICE`, and times in milliseconds."""
    members = ("EndpointName", "EndpointArn", "EndpointConfigName", "ProductionVariants", "FailureReason")
    detail = {member: body[member] for member in members if member in body}
    detail |= {member: round(body[member] * 1000) for member in ("CreationTime", "LastModifiedTime")}
    detail["EndpointStatus"] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", body["EndpointStatus"]).upper()
    detail["Tags"] = service.store.tags(body["EndpointArn"])
    service.events.emit("SageMaker Endpoint State Change", [body["EndpointArn"]], detail)
