"""Functions that the tests register for Lambda steps."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any


def double(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Twice the number; says whose credentials it has."""
    print("called", context.function_name)
    return {"n": event["n"] * 2, "who": os.environ["AWS_ACCESS_KEY_ID"], "nested": {"a": [1, True]}, "yes": True}


def raise_it(event: dict[str, Any], context: Any) -> None:
    """Fail."""
    raise ValueError(f"no {event['n']}")


def sleep(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take a second."""
    time.sleep(1.0)
    return {}


def hold(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Wait for a file."""
    while not os.path.exists(event["until"]):
        time.sleep(0.02)
    return {}


def tell(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What the context says."""
    return {
        "arn": context.invoked_function_arn,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "place": [context.log_group_name, context.log_stream_name, context.aws_request_id],
        "left": context.get_remaining_time_in_millis(),
    }


def give_a_set(event: dict[str, Any], context: Any) -> set[int]:
    """Answer what is no JSON."""
    return {1}


def give_much(event: dict[str, Any], context: Any) -> str:
    """Answer more than a function may."""
    return "x" * 7_000_000


def start_another(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Leave a process behind, in a session of its own."""
    subprocess.Popen(["sleep", str(event["seconds"])], start_new_session=True)
    return {}


def leave(event: dict[str, Any], context: Any) -> None:
    """End the process."""
    os._exit(7)
