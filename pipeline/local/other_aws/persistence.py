"""What clients made in the services beside SageMaker that must outlive a restart: moto has it in memory only.

Rules, their destinations, schedules, alarms and scaling targets are kept as moto's own objects, whole, one row a
service in the store, written before the request that changed them is answered. The rows are read into moto at the
next start; one that this version of moto cannot read is set aside with a message, and nothing of it is lost.
"""

from __future__ import annotations

import base64
import io
import logging
import pickle
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from pipeline.local.kinds import Body, Kind
from pipeline.local.other_aws import moto_state
from pipeline.local.store import Store

_log: Final = logging.getLogger(__name__)

STATE: Final = Kind[Body]("other-aws-state")
SET_ASIDE: Final = Kind[Body]("other-aws-state-set-aside")

# The service of the requests' scope -> moto's package, and which of its tables a client fills.
TABLES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "events": ("events", ("event_buses", "connections", "destinations", "tagger")),
    "scheduler": ("scheduler", ("schedule_groups", "tagger")),
    "monitoring": ("cloudwatch", ("alarms", "tagger")),
    "application-autoscaling": ("applicationautoscaling", ("targets", "policies")),
}
_READING: Final = ("Describe", "Get", "List", "Test", "PutEvents", "PutMetricData", "GET ")
_PLAIN: Final = ("builtins", "collections", "datetime", "uuid")
"""Where the classes of plain values come from."""
_ATTEMPTS: Final = 20


class KeptState:
    """The tables of one account and region. Safe for threads."""

    def __init__(self, store: Store, account: str, region: str) -> None:
        self._store, self._account, self._region = store, account, region
        self._lock = threading.RLock()
        self._restored = False

    @contextmanager
    def changing(self, service: str, action: str) -> Iterator[None]:
        """Around a request to moto: what it changed is on the disk at the end of the block."""
        self.restore()
        if service not in TABLES or action.rpartition("/operation/")[2].startswith(_READING):
            yield
            return
        with self._lock:
            yield
            self.keep(service)

    def keep(self, service: str) -> None:
        """Write the tables of a service, unless they are as they were."""
        text = base64.b64encode(self._dumped(service)).decode()
        with self._lock, self._store.transaction():
            before = self._store.get(STATE, service)
            if before is None:
                self._store.insert(STATE, service, {"Tables": text})
            elif before["Tables"] != text:
                self._store.put(STATE, service, {"Tables": text})

    def restore(self) -> None:
        """Give moto what it had, once; later calls return at once."""
        if self._restored:
            return
        with self._lock:
            if self._restored:
                return
            for service in TABLES:
                if (found := self._store.get(STATE, service)) is not None:
                    self._restore(service, found)
            self._restored = True

    def _restore(self, service: str, found: Body) -> None:
        from pipeline.local.other_aws.events import complete_moto

        backend = self._backend(service)
        if service == "events":
            complete_moto()
        try:
            tables = _Reader(io.BytesIO(base64.b64decode(found["Tables"]))).load()
            for name, table in [(name, tables[name]) for name in TABLES[service][1]]:
                setattr(backend, name, table)
        except Exception as error:  # whatever another version of moto makes of it
            with self._store.transaction():
                self._store.delete(STATE, service)
                self._store.delete(SET_ASIDE, service)
                self._store.insert(SET_ASIDE, service, found)
            _log.error(
                "what was made in %s before cannot be read (%s: %s) and is set aside: `pipeline upsert` and "
                "`pipeline schedule set` make it again",
                service,
                type(error).__name__,
                error,
            )

    def _backend(self, service: str) -> Any:
        return moto_state.backend(TABLES[service][0], self._account, self._region)

    def _dumped(self, service: str) -> bytes:
        backend = self._backend(service)
        for attempt in range(_ATTEMPTS):
            content = io.BytesIO()
            try:
                _Writer(content).dump({name: getattr(backend, name) for name in TABLES[service][1]})
            except RuntimeError:  # a thread that delivers or watches changed a table meanwhile
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            return content.getvalue()
        raise AssertionError("unreachable")


class _Writer(pickle.Pickler):
    """Writes moto's objects, but of a whole service that one of them refers to only where it is."""

    def persistent_id(self, value: Any) -> tuple[str, str, str] | None:
        from moto.core.base_backend import BaseBackend

        if not isinstance(value, BaseBackend):
            return None
        return type(value).__module__.split(".")[1], value.account_id, value.region_name


class _Reader(pickle.Unpickler):
    """Reads objects of moto's classes and plain values; no function is called that a row may name."""

    def persistent_load(self, place: Any) -> Any:
        return moto_state.backend(*place)

    def find_class(self, module: str, name: str) -> Any:
        if module in _PLAIN or module.startswith("moto."):
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no class of moto's")
