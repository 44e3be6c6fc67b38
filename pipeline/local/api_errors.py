"""The errors that the service answers, each with the code that AWS gives it.

An action raises one of these; the HTTP front turns it into the JSON that a SageMaker client expects, and the
engine turns it into a step's failure reason.
"""

from __future__ import annotations

from typing import ClassVar


class ApiError(Exception):
    """An answer other than success: code, message and HTTP status."""

    code: ClassVar[str] = "InternalFailure"
    status: ClassVar[int] = 400

    def __init_subclass__(cls) -> None:
        cls.code = cls.__name__

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ValidationException(ApiError):
    """The request cannot be; also SageMaker's answer for most things that do not exist."""


class ResourceNotFound(ApiError):
    """Pipelines, executions, experiments: AWS gives this code without the suffix `Exception`."""


class ResourceInUse(ApiError):
    """The resource exists already, or is needed by another."""


class ResourceLimitExceeded(ApiError):
    """A quota is used up."""


class ConflictException(ApiError):
    """The resource is in a state that does not admit the request."""


class ThrottlingException(ApiError):
    """Too many requests; clients retry it by themselves."""


class SerializationException(ApiError):
    """The request is no JSON, or a member is of another JSON kind than the model says."""


class UnknownOperationException(ApiError):
    """No action of that name here; the message names it."""


class InternalFailure(ApiError):
    """A fault of the service's own."""

    status = 500
