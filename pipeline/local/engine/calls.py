"""Calls that the engine makes beside the ones that a step stands for: they outlast throttling and passing faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.local.engine import retries
from pipeline.local.errors import ApiError

if TYPE_CHECKING:
    from pipeline.local.service import Service

_ATTEMPTS: Final = 8
_FIRST_WAIT: Final = 0.02
_PASSING: Final = (retries.THROTTLING, retries.SERVICE_FAULT)


def patiently(service: Service, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """The answer of an action, asked again up to seven times (within 3 s). Raises ApiError."""
    for attempt in range(_ATTEMPTS):
        try:
            return service.call(operation, request)
        except ApiError as error:
            if retries.of_error(error) not in _PASSING or attempt == _ATTEMPTS - 1:
                raise
            service.clock.sleep(_FIRST_WAIT * 2**attempt)
    raise AssertionError("the last attempt returns or raises")
