"""SIGTERM, by which a training job is asked to end: at once while it reads, after the epoch while it trains.

A job that is stopped, or whose time is up, leaves the best model so far, as Amazon's algorithms do when they can.
"""

from __future__ import annotations

import signal
from typing import Final

from pipeline.limits import Row

EXIT_CODE: Final = 128 + signal.SIGTERM

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="stop and end of MaxRuntimeInSeconds",
        here="the epoch under way is finished, then the best model so far is chosen and saved",
        aws="algorithms `save the intermediate results of a model training job when possible`",
    ),
)


class Interruption:
    """Whether the job has been asked to end."""

    def __init__(self) -> None:
        self.requested = False
        self._deferred = False

    def listen(self) -> Interruption:
        """Take SIGTERM from now on; only in the main thread."""
        signal.signal(signal.SIGTERM, self._told)
        return self

    def defer(self) -> None:
        """From now on there is something to save: whoever trains looks at `requested`."""
        self._deferred = True

    def _told(self, *_: object) -> None:
        self.requested = True
        if not self._deferred:
            raise SystemExit(EXIT_CODE)
