"""WatchEndpoint: what the endpoint was asked of late, against the test set registered with the version it serves.

Every column, the scores and, where labels have arrived, the quality are compared. `violations.json` is in the format of
Model Monitor, each column has a metric in CloudWatch, and `watch.json` tells the pipeline whether anything drifted,
which a Fail step then names. The script itself fails only where it cannot look.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.endpoints.endpoint import Deployment, open_clients, reason_of
from scripts.endpoints.registry import Registry, Version, open_registry
from scripts.errors import ScriptError, conclude, end
from scripts.features.featurizer_archive import fitted
from scripts.features.request_rows import CSV, RowReader, columns_of, is_dates
from scripts.monitoring.arrived_labels import Quality, judge, read_labels_of
from scripts.monitoring.captured import Captured, Window, read_captured
from scripts.monitoring.drift import Check, ColumnPair, Compared, DriftBounds, Values, alarms, compare
from scripts.monitoring.watch_report import write_watch_report
from scripts.outputs import Outputs
from scripts.profiling.baseline import constraints, statistics
from scripts.profiling.profiles import ColumnProfile
from scripts.scoring.predictions import Answers, feature_lines, parse_answers, read_answers, read_labels
from scripts.scoring.sparse_rows import are_sparse, sparse_parts
from scripts.splitting.classes import read_classes

NAMESPACE: Final = "/aws/sagemaker/Endpoints/data-metric"
FEWEST_ROWS: Final = 30
MOST_COLUMNS: Final = 100
"""The columns of sparse rows that are watched; each is a metric of its own in CloudWatch."""
_NONE: Final = "none"
_MOST_NAMED: Final = 8
_BATCH: Final = 500
_LONGEST: Final = 1000


@dataclass(frozen=True)
class WatchRequest:
    """What is to be looked at: an endpoint, where it is captured, where labels arrive, and when."""

    endpoint: str
    group: str
    captured: str
    labels: str
    window: Window
    bounds: DriftBounds


@dataclass(frozen=True)
class Baseline:
    """What is registered with a version: columns and answers of its test set, its labels, what all are called."""

    version: Version
    task: str
    reader: RowReader
    columns: list[Values]
    answers: Answers
    truth: Any
    classes: tuple[str, ...]


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


def watch(asked: WatchRequest, registry: Registry, s3: Any, served: str, folder: Path) -> WatchResult:
    """Look; `served` is the ARN of the version in service, or empty, then the one approved last counts."""
    version = registry.version(served) if served else registry.approved(asked.group)
    if version is None:
        raise ScriptError(f"the group {asked.group} has no approved version to hold endpoint {asked.endpoint} against")
    baseline = read_baseline(registry, version, folder)
    captured = read_captured(s3, asked.captured, asked.endpoint, asked.window, baseline.reader)
    unread = f"; {captured.unread:,} requests could not be read ({captured.why})" if captured.unread else ""
    if captured.kept < FEWEST_ROWS:
        return WatchResult(version.number, captured.rows, unread, [], [], None, asked.window)
    compared = [compare(column, asked.bounds) for column in columns(baseline, captured)]
    quality = None
    if asked.labels != _NONE:
        labels = read_labels_of(s3, asked.labels, asked.window.start, baseline.classes)
        quality = judge(
            captured,
            labels,
            baseline.answers,
            baseline.truth,
            task=baseline.task,
            known=len(baseline.classes),
            bounds=asked.bounds,
        )
    more = [quality.check] if quality and quality.check else []
    return WatchResult(version.number, captured.rows, unread, compared, alarms(compared, more), quality, asked.window)


def read_baseline(registry: Registry, version: Version, folder: Path) -> Baseline:
    """The test set of the version, read as requests are."""
    places = registry.test_set(version, folder)
    task = version.properties.get("Task", "")
    featurizer = fitted(registry.read(version.artifacts[0])) if len(version.artifacts) > 1 else None
    if are_sparse(places["features"]):
        reader, values = sparse_columns(places["features"])
    else:
        lines = list(feature_lines(places["features"]))
        if not lines:
            raise ScriptError(f"the test set of version {version.number} has no rows")
        width = len(featurizer.columns) if featurizer else lines[0].count(b",") + 1
        reader = RowReader(width, featurizer, () if featurizer else tuple(registry.columns(version)))
        values = columns_of([reader.rows(CSV, b"\n".join(lines) + b"\n")], width)
    return Baseline(
        version,
        task,
        reader,
        values,
        read_answers(places["predictions"], task),
        read_labels(places["labels"]),
        read_classes(places["labels"]),
    )


def sparse_columns(features: Path) -> tuple[RowReader, list[Values]]:
    """The columns that are most often not 0, and their values, as far as these rows fit."""
    counts = sum(np.bincount(part.indices, minlength=part.shape[1]) for part in sparse_parts(features))
    often = np.sort(np.argsort(-np.asarray(counts), kind="stable")[:MOST_COLUMNS])
    reader = RowReader(len(np.asarray(counts)), kept=tuple(often.tolist()))
    blocks = [part[:, often].toarray() for part in sparse_parts(features)]
    return reader, columns_of(blocks, len(often))


def columns(baseline: Baseline, captured: Captured) -> list[ColumnPair]:
    """The columns that the model looks at, then its scores and labels; dates are left out, as they move on."""
    now, names = captured.columns(baseline.reader), baseline.reader.names()
    made = [
        ColumnPair(names[at], baseline.columns[at], now[at])
        for at in baseline.reader.watched()
        if not is_dates(baseline.columns[at])
    ]
    lines = captured.answers()
    if not lines:
        return made
    answers = parse_answers(lines, baseline.task, "the captured answers")
    made.append(ColumnPair("score", _score(baseline.answers), _score(answers)))
    if baseline.answers.labels is not None and answers.labels is not None:
        texts = [labels.astype(str).astype(object) for labels in (baseline.answers.labels, answers.labels)]
        made.append(ColumnPair("predicted_label", texts[0], texts[1]))
    return made


def _score(answers: Answers) -> Values:
    """The score of each row; of several classes the highest."""
    return answers.scores.max(axis=1) if answers.scores.ndim == 2 else answers.scores


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
    write_watch_report(outputs, folder, found.compared, found.alarms, found.quality, found.verdict, found.rows)


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


def _publish(data: list[dict[str, Any]]) -> None:
    import boto3

    cloudwatch = boto3.client("cloudwatch")
    for start in range(0, len(data), _BATCH):
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + _BATCH])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts.watch", description="An endpoint's requests and its baseline.")
    for name, text in (
        ("endpoint-name", "the endpoint"),
        ("group", "the model package group of its versions"),
        ("captured", "the S3 prefix of its data capture"),
        ("schedule", "what the metrics are filed under"),
        ("until", "the end of the time looked at, in ISO 8601"),
    ):
        parser.add_argument(f"--{name}", required=True, help=text)
    parser.add_argument("--labels", default=_NONE, help="the S3 prefix where labels arrive, or none")
    parser.add_argument("--hours", type=int, default=24, help="how much time is looked at")
    parser.add_argument("--max-psi", type=float, default=DriftBounds.psi)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--message", type=Path, help="file for the exit message")
    options = parser.parse_args(argv)

    def work() -> str:
        import boto3

        with reason_of(f"endpoint {options.endpoint_name}"), tempfile.TemporaryDirectory() as folder:
            end = _moment(options.until)
            asked = WatchRequest(
                options.endpoint_name,
                options.group,
                options.captured,
                options.labels,
                Window.until(end, options.hours),
                DriftBounds(psi=options.max_psi),
            )
            served = Deployment(options.endpoint_name, *open_clients(), sleep=time.sleep).released()
            found = watch(asked, open_registry(), boto3.client("s3"), served, Path(folder))
            with Outputs() as outputs:
                write(outputs, options.output, found, options.endpoint_name)
            _publish(metrics(found, options.endpoint_name, options.schedule, end))
            return found.verdict

    return conclude(options.message, work)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        # How SageMaker writes the start of an execution is not documented.
        print(f"{text!r} is no time in ISO 8601; the time looked at ends now", flush=True)
        return datetime.now(UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


if __name__ == "__main__":
    end(main())
