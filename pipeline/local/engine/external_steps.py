"""Steps that wait for someone else's answer: Lambda calls a function, Callback sends a message.

A function is a Python function of this machine (see `pipeline.local.engine.lambdas`); the queue of a Callback is
moto's. The token of a Callback is kept, so its answer counts after a restart of the service too.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pipeline.definition.expression_values import evaluate
from pipeline.limits import Row
from pipeline.local import resource_names
from pipeline.local.engine import lambdas, output_parameters
from pipeline.local.engine.step_run import Closing, Ended, StepRun
from pipeline.local.kinds import CALLBACK, Body, CallbackRecord, StepChanges
from pipeline.local.other_aws import moto_state

PARITY: Final = (
    Row(
        area="pipelines",
        subject="Lambda and Callback steps whose declared outputs are missing or of another type",
        here="the step fails and names the output",
        aws="not established",
    ),
    Row(
        area="pipelines",
        subject="Lambda steps",
        here="a Python function registered on this machine, in a process of its own, called again after a restart",
        aws="the function of that ARN",
    ),
)


def run_lambda(run: StepRun) -> Ended:
    """Call the function. A stop waits for its end; one that takes too long fails the step."""
    step = run.node.step
    arn = str(step.get("FunctionArn"))
    run.progress("Executing", Metadata={"Lambda": {"Arn": arn}})
    event = evaluate(run.arguments, run.scope)
    run.survived()
    try:
        answer = lambdas.invoke(run.service, arn, event, closing=run.halt.closing)
        values = output_parameters.typed(step, answer if isinstance(answer, dict) else {})
    except lambdas.LambdaError as error:
        if run.halt.closing.is_set():
            raise Closing from error
        return Ended("Failed", f"ClientError: Failed to invoke lambda:InvokeFunction. Error Details: {error}")
    except output_parameters.OutputError as error:
        return Ended("Failed", f"ClientError: {error}.")
    members: StepChanges = {
        "Metadata": {"Lambda": {"Arn": arn, "OutputParameters": output_parameters.listed(values)}},
        "_properties": {"OutputParameters": values},
    }
    return Ended("Stopped" if run.stopping else "Succeeded", members=members)


def run_callback(run: StepRun) -> Ended:
    """Send the token to the queue and wait until someone answers it, also when the execution is to stop."""
    url = str(evaluate(run.node.step.get("SqsQueueUrl"), run.scope))
    token = run.row.get("_token") or resource_names.callback_token()
    arguments = evaluate(run.arguments, run.scope)
    if run.service.store.get(CALLBACK, token) is None:
        metadata: Body = {"Callback": {"CallbackToken": token, "SqsQueueUrl": url}}
        body: CallbackRecord = {"execution": run.arn, "step": run.node.name}
        with run.service.store.transaction():
            run.service.store.insert(CALLBACK, token, body, parent=run.arn)
            run.note(_token=token, Metadata=metadata)
        try:
            _send(run, url, token, arguments, "Executing")
        except LookupError as error:
            return Ended("Failed", f"ClientError: Failed to invoke sqs:SendMessage. Error Details: {error}")
        run.progress("Executing")
    return _answered(run, url, token, arguments)


def _answered(run: StepRun, url: str, token: str, arguments: Body) -> Ended:
    told = "_told" in run.row
    while True:

        def look(told: bool = told) -> tuple[CallbackRecord | None] | None:
            body = run.service.store.get(CALLBACK, token)
            if body is None:
                body = {"execution": run.arn, "step": run.node.name, "failure": "The callback was deleted."}
            answered = "failure" in body or "outputs" in body
            return (body,) if answered else (None,) if run.stopping and not told else None

        (body,) = run.wait(look, of=(CALLBACK, token))
        if body is not None:
            return _ended(run, body)
        told = True
        run.progress("Stopping", _told=True)
        try:
            _send(run, url, token, arguments, "Stopping")
        except LookupError:
            pass  # the queue is gone; the token still waits for its answer


def _ended(run: StepRun, body: CallbackRecord) -> Ended:
    if run.stopping:
        return Ended("Stopped")
    if "failure" in body:
        return Ended("Failed", str(body["failure"]) or None)
    given = {item["Name"]: item["Value"] for item in body["outputs"]}
    try:
        values = output_parameters.typed(run.node.step, given)
    except output_parameters.OutputError as error:
        return Ended("Failed", f"ClientError: {error}.")
    callback = run.row["Metadata"]["Callback"] | {"OutputParameters": output_parameters.listed(given)}
    return Ended(
        "Succeeded",
        members={"Metadata": {"Callback": callback}, "_properties": {"OutputParameters": values}},
    )


def _send(run: StepRun, url: str, token: str, arguments: Any, status: str) -> None:
    """Put the message of a Callback step into moto's queue. Raises LookupError."""
    message = {"token": token, "pipelineExecutionArn": run.arn, "arguments": arguments, "status": status}
    queue = url.rstrip("/").rsplit("/", 1)[-1]
    configuration = run.service.configuration
    sqs = moto_state.backend("sqs", configuration.account, configuration.region)
    if queue not in sqs.queues:
        raise LookupError(f"The specified queue does not exist: {url}.")
    group = {"group_id": run.arn, "deduplication_id": f"{token}-{status}"} if queue.endswith(".fifo") else {}
    sqs.send_message(queue, json.dumps(message), **group)
