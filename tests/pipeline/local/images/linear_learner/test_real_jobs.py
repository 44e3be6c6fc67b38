"""Three jobs that ran on AWS from 2020 to 2025, run again: what each of their models loses, which wins, its figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.local.images.linear_learner.early_stopping import EarlyStopping
from pipeline.local.images.linear_learner.hyperparameters import parse
from pipeline.local.images.linear_learner.rows import KeptRows
from pipeline.local.images.linear_learner.scaler import fit
from tests.support import real_jobs
from tests.support.linear_learner import Outcome, train

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Run:
    """A real job and what the same job printed here."""

    real: dict[str, Any]
    ours: Outcome

    def ratio(self, metric: str, printed: str) -> np.ndarray:
        """What every model loses in the last epoch, over what it lost on AWS."""
        return np.asarray(real_jobs.losses(self.ours, metric)[-1] / np.array(self.real[printed]))

    def watched(self) -> list[float]:
        """The value that early stopping looked at, epoch by epoch."""
        return [
            float(line.split("value=")[1])
            for line in self.ours.log.splitlines()
            if "#early_stopping_criteria_metric" in line
        ]

    def improved(self) -> list[int]:
        """The epochs that were better than all before, of which the last is the one kept."""
        lines = self.ours.log.splitlines()
        return [int(line.split("Epoch ")[1].split(":")[0]) for line in lines if "Updating best model" in line]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    found = {}
    for name in real_jobs.NAMES:
        real = real_jobs.printed(name)
        outcome = train(tmp_path_factory.mktemp(name), real["hyperparameters"], real_jobs.rows(name))
        found[name] = Run(real, outcome)
    return found


@pytest.mark.parametrize("name", ["bike13", "bike15"])
def test_the_models_lose_what_they_lost_on_aws(name: str, jobs: dict[str, Run]) -> None:
    ratio = jobs[name].ratio("train_mse_objective", "last")
    assert np.median(np.abs(ratio - 1)) < 2e-6
    # With 15 features four models of a high rate chase a perfect fit, and amplify the last bit of every sum.
    high = [5, 7, 13, 15] if name == "bike15" else []
    assert np.delete(ratio, high) == pytest.approx(1, abs=1e-3)
    assert ratio == pytest.approx(1, abs=0.15)


def test_the_scaler_is_that_of_aws_to_the_last_digit() -> None:
    real = real_jobs.printed("bike13")
    features, labels = real_jobs.rows("bike13")["train"]
    found = fit(KeptRows(features, labels, 1), parse(real["hyperparameters"]))
    ours = [*found.mean, found.label_mean, *found.stdev, found.label_stdev]
    scaler = real["scaler"]
    printed = [*scaler["mean"], scaler["label_mean"], *scaler["stdev"], scaler["label_stdev"]]
    assert np.array(ours, np.float32).tolist() == np.array(printed, np.float32).tolist()


def test_models_of_several_classes_lose_what_they_lost_on_aws(jobs: dict[str, Run]) -> None:
    train = jobs["ufo"].ratio("train_multiclass_cross_entropy_objective", "last")
    validation = jobs["ufo"].ratio("validation_multiclass_cross_entropy_objective", "validation")
    for ratio in (train, validation):
        assert np.median(np.abs(ratio - 1)) < 2e-6
        # Three models of a high rate leap from one mini-batch to the next, and multiply what sums differ by.
        assert np.delete(ratio, [9, 18, 21]) == pytest.approx(1, abs=1e-5)
        assert ratio == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("name", ["bike13", "bike15", "ufo"])
def test_the_best_loss_falls_as_on_aws(name: str, jobs: dict[str, Run]) -> None:
    watched, real = jobs[name].watched(), jobs[name].real["watched"]
    assert len(watched) == len(real)
    assert watched[:4] == pytest.approx(real[:4], rel=0.01)
    stopping = EarlyStopping(patience=3, tolerance=0.001, maximise=False)
    better = [epoch for epoch, value in enumerate(real) if stopping.improves(value)]
    assert jobs[name].improved() == better


@pytest.mark.parametrize("name", ["bike13", "bike15", "ufo"])
def test_the_winner_and_its_figures_are_those_of_aws(name: str, jobs: dict[str, Run]) -> None:
    run = jobs[name]
    assert real_jobs.winner(run.ours) == run.real["best"]
    channel = "validation" if name == "ufo" else "train"
    for figure, value in run.real["scores"].items():
        assert run.ours.score(figure, channel) == pytest.approx(value, rel=1e-6 if name == "ufo" else 0.002)


def test_of_few_positives_the_blocks_of_the_grid_lose_in_the_order_of_a_real_job(tmp_path: Path) -> None:
    source = np.random.default_rng(5)
    labels = (source.random(12_000) < 0.01).astype(np.float32)
    features = source.normal(0, 1, (len(labels), 12)) + 1.6 * labels[:, np.newaxis] * (np.arange(12) < 6)
    given = {"predictor_type": "binary_classifier", "mini_batch_size": "500"}
    outcome = train(tmp_path, given, {"train": (features.astype(np.float32), labels)})
    last = real_jobs.losses(outcome, "train_binary_classification_cross_entropy_objective")[-1]
    # The same models under a weight decay of 1e-4, 0.01, 1 and 100: under the last one they learn next to nothing.
    blocks = last.reshape(4, 8)
    share = labels.mean()
    nothing_learnt = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert (blocks[:-1] < blocks[1:]).all()
    assert (blocks[:2] < nothing_learnt * 0.6).all()
    assert blocks[3] == pytest.approx(nothing_learnt, rel=0.03)
