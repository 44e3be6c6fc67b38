"""The plan of the splits: every class in equal shares, each row once, whatever the blocks and files."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.errors import ScriptError
from scripts.profiling.surveyed import FileRows, Survey
from scripts.splitting.split_plan import Plan


def plan_of(files: list[tuple[str, list[str]]], seed: int = 0) -> Plan:
    """Of files of these splits and labels."""
    rows = tuple(
        FileRows(str(number), split, len(labels), Counter(labels)) for number, (split, labels) in enumerate(files)
    )
    names = tuple(sorted({label for _, labels in files for label in labels}))
    survey = Survey(rows, "", {}, None, (), 0, 0, (), treated=False, names=names)
    return Plan.of(survey, seed=seed, task="multiclass_classifier")


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), min_size=10, max_size=100), min_size=1, max_size=3),
    st.integers(1, 30),
    st.integers(0, 2**31),
)
def test_every_row_goes_to_one_split_and_each_class_in_equal_shares(
    files: list[list[str]], block: int, seed: int
) -> None:
    plan = plan_of([("all", labels) for labels in files], seed)
    found: dict[str, Counter[str]] = {}
    for number, labels in enumerate(files):
        starts = plan.starts(number)
        for index, first in enumerate(range(0, len(labels), block)):
            names = np.array(labels[first : first + block], object)
            divided = plan.divided(number, index, names, starts)
            assert sorted(np.concatenate(list(divided.values())).tolist()) == list(range(len(names)))
            for split, rows in divided.items():
                found.setdefault(split, Counter()).update(names[rows].tolist())
    assert {split: dict(counts) for split, counts in found.items()} == plan.counts()
    for label, total in Counter(label for labels in files for label in labels).items():
        for split in ("validation", "test"):
            assert abs(found[split][label] - total / 10) <= 1


def test_missing_validation_is_taken_from_train() -> None:
    labels = ["a", "b", "c", "d"] * 25
    counts = plan_of([("train", labels), ("test", labels)]).counts()
    assert {name: sum(of.values()) for name, of in counts.items()} == {"train": 90, "validation": 10, "test": 100}
    with pytest.raises(ScriptError, match="but no train"):
        plan_of([("test", labels)])
