"""Calls that the service makes to itself: they are repeated over faults that pass by themselves.

Faults made on purpose meet these calls too, and a step or a job must not fail by them.
"""

from __future__ import annotations

from typing import Any, Final

from pipeline.local.api_errors import ApiError
from pipeline.local.service_context import ServiceContext

_ATTEMPTS: Final = 8
_FIRST_WAIT: Final = 0.02


def patiently(service: ServiceContext, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """The answer of an action, asked again up to seven times (within 3 s). Raises ApiError."""
    for attempt in range(_ATTEMPTS):
        try:
            return service.call(operation, request)
        except ApiError as error:
            passing = error.code == "ThrottlingException" or error.status >= 500
            if not passing or attempt == _ATTEMPTS - 1:
                raise
            service.clock.sleep(_FIRST_WAIT * 2**attempt)
    raise AssertionError("the last attempt returns or raises")
