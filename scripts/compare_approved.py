"""CompareApproved: the new model against the version of its group approved last, figure by figure, on the same rows.

The approved model predicts the test rows too, from its registered artefact; where it cannot, its registered figures
stand in for it, and the result says so. A paired test tells whether the two differ beyond noise. It judges nothing: the
gate reads `regression.value`, the share by which the worst gated figure fell behind.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.endpoints.endpoint import reason_of
from scripts.endpoints.registry import Registry, Version, open_registry
from scripts.errors import ScriptError, conclude, end
from scripts.features.featurizer_archive import fitted
from scripts.outputs import Outputs
from scripts.scoring.figures import compute
from scripts.scoring.gates import Gate, compare
from scripts.scoring.linear_model import read_model
from scripts.scoring.paired import PairedTest, paired_test
from scripts.scoring.predictions import Answers, aligned, read_answers, read_labels
from scripts.splitting.classes import read_classes
from scripts.splitting.targets import TASKS

FILE: Final = "comparison.json"
SAME_ROWS: Final = "the same test rows"
REGISTERED: Final = "its registered figures"
_DIGITS: Final = 6
"""Differences below this many decimals come from rounding, not from the models."""


@dataclass(frozen=True)
class Approved:
    """The approved version as far as it can be held against: its figures and, on the same rows, its answers."""

    version: Version
    figures: Mapping[str, Any]
    answers: Answers | None
    note: str = ""


@dataclass(frozen=True)
class Pair:
    """One gated figure of both models."""

    gate: Gate
    approved: float

    @property
    def regression(self) -> float:
        """By what share of the approved figure the new one is worse; below 0 where it is better."""
        worse = self.approved - self.gate.value if self.gate.side == ">=" else self.gate.value - self.approved
        return round(worse / (abs(self.approved) or 1.0), _DIGITS)

    def __str__(self) -> str:
        short = [f"{value:.6g}" for value in (self.gate.value, self.approved)]
        shown = short if short[0] != short[1] else [repr(self.gate.value), repr(self.approved)]
        if self.gate.value == self.approved:
            shown = short
        return f"{self.gate.metric.replace('_', ' ')} {shown[0]} (approved {shown[1]})"


def compare_approved(
    registry: Registry,
    group: str,
    *,
    predictions: Path,
    labels: Path,
    features: Path,
    output: Path,
    task: str,
    gates: str,
    limit: float,
) -> str:
    """Write `comparison.json` into `output`; a one-line summary."""
    answers, truth, classes = read_answers(predictions, task), read_labels(labels), read_classes(labels)
    aligned(answers, truth)
    (figures,) = compute(answers, truth, task, known=len(classes)).values()
    gated = compare(gates, figures)
    version = registry.approved(group)
    if version is None:
        document = _nothing(f"The group {group} has no approved version, so there is nothing to hold this one against.")
    else:
        approved = _approved(registry, version, features, truth, task, len(classes))
        pairs = [Pair(gate, float(approved.figures[gate.metric]["value"])) for gate in gated]
        test = paired_test(answers, approved.answers, truth) if approved.answers else None
        document = _compared(approved, pairs, test, limit)
    with Outputs() as outputs:
        outputs.write_json(output / FILE, document)
    return str(document["verdict"]["value"])


def _approved(
    registry: Registry, version: Version, features: Path, truth: npt.NDArray[np.float64], task: str, known: int
) -> Approved:
    """The figures of the approved version. Raises `ScriptError` where there are none to be had in either way."""
    if (other := version.properties.get("Task", task)) != task:
        raise ScriptError(f"{_named(version)} is a {other}, this model a {task}: register them in groups of their own")
    try:
        answers = _predict(registry, version, features, task)
        aligned(answers, truth)
        (figures,) = compute(answers, truth, task, known=known).values()
    except ScriptError as error:
        note = f"it did not predict the test rows: {error}"
    else:
        return Approved(version, figures, answers)
    try:
        return Approved(version, registry.figures(version), None, note)
    except ScriptError as error:
        raise ScriptError(
            f"{_named(version)} cannot be held against: {note}; {error}; approve a version that is whole, or leave "
            "MaxRegression off"
        ) from None


def _predict(registry: Registry, version: Version, features: Path, task: str) -> Answers:
    if not 1 <= len(version.artifacts) <= 2:
        raise ScriptError(f"it is made of {len(version.artifacts)} containers")
    *before, last = version.artifacts
    featurizer = fitted(registry.read(before[0])) if before else None
    model = read_model(registry.read(last))
    if model.predictor_type != task:
        raise ScriptError(f"it is a {model.predictor_type}")
    return model.predict(features, featurizer)


def _nothing(note: str) -> dict[str, Any]:
    return {"regression": {"value": 0.0}, "verdict": {"value": note}, "approved": None, "figures": {}, "test": None}


def _compared(approved: Approved, pairs: Sequence[Pair], test: PairedTest | None, limit: float) -> dict[str, Any]:
    worst = max((pair.regression for pair in pairs), default=0.0)
    basis = SAME_ROWS if approved.answers else REGISTERED
    return {
        "regression": {"value": worst},
        "verdict": {"value": _verdict(approved, pairs, test, limit, basis)},
        "approved": {"arn": approved.version.arn, "version": approved.version.number},
        "basis": basis,
        "note": approved.note,
        "figures": {
            pair.gate.metric: {"value": pair.gate.value, "approved": pair.approved, "regression": pair.regression}
            for pair in pairs
        },
        "test": vars(test) | {"noise": test.noise} if test else None,
    }


def _verdict(approved: Approved, pairs: Sequence[Pair], test: PairedTest | None, limit: float, basis: str) -> str:
    worse = [pair for pair in pairs if pair.regression > limit]
    rest = [pair for pair in pairs if pair.regression <= limit]
    allowed = "" if limit == 0 else f" by more than {100 * limit:g} %"
    parts = [f"Against {_named(approved.version)}, by {basis}:"]
    if worse:
        parts.append(f"worse{allowed}: {', '.join(map(str, worse))}.")
    if rest:
        parts.append(f"not worse{allowed}: {', '.join(map(str, rest))}.")
    if test:
        parts.append(f"{test}.")
    if approved.note:
        parts.append(f"Note: {approved.note}.")
    return " ".join(parts)


def _named(version: Version) -> str:
    return f"approved version {version.number}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts.compare_approved", description="A model against the approved one.")
    parser.add_argument("--group", required=True, help="the model package group")
    parser.add_argument("--predictions", type=Path, required=True, help="folder of the batch predictions (.out)")
    parser.add_argument("--labels", type=Path, required=True, help="folder of labels.csv")
    parser.add_argument("--features", type=Path, required=True, help="folder of features.csv")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--gates", required=True, help="the gated figures: accuracy>=0.96,mae<=2")
    parser.add_argument("--max-regression", type=float, default=0.0, help="the share that a figure may be worse by")
    parser.add_argument("--message", type=Path, help="file for the exit message")
    options = parser.parse_args(argv)

    def work() -> str:
        with reason_of(f"model package group {options.group}"):
            return compare_approved(
                open_registry(),
                options.group,
                predictions=options.predictions,
                labels=options.labels,
                features=options.features,
                output=options.output,
                task=options.task,
                gates=options.gates,
                limit=options.max_regression,
            )

    return conclude(options.message, work)


if __name__ == "__main__":
    end(main())
