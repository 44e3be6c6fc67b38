"""WatchEndpoint: what the endpoint was asked of late, against the test set registered with the version it serves.

Every column, the scores and, where labels have arrived, the quality are compared. `violations.json` is in the format of
Model Monitor, each column has a metric in CloudWatch, and `watch.json` tells the pipeline whether anything drifted,
which a Fail step then names. The script itself fails only where it cannot look.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from scripts.endpoints.endpoint import Deployment, open_clients, reason_of
from scripts.endpoints.registry import Registry, open_registry
from scripts.errors import ScriptError, conclude, end
from scripts.monitoring.arrived_labels import judge, read_labels_of
from scripts.monitoring.captured import Window, read_captured
from scripts.monitoring.drift import DriftBounds, alarms, compare
from scripts.monitoring.registered_baseline import columns, image_side_of, read_baseline
from scripts.monitoring.watch_result import FEWEST_ROWS, WatchResult, metrics, write
from scripts.outputs import Outputs

NAMESPACE: Final = "/aws/sagemaker/Endpoints/data-metric"
_NONE: Final = "none"
_BATCH: Final = 500


@dataclass(frozen=True)
class WatchRequest:
    """What is to be looked at: an endpoint, where it is captured, where labels arrive, and when."""

    endpoint: str
    group: str
    captured: str
    labels: str
    window: Window
    bounds: DriftBounds


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
    found = alarms(compared, more)
    side = image_side_of(baseline.reader, baseline.columns)
    return WatchResult(version.number, captured.rows, unread, compared, found, quality, asked.window, side)


def _publish(data: list[dict[str, Any]]) -> None:
    import boto3

    cloudwatch = boto3.client("cloudwatch")
    for start in range(0, len(data), _BATCH):
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + _BATCH])


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)

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


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
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
    return parser.parse_args(argv)


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
