"""The regular expressions of AWS's models, which are Java's, as Python's.

Four things differ: `\\p{L}` and its like, which Python does not know, a pair of surrogates in a character class, a
quantified `$`, and `\\z`. A pattern must match the whole text, as Java's `matches` does.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Final

# Matches every text, and slowly where the text is a definition of a megabyte.
_ANYTHING: Final = frozenset({r".*(?:[ \r\n\t].*)*", r"[\s\S]*", r"[\S\s]*"})
_PROPERTY: Final = re.compile(r"\\p\{(\w+)\}")
_QUANTIFIED_END: Final = re.compile(r"\$\{\d+,\d+\}")
_LAST_ASSIGNED: Final = 0x323AF
_NAMED: Final = {"Alnum": "a-zA-Z0-9", "Print": r"\x20-\x7E"}
_ASCII: Final = (r"\p{ASCII}", r"[\x00-\x7F]")
_END: Final = (r"\z", r"\Z")
_ASTRAL: Final = (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text is as the pattern says."""
    if pattern in _ANYTHING:
        return True
    return _compiled(pattern, text.isascii()).fullmatch(text) is not None


@functools.cache
def _compiled(pattern: str, ascii_only: bool) -> re.Pattern[str]:
    """For a text that is ASCII the classes need only their ASCII part; the rest of Unicode takes 0.1 s to sort."""
    last = 0x7F if ascii_only else _LAST_ASSIGNED
    known = pattern.replace(*_ASTRAL).replace(*_ASCII).replace(*_END)
    translated = _PROPERTY.sub(lambda found: _class(found[1], last), known)
    return re.compile(_QUANTIFIED_END.sub("$", translated))


@functools.cache
def _class(name: str, last: int) -> str:
    """The inside of a character class for one Java property."""
    return _NAMED.get(name) or "".join(f"\\U{start:08x}-\\U{end:08x}" for start, end in _ranges(name, last))


def _ranges(category: str, last: int) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for code in range(last + 1):
        if not unicodedata.category(chr(code)).startswith(category):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return ranges
