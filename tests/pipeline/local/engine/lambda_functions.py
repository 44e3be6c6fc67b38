"""Functions that the tests register for Lambda steps."""

from __future__ import annotations

import os
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


def leave(event: dict[str, Any], context: Any) -> None:
    """End the process."""
    os._exit(7)
