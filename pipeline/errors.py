"""Every error that a user can see, as one small tree; only a program's own start turns one into an exit.

    PipelineError                 1
    |-- UsageError                1   a flag, name or value that cannot be
    |-- SettingsError             1   pipeline.toml, environment or flags do not say enough, or contradict
    |-- DefinitionError           1   the definition would be refused by the service
    |-- DataError                 1   a data file that cannot be used
    |-- ServiceError              1   AWS or localhost refused a request
    |-- LocalServiceError         1   the service on localhost cannot start, or is not there
    `-- ExecutionError            1   an execution that ended other than Succeeded
        |-- GateRejected          3   the metrics are on the wrong side of a threshold
        |-- StepFailed            4   a step failed
        |-- ExecutionStopped      5   somebody stopped it
        `-- FollowTimeout         6   it was still running when the time was up

Exit code 2 belongs to `plan --detailed-exitcode` alone: there are changes. Ctrl-C ends a command with 130.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar, Final

CHANGES_EXIT_CODE: Final = 2
INTERRUPTED_EXIT_CODE: Final = 130


class PipelineError(Exception):
    """What happened, with the values involved, and a hint: what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def show(self) -> str:
        """The text for a terminal: `error: ...`, then the hint on a line of its own."""
        lines = [f"error: {self.message}"]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class UsageError(PipelineError):
    """A flag, a name or a value that cannot be."""


class SettingsError(PipelineError):
    """The settings do not say enough, or contradict each other."""


class DefinitionError(PipelineError):
    """The definition would be refused by the service."""


class DataError(PipelineError):
    """A data file that cannot be used."""


class ServiceError(PipelineError):
    """AWS, or the service on localhost, refused a request or could not be reached."""


class LocalServiceError(PipelineError):
    """The service on localhost cannot start, or is not there."""


class ExecutionError(PipelineError):
    """An execution that did not end Succeeded."""


class GateRejected(ExecutionError):
    """The metrics are on the wrong side of a threshold."""

    exit_code = 3


class StepFailed(ExecutionError):
    """A step failed, and the execution with it."""

    exit_code = 4


class ExecutionStopped(ExecutionError):
    """Somebody stopped the execution."""

    exit_code = 5


class FollowTimeout(ExecutionError):
    """The execution was still running when the time given to follow it was up."""

    exit_code = 6


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint about a name that there is not: the nearest of those that there are; empty if none is near."""
    near = get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""
