"""What a feature is worth: a figure of the test rows, and the same figure where the feature says nothing.

Every row gets the feature's mean instead of its own value. The rest of the model stays as it is, so features that say
the same can stand in for each other only as far as the model has learnt to look at both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.features.featurizer import Featurizer
from scripts.features.featurizer_archive import read_featurizer
from scripts.formats.sparse import is_sparse
from scripts.reporting.report_section import Section, number, title
from scripts.scoring.coefficients import Coefficients
from scripts.scoring.figures import single
from scripts.scoring.linear_model import LinearModel, batches

Array = npt.NDArray[Any]

MOST_ROWS: Final = 50_000
_MOST_FEATURES: Final = 20


@dataclass(frozen=True)
class Worth:
    """A feature by its index, and the figure of the rows once it says nothing."""

    feature: int
    without: float


def worth_section(
    found: Coefficients, metric: str, *, features: Path, inspection: Path, labels: Array, classes: int
) -> list[Section]:
    """What the strongest features are worth, those first whose loss moves the figure most."""
    featurizer = read_featurizer(inspection)
    chosen = found.strongest(_MOST_FEATURES)
    try:
        whole, worths = drop_each(
            found.model, chosen, metric, features=features, featurizer=featurizer, labels=labels, classes=classes
        )
    except ScriptError:  # rows that are not this model's: another program converts, or serves
        return []
    shown = title(metric)
    rows = [
        [found.names[worth.feature], number(worth.without), f"{worth.without - whole:+.4g}"]
        for worth in sorted(worths, key=lambda worth: -abs(worth.without - whole))
    ]
    of = f"the first {MOST_ROWS:,} test rows" if len(labels) > MOST_ROWS else "the test rows"
    text = (
        f"The {shown} of {of} is {number(whole)}; here is what is left of it where a feature has its mean in each row."
    )
    return [Section("What each feature is worth", text, {}, [["feature", f"{shown} without it", "change"], *rows])]


def drop_each(
    model: LinearModel,
    chosen: Sequence[int],
    metric: str,
    *,
    features: Path,
    featurizer: Featurizer | None,
    labels: Array,
    classes: int,
) -> tuple[float, list[Worth]]:
    """The figure `metric` of the first rows, and without each of the chosen features. Raises `ScriptError`."""
    margins, values = _read(model, chosen, features, featurizer)
    truth = labels[: len(margins)]

    def figure(of: Array) -> float:
        return single(model.answers(of), truth, model.predictor_type, known=classes)[metric]

    found = []
    for place, feature in enumerate(chosen):
        column = values[:, place].astype(np.float64)
        moved = np.outer(column.mean() - column, model.weight[feature].astype(np.float64))
        found.append(Worth(feature, figure(margins + moved.astype(np.float32))))
    return figure(margins), found


def _read(
    model: LinearModel, chosen: Sequence[int], features: Path, featurizer: Featurizer | None
) -> tuple[Array, Array]:
    """Raw outputs (rows, outputs) and values of the chosen features (rows, chosen) of the first rows."""
    margins, values, count = [], [], 0
    for rows in batches(features, featurizer):
        margins.append(model.margins(rows))
        values.append(rows[:, chosen].toarray() if is_sparse(rows) else rows[:, chosen])
        count += rows.shape[0]
        if count >= MOST_ROWS:
            break
    return np.concatenate(margins), np.concatenate(values)
