"""A store emptied between tests, so that many tests can share one running service."""

from __future__ import annotations

from pipeline.local.store import Store


def empty(store: Store) -> None:
    """Forget all resources, tags and tokens."""
    with store.transaction():
        for table in ("resource", "tag", "token"):
            store._db.execute(f"DELETE FROM {table}")
