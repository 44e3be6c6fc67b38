"""Which containers answer each endpoint's requests: those in service, and during a rollout the new ones by their share.

Every change is one step under one lock, so that a request always finds somebody and nothing is put in place after the
service began to end.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

from pipeline.local.containers.hosting.production_variants import Fleet
from pipeline.local.containers.hosting.served_endpoint import Served


@dataclass
class Green:
    """The new containers of a rollout, and the part of the requests that they answer."""

    served: Served
    share: float = 0.0
    died: str = ""
    """Which of them could not be kept alive, if one could not."""


class Switchboard:
    """The containers of all endpoints. Threads may share it."""

    def __init__(self) -> None:
        self._served: dict[str, Served] = {}
        self._green: dict[str, Green] = {}
        self._lock = threading.Lock()
        self._closed = False

    def chosen(self, name: str) -> Served | None:
        """What answers the next request."""
        green = self._green.get(name)
        if green is not None and random.random() < green.share:
            return green.served
        return self._served.get(name)

    def serving(self, name: str) -> Served | None:
        """What is in service."""
        return self._served.get(name)

    def begin(self, name: str, new: Served) -> Green | None:
        """Begin a rollout to `new`; None where nothing is in service that traffic could be moved from."""
        with self._lock:
            if name not in self._served:
                return None
            green = self._green[name] = Green(new)
            return green

    def turn_back(self, name: str) -> None:
        """Let what is in service answer everything again."""
        with self._lock:
            self._green.pop(name, None)

    def install(self, name: str, new: Served) -> Served | None:
        """Put `new` into service; what was before. None where it is too late for that."""
        with self._lock:
            if self._closed:
                return None
            old = self._served.pop(name, Served())
            self._served[name] = new
            self._green.pop(name, None)
            return old

    def take(self, name: str) -> Served:
        """Out of service."""
        with self._lock:
            return self._served.pop(name, Served())

    def died(self, name: str, fleet: Fleet, variant: str) -> Served | None:
        """A variant could not be kept alive: what is now out of service for that; None for new or replaced ones."""
        with self._lock:
            green = self._green.get(name)
            if green is not None and green.served.fleet is fleet:
                green.died = f"the containers of production variant {variant} ended again and again"
                return None
            if self._closed or self._served.get(name, Served()).fleet is not fleet:
                return None
            return self._served.pop(name)

    def close(self) -> list[Served]:
        """Nothing is put into service any more; all that was, to be ended."""
        with self._lock:
            self._closed = True
            ending = [*self._served.values(), *(green.served for green in self._green.values())]
            self._served.clear()
            self._green.clear()
            return ending
