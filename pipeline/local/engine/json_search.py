"""A JSON document searched by a path, as a process of its own: both are a user's and may take for ever, or all memory.

`json_paths` runs this file by its path with the question on stdin, and ends it when its time is up. It bounds itself
too, since the service may be killed meanwhile; it imports nothing of this project.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from collections.abc import Sequence
from typing import Any, Final

CPU_SECONDS: Final = 3
MEMORY: Final = 1 << 30
ANSWER: Final = 1 << 20
"""Bytes of the largest value that is found; what comes of it is an argument of a step or a side of a condition."""

# What may match several values: wildcards, descendants, filters, slices and unions. An index from the end does not.
_SEVERAL: Final = re.compile(r"\*|\.\.|\?|:|,")


class NothingFound(Exception):
    """The path cannot be read, or leads nowhere."""


def walk(document: Any, parts: Sequence[str | int]) -> Any:
    """What members (str) and indexes (int) lead to. Raises NothingFound."""
    for part in parts:
        if isinstance(document, dict) and isinstance(part, str) and part in document:
            document = document[part]
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            raise NothingFound(f"there is no {part!r}")
    return document


def search(document: Any, path: str) -> Any:
    """What a JSONPath finds; several matches of an indefinite path come as a list. Raises NothingFound."""
    from jsonpath_ng.exceptions import JSONPathError
    from jsonpath_ng.ext import parse

    try:
        found = [match.value for match in parse(path).find(document)]
    except (JSONPathError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NothingFound(str(error)) from error
    if not found:
        raise NothingFound("nothing matches")
    return found if _SEVERAL.search(path) else found[0]


def answered(question: dict[str, Any], data: bytes) -> dict[str, Any]:
    """`found`, or `error` with what is wrong with the path; nothing for a document that is no JSON."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    try:
        parts = question["parts"]
        return {"found": search(document, question["path"]) if parts is None else walk(document, parts)}
    except NothingFound as error:
        return {"error": str(error)}


def main() -> None:
    """Read the question, a line, and the document; print the answer."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    question = json.loads(sys.stdin.buffer.readline())
    try:
        text = json.dumps(answered(question, sys.stdin.buffer.read()))
    except RecursionError:
        text = json.dumps({"refused": "what it finds is nested too deeply"})
    if len(text) > ANSWER:
        text = json.dumps({"refused": f"it finds more than {ANSWER} bytes"})
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
