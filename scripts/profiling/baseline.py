"""Statistics and constraints of the data, in the format that SageMaker Model Monitor publishes for its baselines.

Whoever watches an endpoint holds what it is sent against these. A column's distribution is a KLL sketch, all of it on
the level on which an item stands for so many rows, and ten buckets of equal width made of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from scripts.formats.tables import Array
from scripts.profiling.profiles import ColumnProfile

_BUCKETS: Final = 10
_SKETCH_ITEMS: Final = (64, 1024)
_SKETCH_CELLS: Final = 50_000
_MOST_VALUES: Final = 100


def statistics(columns: Sequence[ColumnProfile], rows: int) -> dict[str, Any]:
    """The content of statistics.json."""
    items = max(_SKETCH_ITEMS[0], min(_SKETCH_ITEMS[1], _SKETCH_CELLS // max(1, len(columns))))
    return {
        "version": 0.0,
        "dataset": {"item_count": rows},
        "features": [_statistics(column, items) for column in columns],
    }


def constraints(columns: Sequence[ColumnProfile]) -> dict[str, Any]:
    """The content of constraints.json."""
    return {
        "version": 0.0,
        "features": [_constraints(column) for column in columns],
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 1.0,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": 0.1,
                "comparison_method": "Robust",
                "categorical_comparison_threshold": 0.1,
                "categorical_drift_method": "LInfinity",
            },
        },
    }


def _type(column: ColumnProfile) -> str:
    if column.text:
        return "String"
    if column.mean is None:
        return "Unknown"
    values = column.values
    return "Integral" if values is not None and bool((values == np.floor(values)).all()) else "Fractional"


def _statistics(column: ColumnProfile, items: int) -> dict[str, Any]:
    common = {"num_present": column.present, "num_missing": column.missing}
    found: dict[str, Any] = {"name": column.name, "inferred_type": _type(column)}
    if column.text and not column.counts:  # of more different texts than were counted, or none
        return found | {"string_statistics": {"common": common}}
    if column.text:
        frequent = sorted(column.counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_VALUES]
        buckets = [{"value": value, "count": count} for value, count in frequent]
        return found | {
            "string_statistics": {
                "common": common,
                "distinct_count": float(len(column.counts)),
                "distribution": {"categorical": {"buckets": buckets}},
            }
        }
    if column.mean is None or column.values is None:
        return found | {"numerical_statistics": {"common": common}}
    return found | {
        "numerical_statistics": {
            "common": common,
            "mean": column.mean,
            "sum": column.mean * column.present,
            "std_dev": column.deviation,
            "min": column.low,
            "max": column.high,
            "distribution": {
                "kll": {
                    "buckets": _buckets(column, column.values),
                    "sketch": {"parameters": {"c": 0.64, "k": float(items)}, "data": _sketch(column, items)},
                }
            },
        }
    }


def _buckets(column: ColumnProfile, values: Array) -> list[dict[str, float]]:
    """Ten of equal width, whose counts add up to all rows that have a value."""
    assert column.low is not None and column.high is not None
    if column.low == column.high:
        return [{"lower_bound": column.low, "upper_bound": column.high, "count": float(column.present)}]
    edges = np.linspace(column.low, column.high, _BUCKETS + 1)
    below = np.append(np.searchsorted(values.astype(np.float64), edges[1:-1], side="left"), len(values))
    scaled = np.round(below * (column.present / len(values)))
    counts = np.diff(scaled, prepend=0.0)
    return [
        {"lower_bound": low, "upper_bound": high, "count": count}
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    ]


def _sketch(column: ColumnProfile, items: int) -> list[list[float]]:
    """Levels of items, of which those of level n stand for 2 to the n values each; all but the last level are empty."""
    assert column.values is not None
    level = max(0, math.ceil(math.log2(column.present / min(items, len(column.values)))))
    count = max(1, column.present >> level)
    places = ((np.arange(count) + 0.5) * len(column.values) / count).astype(np.intp)
    return [*([] for _ in range(level)), [float(f"{value:.7g}") for value in column.values[places].tolist()]]


def _constraints(column: ColumnProfile) -> dict[str, Any]:
    total = column.present + column.missing
    found: dict[str, Any] = {
        "name": column.name,
        "inferred_type": _type(column),
        "completeness": column.present / total if total else 0.0,
    }
    if column.text:
        # Texts of which nearly every row has its own are no domain.
        domain = sorted(column.counts) if column.kind == "category" and len(column.counts) <= _MOST_VALUES else []
        return found | ({"string_constraints": {"domains": domain}} if domain else {})
    if column.low is None:
        return found
    return found | {"num_constraints": {"is_non_negative": column.low >= 0}}
