"""Losses by epoch are those that the training job's log has, whichever way AWS ordered its keys."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from pipeline.report.loss_curves import closest, svg


def line(channel: str, model: int, epoch: int, loss: float, *, old: bool = False) -> str:
    """A line of the log as jobs of 2020 write it, or as those of 2024 do."""
    figure = {"sum": loss, "count": 1, "min": loss, "max": loss}
    metrics = {"Metrics": {f"{channel}_binary_classification_cross_entropy_objective": figure}}
    dimensions = {"Algorithm": "Linear Learner", "Host": "algo-1", "Operation": "training"}
    where = {"Dimensions": dimensions | {"epoch": epoch, "model": model}}
    return "#metrics " + json.dumps(metrics | where if old else {"StartTime": 1.5} | where | metrics)


def test_the_models_with_the_lowest_validation_loss_come_first_and_no_more_than_five() -> None:
    log = [line("train", model, epoch, 9 - model, old=epoch == 1) for model in range(8) for epoch in range(2)]
    log += [line("validation", model, epoch, model + 1 - epoch / 2) for model in range(8) for epoch in range(2)]
    found = closest([*log, "[info] Epoch 1: Loss improved"])
    assert [curve.model for curve in found] == [0, 1, 2, 3, 4]
    assert dict(found[1].train) == {0: 8, 1: 8} and dict(found[1].validation) == {0: 2, 1: 1.5}


def test_without_validation_the_loss_on_train_decides() -> None:
    found = closest([line("train", 0, 0, 0.5), line("train", 1, 0, 0.25)])
    assert [(curve.model, curve.best) for curve in found] == [(1, 0.25), (0, 0.5)]


@pytest.mark.parametrize(
    "text",
    [
        "#metrics {",
        "#metrics _objective",
        '#metrics {"Metrics": {"a_objective": 1}}',
        line("train", 0, 0, float("nan")),
    ],
    ids=["cut", "no JSON", "no model", "diverged"],
)
def test_what_is_no_loss_is_passed_over(text: str) -> None:
    assert closest([text]) == ()


def test_the_drawing_has_a_line_a_channel_and_higher_losses_higher_up() -> None:
    log = [line("train", 3, epoch, 2.0 - epoch) for epoch in range(2)] + [line("validation", 3, 0, 1.5)]
    drawn = ElementTree.fromstring(svg(closest(log)))
    lines = [item.attrib for item in drawn if item.tag.endswith("polyline")]
    assert len(lines) == 2 and "stroke-dasharray" in lines[0]
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in lines[0]["points"].split())
    assert x1 < x2 and y1 < y2
    assert "model 3" in [item.text for item in drawn]
