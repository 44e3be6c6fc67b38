"""Jobs that ran on AWS: what their logs printed, and the rows that they were sent, in their order.

The rows are those of the bike sharing data set of the UCI repository (Fanaee-T and Gama, CC BY 4.0), and sightings of
unknown flying objects by place, shape, weather and witnesses, with nothing of who saw them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.linear_learner import Outcome

GOLDEN = Path(__file__).parents[1] / "golden/linear_learner"
NAMES = ("bike13", "bike15", "ufo")
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def printed(name: str) -> dict[str, Any]:
    """What the log of a job said: hyperparameters, winner, figures, and the losses of every model in the last epoch."""
    found: dict[str, Any] = json.loads((GOLDEN / "real_jobs.json").read_text())[name]
    return found


def rows(name: str) -> dict[str, tuple[Floats, Floats]]:
    """The channels of a job."""
    if name == "ufo":
        return _sightings(printed(name)["train_rows"])
    bike = np.load(GOLDEN / "bike.npz")
    return {"train": (bike["train"][:, : printed(name)["features"]], bike["train_labels"])}


def _sightings(train_rows: int) -> dict[str, tuple[Floats, Floats]]:
    packed = np.load(GOLDEN / "ufo.npz")
    labels = packed["labels"].astype(np.float32)
    flags = np.unpackbits(packed["flags"], axis=0, count=len(labels))
    places = packed["places"][:, packed["place"]]
    features = np.column_stack([packed["counts"].T, places.T, flags]).astype(np.float32)
    parts = {"train": slice(train_rows), "validation": slice(train_rows, None)}
    return {name: (features[part], labels[part]) for name, part in parts.items()}


def losses(outcome: Outcome, metric: str) -> Doubles:
    """The objective of a channel by epoch and model."""
    found: dict[int, list[float]] = {}
    for line in outcome.log.splitlines():
        if line.startswith("#metrics ") and metric in line:
            document = json.loads(line[9:])
            found.setdefault(document["Dimensions"]["epoch"], []).append(document["Metrics"][metric]["sum"])
    return np.array([found[epoch] for epoch in sorted(found)])


def winner(outcome: Outcome) -> dict[str, Any]:
    """The settings of the best model."""
    line = next(line for line in outcome.log.splitlines() if "Best model found" in line)
    found: dict[str, Any] = json.loads(line.split("hyperparameters: ")[1])
    return found
