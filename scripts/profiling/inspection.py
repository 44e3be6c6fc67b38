"""What the data looks like: `inspection.json` with counts and statistics, and pictures for the eye.

Pictures of the examples and of each class's mean are drawn where the features are pixels of a square image; else the
spread of the features is, of many sparse ones that of the most frequent; both of the first rows of train. Statistics
are those of all of train, in the units that the model sees, and come in parts where several instances counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.formats.sparse import is_sparse
from scripts.formats.tables import PIXEL_SCALE, Array, Floats, floats
from scripts.outputs import Outputs
from scripts.profiling.profiles import Moments
from scripts.reporting.pictures import COLUMNS, bars, histograms, image_grid
from scripts.splitting.targets import BINARY

_EXAMPLES: Final = 40
_MOST_NAMED: Final = 12
_LONGEST_NAME: Final = 40
_MOST_BARS: Final = 30
_MOST_HISTOGRAMS: Final = 12
SAMPLE_ROWS: Final = 5000


@dataclass(frozen=True)
class Facts:
    """What is true of all data. `counts` are the rows of each class in each split; amounts are of one class, "".

    `bounds` are the least and the largest amount; `columns` are names, none where the data has none. `sparse` says that
    the data's format leaves out zeros; `side` is that of the images that the rows are, if they are.
    """

    task: str
    seed: int
    files: tuple[str, ...]
    label: str
    classes: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    bounds: tuple[float, float]
    columns: tuple[str, ...]
    width: int
    sparse: bool
    side: int | None


@dataclass(frozen=True)
class FirstRows:
    """The first rows of train, which is shuffled; `names` are their classes, or the amounts. Features may be sparse."""

    features: Any
    labels: Floats
    names: Array


def inspect(outputs: Outputs, folder: Path, facts: Facts, sample: FirstRows) -> None:
    """Write `inspection.json` and its pictures below `folder`."""
    pictures = _pictures(facts, sample)
    for name, data in pictures.items():
        outputs.write(folder / name, data)
    summary: dict[str, Any] = {
        "task": facts.task,
        "seed": facts.seed,
        "files": sorted(set(facts.files)),
        "label": facts.label,
        "classes": list(facts.classes),
        "splits": {name: _split_summary(facts, counts) for name, counts in facts.counts.items()},
        "features": {
            "count": facts.width,
            "names": list(facts.columns),
            "image_side": facts.side,
            "scale": float(PIXEL_SCALE) if sample.features.dtype == np.uint8 else 1.0,
        },
        "pictures": sorted(pictures),
    }
    if facts.task == BINARY:
        summary["positive_class"] = facts.classes[1]
    outputs.write_json(folder / "inspection.json", summary)


def write_statistics(outputs: Outputs, path: Path, features: Moments, labels: Mapping[str, Moments]) -> None:
    """What one instance counted of the features of train, and of labels that are amounts."""
    outputs.write_json(path, {"features": features.dump(), "labels": {key: of.dump() for key, of in labels.items()}})


def read_statistics(folder: Path) -> Moments | None:
    """Those of all instances together; None where there are none, as by a conversion of the reader's own."""
    parts = [json.loads(path.read_bytes())["features"] for path in sorted(folder.glob("statistics*.json"))]
    if not parts:
        return None
    found = Moments.load(parts[0])
    for part in parts[1:]:
        found.include(Moments.load(part))
    return found


def read_image_side(folder: Path) -> int | None:
    """The side of the images that the rows are; None where they are none, or nothing was inspected."""
    path = folder / "inspection.json"
    held = json.loads(path.read_bytes()) if path.exists() else {}
    side: int | None = held.get("features", {}).get("image_side")
    return side


def described(facts: Facts) -> str:
    """One line: where the label is from, how many features there are and their names, rows per split, classes."""
    names = f" ({_shortened(facts.columns)})" if facts.columns else ""
    rows = ", ".join(f"{name} {sum(counts.values())}" for name, counts in facts.counts.items())
    low, high = facts.bounds
    what = f"classes {_shortened(facts.classes)}" if facts.classes else f"values {low:.6g} to {high:.6g}"
    return f"label {facts.label}; {facts.width} feature{'s' * (facts.width != 1)}{names}; rows: {rows}; {what}"


def _shortened(names: Sequence[str]) -> str:
    """Names as far as a line takes them: the first ones and the last."""
    shown = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…" for name in names]
    if len(shown) > _MOST_NAMED:
        shown = [*shown[: _MOST_NAMED - 1], "...", shown[-1]]
    return ", ".join(shown)


def _split_summary(facts: Facts, counts: Mapping[str, int]) -> dict[str, Any]:
    summary: dict[str, Any] = {"rows": sum(counts.values())}
    if len(facts.classes) == 2:
        summary["positive_rows"] = counts.get(facts.classes[1], 0)
    if facts.classes:
        summary["labels"] = {key: counts[key] for key in sorted(counts, key=_number_first)}
    return summary


def _pictures(facts: Facts, sample: FirstRows) -> dict[str, bytes]:
    side = facts.side
    pictures = {"classes.png": _class_picture(facts, sample)}
    if side is None:
        pictures["features.png"] = _spread(facts, sample.features)
    elif facts.classes:
        pictures["digits.png"] = _examples(sample, side)
        pictures["mean.png"] = _means(sample, sample.names, side)
    else:
        images = floats(sample.features[:_EXAMPLES]).reshape(-1, side, side)
        captions = [f"{label:.4g}" for label in sample.labels[:_EXAMPLES]]
        pictures["digits.png"] = image_grid([("", images, captions)], title="Examples of train")
        pictures["mean.png"] = _means(sample, np.full(len(sample.labels), "all", object), side)
    return pictures


def _class_picture(facts: Facts, sample: FirstRows) -> bytes:
    if not facts.classes:
        return histograms(sample.labels[:, None], [""], title="Labels of train", x="label")
    totals: Counter[str] = Counter()
    for counts in facts.counts.values():
        totals.update(counts)
    shown = sorted(sorted(totals, key=lambda key: -totals[key])[:_MOST_BARS], key=_number_first)
    series = [(name, [counts.get(key, 0) for key in shown]) for name, counts in facts.counts.items()]
    what = "each class" if len(shown) == len(totals) else f"the {len(shown)} most frequent of {len(totals)} classes"
    return bars(shown, series, title=f"Rows of {what}", y="rows")


def _spread(facts: Facts, features: Any) -> bytes:
    """How values of some features spread: of the first ones, or of those of sparse data that are most often not 0."""
    count = min(_MOST_HISTOGRAMS, facts.width)
    if count == facts.width:
        columns, what = list(range(count)), "Features of train"
    elif facts.sparse:
        columns, what = _frequent(features, count), f"The {count} of {facts.width:,} features of train most often not 0"
    else:
        columns, what = list(range(count)), f"The first {count} of {facts.width:,} features of train"
    shown = features[:, columns]
    rows = sum(facts.counts["train"].values())
    if shown.shape[0] < rows:
        what += f", {shown.shape[0]:,} of {rows:,} rows"
    titles = [facts.columns[column] if facts.columns else f"feature {column + 1}" for column in columns]
    return histograms(floats(shown.toarray() if is_sparse(shown) else shown), titles, title=what)


def _frequent(features: Any, count: int) -> list[int]:
    """The columns that are not 0 in most rows, the most frequent first."""
    often = features.getnnz(axis=0) if is_sparse(features) else np.count_nonzero(features, axis=0)
    columns: list[int] = np.argsort(-often, kind="stable")[:count].tolist()
    return columns


def _examples(sample: FirstRows, side: int) -> bytes:
    """So many rows of each class as there is room for."""
    names = sample.names.astype(str)
    known = sorted(np.unique(names).tolist(), key=_number_first)[:_EXAMPLES]
    each = max(1, _EXAMPLES // len(known))
    rows = [row for name in known for row in np.flatnonzero(names == name)[:each].tolist()]
    if len(known) == COLUMNS:  # a column for each class
        rows = [row for turn in range(each) for row in rows[turn::each]] if len(rows) == each * len(known) else rows
    shown = floats(sample.features[rows]).reshape(-1, side, side)
    return image_grid([("", shown, [str(names[row]) for row in rows])], title="Examples of train")


def _means(sample: FirstRows, names: npt.NDArray[Any], side: int) -> bytes:
    """The mean image of each class, at most as many as the grid of examples."""
    known, which = np.unique(names.astype(str), return_inverse=True)
    features = floats(sample.features)
    sums = np.stack([features[which == index].sum(axis=0) for index in range(len(known))])
    counts = np.bincount(which)
    order = sorted(range(len(known)), key=lambda index: _number_first(str(known[index])))[:_EXAMPLES]
    means: Floats = (sums / counts[:, None]).reshape(-1, side, side)[order].astype(np.float32)
    overall = (sums.sum(axis=0) / counts.sum()).reshape(1, side, side).astype(np.float32)
    groups = [("each class", means, [f"{known[index]} ({counts[index]:,})" for index in order])]
    if len(known) == 1:
        groups = []
    return image_grid([*groups, ("all rows", overall, [f"{len(names):,} rows"])], title="Mean image of train")


def _number_first(name: str) -> tuple[float, str]:
    try:
        return float(name), ""
    except ValueError:
        return float("inf"), name
