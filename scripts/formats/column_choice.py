"""Which columns of a table the user wants as features: names and patterns to keep or, after a `!`, to leave out.

The choice is made where a head is read, whatever the format, so that a column left out is never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from scripts.errors import ScriptError
from scripts.formats.reading_options import ALL

_SHOWN: Final = 12


def left_out(names: Mapping[int, str], choice: str, file: str) -> frozenset[int]:
    """The places of those that are not wanted, of all columns but the label, by place.

    Raises `ScriptError` for a pattern that fits no column, and where none is left.
    """
    if choice == ALL:
        return frozenset()
    kept: set[int] = set()
    dropped: set[int] = set()
    patterns = [pattern.strip() for pattern in choice.split(",") if pattern.strip()]
    for pattern in patterns:
        fitting = {place for place, name in names.items() if fnmatchcase(name.strip(), pattern.removeprefix("!"))}
        if not fitting:
            raise ScriptError(_unfitting(file, pattern.removeprefix("!"), list(names.values())))
        (dropped if pattern.startswith("!") else kept).update(fitting)
    if patterns and all(pattern.startswith("!") for pattern in patterns):
        kept = set(names)
    if not kept - dropped:
        raise ScriptError(f"{file}: Features={choice} leaves no column to learn from; keep one at least")
    return frozenset(set(names) - (kept - dropped))


def nameless(file: str) -> ScriptError:
    """For data whose columns have no names."""
    return ScriptError(
        f"{file}: its columns have no names that Features could choose from; put a line of names before it, or give "
        f"Features={ALL}"
    )


def _unfitting(file: str, pattern: str, names: list[str]) -> str:
    near = get_close_matches(pattern, names, n=1)
    hint = f"did you mean {near[0]}?" if near else "the features are " + ", ".join(names[:_SHOWN])
    more = ", ..." if not near and len(names) > _SHOWN else ""
    return f"{file}: Features: no feature is called {pattern}; {hint}{more}"
