"""Train, validation and test: which of them the data came with, and which are taken from the rest, a tenth each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from scripts.errors import ScriptError

SPLITS: Final[tuple[str, ...]] = ("train", "validation", "test")
TURNS: Final = 10
TURN: Final[dict[str, int]] = {"validation": 3, "test": 7}


def source_of(splits: Collection[str]) -> str:
    """The split that the data came with from which train is made. `ScriptError` where there is none."""
    source = "all" if "all" in splits else "train"
    if source not in splits or (source == "all" and len(splits) > 1):
        parts = sorted({*splits} - {"all"})
        rest = "; what it has beside them must be called train" if source == "all" else ""
        raise ScriptError(f"the data has {' and '.join(parts)}, but no train{rest}")
    return source


def missing_of(splits: Collection[str]) -> list[str]:
    """The splits that must be taken from the source."""
    return [name for name in SPLITS[1:] if name not in splits]
