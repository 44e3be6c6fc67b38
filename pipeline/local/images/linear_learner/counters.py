"""What the log counts and times besides the models: batches and records seen, seconds spent by phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.images.linear_learner.log import counter


@dataclass
class IteratorCounts:
    """The counters of one data iterator, in batches of `size` records."""

    size: int
    total: int = 0
    resets: int = 0
    longest: int = 0

    def passed(self, batches: int) -> None:
        """So many batches were read, then the iterator was reset."""
        self.total += batches
        self.resets += 1
        self.longest = max(self.longest, batches)

    def document(self, *, records: int | None = None) -> dict[str, Any]:
        """The counters as the log has them; `records` where the last batch was not a whole one."""
        longest = self.longest * self.size if records is None else records
        return {
            "Total Records Seen": counter(self.total * self.size if records is None else records),
            "Total Batches Seen": counter(self.total),
            "Max Records Seen Between Resets": counter(longest),
            "Max Batches Seen Between Resets": counter(self.longest),
            "Reset Count": counter(self.resets),
            "Number of Records Since Last Reset": counter(0),
            "Number of Batches Since Last Reset": counter(0),
        }


@dataclass
class Timings:
    """Milliseconds by phase."""

    clock: Callable[[], float]
    spent: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of the block to the phase."""
        start = self.clock()
        yield
        self.spent.setdefault(name, []).append((self.clock() - start) * 1000)

    def document(self, names: tuple[str, ...]) -> dict[str, Any]:
        """The phases in the order of `names`."""
        return {
            name: {"sum": sum(times), "count": len(times), "min": min(times), "max": max(times)}
            for name in names
            if (times := self.spent.get(name))
        }
