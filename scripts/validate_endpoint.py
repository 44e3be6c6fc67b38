"""ValidateEndpoint: does the deployed endpoint answer what the batch prediction answered?

One record is sent, then the test set in batches, of a large one so many rows from all over it; every answer is compared
with PredictTest's. For a release the test set, the answers and the figures are those that were registered with the
version. An endpoint that passes is tagged with its configuration. One that does not is put back to the configuration
last tagged, and the step fails. boto3 takes region, credentials and address from its environment, so AWS and localhost
are the same to it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.endpoints import scaling
from scripts.endpoints.endpoint import Deployment, open_clients, reason_of
from scripts.endpoints.registry import Registry, open_registry
from scripts.errors import ScriptError, conclude, end
from scripts.outputs import Outputs
from scripts.reporting.confusion_chart import confusion_chart
from scripts.scoring.figures import compute
from scripts.scoring.metrics import HEADLINES, confusion
from scripts.scoring.predictions import (
    Answers,
    aligned,
    class_count,
    parse_answers,
    read_answers,
    read_labels,
    sent_rows,
)
from scripts.splitting.classes import read_classes, shown_names
from scripts.splitting.targets import REGRESSOR, TASKS

TOLERANCE: Final = 1e-6
_MOST_BYTES: Final = 5 * 1024 * 1024
_SHOWN: Final = 10
_ONE_CONVERSION: Final = "both must come from the same conversion"

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Comparison:
    """Which rows the endpoint answered otherwise, and by how much scores differ at most."""

    labels: Rows
    scores: Rows
    largest: float

    def of_rows(self, sent: Rows) -> Comparison:
        """The same, its rows as they are numbered in all of the test set, of which these were sent."""
        return Comparison(sent[self.labels], sent[self.scores], self.largest)

    @property
    def reason(self) -> str:
        """Empty where all answers agree."""
        parts = []
        if len(self.labels):
            parts.append(f"{len(self.labels)} labels differ (first in row {self.labels[0] + 1})")
        if len(self.scores):
            parts.append(
                f"{len(self.scores)} scores differ by more than {TOLERANCE:g} (at most {self.largest:.3g}, first in "
                f"row {self.scores[0] + 1})"
            )
        return " and ".join(parts)


@dataclass(frozen=True)
class Replies:
    """The answers of all rows, and how long each request took, in seconds: first the single one."""

    answers: Answers
    seconds: list[float]


def validate(
    deployment: Deployment,
    *,
    features: Path,
    predictions: Path,
    labels: Path,
    output: Path,
    batches: int,
    most: int,
    task: str,
    version: str = "",
    registered: Mapping[str, Any] | None = None,
) -> str:
    """Compare, write what was found, and tag or put back the endpoint; a one-line summary.

    `validation.json` is always written, `confusion.png` where the answers differ. At most so many rows are sent.

    `version` is the ARN of the version that is served, if one is, `registered` the figures it was registered with.
    """
    config = deployment.wait_in_service()
    try:
        expected, truth, classes = read_answers(predictions, task), read_labels(labels), read_classes(labels)
        aligned(expected, truth)
        sent = chosen_rows(len(truth), most)
        replies = ask(deployment, features, rows=sent, there=len(truth), batches=batches, task=task)
        comparison = compare(_rows(expected, sent), replies.answers).of_rows(sent)
        if not comparison.reason:  # else the first difference says more
            # The endpoint answers as the batch prediction did, whose figures are those of all rows.
            same_figures(expected, truth, registered or {}, task=task, known=len(classes))
    except ScriptError as error:
        raise ScriptError(f"{error}; {deployment.put_back(config)}") from None
    # Before anything is written, which may fail too.
    outcome = deployment.put_back(config) if comparison.reason else ""
    with Outputs() as outputs:
        _write(outputs, output, deployment.name, config, replies, comparison, truth[sent], classes, task)
    if comparison.reason:
        raise ScriptError(
            f"endpoint {deployment.name} with {config} does not answer as the batch prediction did: "
            f"{comparison.reason}; {outcome}"
        )
    deployment.mark_validated(config, version)
    which = f"{len(sent)} rows" if len(sent) == len(truth) else f"{len(sent)} of {len(truth)} rows, from all over them,"
    return (
        f"endpoint {deployment.name} with {config} answered {which} in {len(replies.seconds) - 1} batches as "
        f"the batch prediction did (largest difference {comparison.largest:.2g})"
    )


def validate_release(
    deployment: Deployment,
    registry: Registry,
    arn: str,
    folder: Path,
    *,
    output: Path,
    batches: int,
    most: int,
    task: str,
) -> str:
    """As `validate`, against the test set and the figures that are registered with a version; `folder` takes them."""
    try:
        with reason_of(arn.rpartition("/")[2]):
            version = registry.version(arn)
            test_set, figures = registry.test_set(version, folder), registry.figures(version)
    except ScriptError as error:
        raise ScriptError(f"{error}; {deployment.put_back(deployment.wait_in_service())}") from None
    given: dict[str, Any] = {**test_set, "version": arn, "registered": figures}
    return validate(deployment, output=output, batches=batches, most=most, task=task, **given)


def chosen_rows(there: int, most: int) -> Rows:
    """All rows, or so many at equal distances."""
    count = min(there, most)
    return np.arange(count) * there // count


def ask(deployment: Deployment, features: Path, *, rows: Rows, there: int, batches: int, task: str) -> Replies:
    """One record, then these rows of those that are there. Raises `ScriptError` for a refusal, and too few answers."""
    parts: list[Answers] = []
    seconds: list[float] = []
    content_type, held = sent_rows(features)
    requests = batches_of(_picked(held, rows, there), len(rows), batches)
    first = next(requests)
    for place, lines in _numbered(first, requests):
        started = time.perf_counter()
        reply = deployment.invoke(b"".join(lines), place, content_type)
        seconds.append(time.perf_counter() - started)
        answers = parse_answers(reply, task, f"the answer to {place}")
        if len(answers) != len(lines):
            raise ScriptError(f"endpoint {deployment.name}: {len(answers)} answers to the {len(lines)} rows of {place}")
        parts.append(answers)
    single, *rest = parts
    if compare(single, _rows(rest[0], slice(1))).reason:
        raise ScriptError(f"endpoint {deployment.name}: a record alone is answered otherwise than within its batch")
    known = [part.labels for part in rest if part.labels is not None]
    scores = np.concatenate([part.scores for part in rest])
    return Replies(Answers(scores, np.concatenate(known) if known else None), seconds)


def batches_of(lines: Iterator[bytes], rows: int, batches: int) -> Iterator[list[bytes]]:
    """The lines in so many nearly equal batches, or more where one would exceed the endpoint's payload limit."""
    ends = np.linspace(0, rows, min(max(batches, 1), rows) + 1).round().astype(int)[1:].tolist()
    batch: list[bytes] = []
    size = done = 0
    for line in lines:
        if batch and size + len(line) > _MOST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
        done += 1
        if done == ends[0]:
            yield batch
            batch, size = [], 0
            ends.pop(0)


def _picked(lines: Iterator[bytes], rows: Rows, there: int) -> Iterator[bytes]:
    """The lines of these rows. Raises `ScriptError` where there are fewer or more lines than rows."""
    wanted = iter(rows.tolist())
    following = next(wanted, -1)
    number = -1
    for number, line in enumerate(lines):
        if number == there:
            raise ScriptError(f"more than {there} rows of features for {there} labels; {_ONE_CONVERSION}")
        if number == following:
            yield line
            following = next(wanted, -1)
    if number + 1 < there:
        raise ScriptError(f"{number + 1} rows of features for {there} labels; {_ONE_CONVERSION}")


def compare(expected: Answers, got: Answers) -> Comparison:
    """Labels must be equal, scores within `TOLERANCE`, absolute or (for large regression values) relative."""
    if expected.scores.shape != got.scores.shape:
        raise ScriptError(
            f"the endpoint's scores have the shape {got.scores.shape}, the batch prediction's {expected.scores.shape}; "
            "do both serve the same model?"
        )
    rows = len(expected)
    difference = np.abs(expected.scores - got.scores).reshape(rows, -1)
    allowed = TOLERANCE * np.maximum(1, np.abs(expected.scores).reshape(rows, -1))
    far = np.flatnonzero((difference > allowed).any(axis=1))
    other = np.empty(0, np.intp)
    if expected.labels is not None and got.labels is not None:
        other = np.flatnonzero(expected.labels != got.labels)
    return Comparison(other, far, float(difference.max()))


def same_figures(
    answers: Answers, truth: npt.NDArray[np.float64], registered: Mapping[str, Any], *, task: str, known: int
) -> None:
    """Raises `ScriptError` where the endpoint's answers give other figures than were registered with the version."""
    if not registered:
        return
    ((group, found),) = compute(answers, truth, task, known=known).items()
    for name in HEADLINES[group]:
        was, now = registered.get(name, {}).get("value"), found[name]["value"]
        if isinstance(was, int | float) and abs(now - was) > TOLERANCE * max(1.0, abs(was)):
            raise ScriptError(
                f"the endpoint's answers give {name.replace('_', ' ')} {now:.6g} where {was:.6g} was registered"
            )


def _numbered(first: list[bytes], rest: Iterator[list[bytes]]) -> Iterator[tuple[str, list[bytes]]]:
    yield "the single record", first[:1]
    yield "batch 1", first
    for number, lines in enumerate(rest, 2):
        yield f"batch {number}", lines


def _rows(answers: Answers, rows: slice | Rows) -> Answers:
    return Answers(answers.scores[rows], None if answers.labels is None else answers.labels[rows])


def _write(
    outputs: Outputs,
    folder: Path,
    name: str,
    config: str,
    replies: Replies,
    comparison: Comparison,
    truth: npt.NDArray[np.float64],
    known: Sequence[str],
    task: str,
) -> None:
    single, *batches = (1000 * seconds for seconds in replies.seconds)
    result: dict[str, Any] = {
        "endpoint": name,
        "endpoint_config": config,
        "task": task,
        "passed": not comparison.reason,
        "reason": comparison.reason,
        "rows": len(truth),
        "batches": len(batches),
        "milliseconds": {
            "single_record": single,
            "batch_median": float(np.median(batches)),
            "batch_p99": float(np.percentile(batches, 99)),
        },
        "tolerance": TOLERANCE,
        "largest_score_difference": comparison.largest,
        "different_labels": {"count": len(comparison.labels), "rows": (comparison.labels[:_SHOWN] + 1).tolist()},
        "different_scores": {"count": len(comparison.scores), "rows": (comparison.scores[:_SHOWN] + 1).tolist()},
    }
    if task != REGRESSOR and replies.answers.labels is not None:
        classes = truth.astype(np.int64)
        count = class_count(replies.answers, classes, len(known))
        matrix = confusion(classes, replies.answers.labels, count)
        result["confusion_matrix"] = matrix.tolist()
        if comparison.reason:  # else it is the picture that the evaluation has
            outputs.write(folder / "confusion.png", confusion_chart(matrix, shown_names(known, count)))
    outputs.write_json(folder / "validation.json", result)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts.validate_endpoint", description="Endpoint against batch prediction.")
    parser.add_argument("--endpoint-name", required=True)
    parser.add_argument("--features", type=Path, help="folder of features.csv")
    parser.add_argument("--predictions", type=Path, help="folder of the batch predictions (.out)")
    parser.add_argument("--labels", type=Path, help="folder of labels.csv")
    parser.add_argument("--model-package", default="", help="the ARN of the version whose test set is used instead")
    parser.add_argument("--serves", default="", help="the ARN of the version that the endpoint serves, to mark it by")
    scaling.add_options(parser)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument(
        "--most-rows", type=int, default=20_000, help="rows that are sent at most, from all over the set"
    )
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--message", type=Path, help="file for the exit message")
    options = parser.parse_args(argv)

    if not options.model_package and not (options.features and options.predictions and options.labels):
        parser.error("give --features, --predictions and --labels, or --model-package")

    def work() -> str:
        with reason_of(f"endpoint {options.endpoint_name}"), tempfile.TemporaryDirectory() as folder:
            scales = scaling.of_options(options)
            deployment = Deployment(
                options.endpoint_name,
                *open_clients(),
                sleep=time.sleep,
                scaling=(scaling.open_scaling(scales), scales),
            )
            given = {
                "batches": options.batches,
                "most": options.most_rows,
                "task": options.task,
                "output": options.output,
            }
            if options.model_package:
                return validate_release(deployment, open_registry(), options.model_package, Path(folder), **given)
            return validate(
                deployment,
                features=options.features,
                predictions=options.predictions,
                labels=options.labels,
                version=options.serves,
                **given,
            )

    return conclude(options.message, work)


if __name__ == "__main__":
    end(main())
