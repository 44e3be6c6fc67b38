"""Time as an argument: what the service calls now, and how it waits."""

from __future__ import annotations

import time


class Clock:
    """The machine's clock; tests give one of their own."""

    def now(self) -> float:
        """Epoch seconds, to the millisecond, as SageMaker's timestamps are."""
        return round(time.time(), 3)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
