"""Loss by epoch of the models that linear-learner trains side by side, read from the training job's log, as a drawing.

The log has a line of metrics for each model and epoch; those of the models that came closest are drawn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from pipeline.clients import Clients
from pipeline.errors import ServiceError
from pipeline.executions.execution_snapshot import ExecutionSnapshot
from pipeline.executions.job_logs import lines

_MARK: Final = "#metrics "
_SUFFIX: Final = "_objective"
_MOST: Final = 5
_COLOURS: Final = ("#2563eb", "#ea580c", "#059669", "#7c3aed", "#6b7280")
_WIDTH, _HEIGHT = 640.0, 300.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 60.0, 16.0, 130.0, 40.0
_STEPS: Final = 4


@dataclass(frozen=True)
class LossCurve:
    """One model by its number: its loss after each epoch, by epoch, on train and on validation."""

    model: int
    train: Mapping[int, float]
    validation: Mapping[int, float]

    @property
    def best(self) -> float:
        """The lowest loss, on validation where there is one."""
        return min((self.validation or self.train).values())


def losses(clients: Clients, execution: ExecutionSnapshot) -> tuple[LossCurve, ...]:
    """The curves of the execution's training job; none where it has no such log, or none that may be read."""
    step = next((step for step in execution.steps if step.kind == "TrainingJob" and step.job_name), None)
    if step is None:
        return ()
    try:
        return closest(line.text for line in lines(clients, step))
    except ServiceError:
        return ()


def closest(log: Iterable[str]) -> tuple[LossCurve, ...]:
    """The models with the lowest losses, the lowest first; finite losses only."""
    found: dict[int, tuple[dict[int, float], dict[int, float]]] = {}
    for line in log:
        _, mark, text = line.partition(_MARK)
        if mark and _SUFFIX in text:
            _read(text, found)
    curves = [LossCurve(model, *both) for model, both in found.items() if any(both)]
    return tuple(sorted(curves, key=lambda curve: curve.best)[:_MOST])


def _read(text: str, found: dict[int, tuple[dict[int, float], dict[int, float]]]) -> None:
    try:
        entry = json.loads(text)
        model, epoch = int(entry["Dimensions"]["model"]), int(entry["Dimensions"]["epoch"])
        measured = {name: float(value["sum"]) / float(value["count"]) for name, value in entry["Metrics"].items()}
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return
    for name, value in measured.items():
        channel = name.partition("_")[0]
        if name.endswith(_SUFFIX) and channel in ("train", "validation") and math.isfinite(value):
            found.setdefault(model, ({}, {}))[channel == "validation"][epoch] = value


def svg(curves: Sequence[LossCurve]) -> str:
    """The curves as one SVG document: validation as a line, train as a dashed one."""
    every = [item for curve in curves for by in (curve.train, curve.validation) for item in by.items()]
    last = max(epoch for epoch, _ in every) or 1
    low, high = min(value for _, value in every), max(value for _, value in every)
    span = (high - low) or 1.0

    def place(epoch: int, value: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * epoch / last
        return x, _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / span

    drawn = [_rule(place(0, low + span * step / _STEPS)[1], low + span * step / _STEPS) for step in range(_STEPS + 1)]
    for number, curve in enumerate(curves):
        colour = _COLOURS[number % len(_COLOURS)]
        drawn += [_line([place(*item) for item in sorted(curve.train.items())], colour, 'stroke-dasharray="4 3"')]
        drawn += [_line([place(*item) for item in sorted(curve.validation.items())], colour, "")]
        drawn += [_text(_WIDTH - _RIGHT + 12, _TOP + 14 + 18 * number, f"model {curve.model}", colour)]
    drawn += [_text(_LEFT, _HEIGHT - 20, "epoch 0"), _text(_WIDTH - _RIGHT, _HEIGHT - 20, str(last), anchor="end")]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" width="{_WIDTH:g}" '
        f'height="{_HEIGHT:g}" font-family="system-ui, sans-serif" role="img" aria-label="loss by epoch">'
        f"{''.join(drawn)}</svg>"
    )


def _rule(y: float, value: float) -> str:
    line = f'<line x1="{_LEFT:g}" x2="{_WIDTH - _RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d8dee4"/>'
    return line + _text(_LEFT - 8, y + 4, f"{value:.4g}", anchor="end")


def _line(points: Sequence[tuple[float, float]], colour: str, style: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" {style}/>' if points else ""


def _text(x: float, y: float, text: str, colour: str = "#57606a", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'
