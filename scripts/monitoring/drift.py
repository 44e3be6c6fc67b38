"""Whether rows come from where the baseline's came from: column by column, with a correction for looking at many.

Every check gives a p-value, and Benjamini-Hochberg decides over all of them together. What is significant counts only
if it is also large, since with enough rows any difference is significant. Population stability, Kolmogorov-Smirnov,
chi-square and Fisher's test are the measures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
"""Numbers with NaN where one is missing, or an object array of texts and None."""

FALSE_ALARMS: Final = 0.01
"""How often a watch of unchanged data may raise an alarm, over all its columns together."""

DRIFT: Final = "baseline_drift_check"
MISSING: Final = "completeness_check"
UNKNOWN: Final = "categorical_values_check"
RANGE: Final = "range_check"
TYPE: Final = "data_type_check"

_FEWEST_EXPECTED: Final = 5.0
_FEW_VALUES: Final = 10
_FEWEST_OWN: Final = 20
_BINS: Final = 10


@dataclass(frozen=True)
class ColumnPair:
    """One column before and now."""

    name: str
    before: Values
    now: Values

    @property
    def is_number(self) -> bool:
        """Whether the baseline has numbers."""
        return self.before.dtype.kind == "f"


@dataclass(frozen=True)
class DriftBounds:
    """How large a difference must be to count: of distributions, and of shares of rows."""

    psi: float = 0.2
    distance: float = 0.1
    share: float = 0.01


@dataclass(frozen=True)
class Check:
    """One thing looked at in one column: its p-value, whether it is large, and what it says."""

    column: str
    kind: str
    p: float
    large: bool
    text: str


@dataclass(frozen=True)
class Compared:
    """What was measured of one column; `distance` is the largest difference of cumulated shares, or of shares."""

    column: ColumnPair
    psi: float
    distance: float
    missing_before: float
    missing_now: float
    checks: tuple[Check, ...]


def compare(column: ColumnPair, bounds: DriftBounds) -> Compared:
    """Measure one column."""
    before, now = _known(column.before), _known(column.now)
    psi = distance = 0.0
    checks = [_missing(column, bounds)]
    strangers = column.is_number and now.dtype.kind == "O"
    if strangers:
        checks.append(Check(column.name, TYPE, 0.0, True, "it holds texts where the baseline has numbers"))
    elif len(before) and len(now) and not _is_text(before):
        psi = population_stability(before, now)
        p, distance = _distance(before, now)
        found = psi >= bounds.psi or distance >= bounds.distance
        said = f"population stability index {psi:.3g}, distance {distance:.3g}{_shift(before, now)}"
        checks.append(Check(column.name, DRIFT, p, found, said))
        checks += _range(column.name, before, now, bounds) if column.is_number else _unknown(column, bounds)
    gaps = [1 - len(part) / max(len(whole), 1) for part, whole in ((before, column.before), (now, column.now))]
    return Compared(column, psi, distance, gaps[0], gaps[1], tuple(checks))


def alarms(compared: Sequence[Compared], more: Sequence[Check] = ()) -> list[Check]:
    """The checks that stand out beyond chance and are large; `more` are judged together with those of the columns."""
    checks = [check for one in compared for check in one.checks] + list(more)
    stands_out = benjamini_hochberg([check.p for check in checks], FALSE_ALARMS)
    return [check for check, out in zip(checks, stands_out, strict=True) if out and check.large]


def benjamini_hochberg(p: Sequence[float], rate: float) -> list[bool]:
    """Which are significant if no more than `rate` of those named may be named by chance, on average."""
    if not len(p):
        return []
    values = np.asarray(p)
    order = np.argsort(values, kind="stable")
    below = np.flatnonzero(values[order] <= rate * np.arange(1, len(values) + 1) / len(values))
    named = np.zeros(len(values), bool)
    if len(below):
        named[order[: below[-1] + 1]] = True
    return [bool(one) for one in named]


def population_stability(before: Values, now: Values) -> float:
    """The population stability index: over tenths of the baseline for numbers, over values for texts."""
    counts = _binned(before, now) if before.dtype.kind == "f" else _counted(before, now)
    smooth = counts + 0.5  # an empty bin would make it infinite
    shares = smooth / smooth.sum(axis=1, keepdims=True)
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def _binned(before: Values, now: Values) -> Values:
    edges = np.unique(np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.array([np.bincount(np.searchsorted(edges, part), minlength=len(edges) + 1) for part in (before, now)])


def _counted(before: Values, now: Values) -> Values:
    """How often each value occurs before and now, the rare ones as one."""
    values, where = np.unique(np.concatenate([before, now]), return_inverse=True)
    parts = (where[: len(before)], where[len(before) :])
    counts = np.array([np.bincount(part, minlength=len(values)) for part in parts])
    expected = counts.sum(axis=0) * min(len(before), len(now)) / (len(before) + len(now))
    frequent = expected >= _FEWEST_EXPECTED
    return np.column_stack([counts[:, frequent], counts[:, ~frequent].sum(axis=1)])


def _distance(before: Values, now: Values) -> tuple[float, float]:
    """The p-value and the size of the difference of two distributions."""
    from scipy import stats

    if before.dtype.kind == "f" and len(np.unique(before)) > _FEW_VALUES:
        found = stats.ks_2samp(before, now, method="asymp")
        return float(found.pvalue), float(found.statistic)
    counts = _counted(before, now)
    shares = counts / counts.sum(axis=1, keepdims=True)
    told = counts[:, counts.sum(axis=0) * min(counts.sum(axis=1)) / counts.sum() >= _FEWEST_EXPECTED]
    p = float(stats.chi2_contingency(told, correction=False).pvalue) if told.shape[1] > 1 else 1.0
    return p, float(np.abs(shares[1] - shares[0]).max())


def _missing(column: ColumnPair, bounds: DriftBounds) -> Check:
    gaps = [len(part) - len(_known(part)) for part in (column.before, column.now)]
    rows = [len(column.before), len(column.now)]
    more = gaps[1] / max(rows[1], 1) - gaps[0] / max(rows[0], 1)
    text = f"{_percent(gaps[1], rows[1])} are missing, where the baseline has {_percent(gaps[0], rows[0])}"
    p = _share_p(gaps[1], rows[1], gaps[0], rows[0]) if more > 0 else 1.0
    return Check(column.name, MISSING, p, more >= bounds.share, text)


def _unknown(column: ColumnPair, bounds: DriftBounds) -> Iterator[Check]:
    """Values that the baseline lacks, against those that each row of the baseline would be alone in having."""
    before, now = _known(column.before), _known(column.now)
    known, counts = np.unique(before, return_counts=True)
    new = ~np.isin(now, known)
    alone = int((counts == 1).sum())
    p = _share_p(int(new.sum()), len(now), alone, len(before)) if new.any() else 1.0
    first = str(now[new][0])[:40] if new.any() else ""
    text = f"{_percent(int(new.sum()), len(now))} have values that the baseline lacks, such as {first!r}"
    yield Check(column.name, UNKNOWN, p, float(new.mean()) >= bounds.share, text)


def _range(name: str, before: Values, now: Values, bounds: DriftBounds) -> Iterator[Check]:
    low, high = float(before.min()), float(before.max())
    for side, beyond in (("below", now < low), ("above", now > high)):
        count = int(beyond.sum())
        edge = low if side == "below" else high
        text = f"{_percent(count, len(now))} are {side} {edge:.6g}, where the baseline ends"
        yield Check(name, RANGE, beyond_p(count, len(now), len(before)), float(beyond.mean()) >= bounds.share, text)


def beyond_p(count: int, now: int, before: int) -> float:
    """The chance that the `count` largest of all rows are all of the new ones, if the order of rows says nothing."""
    first = np.arange(count)
    return float(np.exp(np.log((now - first) / (now + before - first)).sum()))


def _share_p(count: int, rows: int, count_before: int, rows_before: int) -> float:
    """Fisher's exact test that the share is larger now."""
    from scipy import stats

    return float(stats.hypergeom.sf(count - 1, rows + rows_before, count + count_before, rows))


def _known(values: Values) -> Values:
    if values.dtype.kind == "f":
        return values[~np.isnan(values)]
    return values[[value is not None for value in values]] if len(values) else values


def _is_text(before: Values) -> bool:
    """Whether nearly every row has its own, of which no distribution can be compared."""
    return bool(before.dtype.kind == "O" and len(np.unique(before)) > max(_FEWEST_OWN, len(before) / 2))


def _shift(before: Values, now: Values) -> str:
    if before.dtype.kind != "f":
        return ""
    return f", mean {before.mean():.4g} -> {now.mean():.4g}"


def _percent(count: int, rows: int) -> str:
    return f"{100 * count / max(rows, 1):.3g} % of {rows:,} rows"
