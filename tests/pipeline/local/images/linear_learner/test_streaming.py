"""Channels that are too large to be kept: read anew, or from a file, they give the model that kept ones give."""

from __future__ import annotations

import os
import resource
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from pipeline.local.images.linear_learner import channel_parts, channel_reading, spill, threshold_choice
from pipeline.local.images.linear_learner.channels import read_channels
from pipeline.local.images.linear_learner.hyperparameters import parse
from pipeline.local.images.linear_learner.rows import DenseRows, KeptRows, StreamedRows
from scripts.formats.recordio import encode_dense, encode_sparse
from tests.support.linear_learner import CSV, RECORDIO, Job, Outcome, as_csv

SOURCE = np.random.default_rng(3)
FEATURES = (SOURCE.normal(0, 1, (530, 6)) * (SOURCE.random((530, 6)) < 0.5)).astype(np.float32)
LABELS = (FEATURES @ [1, -1, 2, 0, 1, 0.5] + SOURCE.normal(0, 0.5, 530) > 0).astype(np.float32)
GIVEN = {"predictor_type": "binary_classifier", "mini_batch_size": "40", "epochs": "3", "num_models": "4"}


def parts(kind: str) -> list[bytes]:
    """The rows as three files, none of which ends with a mini-batch."""
    found = []
    for rows in (slice(0, 210), slice(210, 275), slice(275, 530)):
        features, labels = FEATURES[rows], LABELS[rows]
        if kind == "csv":
            found.append(as_csv(features, labels))
        elif kind == "sparse":
            matrix = csr_matrix(features)
            found.append(encode_sparse(matrix.indptr, matrix.indices, matrix.data, matrix.shape, labels))
        else:
            found.append(encode_dense(features, labels))
    return found


def job(root: Path, kind: str, mode: str) -> Job:
    """A job on such rows as train and as validation."""
    made = Job(root)
    channel = {"ContentType": CSV if kind == "csv" else RECORDIO, "TrainingInputMode": mode}
    made.configure(GIVEN, {"train": channel, "validation": channel})
    for name in ("train", "validation"):
        for number, content in enumerate(parts(kind)):
            made.put(name, content, f"part-{number}")
    return made


@contextmanager
def piped(root: Path, kind: str = "recordio") -> Iterator[list[str]]:
    """Feed each pass over a channel through a FIFO of its own, as the service does; the FIFOs that were read."""
    folder = root / "input/data"
    contents = {name: b"".join(parts(kind)) for name in ("train", "validation")}
    over = threading.Event()
    read: list[str] = []

    def feed(name: str) -> None:
        number = 0
        while True:
            path = folder / f"{name}_{number}"
            with path.open("wb") as stream:
                if over.is_set():
                    return
                os.mkfifo(folder / f"{name}_{number + 1}")
                read.append(path.name)
                try:
                    stream.write(contents[name])
                except BrokenPipeError:
                    pass
            number += 1

    for name in contents:
        os.mkfifo(folder / f"{name}_0")
    threads = [threading.Thread(target=feed, args=(name,)) for name in contents]
    for thread in threads:
        thread.start()
    yield read
    over.set()
    for name, thread in zip(contents, threads, strict=True):
        while thread.is_alive():
            waiting = max(int(path.name.rpartition("_")[2]) for path in folder.glob(f"{name}_*"))
            os.close(os.open(folder / f"{name}_{waiting}", os.O_RDONLY | os.O_NONBLOCK))
            thread.join(0.01)


def same(one: Outcome, other: Outcome) -> None:
    assert (one.exit_code, other.exit_code) == (0, 0), (one.failure, other.failure)
    assert np.allclose(one.model.weight, other.model.weight, rtol=1e-4, atol=1e-5)
    assert one.model.threshold == pytest.approx(other.model.threshold, rel=1e-4)
    assert one.log.count("epoch_stats") == other.log.count("epoch_stats")


@pytest.mark.parametrize("kind", ["recordio", "csv", "sparse"])
def test_files_read_anew_give_the_model_of_files_kept(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = job(tmp_path / "kept", kind, "File").run()
    monkeypatch.setattr(channel_reading, "KEPT_BYTES", 0)
    same(job(tmp_path / "streamed", kind, "File").run(), kept)


def test_pipes_read_anew_give_the_model_of_files_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = job(tmp_path / "kept", "recordio", "File").run()
    monkeypatch.setattr(channel_reading, "KEPT_BYTES", 0)
    streamed = job(tmp_path / "piped", "recordio", "Pipe")
    with piped(streamed.root) as read:
        outcome = streamed.run()
    same(outcome, kept)
    # A pass for the check and one for the scaler, then one an epoch.
    assert [name for name in read if name.startswith("train")] == [f"train_{number}" for number in range(5)]


def test_csv_from_pipes_is_parsed_once_and_gives_the_model_of_files_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = job(tmp_path / "kept", "csv", "File").run()
    monkeypatch.setattr(channel_reading, "KEPT_BYTES", 0)
    streamed = job(tmp_path / "piped", "csv", "Pipe")
    with piped(streamed.root, "csv") as read:
        outcome = streamed.run()
    same(outcome, kept)
    assert sorted(read) == ["train_0", "validation_0"]


def test_rows_of_a_pipe_that_may_not_be_kept_were_given_no_more_memory_than_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_reading, "KEPT_BYTES", 14_000)
    monkeypatch.setattr(channel_parts, "_CHUNK_NUMBERS", 60)
    given: list[int] = []
    append = DenseRows.append

    def noted(rows: DenseRows, features: Any, labels: Any) -> Any:
        kept = append(rows, features, labels)
        given.append(rows._features.nbytes)
        return kept

    monkeypatch.setattr(DenseRows, "append", noted)
    streamed = job(tmp_path, "csv", "Pipe")
    with piped(streamed.root, "csv"):
        streamed.run()
    assert len(given) > 20 and max(given) < 14_000


@pytest.mark.parametrize(("kept_bytes", "kind"), [(20_000, KeptRows), (14_000, StreamedRows)], ids=["room", "no room"])
def test_csv_is_kept_by_the_size_of_its_rows_not_of_its_text(
    tmp_path: Path, kept_bytes: int, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(map(len, parts("csv"))) > 20_000 > (FEATURES.size + LABELS.size) * 4 > 14_000
    monkeypatch.setattr(channel_reading, "KEPT_BYTES", kept_bytes)
    rows = channel_reading.load_all(read_channels(job(tmp_path, "csv", "File").root), parse(GIVEN))["train"]
    assert isinstance(rows, kind)


@pytest.mark.parametrize("kind", ["recordio", "csv"])
def test_all_channels_share_the_memory_and_the_first_one_comes_first(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_reading, "KEPT_BYTES", 22_000)
    assert (FEATURES.size + LABELS.size) * 4 < 22_000 < 2 * (FEATURES.size + LABELS.size) * 4
    rows = channel_reading.load_all(read_channels(job(tmp_path, kind, "File").root), parse(GIVEN))
    assert [type(of) for of in rows.values()] == [KeptRows, StreamedRows]
    for features, labels in rows["validation"].slices(1000):
        assert len(labels) <= 1000 and features.shape[1] == 6


def test_rows_in_a_file_come_back_in_any_number_of_parts_and_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_reading, "KEPT_BYTES", 0)
    monkeypatch.setattr(spill, "_PART_NUMBERS", 7 * 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = job(tmp_path / "job", "csv", "File")
    rows = channel_reading.load_all(read_channels(made.root), parse(GIVEN))["train"]
    for one, other in zip(rows.slices(64), rows.slices(64), strict=True):
        assert (one[0] == other[0]).all()
    assert np.allclose(np.concatenate([features for features, _ in rows.slices(64)]), FEATURES)
    assert (np.concatenate([labels for _, labels in rows.slices(64)]) == LABELS).all()
    # The file has no name: whatever ends the job, nothing is left of it.
    assert [path.name for path in tmp_path.iterdir()] == ["job"]


def test_a_disk_without_room_for_the_rows_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_reading, "KEPT_BYTES", 0)
    made = job(tmp_path, "csv", "File")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        outcome = made.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert outcome.exit_code == 2
    assert outcome.failure.startswith(
        "Customer Error: Unable to store the rows of data channel 'train': File too large. Please use a larger volume"
    )
    assert "Traceback" not in outcome.log


def test_nothing_is_held_of_rows_that_are_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_reading, "KEPT_BYTES", 0)
    rows = channel_reading.load_all(read_channels(job(tmp_path, "recordio", "File").root), parse(GIVEN))["train"]
    assert isinstance(rows, StreamedRows) and len(rows) == len(LABELS)
    assert rows.class_counts.tolist() == [(LABELS == 0).sum(), (LABELS == 1).sum()]
    held = [value for value in vars(rows).values() if isinstance(value, np.ndarray)]
    assert sum(value.size for value in held) == 2


def test_a_sample_of_the_scores_gives_nearly_the_threshold_and_figures_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = job(tmp_path / "whole", "recordio", "File").run()
    monkeypatch.setattr(threshold_choice, "SAMPLE_NUMBERS", 10_000)
    sampled = job(tmp_path / "sampled", "recordio", "File").run()
    assert sampled.model.threshold != whole.model.threshold
    for name in ("binary_classification_accuracy", "recall", "roc_auc_score"):
        assert sampled.score(name) == pytest.approx(whole.score(name), abs=0.05)


def test_a_pipe_that_fits_is_read_once(tmp_path: Path) -> None:
    streamed = job(tmp_path, "recordio", "Pipe")
    with piped(streamed.root) as read:
        assert streamed.run().exit_code == 0
    assert sorted(read) == ["train_0", "validation_0"]


def test_what_is_wrong_with_a_late_row_is_said_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_reading, "KEPT_BYTES", 0)
    made = job(tmp_path, "csv", "File")
    made.put("train", b"1,0,0,0,0,0,nan\n", "part-9")
    outcome = made.run()
    assert outcome.exit_code == 2 and "Found missing (NaN) values" in outcome.failure and "part-9" in outcome.failure
    assert '"model"' not in outcome.log
