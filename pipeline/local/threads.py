"""Threads where the system may refuse one more: what is under way is then begun later, or here, but never forgotten."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final

_AGAIN_SECONDS: Final = 0.2


class Starter:
    """Starts threads; one that cannot be started now is when it can. Has a thread of its own from the beginning."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        threading.Thread(target=self._retry, name="starter", daemon=True).start()

    def start(self, thread: threading.Thread) -> None:
        """Start a thread, now or later."""
        try:
            thread.start()
        except RuntimeError:  # can't start new thread
            self.later(thread.start)

    def later(self, begin: Callable[[], object]) -> None:
        """Call `begin` until the system lets it start a thread."""
        self._waiting.put(begin)

    def close(self) -> None:
        """Start nothing more."""
        self._closing.set()
        self._waiting.put(None)

    def _retry(self) -> None:
        while (begin := self._waiting.get()) is not None:
            while not self._closing.wait(_AGAIN_SECONDS):
                try:
                    begin()
                    break
                except RuntimeError:
                    continue


def join(thread: threading.Thread, seconds: float) -> None:
    """Wait for the end of a thread, if it has begun."""
    if thread.ident is not None:
        thread.join(seconds)


def side_by_side(functions: Sequence[Callable[[], object]]) -> None:
    """Call all of them, each in a thread as far as the system gives one, and wait."""
    threads = []
    for function in functions:
        thread = threading.Thread(target=function)
        try:
            thread.start()
            threads.append(thread)
        except RuntimeError:
            function()
    for thread in threads:
        thread.join()
