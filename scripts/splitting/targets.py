"""Labels as linear-learner needs them: 0 and 1, 0 to n-1, or real numbers, from whatever the data calls its classes.

Class names are text; numbers lose a needless fraction first, so that the class 0 is "0" whether the source wrote 0,
0.0 or "0".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.formats.tables import Array, Floats

BINARY: Final = "binary_classifier"
MULTICLASS: Final = "multiclass_classifier"
REGRESSOR: Final = "regressor"
TASKS: Final = (BINARY, MULTICLASS, REGRESSOR)

MOST_CLASSES: Final = 1000


@dataclass(frozen=True)
class Wanted:
    """What a classifier's labels mean: the number of each class name, and what the labels 0, 1, ... are called."""

    numbers: dict[str, int]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, task: str, counts: Mapping[str, Mapping[str, int]], positive_class: str) -> Wanted:
        """From the rows of each class in each split; `ScriptError` for classes that the task cannot use."""
        if task == BINARY:
            return cls(*_binary(counts, str(class_names(np.array([positive_class], object))[0])))
        return cls(*_multiclass(counts))

    def labels(self, names: Array) -> Floats:
        """The labels of rows of these classes."""
        return np.array([self.numbers[name] for name in names.tolist()], np.float32)


def class_names(labels: Array, *, as_numbers: bool = True) -> Array:
    """The labels as text, whole numbers without a fraction; or as they are, where others beside them are no numbers."""
    numbers = _numbers(labels) if as_numbers else None
    if numbers is None:
        return np.array([str(label).strip() for label in labels], object)
    known, which = np.unique(numbers, return_inverse=True)
    if not np.isfinite(known).all():
        raise ScriptError("a label is NaN or infinite; fill it in or remove the row")
    return np.array([_number_name(float(value)) for value in known], object)[which]


def _number_name(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _binary(counts: Mapping[str, Mapping[str, int]], positive: str) -> tuple[dict[str, int], tuple[str, ...]]:
    classes = in_order({name for part in counts.values() for name in part})
    if positive not in classes:
        raise ScriptError(
            f"no label is the positive class {positive!r}; the labels are {_listed(classes)}: choose one of them"
        )
    for split, part in counts.items():
        if positive not in part or len(part) == 1:
            which = "is" if positive in part else "is not"
            raise ScriptError(
                f"{split}: every label {which} {positive!r}; a binary classifier needs rows of both classes, so "
                "give more data or another positive class"
            )
    others = [name for name in classes if name != positive]
    called = others[0] if len(others) == 1 else f"not {positive}"
    return {name: int(name == positive) for name in classes}, (called, positive)


def _multiclass(counts: Mapping[str, Mapping[str, int]]) -> tuple[dict[str, int], tuple[str, ...]]:
    classes = in_order(set(counts["train"]))
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
    for split, part in counts.items():
        if strange := [name for name in part if name not in number]:
            raise ScriptError(
                f"{split}: the label {strange[0]!r} is no class of train ({_listed(classes)}); a model cannot learn "
                "it, so add such rows to train or remove these"
            )
    return number, tuple(classes)


def real_labels(name: str, labels: Array) -> Floats:
    """Labels of a split as amounts; `ScriptError` for those that are none."""
    numbers = _numbers(labels)
    if numbers is None:
        strange = next(label for label in labels if _numbers(np.array([label], object)) is None)
        raise ScriptError(
            f"{name}: the label {strange!r} is no number, which a regressor needs; choose another label column or task"
        )
    with np.errstate(over="ignore"):
        amounts: Floats = numbers.astype(np.float32)
    if not np.isfinite(amounts).all():
        bad = numbers[~np.isfinite(amounts)][0]
        raise ScriptError(f"{name}: the label {bad} is no finite float32; fill it in or remove the row")
    return amounts


def _numbers(labels: Array) -> npt.NDArray[np.float64] | None:
    try:
        return labels.astype(np.float64)
    except (ValueError, TypeError):
        return None


def in_order(classes: Iterable[Any]) -> list[str]:
    """The names of classes: numbers by their value, others by the alphabet."""
    names = [str(name) for name in classes]
    try:
        return sorted(names, key=float)
    except ValueError:
        return sorted(names)


def _listed(classes: list[str]) -> str:
    return ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
