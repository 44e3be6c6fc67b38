"""What can end a training job or refuse a request, in the container's own words.

    LinearLearnerError
    |- AlgorithmError    exit code 1: a fault of ours
    |- CustomerError     exit code 2: bad hyperparameters, channels or data
    `- PlatformError     exit code 3: the folders of the job are not as they should be

`str(error)` is what goes to the log and the failure file: the kind, the message and what it was caused by.
"""

from __future__ import annotations

from typing import ClassVar


class LinearLearnerError(Exception):
    """Base: a message in the container's style, optionally with the class that caused it and a detail."""

    kind: ClassVar[str] = "Algorithm Error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, caused_by: str = "", detail: str = "") -> None:
        self.message = f"{message} (caused by {caused_by})" if caused_by else message
        self.detail = detail
        super().__init__(self.message)

    def __str__(self) -> str:
        text = f"{self.kind}: {self.message}"
        return f"{text}\n\nCaused by: {self.detail}" if self.detail else text


class AlgorithmError(LinearLearnerError):
    """The algorithm itself failed."""


class CustomerError(LinearLearnerError):
    """The caller's hyperparameters, channels or data cannot be used."""

    kind = "Customer Error"
    exit_code = 2


class PlatformError(LinearLearnerError):
    """The job's folders or configuration files are missing or unreadable."""

    kind = "Platform Error"
    exit_code = 3
