"""What the data looks like: `inspection.json` with counts and statistics, and pictures for the eye.

Pictures of the examples and of each class's mean are drawn where the features form a square image; otherwise the
spread of the features is. Statistics are those of train, in the units that the model sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.outputs import Outputs
from scripts.pictures import COLUMNS, bars, histograms, image_grid, image_side
from scripts.splits import Split
from scripts.tables import PIXEL_SCALE, Floats, Table, floats
from scripts.targets import BINARY, Targets

_EXAMPLES: Final = 40
_MOST_LISTED: Final = 100
_MOST_MEASURED: Final = 10_000
_MOST_NAMED: Final = 12
_LONGEST_NAME: Final = 40
_MOST_BARS: Final = 30
_MOST_HISTOGRAMS: Final = 12
_SAMPLE_ROWS: Final = 5000


def inspect(
    outputs: Outputs,
    folder: Path,
    splits: dict[str, Split],
    targets: Targets,
    *,
    task: str,
    tables: dict[str, list[Table]],
    seed: int,
) -> None:
    """Write `inspection.json` and its pictures below `folder`."""
    train = splits["train"]
    first = next(iter(tables.values()))[0]
    columns = first.columns
    pictures = _pictures(splits, targets, columns)
    for name, data in pictures.items():
        outputs.write(folder / name, data)
    pixels = train.features.dtype == np.uint8
    summary: dict[str, Any] = {
        "task": task,
        "seed": seed,
        "files": sorted({table.file for part in tables.values() for table in part}),
        "label": first.label,
        "classes": list(targets.classes),
        "splits": {name: _split_summary(name, split, targets) for name, split in splits.items()},
        "features": {
            "count": int(train.features.shape[1]),
            "names": list(columns),
            "image_side": image_side(train.features.shape[1]),
            "scale": float(PIXEL_SCALE) if pixels else 1.0,
            **_statistics(train, columns),
        },
        "pictures": sorted(pictures),
    }
    if task == BINARY:
        summary["positive_class"] = targets.classes[1]
    outputs.write_json(folder / "inspection.json", summary)


def described(splits: dict[str, Split], targets: Targets, tables: dict[str, list[Table]]) -> str:
    """One line: where the label is from, how many features there are and their names, rows per split, classes."""
    train, table = splits["train"], next(iter(tables.values()))[0]
    width = train.features.shape[1]
    names = f" ({_shortened(table.columns)})" if table.columns else ""
    rows = ", ".join(f"{name} {len(split)}" for name, split in splits.items())
    if targets.classes:
        what = f"classes {_shortened(targets.classes)}"
    else:
        low, high = (float(bound(targets.labels["train"])) for bound in (np.min, np.max))
        what = f"values {low:.6g} to {high:.6g}"
    return f"label {table.label}; {width} feature{'s' * (width != 1)}{names}; rows: {rows}; {what}"


def _shortened(names: Sequence[str]) -> str:
    """Names as far as a line takes them: the first ones and the last."""
    shown = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…" for name in names]
    if len(shown) > _MOST_NAMED:
        shown = [*shown[: _MOST_NAMED - 1], "...", shown[-1]]
    return ", ".join(shown)


def _split_summary(name: str, split: Split, targets: Targets) -> dict[str, Any]:
    labels = targets.labels[name].astype(np.float64)
    summary: dict[str, Any] = {"rows": len(split)}
    if targets.classes:
        if len(targets.classes) == 2:
            summary["positive_rows"] = int((labels == 1).sum())
        known, counts = np.unique(targets.names[name].astype(str), return_counts=True)
        found = dict(zip(known.tolist(), counts.tolist(), strict=True))
        return summary | {"labels": {key: found[key] for key in sorted(found, key=_number_first)}}
    names = ("min", "mean", "median", "max", "std")
    values = (labels.min(), labels.mean(), np.median(labels), labels.max(), labels.std())
    return summary | {"label": dict(zip(names, map(float, values), strict=True))}


def _statistics(train: Split, columns: tuple[str, ...]) -> dict[str, Any]:
    """Over all features together, and for each where they are few. Sums are of doubles, one chunk at a time."""
    width = train.features.shape[1]
    total, squares, zeros = np.zeros(width), np.zeros(width), np.zeros(width, np.int64)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for _, part in train.chunks():
        total += part.sum(axis=0, dtype=np.float64)
        squares += np.einsum("ij,ij->j", part, part, dtype=np.float64)
        zeros += len(part) - np.count_nonzero(part, axis=0)
        low, high = np.minimum(low, part.min(axis=0)), np.maximum(high, part.max(axis=0))
    rows = len(train)
    mean = total / rows
    deviation = np.sqrt(np.maximum(squares / rows - mean**2, 0))
    found: dict[str, Any] = {
        "min": float(low.min()),
        "max": float(high.max()),
        "mean": float(mean.mean()),
        "std": float(np.sqrt(max(squares.sum() / (rows * width) - mean.mean() ** 2, 0))),
        "zero_share": float(zeros.sum() / (rows * width)),
        "constant": int((low == high).sum()),
    }
    if width <= _MOST_MEASURED:
        found["deviations"] = [float(f"{value:.6g}") for value in deviation]
    if width <= _MOST_LISTED:
        found["each"] = [
            {
                "name": columns[index] if columns else f"feature {index + 1}",
                "min": float(low[index]),
                "max": float(high[index]),
                "mean": float(mean[index]),
                "std": float(deviation[index]),
                "zero_share": float(zeros[index] / rows),
            }
            for index in range(width)
        ]
    return found


def _pictures(splits: dict[str, Split], targets: Targets, columns: tuple[str, ...]) -> dict[str, bytes]:
    train = splits["train"]
    side = image_side(train.features.shape[1])
    pictures = {"classes.png": _class_picture(splits, targets)}
    names = targets.names.get("train")
    if side is None:
        sample = floats(train.features[train.rows[:_SAMPLE_ROWS]])[:, :_MOST_HISTOGRAMS]
        what = _part("features", sample.shape[1], train.features.shape[1]) + " of train"
        if len(sample) < len(train):
            what += f", {len(sample):,} of {len(train):,} rows"
        titles = [columns[i] if columns else f"feature {i + 1}" for i in range(sample.shape[1])]
        pictures["features.png"] = histograms(sample, titles, title=what)
    elif names is not None:
        pictures["digits.png"] = _examples(train, names, side)
        pictures["mean.png"] = _means(train, names, side)
    else:
        shown = floats(train.features[train.rows[:_EXAMPLES]]).reshape(-1, side, side)
        captions = [f"{label:.4g}" for label in targets.labels["train"][:_EXAMPLES]]
        pictures["digits.png"] = image_grid([("", shown, captions)], title="Examples of train")
        pictures["mean.png"] = _means(train, np.full(len(train), "all", object), side)
    return pictures


def _class_picture(splits: dict[str, Split], targets: Targets) -> bytes:
    if not targets.names:
        labels = np.concatenate([targets.labels[name] for name in splits])
        return histograms(labels[:, None], [""], title="Labels of all splits", x="label")
    counted = {name: np.unique(part.astype(str), return_counts=True) for name, part in targets.names.items()}
    totals: dict[str, int] = {}
    for known, counts in counted.values():
        for key, count in zip(known.tolist(), counts.tolist(), strict=True):
            totals[key] = totals.get(key, 0) + count
    shown = sorted(sorted(totals, key=lambda key: -totals[key])[:_MOST_BARS], key=_number_first)
    series = []
    for name, (known, counts) in counted.items():
        count_of = dict(zip(known.tolist(), counts.tolist(), strict=True))
        series.append((name, [count_of.get(key, 0) for key in shown]))
    what = "each class" if len(shown) == len(totals) else f"the {len(shown)} most frequent of {len(totals)} classes"
    return bars(shown, series, title=f"Rows of {what}", y="rows")


def _part(what: str, shown: int, there: int) -> str:
    return what.capitalize() if shown == there else f"The first {shown} of {there:,} {what}"


def _examples(train: Split, names: npt.NDArray[Any], side: int) -> bytes:
    """The first rows of train, which is shuffled, so many of each class as there is room for."""
    known = sorted(np.unique(names.astype(str)).tolist(), key=_number_first)[:_EXAMPLES]
    each = max(1, _EXAMPLES // len(known))
    rows = [row for name in known for row in np.flatnonzero(names == name)[:each].tolist()]
    if len(known) == COLUMNS:  # a column for each class
        rows = [row for turn in range(each) for row in rows[turn::each]] if len(rows) == each * len(known) else rows
    shown = floats(train.features[train.rows[rows]]).reshape(-1, side, side)
    return image_grid([("", shown, [str(names[row]) for row in rows])], title="Examples of train")


def _means(train: Split, names: npt.NDArray[Any], side: int) -> bytes:
    """The mean image of each class, at most as many as the grid of examples."""
    known, which = np.unique(names.astype(str), return_inverse=True)
    sums = np.zeros((len(known), side * side))
    for rows, part in train.chunks():
        members = np.zeros((len(known), len(part)), np.float32)
        members[which[rows], np.arange(len(part))] = 1
        sums += members @ part
    counts = np.bincount(which)
    order = sorted(range(len(known)), key=lambda index: _number_first(str(known[index])))[:_EXAMPLES]
    means: Floats = (sums / counts[:, None]).reshape(-1, side, side)[order].astype(np.float32)
    overall = (sums.sum(axis=0) / counts.sum()).reshape(1, side, side).astype(np.float32)
    groups = [("each class", means, [f"{known[index]} ({counts[index]:,})" for index in order])]
    if len(known) == 1:
        groups = []
    return image_grid([*groups, ("all rows", overall, [f"{len(train):,} rows"])], title="Mean image of train")


def _number_first(name: str) -> tuple[float, str]:
    try:
        return float(name), ""
    except ValueError:
        return float("inf"), name
