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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.endpoints import scaling
from scripts.endpoints.batched_requests import Replies, ask, chosen_rows
from scripts.endpoints.endpoint import Deployment, open_clients, reason_of
from scripts.endpoints.registry import Registry, open_registry
from scripts.errors import ScriptError, conclude, end
from scripts.outputs import Outputs
from scripts.reporting.confusion_chart import confusion_chart
from scripts.scoring.answer_comparison import TOLERANCE, Comparison, compare, same_figures
from scripts.scoring.metrics import confusion
from scripts.scoring.predictions import (
    aligned,
    class_count,
    read_answers,
    read_labels,
)
from scripts.splitting.classes import read_classes, shown_names
from scripts.splitting.targets import REGRESSOR, TASKS

_SHOWN: Final = 10


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
        comparison = compare(expected.of_rows(sent), replies.answers).of_rows(sent)
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
    options = _options(argv)

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


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
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
    return options


if __name__ == "__main__":
    end(main())
