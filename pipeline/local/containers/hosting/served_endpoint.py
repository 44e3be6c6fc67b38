"""The part that answers for one endpoint at one time: a fleet, and the capture of what goes in and out.

Both are put in place as one, so that no request is answered by a new fleet and captured for an old one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.local.containers.hosting.capture import Capture
from pipeline.local.containers.hosting.connection import ContainerAnswer
from pipeline.local.containers.hosting.invocation import Invocation
from pipeline.local.containers.hosting.production_variants import Fleet
from pipeline.local.resource_names import Arns


@dataclass(frozen=True)
class Served:
    """What answers for one endpoint, or nothing."""

    fleet: Fleet | None = None
    capture: Capture | None = None
    record: Callable[[str, int, float], None] | None = None
    """Told the variant, the container's status and the seconds of each request that reached a container."""

    def invoke(self, arns: Arns, body: bytes, headers: Mapping[str, str]) -> ContainerAnswer | None:
        """The answer, or None where this has been replaced meanwhile."""
        if self.fleet is None:
            return None
        with self.fleet.request() as admitted:
            if not admitted:
                return None
            invocation = Invocation(arns, self.fleet, headers)
            began = time.perf_counter()
            answer = invocation.answer(body)
            seconds = time.perf_counter() - began
        if self.record is not None and invocation.variant is not None:
            self.record(invocation.variant.name, invocation.status, seconds)
        if self.capture is not None and invocation.variant is not None:
            self.capture.record(invocation.variant.name, headers, body, answer)
        return answer

    def end(self, grace: float, *, drain: float = 0.0, keep_files: bool = False) -> None:
        """Let requests under way end for `drain` seconds, then end the containers."""
        if self.fleet is not None:
            self.fleet.drain(drain)
            self.fleet.stop(grace, keep_files=keep_files)
        if self.capture is not None:
            self.capture.close()
