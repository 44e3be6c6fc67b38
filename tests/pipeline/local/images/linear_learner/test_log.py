"""The log of whole jobs, figures masked, line by line against golden files in the form of real logs.

To renew them after a wanted change: delete the file, run the test twice, read the difference.
"""

from __future__ import annotations

import json
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


def test_progress_is_the_percentage_of_real_logs(tmp_path: Path) -> None:
    rows = np.random.default_rng(6).normal(5, 2, (40, 2)), np.arange(40) % 2
    given = {"predictor_type": "binary_classifier", "mini_batch_size": "20", "early_stopping_patience": "99"}
    log = train(tmp_path, {**given, "num_models": "1"}, {"train": rows}).log
    found = re.findall(r"completed (\S+) % of epochs", log)
    assert found[:4] == ["6.666666666666667", "13.333333333333334", "20.0", "26.666666666666668"]
    assert len(found) == 15 and found[-1] == "100.0"


def passes(log: str, channel: str) -> list[tuple[int, int, int]]:
    """Epoch, batches and bytes of every pass over a channel."""
    found = (json.loads(line.split("epoch_stats=")[1]) for line in log.splitlines() if "epoch_stats=" in line)
    return [
        (one["epoch"], one["num_examples"], one["num_bytes"]) for one in found if one["data_pipeline"].endswith(channel)
    ]


def counts(log: str, meta: str) -> dict[str, float]:
    line = next(line for line in log.splitlines() if meta in line)
    return {name: counted["sum"] for name, counted in json.loads(line.removeprefix("#metrics "))["Metrics"].items()}


def test_passes_and_counters_are_those_of_a_real_job_with_validation(tmp_path: Path) -> None:
    # The job of 2021 with a tenth of its rows: 1,443 of 22 features and 177, mini-batches of 100.
    source = np.random.default_rng(6)
    channels = {
        name: (source.normal(5, 2, (n, 22)), np.arange(n) % 3) for name, n in (("train", 1443), ("validation", 177))
    }
    given = {"predictor_type": "multiclass_classifier", "num_classes": "3", "mini_batch_size": "100"}
    log = train(tmp_path, {**given, "num_point_for_scaler": "1000", "num_models": "1", "epochs": "3"}, channels).log
    train_bytes, all_bytes, held_bytes = 132 * 100, 132 * 1443, 132 * 177
    assert passes(log, "train") == [
        (0, 1, train_bytes),
        (1, 11, 11 * train_bytes),
        *((epoch, 15, all_bytes) for epoch in (3, 5, 7)),
    ]
    numbers = (2, 5, 8, 11, 13)
    assert passes(log, "validation") == [(0, 1, train_bytes), *((epoch, 2, held_bytes) for epoch in numbers)]
    assert counts(log, "init_train_data_iter") == {
        "Total Records Seen": 1200,
        "Total Batches Seen": 12,
        "Max Records Seen Between Resets": 1100,
        "Max Batches Seen Between Resets": 11,
        "Reset Count": 2,
        "Number of Records Since Last Reset": 0,
        "Number of Batches Since Last Reset": 0,
    }
    assert counts(log, "training_data_iter") == {
        "Total Records Seen": 2643,
        "Total Batches Seen": 27,
        "Max Records Seen Between Resets": 1443,
        "Max Batches Seen Between Resets": 15,
        "Reset Count": 3,
        "Number of Records Since Last Reset": 1443,
        "Number of Batches Since Last Reset": 15,
    }


def test_passes_are_those_of_a_real_job_on_train_alone(tmp_path: Path) -> None:
    # The job of November 2020: 511 rows of 13 features, mini-batches of 4.
    rows = np.random.default_rng(6).normal(5, 2, (511, 13)), np.arange(511) % 7
    given = {"predictor_type": "regressor", "mini_batch_size": "4", "num_models": "1", "epochs": "2"}
    log = train(tmp_path, given, {"train": rows}).log
    expected = [(0, 1, 384), (1, 128, 49056), (4, 128, 49056), (6, 128, 49056), (8, 1, 384), (10, 128, 49056)]
    assert passes(log, "train") == expected
    assert counts(log, "init_train_data_iter")["Total Records Seen"] == 515
    assert counts(log, "training_data_iter")["Total Records Seen"] == 1026
