"""What the log counts and times besides the models: batches and records seen, seconds spent by phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.images.linear_learner.log import counter


@dataclass
class IteratorCounts:
    """The counters of one data iterator, in batches of `size` records, the last of a pass maybe smaller."""

    size: int
    batches: int = 0
    records: int = 0
    resets: int = 0
    longest: tuple[int, int] = (0, 0)
    last: tuple[int, int] = (0, 0)

    def passed(self, records: int) -> int:
        """The iterator was reset and so many records were read; how many batches that is."""
        batches = -(-records // self.size)
        self.batches += batches
        self.records += records
        self.resets += 1
        self.last = (batches, records)
        self.longest = max(self.longest, self.last)
        return batches

    def document(self, *, rewound: bool) -> dict[str, Any]:
        """The counters as the log has them; `rewound` says that the iterator stands at the start again."""
        batches, records = (0, 0) if rewound else self.last
        return {
            "Total Records Seen": counter(self.records),
            "Total Batches Seen": counter(self.batches),
            "Max Records Seen Between Resets": counter(self.longest[1]),
            "Max Batches Seen Between Resets": counter(self.longest[0]),
            "Reset Count": counter(self.resets),
            "Number of Records Since Last Reset": counter(records),
            "Number of Batches Since Last Reset": counter(batches),
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
