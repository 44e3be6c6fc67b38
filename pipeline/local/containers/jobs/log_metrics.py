"""FinalMetricDataList: the last value of each metric that a job's log mentions, by the regular expressions it is given.

The expressions are a user's and may take for ever, so they run in a process of their own (this file, by path) with
little time. A TAB is matched as `#011`, as CloudWatch shows it, and values have the precision of float32.
"""

from __future__ import annotations

import json
import math
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # run by path, this file finds nothing of the project
    from pipeline.local.kinds import FinalMetric

MOST: Final = 40
TIME: Final = 20.0
"""Seconds for all expressions over the whole log; then there are no metrics."""

_LINE: Final = 10_000


def final_metrics(logs: Sequence[Path], definitions: Sequence[Mapping[str, Any]]) -> list[FinalMetric]:
    """The final metrics in the order of their definitions, as `{"MetricName", "Value", "Timestamp"}`."""
    if not definitions:
        return []
    question = {"logs": [str(path) for path in logs], "definitions": list(definitions), "seconds": TIME}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", __file__],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=TIME,
            env={},
        )
    except subprocess.TimeoutExpired:
        return []
    found: list[FinalMetric] = json.loads(done.stdout) if done.returncode == 0 else []
    return found


def scan(lines: Iterator[tuple[float, str]], definitions: Sequence[Mapping[str, Any]]) -> list[FinalMetric]:
    """The last value of each metric in lines of a log with their times (epoch seconds)."""
    patterns = [(definition["Name"], _compiled(definition["Regex"])) for definition in definitions]
    last: dict[str, FinalMetric] = {}
    for time, line in lines:
        line = line[:_LINE].replace("\t", "#011")
        for name, pattern in patterns:
            match = pattern.search(line) if pattern is not None else None
            value = _number(match) if match is not None else None
            if value is not None:
                last[name] = {"MetricName": name, "Value": value, "Timestamp": time}
    return [last[name] for name, _ in dict(patterns).items() if name in last][:MOST]


def _compiled(regex: str) -> re.Pattern[str] | None:
    try:
        return re.compile(regex)
    except re.error:
        return None


def _number(match: re.Match[str]) -> float | None:
    """The value of the first group as a float32, or None if it is no finite number."""
    try:
        value = float(match.group(1))
        rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except (IndexError, TypeError, ValueError, OverflowError):
        return None
    return rounded if math.isfinite(rounded) else None


def _lines(paths: Sequence[str]) -> Iterator[tuple[float, str]]:
    """The lines of log files as `pipeline.local.log_files` writes them."""
    for path in paths:
        time = 0.0
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                line = line.rstrip("\n")
                if line.startswith("\t"):
                    yield time, line[1:]
                    continue
                stamp, _, text = line.partition(" ")
                time = datetime.fromisoformat(stamp).timestamp()
                yield time, text


def main() -> None:
    """Read the question on stdin, print the answer."""
    question = json.load(sys.stdin)
    # The service ends us when the time is up, but it may have been killed itself.
    signal.setitimer(signal.ITIMER_REAL, question["seconds"])
    json.dump(scan(_lines(question["logs"]), question["definitions"]), sys.stdout)


if __name__ == "__main__":
    main()
