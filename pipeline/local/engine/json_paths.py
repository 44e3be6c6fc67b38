"""Std:JsonGet's path into a document: both come from users, so a search is bounded in time and size.

Members and indexes of a small document are followed here. Everything else, whose cost nobody can tell beforehand, is
left to a process (`json_search`) that is ended when it takes too long; a few at a time, the others wait.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

from pipeline.definition.expression_values import EvaluationError
from pipeline.definition.paths import Part, PathError, beyond_json_path, parse
from pipeline.limits import Row
from pipeline.local.engine.json_search import NothingFound, walk

MOST: Final = 10 << 20
"""Bytes of a document."""

_SMALL: Final = 256 << 10
_SECONDS: Final = 20.0
"""For a machine that is busy; of the processor's time a search has less (`json_search.CPU_SECONDS`)."""
_SEARCH: Final = Path(__file__).with_name("json_search.py")
_AT_ONCE: Final = threading.Semaphore(2)

PARITY: Final = (
    Row(
        area="pipelines",
        subject="what Std:JsonGet may read and find",
        here=f"files of at most {MOST >> 20} MiB; a search that takes too long fails the step; regular expressions and"
        " functions in a path are refused when the pipeline is created",
        aws="limits not established; JSONPath as in Java's json-path, regular expressions not established",
    ),
)


class NoJson(Exception):
    """The document is not in JSON format."""


class PathRefused(PathError):
    """The path is not followed, whatever it might lead to."""


def json_path(data: bytes, path: str) -> Any:
    """What a Std:JsonGet path finds; several matches of an indefinite path come as a list.

    Raises PathError, PathRefused, NoJson.
    """
    if refused := beyond_json_path(path):
        raise PathRefused(refused)
    parts = definite(path)
    if parts is None or len(data) > _SMALL:
        return _searched(data, path, parts)
    try:
        return walk(json.loads(data), parts)
    except (ValueError, RecursionError):
        raise NoJson from None
    except NothingFound as error:
        raise PathError(str(error)) from None


def json_value(data: bytes, uri: str, path: str) -> Any:
    """What a Std:JsonGet path finds in the object of that address. Raises EvaluationError."""
    try:
        return json_path(data, path)
    except NoJson:
        raise EvaluationError(f"Contents of file {uri} are not in valid JSON format.") from None
    except PathRefused as error:
        raise EvaluationError(f"Invalid json path '{path[:200]}': {error}.") from None
    except PathError:
        raise EvaluationError(f"Invalid json path '{path}'") from None


def definite(path: str) -> list[Part] | None:
    """The members and indexes of a path that has nothing else; None for one that must be searched."""
    stripped = path.removeprefix("$")
    try:
        parts = parse(stripped)
    except PathError:
        return None
    return None if ".." in stripped or any(part in ("*", "") for part in parts) else parts


def _searched(data: bytes, path: str, parts: list[Part] | None) -> Any:
    question = json.dumps({"path": path, "parts": parts}).encode() + b"\n"
    try:
        with _AT_ONCE:
            done = subprocess.run(
                [sys.executable, "-I", str(_SEARCH)],
                input=question + data,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_SECONDS,
                env={},
            )
    except subprocess.TimeoutExpired:
        raise PathRefused("the search takes too long") from None
    if done.returncode != 0:
        raise PathRefused("the search takes too long or too much memory")
    match json.loads(done.stdout):
        case {"found": found}:
            return found
        case {"refused": reason}:
            raise PathRefused(reason)
        case {"error": reason}:
            raise PathError(reason)
    raise NoJson
