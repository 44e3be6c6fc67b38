"""Waiting in the store: for any commit, or for those that change one resource."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.store import Store
from tests.support.waiting import PATIENCE


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store")
    opened.insert("job", "mine", {"status": "InProgress"})
    opened.insert("job", "other", {"n": 0})
    yield opened
    opened.close()


class Waiter:
    """Waits in a thread until the status of `mine` is one of those that end it, and counts how often it looked."""

    def __init__(self, store: Store, **of: Any) -> None:
        self.looks = 0
        self.found: Any = "nothing"
        self._store = store
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._wait, kwargs=of)
        self._thread.start()
        assert self._looked.wait(PATIENCE)

    def _wait(self, **of: Any) -> None:
        self.found = self._store.wait(self._look, 10, **of)

    def _look(self) -> str | None:
        self.looks += 1
        self._looked.set()
        status = (self._store.get("job", "mine") or {"status": "Deleted"})["status"]
        return None if status == "InProgress" else status

    def end(self) -> None:
        """Wait for the thread."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def test_who_waits_for_one_resource_is_not_woken_by_others(store: Store) -> None:
    one, any_ = Waiter(store, of=("job", "mine")), Waiter(store)
    for number in range(20):
        store.merge("job", "other", n=number)
    store.merge("job", "mine", status="Completed")
    one.end()
    any_.end()
    assert (one.found, any_.found) == ("Completed", "Completed")
    assert one.looks == 2


def test_a_change_within_a_larger_transaction_and_a_deletion_count_too(store: Store) -> None:
    waiter = Waiter(store, of=("job", "mine"))
    with store.transaction():
        store.merge("job", "other", n=1)
        store.delete("job", "mine")
    waiter.end()
    assert waiter.found == "Deleted"


def test_what_was_rolled_back_wakes_nobody(store: Store) -> None:
    waiter = Waiter(store, of=("job", "mine"))
    with pytest.raises(RuntimeError), store.transaction():
        store.merge("job", "mine", status="Completed")
        raise RuntimeError
    store.merge("job", "other", n=1)
    assert waiter.looks == 1
    store.wake()
    store.merge("job", "mine", status="Failed")
    waiter.end()
    assert waiter.found == "Failed"


def test_waiting_ends_with_its_time(store: Store) -> None:
    assert store.wait(lambda: None, 0.01, of=("job", "mine")) is None
    assert store.wait(lambda: None, 0.01) is None
