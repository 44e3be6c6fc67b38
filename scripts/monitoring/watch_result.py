"""What came of a watch: the verdict in words, the files that tell it, and the metrics.

`violations.json`, `statistics.json` and `constraints.json` are in the formats of Model Monitor; `watch.json` is what
the pipeline reads.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.monitoring.arrived_labels import Quality
from scripts.monitoring.captured import Window
from scripts.monitoring.drift import Check, ColumnPair, Compared
from scripts.monitoring.watch_report import write_watch_report
from scripts.outputs import Outputs
from scripts.profiling.baseline import constraints, statistics
from scripts.profiling.profiles import ColumnProfile

FEWEST_ROWS: Final = 30
_MOST_NAMED: Final = 8
_LONGEST: Final = 1000


@dataclass(frozen=True)
class WatchResult:
    """What came of a watch."""

    version: int
    rows: int
    unread: str
    compared: list[Compared]
    alarms: list[Check]
    quality: Quality | None
    window: Window
    side: int | None = None
    """Of the images that the rows are, if they are."""

    @property
    def verdict(self) -> str:
        """The whole in a sentence or two, as long as the reason of an execution may be."""
        text = self._told()
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

    def _told(self) -> str:
        told = f"version {self.version}, {self.window}: {self.rows:,} rows"
        if self.rows < FEWEST_ROWS:
            return f"Too little was captured to judge: {told}, and {FEWEST_ROWS} are needed{self.unread}"
        if not self.alarms:
            return f"Nothing drifted: {told}, {len(self.compared)} columns{self.unread}"
        by_column: dict[str, list[str]] = {}
        for check in self.alarms:
            by_column.setdefault(check.column, []).append(check.text)
        named = [f"{name} ({'; '.join(texts)})" for name, texts in list(by_column.items())[:_MOST_NAMED]]
        more = f" and {len(by_column) - _MOST_NAMED} more" if len(by_column) > _MOST_NAMED else ""
        return f"Drift in {', '.join(named)}{more}. {told}{self.unread}"


def write(outputs: Outputs, folder: Path, found: WatchResult, endpoint: str) -> None:
    """`watch.json`, Model Monitor's three files, the report and its pictures."""
    quality = {"rows": found.quality.rows, "figures": found.quality.figures} if found.quality else None
    outputs.write_json(
        folder / "watch.json",
        {
            "drifted": {"value": int(bool(found.alarms))},
            "verdict": {"value": found.verdict},
            "endpoint": endpoint,
            "version": found.version,
            "rows": found.rows,
            "quality": quality,
            "columns": {
                one.column.name: {
                    "psi": one.psi,
                    "distance": one.distance,
                    "missing": {"baseline": one.missing_before, "now": one.missing_now},
                    "p_values": {check.kind: check.p for check in one.checks},
                }
                for one in found.compared
            },
        },
    )
    seen = [profile(one.column) for one in found.compared]
    outputs.write_json(folder / "statistics.json", statistics(seen, found.rows))
    outputs.write_json(folder / "constraints.json", constraints(seen))
    outputs.write_json(folder / "violations.json", {"violations": [_violation(check) for check in found.alarms]})
    told = (found.compared, found.alarms, found.quality, found.verdict, found.rows, found.side)
    write_watch_report(outputs, folder, *told)


def profile(column: ColumnPair) -> ColumnProfile:
    """What was captured of a column, for its statistics."""
    known = column.now[~np.isnan(column.now)] if column.now.dtype.kind == "f" else [one for one in column.now if one]
    missing = len(column.now) - len(known)
    if not isinstance(known, np.ndarray):
        return ColumnProfile(column.name, "category", len(known), missing, counts=Counter(map(str, known)))
    if not len(known):
        return ColumnProfile(column.name, "number", 0, missing)
    mean, deviation, low, high = (float(measure(known)) for measure in (np.mean, np.std, np.min, np.max))
    return ColumnProfile(column.name, "number", len(known), missing, mean, deviation, low, high, values=np.sort(known))


def _violation(check: Check) -> dict[str, str]:
    of = "metric_name" if check.kind.endswith("Threshold") else "feature_name"
    return {of: check.column, "constraint_check_type": check.kind, "description": check.text}


def metrics(found: WatchResult, endpoint: str, schedule: str, now: datetime) -> list[dict[str, Any]]:
    """One metric a column, as Model Monitor calls it, how many drifted, and the figures where there are labels."""
    values = {f"feature_baseline_drift_{one.column.name}": one.psi for one in found.compared}
    values["columns_drifted"] = float(len({check.column for check in found.alarms}))
    values["rows"] = float(found.rows)
    if found.quality:
        values |= found.quality.figures
    dimensions = [{"Name": "Endpoint", "Value": endpoint}, {"Name": "MonitoringSchedule", "Value": schedule}]
    return [
        {"MetricName": name[:255], "Dimensions": dimensions, "Timestamp": now, "Value": value}
        for name, value in values.items()
        if np.isfinite(value)
    ]
