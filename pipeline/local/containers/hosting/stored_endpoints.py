"""The endpoints as the store has them, which is what clients see: changed even while the disk has no room.

EventBridge is told of every change of what DescribeEndpoint answers.
"""

from __future__ import annotations

import threading
from typing import Any

from pipeline.local import disk
from pipeline.local.containers.hosting.endpoint_events import emit_state
from pipeline.local.kinds import ENDPOINT
from pipeline.local.service_context import ServiceContext


class StoredEndpoints:
    """Changes the stored bodies of endpoints. Threads may share it."""

    def __init__(self, service: ServiceContext, closing: threading.Event) -> None:
        """Once `closing` is set, nothing waits for room on the disk any more."""
        self._service = service
        self._closing = closing

    def change(self, name: str, **members: Any) -> None:
        """Write members of an endpoint, None removes one; an endpoint that is gone stays gone."""
        members["LastModifiedTime"] = self._service.clock.now()
        try:
            body = disk.once_there_is_room(
                lambda: self._service.store.merge(ENDPOINT, name, **members), closed=self._closing.is_set
            )
        except KeyError:
            return
        emit_state(self._service, body)

    def forget(self, name: str) -> None:
        """Delete an endpoint."""
        disk.once_there_is_room(lambda: self._service.store.delete(ENDPOINT, name), closed=self._closing.is_set)
