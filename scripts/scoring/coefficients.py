"""What a linear model looks at: its coefficients, sorted by what they do, in the words of the data.

A coefficient times the feature's standard deviation in train is what an ordinary difference in that feature adds to the
score's argument: the log-odds of a classifier, the amount of a regression. Pixels are shown as a picture instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.features.featurizer import Featurizer
from scripts.profiling.inspection import read_statistics
from scripts.reporting.report_section import Section
from scripts.reporting.weights_chart import coefficient_bars, coefficient_map, weight_grid
from scripts.scoring.linear_model import LinearModel, read_model
from scripts.splitting.classes import shown_names
from scripts.splitting.targets import MULTICLASS, REGRESSOR

Array = npt.NDArray[Any]

_LISTED: Final = 30
_DRAWN: Final = 20
_BESIDE: Final = 5
_EACH_WAY: Final = 3


@dataclass(frozen=True)
class Coefficients:
    """Weights (features, outputs), the features' names and, where they are known, their deviations in train."""

    weights: Array
    names: tuple[str, ...]
    deviations: Array | None
    model: LinearModel

    @property
    def kind(self) -> str:
        """What the model predicts."""
        return self.model.predictor_type

    @property
    def effects(self) -> Array:
        """What one standard deviation more adds, (features, outputs); per unit where deviations are not known.

        Adding the same to every class changes no answer of a softmax, so each feature's mean over classes is taken off.
        """
        weights = self.weights - self.weights.mean(axis=1, keepdims=True) if self.kind == MULTICLASS else self.weights
        return weights if self.deviations is None else weights * self.deviations[:, None]

    def strongest(self, count: int) -> list[int]:
        """The features with the largest effects, the largest first."""
        order = np.argsort(-np.abs(self.effects).max(axis=1), kind="stable")
        return [int(index) for index in order[:count]]

    def beside(self, featurizer: Featurizer | None = None) -> list[tuple[int, str]]:
        """The features whose values explain a row best, or the columns that they are made of; each with its place."""
        strongest = self.strongest(len(self.names))
        if featurizer is None:
            return [(index, self.names[index]) for index in strongest[:_BESIDE]]
        made_of = [place for place, column in enumerate(featurizer.columns) for _ in column.features]
        places = list(dict.fromkeys(made_of[index] for index in strongest))[:_BESIDE]
        return [(place, featurizer.columns[place].name) for place in places]


def read_coefficients(model: Path, inspection: Path) -> Coefficients | None:
    """Those of the artefact in the folder `model`, named by the inspection; None where it is another algorithm's."""
    archives = sorted(model.glob("*.tar.gz"))
    if not archives:
        return None
    try:
        found = read_model(archives[0].read_bytes())
    except ScriptError:
        return None
    features = json.loads((inspection / "inspection.json").read_text(encoding="utf-8"))["features"]
    counted = read_statistics(inspection)
    return _named(found, features["names"], None if counted is None else counted.deviation)


def _named(model: LinearModel, columns: Sequence[str], deviations: Array | None) -> Coefficients:
    weights = model.weight.astype(np.float64)
    names = columns or [f"feature {index + 1}" for index in range(len(weights))]
    if len(names) != len(weights):
        raise ScriptError(
            f"the model has {len(weights)} coefficients for {len(names)} features; convert the data again"
        )
    return Coefficients(weights, tuple(names), deviations, model)


def coefficient_section(
    found: Coefficients, classes: Sequence[str], mean: bytes | None = None, side: int | None = None
) -> Section:
    """The section of the report; `side` is that of the images that rows are, if they are, `mean` each class's mean."""
    if side is not None:
        return _pixels(found, classes, side, mean)
    per = "a standard deviation" if found.deviations is not None else "a unit"
    drawn = found.strongest(_DRAWN)
    names = [found.names[index] for index in drawn]
    if found.kind == MULTICLASS:
        shown = shown_names(classes, found.weights.shape[1])
        return Section(
            "What the model looks at",
            f"What {per} more of a feature adds to a class's score, beyond what it adds to all classes.",
            {"coefficients.png": coefficient_map(names, shown, found.effects[drawn])},
            [["class", "speaks for it", "speaks against it"], *_by_class(found, shown)],
        )
    adds = "the prediction" if found.kind == REGRESSOR else f"the log-odds of {shown_names(classes, 2)[1]!r}"
    return Section(
        "What the model looks at",
        f"What {per} more of a feature adds to {adds}, all else equal. Features that go together share their effect.",
        {"coefficients.png": coefficient_bars(names, found.effects[drawn, 0], x=f"adds per {per.partition(' ')[2]}")},
        _table(found),
    )


def _table(found: Coefficients) -> list[list[str]]:
    head, rows = ["feature", "per unit"], found.strongest(_LISTED)
    if found.deviations is None:
        return [head, *([found.names[row], f"{found.weights[row, 0]:+.4g}"] for row in rows)]
    return [
        [*head, "deviation", "per deviation"],
        *(
            [
                found.names[row],
                f"{found.weights[row, 0]:+.4g}",
                f"{found.deviations[row]:.4g}",
                f"{found.effects[row, 0]:+.4g}",
            ]
            for row in rows
        ),
    ]


def _by_class(found: Coefficients, shown: Sequence[str]) -> list[list[str]]:
    rows = []
    for index, name in enumerate(shown):
        effects = found.effects[:, index]
        order = np.argsort(-effects, kind="stable").tolist()
        ways = [[row for row in order if effects[row] > 0], [row for row in reversed(order) if effects[row] < 0]]
        told = [", ".join(f"{found.names[row]} {effects[row]:+.3g}" for row in way[:_EACH_WAY]) for way in ways]
        rows.append([name, *told])
    return rows


def _pixels(found: Coefficients, classes: Sequence[str], side: int, mean: bytes | None) -> Section:
    images = found.effects.T.reshape(-1, side, side)
    captions = shown_names(classes, len(images)) if found.kind == MULTICLASS else [""]
    pictures = {"weights.png": weight_grid(images, captions, title="What each pixel adds")}
    if mean is not None:
        pictures["mean.png"] = mean
    return Section(
        "What the model looks at",
        "Ink on a blue pixel speaks for the class, ink on an orange one against it, by as much as it usually differs.",
        pictures,
    )
