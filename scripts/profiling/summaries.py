"""From what was counted to what a survey says: the profile of a column of numbers, and what labels are as classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.features.featurizer import is_number
from scripts.profiling.profiles import ColumnProfile, Labels, Numbers
from scripts.splitting.targets import class_names

_MOST_CLASSES: Final = 20


def column_profile(name: str, kind: str, numbers: Numbers, index: int) -> ColumnProfile:
    """Of the numbers of one column."""
    present = int(numbers.present[index])
    missing = numbers.rows - present
    if not present or not np.isfinite([numbers.low[index], numbers.high[index]]).all():
        return ColumnProfile(name, kind, present, missing)
    return ColumnProfile(
        name,
        kind,
        present,
        missing,
        mean=float(numbers.mean[index]),
        deviation=float(numbers.deviation[index]),
        low=float(numbers.low[index]),
        high=float(numbers.high[index]),
        values=numbers.values(index),
    )


def amounts_of(labels: Labels) -> ColumnProfile | None:
    """The profile of labels that are numbers."""
    return None if labels.numbers is None else column_profile("label", "number", labels.numbers, 0)


def names_of(labels: Labels) -> dict[Any, str]:
    """What each label is called as a class; nothing where they are too many for that."""
    raw = list(labels.counts or ())
    try:
        names = class_names(np.array([*raw, None], object)[:-1], as_numbers=labels.numbers is not None)
    except ScriptError:  # a label is missing, which the problems tell
        return {label: str(label) for label in raw}
    return dict(zip(raw, names.tolist(), strict=True))


def counted(labels: Labels, names: Mapping[Any, str]) -> dict[str, int]:
    """The rows of each class, by its name."""
    counts: Counter[str] = Counter()
    for label, count in (labels.counts or {}).items():
        if label in names:
            counts[names[label]] += count
    return dict(counts)


def classes_of(labels: Labels) -> dict[str, int]:
    """Rows of each class; empty for numbers of which there are many different ones."""
    counts = counted(labels, names_of(labels))
    if len(counts) > _MOST_CLASSES and all(map(is_number, counts)):
        return {}
    return dict(sorted(counts.items(), key=lambda item: item[1]))
