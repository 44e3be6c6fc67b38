"""Whole outputs against files: what varies is masked, and PIPELINE_GOLDEN=write in the environment writes them anew."""

from __future__ import annotations

import os
import re
from difflib import unified_diff
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "golden"
_WRITE: Final = os.environ.get("PIPELINE_GOLDEN") == "write"

# The first that fits a place wins: what is longest and most particular comes first.
_MASKS: Final = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"\b[0-9a-f]{64}\b", "SHA256"),
        (r"\b[0-9a-f]{8}(?=\.\.\.)", "HASH"),
        (r"\b\d+ code files\b", "N code files"),
        (r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:PORT"),
        (r"(pipelines-)[a-z0-9]{12}(-\w+-)[A-Za-z0-9]{10}\b", r"\1EXECUTION\2ID"),
        (r"(/execution/|execution |reused from |pipeline (?:report|retry|follow|stop) )[a-z0-9]{12}\b", r"\1EXECUTION"),
        (r"(?<=/)[a-z0-9]{12}(?=/)", "EXECUTION"),
        (r" +\d+\.\d s\b", " TIME s"),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?", "TIMESTAMP"),
    )
)


def masked(text: str) -> str:
    """The text with ids, hashes, ports and times replaced by names for them, and no blanks at line ends."""
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def assert_golden(name: str, text: str) -> None:
    """The text, masked, is that of the file below tests/golden."""
    file = FOLDER / name
    if _WRITE:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(masked(text), encoding="utf-8")
    expected = file.read_text(encoding="utf-8") if file.exists() else ""
    difference = "\n".join(unified_diff(expected.splitlines(), masked(text).splitlines(), name, "now", lineterm=""))
    assert not difference, f"{difference}\n(`make goldens` writes the files anew)"
