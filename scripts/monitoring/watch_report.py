"""The report of a watch: what drifted, how far each column is from its baseline, and pictures of those farthest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.monitoring.arrived_labels import Quality
from scripts.monitoring.drift import Check, Compared, Values
from scripts.outputs import Outputs
from scripts.reporting.evaluation_page import document
from scripts.reporting.pictures import BLUE, ORANGE, bars, image_grid, legend, new_axes, new_figure, png
from scripts.reporting.report_section import Card, Section, number, title

_MOST_PICTURES: Final = 6
_MOST_BARS: Final = 20
_MOST_VALUES: Final = 8
_MOST_LISTED: Final = 200
_BINS: Final = 31


def write_watch_report(
    outputs: Outputs,
    folder: Path,
    compared: Sequence[Compared],
    alarms: Sequence[Check],
    quality: Quality | None,
    verdict: str,
    rows: int,
    side: int | None,
) -> None:
    """Write `report.html`, and its pictures beside it; `side` is that of the images that rows are, if they are."""
    drifted = {check.column for check in alarms}
    order = sorted(compared, key=lambda one: (one.column.name not in drifted, -one.psi))
    sections = _sections(order, alarms, quality, compared, side)
    cards = [
        Card("Rows", f"{rows:,}"),
        Card("Columns", f"{len(compared):,}"),
        Card("Drifted", f"{len(drifted):,}"),
        *(Card(title(name), number(value)) for name, value in (quality.figures if quality else {}).items()),
    ]
    for section in sections:
        for name, data in section.pictures.items():
            outputs.write(folder / name, data)
    outputs.write(folder / "report.html", document("Watch of the endpoint", verdict, cards, sections, {}).encode())


def _sections(
    order: Sequence[Compared],
    alarms: Sequence[Check],
    quality: Quality | None,
    compared: Sequence[Compared],
    side: int | None,
) -> list[Section]:
    made = []
    if alarms:
        table = [["column", "check", "what was found"], *([check.column, check.kind, check.text] for check in alarms)]
        made.append(Section("What drifted", "Beyond chance, and large enough to matter.", {}, table))
    if quality:
        text = f"Labels have arrived for {quality.rows:,} rows."
        made.append(Section("Quality", f"{text} {quality.check.text if quality.check else ''}", {}, []))
    if order:
        made.append(
            Section("Farthest from the baseline", "Blue is the baseline, orange what was captured.", _pictures(order))
        )
        made.append(_all(order, compared, side))
    return made


def _pictures(order: Sequence[Compared]) -> dict[str, bytes]:
    return {f"column_{at}.png": column_chart(one) for at, one in enumerate(order[:_MOST_PICTURES], 1)}


def _all(order: Sequence[Compared], compared: Sequence[Compared], side: int | None) -> Section:
    rows = [
        [
            one.column.name,
            f"{one.psi:.3f}",
            f"{one.distance:.3f}",
            f"{100 * one.missing_before:.1f} %",
            f"{100 * one.missing_now:.1f} %",
        ]
        for one in order[:_MOST_LISTED]
    ]
    shown = order[:_MOST_BARS]
    pictures = {
        "stability.png": bars(
            [one.column.name for one in shown],
            [("population stability index", [one.psi for one in shown])],
            title="Population stability index, the largest",
            y="",
            form="{:.2f}",
        )
    }
    features = [one.psi for one in compared if one.column.name not in ("score", "predicted_label")]
    if side and side * side == len(features):
        grid = np.minimum(np.array(features, np.float32), 1).reshape(1, side, side)
        pictures["pixels.png"] = image_grid([("", grid, ["black: 1 or more"])], title="Stability of each pixel")
    return Section(
        "All columns",
        "The population stability index, the largest difference of the distributions, and what is missing.",
        pictures,
        [["column", "stability", "distance", "missing before", "now"], *rows],
    )


def column_chart(one: Compared) -> bytes:
    """Both distributions of a column."""
    column = one.column
    figure = new_figure(4.6, 3.4, column.name if len(column.name) <= 40 else f"{column.name[:39]}…")
    axes = new_axes(figure, "", "share of rows", (0.72, 0.45, 0.2, 0.85))
    parts = [_known(column.before), _known(column.now)]
    if column.is_number and parts[1].dtype.kind == "f" and all(map(len, parts)):
        _numbers(axes, parts)
    else:
        _texts(axes, parts)
    axes.grid(False, axis="x")
    legend(axes)
    return png(figure)


def _numbers(axes: Any, parts: Sequence[Values]) -> None:
    """Between the outer hundredths of both, so that one stray value does not flatten the rest."""
    low = min(float(np.quantile(part, 0.005)) for part in parts)
    high = max(float(np.quantile(part, 0.995)) for part in parts)
    edges = np.linspace(low, high, _BINS) if low < high else np.array([low - 0.5, low + 0.5])
    for part, name, color in zip(parts, ("baseline", "captured"), (BLUE, ORANGE), strict=True):
        counts, _ = np.histogram(np.clip(part, edges[0], edges[-1]), edges)
        shares = counts / len(part)
        axes.stairs(shares, edges, fill=True, color=color, alpha=0.35, label=name)
        axes.stairs(shares, edges, color=color, linewidth=1.2)


def _texts(axes: Any, parts: Sequence[Values]) -> None:
    texts = [part.astype(str) for part in parts]
    values, counts = np.unique(np.concatenate(texts), return_counts=True)
    shown = values[np.argsort(-counts, kind="stable")][:_MOST_VALUES]
    places = np.arange(len(shown))
    for at, (part, name, color) in enumerate(zip(texts, ("baseline", "captured"), (BLUE, ORANGE), strict=True)):
        shares = [(part == value).sum() / max(len(part), 1) for value in shown]
        axes.bar(places + 0.4 * at - 0.2, shares, 0.4, color=color, label=name)
    axes.set_xticks(places, [value if len(value) <= 10 else f"{value[:9]}…" for value in shown.tolist()])


def _known(values: Values) -> Values:
    return values[~np.isnan(values)] if values.dtype.kind == "f" else values[[one is not None for one in values]]
