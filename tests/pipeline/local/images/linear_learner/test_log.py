"""The log of whole jobs, figures masked, line by line against golden files in the form of real logs.

To renew them after a wanted change: delete the file, run the test twice, read the difference.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.linear_learner import train

GOLDEN = Path(__file__).parents[4] / "golden/linear_learner"
FIGURE = re.compile(r"(?<![A-Za-z_0-9])-?\d[\d.]*(?:e[-+]?\d+)?")

JOBS: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "binary": ("binary_classifier", ("train", "validation", "test"), {}),
    "binary_train_only": ("binary_classifier", ("train",), {"epochs": "3"}),
    "binary_early_stop": (
        "binary_classifier",
        ("train", "validation"),
        {"epochs": "9", "early_stopping_patience": "1", "early_stopping_tolerance": "0.9"},
    ),
    "multiclass": ("multiclass_classifier", ("train", "validation"), {"num_classes": "3"}),
    "regressor": ("regressor", ("train", "validation"), {}),
}


def masked(log: str) -> str:
    return FIGURE.sub("#", log)


@pytest.mark.parametrize("name", JOBS)
def test_the_log_has_the_lines_of_a_real_one(name: str, tmp_path: Path) -> None:
    kind, channels, extra = JOBS[name]
    source = np.random.default_rng(6)
    features = source.normal(5, 2, (50, 3))
    labels = np.arange(50) % (2 if kind == "binary_classifier" else 3)
    given = {"predictor_type": kind, "mini_batch_size": "20", "epochs": "2", "num_models": "2", **extra}
    outcome = train(tmp_path, given, {channel: (features, labels) for channel in channels})
    golden = GOLDEN / f"{name}.log"
    if not golden.exists():
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(masked(outcome.log))
        pytest.fail(f"{golden.name} was missing and has been written: read it, then run again")
    assert masked(outcome.log).splitlines() == golden.read_text().splitlines()


def test_progress_is_the_whole_percentage_of_real_logs(tmp_path: Path) -> None:
    rows = np.random.default_rng(6).normal(5, 2, (40, 2)), np.arange(40) % 2
    given = {"predictor_type": "binary_classifier", "mini_batch_size": "20", "early_stopping_patience": "99"}
    log = train(tmp_path, {**given, "num_models": "1"}, {"train": rows}).log
    found = re.findall(r"completed (\d+) % of epochs", log)
    assert [int(value) for value in found] == [6, 13, 20, 26, 33, 40, 46, 53, 60, 66, 73, 80, 86, 93, 100]


def test_iterators_count_as_in_a_real_job(tmp_path: Path) -> None:
    rows = np.random.default_rng(6).normal(5, 2, (230, 2)), np.arange(230) % 2
    given = {"predictor_type": "binary_classifier", "mini_batch_size": "10", "num_point_for_scaler": "100"}
    log = train(tmp_path, {**given, "num_models": "1", "epochs": "1"}, {"train": rows}).log
    line = next(line for line in log.splitlines() if "init_train_data_iter" in line)
    # One batch to learn the dimension, then the scaler's eleven.
    assert '"Total Batches Seen": {"sum": 12.0, "count": 1, "min": 12, "max": 12}' in line
    assert '"Total Records Seen": {"sum": 120.0' in line and '"Max Records Seen Between Resets": {"sum": 110.0' in line
    assert '"Reset Count": {"sum": 2.0' in line
    stats = [line.split("epoch_stats=")[1] for line in log.splitlines() if "epoch_stats=" in line]
    assert '"epoch": 3,' in stats[2] and '"num_examples": 23,' in stats[2]
