"""Drift: no more false alarms than promised, and what drifts is found; p-values are held to their own distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scripts.monitoring import drift
from scripts.monitoring.drift import (
    ColumnPair,
    DriftBounds,
    Values,
    alarms,
    benjamini_hochberg,
    beyond_p,
    compare,
    population_stability,
)

STRICT = DriftBounds(psi=0, distance=0, share=0)
"""Every difference is large enough: what is left is chance alone."""


def table(random: np.random.Generator, rows: int) -> dict[str, Values]:
    """Columns of every kind: smooth, skewed, whole, mostly zero, with gaps, categories with a long tail."""
    gaps = random.normal(size=rows)
    gaps[random.random(rows) < 0.1] = np.nan
    halves = np.array(["x", "y"], object)[random.integers(0, 2, rows)]
    halves[random.random(rows) < 0.3] = None
    return {
        "normal": random.normal(size=rows),
        "skewed": random.lognormal(size=rows),
        "flag": random.integers(0, 2, rows).astype(float),
        "mostly zero": np.where(random.random(rows) < 0.9, 0.0, random.random(rows)),
        "gaps": gaps,
        "tail": np.minimum(random.zipf(1.6, rows), 500).astype(str).astype(object),
        "halves": halves,
    }


def found(before: dict[str, Values], now: dict[str, Values], bounds: DriftBounds) -> set[str]:
    compared = [compare(ColumnPair(name, before[name], now[name]), bounds) for name in before]
    return {check.column for check in alarms(compared)}


@pytest.mark.long
def test_of_two_hundred_watches_of_unchanged_data_fewer_than_five_in_a_hundred_raise_an_alarm() -> None:
    random = np.random.default_rng(20261129)
    raised = sum(bool(found(table(random, 300), table(random, 200), STRICT)) for _ in range(200))
    assert raised < 10


@pytest.mark.parametrize("column", ["normal", "skewed", "flag", "mostly zero", "gaps", "tail", "halves"])
def test_the_one_column_that_drifts_is_found_and_named(column: str) -> None:
    random = np.random.default_rng(7)
    before, now = table(random, 500), table(random, 500)
    if now[column].dtype.kind == "f":
        now[column] = np.where(random.random(500) < 0.4, now[column] + 2.5, now[column])
    else:
        now[column][random.random(500) < 0.3] = "new"
    assert found(before, now, DriftBounds()) == {column}


def test_what_is_significant_but_small_raises_no_alarm() -> None:
    random = np.random.default_rng(1)
    column = ColumnPair("x", random.normal(size=50_000), random.normal(0.05, size=50_000))
    one = compare(column, DriftBounds())
    assert min(check.p for check in one.checks) < 1e-6
    assert alarms([one]) == []


def test_gaps_texts_and_values_out_of_range_are_told_apart() -> None:
    random = np.random.default_rng(2)
    before = random.uniform(0, 1, 400)
    gaps, beyond = random.uniform(0, 1, 400), random.uniform(0, 1, 400)
    gaps[:60] = np.nan
    beyond[:20] = 1.5
    texts = np.array(["12"] * 399 + ["twelve"], object)
    kinds = {
        name: {check.kind for check in alarms([compare(ColumnPair(name, before, now), DriftBounds())])}
        for name, now in (("gaps", gaps), ("beyond", beyond), ("texts", texts))
    }
    assert kinds == {"gaps": {drift.MISSING}, "beyond": {drift.RANGE}, "texts": {drift.TYPE}}


def test_benjamini_hochberg_agrees_with_scipy() -> None:
    p = np.random.default_rng(3).beta(0.3, 3, 50)
    assert benjamini_hochberg(p.tolist(), 0.05) == (stats.false_discovery_control(p) <= 0.05).tolist()
    assert benjamini_hochberg([], 0.05) == []


def test_the_chance_of_being_beyond_the_baseline_is_that_of_drawing_from_one_urn() -> None:
    random = np.random.default_rng(4)
    before, now = 40, 30
    beyond = [(part[before:] > part[:before].max()).sum() for part in random.random((20_000, before + now))]
    for count in (1, 2, 4):
        assert beyond_p(count, now, before) == pytest.approx(np.mean(np.array(beyond) >= count), abs=0.01)


def test_population_stability_is_that_of_its_definition_and_nought_for_the_same_rows() -> None:
    before = np.repeat(np.array(["a", "b"], object), [600, 400])
    now = np.repeat(np.array(["a", "b"], object), [300, 700])
    by_hand = (0.3 - 0.6) * np.log(0.3 / 0.6) + (0.7 - 0.4) * np.log(0.7 / 0.4)
    assert population_stability(before, now) == pytest.approx(by_hand, abs=0.01)
    assert population_stability(before, before) == 0
