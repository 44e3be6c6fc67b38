"""EvaluateModel: the batch predictions against the labels, as figures for the gate and a report for people.

`evaluation.json` holds one group of SageMaker's model quality format, since its readers stop at the first;
`gates.json` says of each gated figure whether it was met or missed, since a Fail step's message can compare nothing;
`report.html` holds everything it shows within itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scripts.classes import read_classes
from scripts.errors import ScriptError, conclude
from scripts.gates import compare, verdict
from scripts.metrics import HEADLINES, binary_metrics, multiclass_metrics, regression_metrics
from scripts.outputs import Outputs
from scripts.predictions import Answers, aligned, class_count, read_answers, read_labels
from scripts.report import write_report
from scripts.targets import BINARY, REGRESSOR, TASKS


def evaluate(predictions: Path, labels: Path, features: Path, output: Path, *, task: str, gates: str = "") -> str:
    """Write `evaluation.json`, `gates.json`, `report.html` and its pictures into `output`; a one-line summary."""
    answers, truth, classes = read_answers(predictions, task), read_labels(labels), read_classes(labels)
    aligned(answers, truth)
    metrics = compute(answers, truth, task, known=len(classes))
    compared = compare(gates, next(iter(metrics.values())))
    with Outputs() as outputs:
        outputs.write_json(output / "evaluation.json", metrics)
        outputs.write_json(output / "gates.json", {"verdict": {"value": verdict(compared)}})
        write_report(outputs, output, answers, truth, metrics, features=features, classes=classes, gates=compared)
    return summary(metrics)


def compute(answers: Answers, labels: npt.NDArray[np.float64], task: str, *, known: int = 0) -> dict[str, Any]:
    """The one top-level group of figures for `task`; `known` is how many classes the data has, 0 if it is not known."""
    if task == REGRESSOR:
        if answers.scores.ndim != 1:
            raise ScriptError("the predictions are not of a regressor; check the task")
        if labels.min() == labels.max():
            raise ScriptError(f"every test label is {labels[0]:g}; such a test says nothing, so give more data")
        return regression_metrics(labels, answers.scores)
    assert answers.labels is not None
    classes = labels.astype(np.int64)
    if task == BINARY:
        if known not in (0, 2):
            raise ScriptError(f"the data has {known} classes, where a binary classifier has 2; check the task")
        if answers.scores.ndim != 1 or not set(np.unique(answers.labels)) <= {0, 1}:
            raise ScriptError("the predictions are not of a binary classifier; check the task")
        if set(np.unique(labels)) != {0.0, 1.0}:
            raise ScriptError("the test labels are not 0 and 1, both at least once; such a test says nothing")
        return binary_metrics(classes, answers.labels, answers.scores)
    if classes.min() < 0 or np.any(classes != labels):
        raise ScriptError("the test labels are not whole numbers from 0; check the task")
    return multiclass_metrics(classes, answers.labels, class_count(answers, classes, known))


def summary(metrics: dict[str, Any]) -> str:
    """The headline figures in one line."""
    ((group, figures),) = metrics.items()
    return ", ".join(f"{name} {figures[name]['value']:.4f}" for name in HEADLINES[group])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts.evaluate", description="Figures and a report of a model.")
    parser.add_argument("--predictions", type=Path, required=True, help="folder of the batch predictions (.out)")
    parser.add_argument("--labels", type=Path, required=True, help="folder of labels.csv")
    parser.add_argument("--features", type=Path, required=True, help="folder of features.csv")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--gates", default="", help="figures and thresholds: accuracy>=0.96,mae<=2")
    parser.add_argument("--message", type=Path, help="file for the exit message")
    options = parser.parse_args(argv)
    return conclude(
        options.message,
        lambda: evaluate(
            options.predictions,
            options.labels,
            options.features,
            options.output,
            task=options.task,
            gates=options.gates,
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
