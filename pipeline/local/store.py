"""The service's memory: SQLite in WAL mode, one row a resource, its Describe response as JSON. A folder with another
version of it is refused by `state_folder`.

What a method here has returned from survives `kill -9` of the process and a power loss. One connection, one lock: a
transaction is short and, while it has the lock, waits for nothing; the disk it waits for afterwards. `wait` sleeps
until a transaction has committed that may matter to it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from pipeline.local import durable
from pipeline.local.durable import GroupCommit, Sync
from pipeline.local.kinds import Body, Kind

Key = tuple[str, str]
"""Kind and name of a resource."""
T = TypeVar("T")
R = TypeVar("R")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS resource (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL, arn TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (kind, name)
);
CREATE INDEX IF NOT EXISTS resource_parent ON resource (kind, parent, seq);
CREATE INDEX IF NOT EXISTS resource_arn ON resource (arn);
CREATE TABLE IF NOT EXISTS tag (
    arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
);
CREATE TABLE IF NOT EXISTS token (
    scope TEXT NOT NULL, token TEXT NOT NULL, request TEXT NOT NULL, response TEXT NOT NULL, created REAL NOT NULL,
    PRIMARY KEY (scope, token)
);
"""


class AlreadyExists(Exception):
    """A resource of that kind and name is there already."""


class Store:
    """Resources by kind and name, tags by ARN, answered idempotency tokens."""

    def __init__(self, path: Path, sync: Sync = durable.sync) -> None:
        self._lock = threading.RLock()
        self._waiting: dict[Key | None, list[threading.Condition]] = {}
        self._changed: set[Key] = set()
        self._depth = 0
        self._db = durable.database(path, _SCHEMA)
        self._commits = GroupCommit(path, sync)

    def close(self) -> None:
        """Close the database; the store must not be used afterwards."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nested transactions join the outermost one, at whose end all is on the disk."""
        number = 0
        with self._lock:
            self._depth += 1
            before = self._db.total_changes
            try:
                if self._depth == 1:
                    self._db.execute("BEGIN IMMEDIATE")
                yield
                if self._depth == 1:
                    self._db.execute("COMMIT")
                    if self._db.total_changes != before:
                        number = self._commits.written()
                    self._notify(None, *self._changed)
            except BaseException:
                if self._depth == 1 and self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._changed.clear()
        self._commits.settle(number)

    # resources

    def insert(self, kind: Kind[R], name: str, body: R, *, arn: str = "", parent: str = "") -> None:
        """Add a resource. Raises AlreadyExists."""
        text = _stored(body)
        with self.transaction():
            self._changed.add((kind, name))
            try:
                self._db.execute(
                    "INSERT INTO resource (kind, name, parent, arn, body) VALUES (?, ?, ?, ?, ?)",
                    (kind, name, parent, arn, text),
                )
            except sqlite3.IntegrityError:
                raise AlreadyExists(f"{kind} {name}") from None

    def get(self, kind: Kind[R], name: str) -> R | None:
        """A copy of the resource's body, or None."""
        found: R | None = self._one("SELECT body FROM resource WHERE kind = ? AND name = ?", (kind, name))
        return found

    def by_arn(self, arn: str) -> Body | None:
        """The resource that has this ARN, or None."""
        found: Body | None = self._one("SELECT body FROM resource WHERE arn = ?", (arn,))
        return found

    def put(self, kind: Kind[R], name: str, body: R) -> None:
        """Replace the body of a resource that exists. Raises KeyError."""
        text = _stored(body)
        with self.transaction():
            self._changed.add((kind, name))
            done = self._db.execute("UPDATE resource SET body = ? WHERE kind = ? AND name = ?", (text, kind, name))
            if done.rowcount == 0:
                raise KeyError(f"{kind} {name}")

    def merge(self, kind: Kind[R], name: str, **members: Any) -> R:
        """Set members of a body and return the whole; a member set to None is removed. Raises KeyError."""
        with self.transaction():
            before: Any = self.get(kind, name)
            if before is None:
                raise KeyError(f"{kind} {name}")
            body: Any = {key: value for key, value in (before | members).items() if value is not None}
            self.put(kind, name, body)
            changed: R = body
            return changed

    def delete(self, kind: Kind[Any], name: str) -> bool:
        """Remove a resource and its tags; False if it was not there."""
        with self.transaction():
            self._changed.add((kind, name))
            row = self._db.execute(
                "DELETE FROM resource WHERE kind = ? AND name = ? RETURNING arn", (kind, name)
            ).fetchone()
            if row is None:
                return False
            if row[0]:
                self._db.execute("DELETE FROM tag WHERE arn = ?", (row[0],))
            return True

    def list(self, kind: Kind[R], *, parent: str | None = None) -> list[R]:
        """All bodies of a kind (below one parent), oldest first; `_seq` tells which was stored before which."""
        query, values = "SELECT body, seq FROM resource WHERE kind = ?", [str(kind)]
        if parent is not None:
            query, values = query + " AND parent = ?", [str(kind), parent]
        with self._lock:
            return [json.loads(row[0]) | {"_seq": row[1]} for row in self._db.execute(query + " ORDER BY seq", values)]

    # tags

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of an ARN, in the order of their keys."""
        with self._lock:
            return dict(self._db.execute("SELECT key, value FROM tag WHERE arn = ? ORDER BY key", (arn,)))

    def tag(self, arn: str, tags: dict[str, str]) -> None:
        """Add tags; a key that is there gets the new value."""
        with self.transaction():
            self._db.executemany(
                "INSERT INTO tag VALUES (?, ?, ?) ON CONFLICT (arn, key) DO UPDATE SET value = excluded.value",
                [(arn, key, value) for key, value in tags.items()],
            )

    def untag(self, arn: str, keys: Iterable[str]) -> None:
        """Remove tags; keys that are not there are passed over."""
        with self.transaction():
            self._db.executemany("DELETE FROM tag WHERE arn = ? AND key = ?", [(arn, key) for key in keys])

    def tagged(self) -> dict[str, dict[str, str]]:
        """Every ARN that has tags, with them."""
        found: dict[str, dict[str, str]] = {}
        with self._lock:
            for arn, key, value in self._db.execute("SELECT arn, key, value FROM tag ORDER BY arn, key"):
                found.setdefault(arn, {})[key] = value
        return found

    # idempotency tokens

    def answered(self, scope: str, token: str) -> tuple[Body, Body] | None:
        """The request and the response that this token was used for, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT request, response FROM token WHERE scope = ? AND token = ?", (scope, token)
            ).fetchone()
        return None if row is None else (json.loads(row[0]), json.loads(row[1]))

    def answer(self, scope: str, token: str, request: Body, response: Body) -> None:
        """Remember what a token was used for; call it in the transaction that does the work."""
        with self.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?, ?)",
                (scope, token, json.dumps(request), json.dumps(response), time.time()),
            )

    # waiting

    def wait(self, until: Callable[[], T | None], timeout: float, *, of: Key | None = None) -> T | None:
        """Call `until` now and after each commit, until it answers something; None when `timeout` seconds are up.

        With `of`, a kind and a name, only after commits that change this resource: so thousands can wait at once.
        """
        end = time.monotonic() + timeout
        with self._lock:
            changed = threading.Condition(self._lock)
            self._waiting.setdefault(of, []).append(changed)
            try:
                while (answer := until()) is None:
                    left = end - time.monotonic()
                    if left <= 0:
                        return None
                    changed.wait(left)
                return answer
            finally:
                self._waiting[of].remove(changed)
                if not self._waiting[of]:
                    del self._waiting[of]

    def wake(self) -> None:
        """Make every `wait` look again, for changes that are no commit (a stop of the service, say)."""
        with self._lock:
            self._notify(*self._waiting)

    def _notify(self, *keys: Key | None) -> None:
        for key in keys:
            for changed in self._waiting.get(key, ()):
                changed.notify_all()

    def _one(self, query: str, values: tuple[str, ...]) -> Any:
        with self._lock:
            row = self._db.execute(query, values).fetchone()
        return None if row is None else json.loads(row[0])


def _stored(body: Any) -> str:
    return json.dumps({key: value for key, value in body.items() if key != "_seq"})
