"""The program as the service starts it: exit codes, failure file, what is left behind, start-up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.local.images.linear_learner import artifact, training_job
from scripts.formats.recordio import encode_dense
from tests.support.linear_learner import Job
from tests.support.waiting import PATIENCE

HYPERPARAMETERS = {"predictor_type": "binary_classifier", "mini_batch_size": "20", "epochs": "1", "num_models": "1"}
ROWS = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
LABELS = (np.arange(40) % 2).astype(np.float32)


def job(root: Path, hyperparameters: dict[str, str] | None = None) -> Job:
    made = Job(root)
    made.configure(hyperparameters or HYPERPARAMETERS, {"train": {}})
    made.put("train", encode_dense(ROWS, LABELS))
    return made


def test_a_good_job_leaves_only_the_model(tmp_path: Path) -> None:
    outcome = job(tmp_path).run()
    assert outcome.exit_code == 0 and not (tmp_path / "output").exists()
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["model_algo-1"]
    assert artifact.read(tmp_path / "model/model_algo-1").feature_dim == 3


def test_a_customers_error_ends_with_2_and_says_why_in_log_and_failure_file(tmp_path: Path) -> None:
    outcome = job(tmp_path, {**HYPERPARAMETERS, "epochs": "none"}).run()
    assert outcome.exit_code == 2 and not (tmp_path / "model").exists()
    assert outcome.failure == (
        "Customer Error: The value 'none' is not valid for the 'epochs' hyperparameter which expects an integer "
        "greater than or equal to 1 (caused by ValidationError)"
    )
    last = outcome.log.rstrip().splitlines()[-1]
    assert last == f"[11/24/2020 18:53:54 ERROR 140513285547840] {outcome.failure}"
    assert "Traceback" not in outcome.log


def test_missing_configuration_is_the_platforms_error(tmp_path: Path) -> None:
    outcome = Job(tmp_path).run()
    assert outcome.exit_code == 3
    assert outcome.failure.startswith(
        "Platform Error: Could not read configuration files from: ['/opt/ml/input/config/hyperparameters.json']"
    )


def test_a_fault_of_ours_ends_with_1_and_a_traceback_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(training_job, "train", fail)
    outcome = job(tmp_path).run()
    assert outcome.exit_code == 1
    assert outcome.failure == "Algorithm Error: ZeroDivisionError: a fault"
    assert "Traceback (most recent call last):" in outcome.log


def test_too_little_memory_is_said_as_the_container_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(training_job, "train", fail)
    outcome = job(tmp_path).run()
    assert outcome.exit_code == 2
    assert outcome.failure.startswith("Customer Error: Out of Memory. Please use a larger instance type or reduce")


def start(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline.local.images.linear_learner", "train", "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_process_trains_and_logs_to_standard_output(tmp_path: Path) -> None:
    job(tmp_path)
    done = start(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Docker entrypoint called with argument(s): train\n")
    assert "#progress_metric: host=algo-1, completed 100.0 % of epochs" in done.stdout
    assert artifact.read(tmp_path / "model/model_algo-1").feature_dim == 3


def test_the_process_tells_of_bad_hyperparameters_without_loading_numpy(tmp_path: Path) -> None:
    job(tmp_path, {"predictor_type": "other"})
    assert start(tmp_path).returncode == 2
    code = "import sys, pipeline.local.images.linear_learner.program; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.strip() == "False"
