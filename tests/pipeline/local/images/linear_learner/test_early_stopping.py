"""Early stopping against the values of real logs."""

from __future__ import annotations

import pytest

from pipeline.local.images.linear_learner.early_stopping import EarlyStopping

LOG_E = [0.20631, 0.19257, 0.18824, 0.18912, 0.18763, 0.18891, 0.18889, 0.18902, 0.18896, 0.1]


def follow(stopping: EarlyStopping, values: list[float]) -> tuple[list[int], int | None]:
    better = []
    for epoch, value in enumerate(values):
        if stopping.improves(value):
            better.append(epoch)
        if stopping.met:
            return better, epoch
    return better, None


def test_a_real_job_stops_at_the_fourth_epoch_without_improvement() -> None:
    assert follow(EarlyStopping(3, 0.001, maximise=False), LOG_E) == ([0, 1, 2, 4], 8)


def test_an_improvement_within_the_tolerance_does_not_replace_the_best() -> None:
    values = [0.2, 0.19, 0.188, 0.18633, 0.18631, 0.187, 0.187, 0.187]
    stopping = EarlyStopping(3, 0.001, maximise=False)
    assert follow(stopping, values) == ([0, 1, 2, 3], 7)
    assert stopping.best == 0.18633


def test_patience_beyond_the_epochs_never_stops() -> None:
    assert follow(EarlyStopping(99, 0.001, maximise=False), [0.5] * 50) == ([0], None)


def test_a_criterion_improves_relative_to_what_it_lacks_to_1() -> None:
    assert follow(EarlyStopping(1, 0.01, maximise=True), [0.5, 0.6, 0.603, 0.59]) == ([0, 1], 3)
    assert follow(EarlyStopping(1, 0.01, maximise=True), [0.99, 0.9902, 0.9905]) == ([0, 1, 2], None)
    assert follow(EarlyStopping(1, 0.5, maximise=True), [0.99, 0.994, 0.994]) == ([0], 2)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite_is_no_improvement(bad: float) -> None:
    assert follow(EarlyStopping(1, 0.01, maximise=True), [bad, 0.4, bad, bad]) == ([1], 3)


def test_a_loss_below_zero_improves_too() -> None:
    assert follow(EarlyStopping(1, 0.01, maximise=False), [-1.0, -1.005, -1.2]) == ([0, 2], None)
