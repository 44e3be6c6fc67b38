"""Labels as linear-learner needs them: 0 and 1, 0 to n-1, or real numbers, from whatever the data calls its classes.

Class names are text; numbers lose a needless fraction first, so that the class 0 is "0" whether the source wrote 0,
0.0 or "0".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.splits import Split
from scripts.tables import Array, Floats

BINARY: Final = "binary_classifier"
MULTICLASS: Final = "multiclass_classifier"
REGRESSOR: Final = "regressor"
TASKS: Final = (BINARY, MULTICLASS, REGRESSOR)

MOST_CLASSES: Final = 1000


@dataclass(frozen=True)
class Targets:
    """Each split's labels in training form, its rows' original class names, and what class each label stands for.

    `classes` are the names of the labels 0, 1, ...; empty for a regressor, whose `names` are empty too.
    """

    labels: dict[str, Floats]
    names: dict[str, Array]
    classes: tuple[str, ...]


def make_targets(task: str, splits: dict[str, Split], positive_class: str) -> Targets:
    """Labels for `task`; `ScriptError` for labels that the task cannot use."""
    if task == REGRESSOR:
        return Targets({name: _real(name, split) for name, split in splits.items()}, {}, ())
    names = {name: class_names(split.labels) for name, split in splits.items()}
    if task == BINARY:
        return _binary(names, str(class_names(np.array([positive_class], object))[0]))
    return _multiclass(names)


def class_names(labels: Array) -> Array:
    """The labels as text, whole numbers without a fraction."""
    numbers = _numbers(labels)
    if numbers is None:
        return np.array([str(label).strip() for label in labels], object)
    known, which = np.unique(numbers, return_inverse=True)
    if not np.isfinite(known).all():
        raise ScriptError("a label is NaN or infinite; fill it in or remove the row")
    return np.array([_number_name(float(value)) for value in known], object)[which]


def _number_name(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _binary(names: dict[str, Array], positive: str) -> Targets:
    classes = _ordered({name for part in names.values() for name in np.unique(part)})
    if positive not in classes:
        raise ScriptError(
            f"no label is the positive class {positive!r}; the labels are {_listed(classes)}: choose one of them"
        )
    labels = {split: (part == positive).astype(np.float32) for split, part in names.items()}
    for split, part in labels.items():
        if part.min() == part.max():
            which = "is" if part[0] else "is not"
            raise ScriptError(
                f"{split}: every label {which} {positive!r}; a binary classifier needs rows of both classes, so "
                "give more data or another positive class"
            )
    others = [name for name in classes if name != positive]
    return Targets(labels, names, (others[0] if len(others) == 1 else f"not {positive}", positive))


def _multiclass(names: dict[str, Array]) -> Targets:
    classes = _ordered(set(np.unique(names["train"])))
    if len(classes) < 3:
        raise ScriptError(
            f"train: {len(classes)} {'class' if len(classes) == 1 else 'classes'} ({_listed(classes)}), where a "
            "multiclass classifier needs at least 3; with 2, use the task binary_classifier"
        )
    if len(classes) > MOST_CLASSES:
        raise ScriptError(
            f"train: {len(classes)} different labels; if they are amounts rather than classes, use the task regressor"
        )
    number = {name: index for index, name in enumerate(classes)}
    labels = {}
    for split, part in names.items():
        known = np.unique(part)
        if strange := [name for name in known if name not in number]:
            raise ScriptError(
                f"{split}: the label {strange[0]!r} is no class of train ({_listed(classes)}); a model cannot learn "
                "it, so add such rows to train or remove these"
            )
        values = np.array([number[name] for name in known], np.float32)
        labels[split] = values[np.searchsorted(known.astype(str), part.astype(str))]
    return Targets(labels, names, tuple(classes))


def _real(name: str, split: Split) -> Floats:
    numbers = _numbers(split.labels)
    if numbers is None:
        strange = next(label for label in split.labels if _numbers(np.array([label], object)) is None)
        raise ScriptError(
            f"{name}: the label {strange!r} is no number, which a regressor needs; choose another label column or task"
        )
    with np.errstate(over="ignore"):
        labels: Floats = numbers.astype(np.float32)
    if not np.isfinite(labels).all():
        bad = numbers[~np.isfinite(labels)][0]
        raise ScriptError(f"{name}: the label {bad} is no finite float32; fill it in or remove the row")
    return labels


def _numbers(labels: Array) -> npt.NDArray[np.float64] | None:
    try:
        return labels.astype(np.float64)
    except (ValueError, TypeError):
        return None


def _ordered(classes: set[Any]) -> list[str]:
    names = [str(name) for name in classes]
    try:
        return sorted(names, key=float)
    except ValueError:
        return sorted(names)


def _listed(classes: list[str]) -> str:
    return ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
