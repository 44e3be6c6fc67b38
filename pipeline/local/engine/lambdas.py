"""The functions that Lambda steps call: Python functions of this machine, each call in a process of its own.

A function is known by the last part of its ARN. It is registered by an entry point of the group
`pipeline.local.lambdas`, or by a setting NAME=module:function, and is called as on AWS: `function(event, context)`.
What it prints goes to the log group `/aws/lambda/NAME`.
"""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
import traceback
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.local.containers.sandbox.container import Container
    from pipeline.local.service_context import ServiceContext

GROUP: Final = "pipeline.local.lambdas"
TIMEOUT: Final = 120.0
"""Seconds that a call may take; the default of a Lambda step."""

_LARGEST_ANSWER: Final = 6_291_556
_LOOK: Final = 0.2
"""Seconds after which a call looks whether the service goes down."""

_TARGET: Final = re.compile(r"(?P<name>[A-Za-z0-9_-]{1,140})=(?P<target>[\w.]+:[\w.]+)")


class LambdaError(Exception):
    """The function is not known, raised an error, or took too long."""


@dataclass(frozen=True)
class LambdaContext:
    """What a function gets beside its event, with the members of AWS's context object."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    deadline: float = 0.0
    """Epoch seconds at which the call is ended."""
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "128"
    identity: None = None
    client_context: None = None

    @property
    def log_group_name(self) -> str:
        """The log group of what the function prints."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        """The log stream of this call."""
        return f"[$LATEST]{self.aws_request_id}"

    def get_remaining_time_in_millis(self) -> int:
        """How long the call may still take."""
        return max(0, round((self.deadline - time.time()) * 1000))


def parse(settings: Iterable[str]) -> dict[str, str]:
    """Settings NAME=module:function as a dictionary. Raises UsageError."""
    found: dict[str, str] = {}
    for setting in settings:
        match = _TARGET.fullmatch(setting)
        if match is None:
            raise UsageError(f"{setting!r} is no function", hint="write NAME=module:function")
        found[match["name"]] = match["target"]
    return found


def name_of(arn: str) -> str:
    """`resize` of `arn:aws:lambda:us-east-1:123456789012:function:resize:live`, or of `resize`."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 else parts[-1]


def registered(configured: Mapping[str, str]) -> dict[str, str]:
    """All functions by name, each as module:function; settings come before entry points."""
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=GROUP)} | dict(configured)


def invoke(
    service: ServiceContext, arn: str, event: Any, *, timeout: float = TIMEOUT, closing: threading.Event | None = None
) -> Any:
    """Call a function with a JSON event and return its JSON answer; end it when `closing` is set.

    Raises LambdaError.
    """
    name = name_of(arn)
    known = registered(service.configuration.lambdas)
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise LambdaError(f"Function not found: {arn} (registered on this machine: {there})")
    context = LambdaContext(name, arn, str(uuid.uuid4()), time.time() + timeout)
    request = json.dumps({"target": known[name], "event": event, "context": vars(context)})
    with tempfile.TemporaryDirectory(prefix="lambda-") as folder:
        return _call(service, request, context, Path(folder), timeout, closing or threading.Event())


def _call(
    service: ServiceContext,
    request: str,
    context: LambdaContext,
    folder: Path,
    timeout: float,
    closing: threading.Event,
) -> Any:
    from pipeline.local.containers.sandbox.container import Container
    from pipeline.local.containers.sandbox.environment import environment

    asked, answer, opt_ml = folder / "request.json", folder / "answer.json", folder / "ml"
    asked.write_text(request)
    opt_ml.mkdir()
    # A function lies wherever the service finds modules, unlike the code of a container.
    found = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    container = Container.start(
        [sys.executable, "-m", "pipeline.local.engine.lambdas", str(asked), str(answer)],
        environment(service, folder, found, AWS_LAMBDA_FUNCTION_NAME=context.function_name),
        root=opt_ml,
        cwd=Path.cwd(),
        on_line=functools.partial(_log, service, context),
        own_code=True,
    )
    code = _exit_code(container, timeout, closing)
    service.logs.finish(context.log_group_name, context.log_stream_name)
    if code is None:
        raise LambdaError(f"{context.aws_request_id} Task timed out after {timeout:.2f} seconds")
    if not answer.exists():
        how = f"signal: {signal.strsignal(code - 128)}" if code > 128 else f"exit status {code}"
        raise LambdaError(f"RequestId: {context.aws_request_id} Error: Runtime exited with error: {how}")
    if answer.stat().st_size > _LARGEST_ANSWER:
        raise LambdaError(f"Response payload size exceeded maximum allowed payload size ({_LARGEST_ANSWER} bytes).")
    result = json.loads(answer.read_bytes())
    if "errorType" in result:
        raise LambdaError(f"{result['errorType']}: {result['errorMessage']}")
    return result["answer"]


def _exit_code(container: Container, timeout: float, closing: threading.Event) -> int | None:
    """How the process ended; None for one that did not in time, which is killed."""
    end = time.monotonic() + timeout
    while not closing.is_set() and (left := end - time.monotonic()) > 0:
        if (code := container.wait(min(left, _LOOK))) is not None:
            return code
    container.kill()
    return None


def _log(service: ServiceContext, context: LambdaContext, line: str) -> None:
    now = int(service.clock.now() * 1000)
    service.logs.write(context.log_group_name, context.log_stream_name, [(now, line)])


def main(asked: Path, answer: Path) -> None:
    """The process of one call: the request in a file, the answer into another."""
    import importlib
    import operator

    request = json.loads(asked.read_bytes())
    module, _, attribute = request["target"].partition(":")
    try:
        function = operator.attrgetter(attribute)(importlib.import_module(module))
        result = function(request["event"], LambdaContext(**request["context"]))
        text = _marshalled(result)
    except Exception as error:
        traceback.print_exc()
        text = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
    answer.write_text(text)


def _marshalled(result: Any) -> str:
    try:
        return json.dumps({"answer": result})
    except (TypeError, ValueError) as error:
        text = f"Unable to marshal response: {error}"
        return json.dumps({"errorType": "Runtime.MarshalError", "errorMessage": text})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
