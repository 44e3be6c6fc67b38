"""The Endpoint step: creates the endpoint, or updates it if there is one of that name, and waits until it serves.

Unlike every other name, the endpoint's is taken as it is given. The step succeeds when the endpoint is InService with
the configuration that the step asked for.
"""

from __future__ import annotations

from typing import Final

from pipeline.definition.expression_values import evaluate
from pipeline.limits import Row
from pipeline.local.engine.resource_steps import Creation
from pipeline.local.engine.step_run import Ended
from pipeline.local.kinds import ENDPOINT, Body, EndpointRecord

PARITY: Final = (
    Row(
        area="pipelines",
        subject="Endpoint step: an update that fails, a stop while it waits",
        here="fails with the endpoint's FailureReason, also when it went back to the old configuration; a stop ends"
        " the step, the endpoint goes on",
        aws="not established",
    ),
    Row(
        area="pipelines",
        subject="Endpoint step without EndpointName",
        here="a generated name, as for other resources",
        aws="not established",
    ),
)

_ENDED: Final = ("InService", "Failed", "OutOfService", "UpdateRollbackFailed")


class EndpointDeployment(Creation):
    """The runner of an Endpoint step."""

    def new_name(self) -> str:
        """The name that the step gives; generated without one."""
        given = self.run.arguments.get("EndpointName")
        return str(evaluate(given, self.run.scope)) if given else super().new_name()

    def create(self, request: Body) -> str:
        """CreateEndpoint, or UpdateEndpoint by existence. Raises Rejected."""
        self.run.note(_wanted=request.get("EndpointConfigName"))
        if self.service.store.get(ENDPOINT, request["EndpointName"]) is None:
            return super().create(request)
        update: Body = {
            member: request[member] for member in ("EndpointName", "EndpointConfigName") if member in request
        }
        arn = str(self.call("UpdateEndpoint", update)["EndpointArn"])
        self.service.store.tag(arn, {tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return arn

    def _attach(self) -> Ended | None:
        """Wait on for an endpoint in the making; call again if the restart came before the call."""
        row = self.run.row
        body = self.service.store.get(ENDPOINT, row.get("_name") or "")
        if body is None or "_wanted" not in row:
            return None
        called = body["EndpointConfigName"] == row["_wanted"] or body["EndpointStatus"] not in _ENDED
        return super()._attach() if called else None

    def _outcome(self, name: str) -> Ended:
        def look() -> tuple[EndpointRecord | None] | None:
            body = self.service.store.get(ENDPOINT, name)
            return (body,) if body is None or body["EndpointStatus"] in _ENDED or self.run.stopping else None

        (body,) = self.run.wait(look, of=(ENDPOINT, name))
        if body is None:
            return Ended("Failed", "ClientError: The endpoint was deleted.")
        if body["EndpointStatus"] not in _ENDED:
            return Ended("Stopped")
        wanted = self.run.row.get("_wanted")
        if body["EndpointStatus"] == "InService" and body["EndpointConfigName"] == wanted:
            return Ended("Succeeded")
        reason = body.get("FailureReason") or f"The endpoint {name} does not serve the configuration {wanted}."
        return Ended("Failed", str(reason))
