"""Channels: formats, several files, pipes, and every kind of data that cannot be trained on."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from pipeline.local.images.linear_learner import channel_parts, channel_reading
from pipeline.local.images.linear_learner.channels import parse_content_type, read_channels
from pipeline.local.images.linear_learner.container_errors import CustomerError, LinearLearnerError
from pipeline.local.images.linear_learner.hyperparameters import parse
from pipeline.local.images.linear_learner.rows import KeptRows
from scripts.formats.recordio import encode_dense, encode_sparse
from tests.support.linear_learner import CSV, RECORDIO, Job, as_csv

FEATURES = np.random.default_rng(2).normal(0, 9, (30, 3)).astype(np.float32)
LABELS = (np.arange(30) % 2).astype(np.float32)
BINARY = {"predictor_type": "binary_classifier"}


def load(
    root: Path,
    files: dict[str, bytes],
    content_type: str | None = CSV,
    hyperparameters: dict[str, str] = BINARY,
    **config: str,
) -> KeptRows:
    job = Job(root)
    channel = {**({"ContentType": content_type} if content_type else {}), **config}
    job.configure(hyperparameters, {"train": channel})
    (root / "input/data/train").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        job.put("train", content, name)
    rows = channel_reading.load_all(read_channels(root), parse(hyperparameters))["train"]
    assert isinstance(rows, KeptRows)
    return rows


def refusal(*arguments: object, **options: object) -> str:
    with pytest.raises(LinearLearnerError) as caught:
        load(*arguments, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_csv_and_recordio_give_the_same_rows(tmp_path: Path) -> None:
    for content, kind in ((as_csv(FEATURES, LABELS), CSV), (encode_dense(FEATURES, LABELS), RECORDIO)):
        rows = load(tmp_path / kind[:4], {"a": content}, kind)
        assert (rows.features == FEATURES).all() and (rows.labels == LABELS).all()
        assert rows.features.dtype == np.float32 and rows.num_bytes == len(content)


def test_recordio_is_meant_where_no_content_type_is_given(tmp_path: Path) -> None:
    assert len(load(tmp_path, {"a": encode_dense(FEATURES, LABELS)}, None)) == 30


def test_files_are_read_in_the_order_of_their_names_from_all_folders(tmp_path: Path) -> None:
    files = {"b": as_csv(FEATURES[10:20], LABELS[10:20]), "a": as_csv(FEATURES[:10], LABELS[:10])}
    rows = load(tmp_path, {**files, "c/d": as_csv(FEATURES[20:], LABELS[20:]), "empty": b""})
    assert (rows.features == FEATURES).all()


def test_small_chunks_and_a_wrong_guess_of_the_size_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_parts, "_CHUNK_NUMBERS", 16)
    long_first = np.vstack([FEATURES[:1] * 1.2345e-9, np.round(FEATURES[1:])])
    rows = load(tmp_path, {"a": as_csv(long_first, LABELS)})
    assert np.allclose(rows.features, long_first) and (rows.labels == LABELS).all()


def test_sparse_records_stay_sparse(tmp_path: Path) -> None:
    indptr, keys, values = np.array([0, 2, 2, 3]), np.array([0, 4, 1]), np.array([1.5, 2, 3], np.float32)
    content = encode_sparse(indptr, keys, values, (3, 5), np.array([0, 1, 0], np.float32))
    rows = load(tmp_path, {"a": content, "b": content}, RECORDIO)
    assert rows.is_sparse and rows.feature_dim == 5 and len(rows) == 6
    assert rows.features.toarray()[3].tolist() == [1.5, 0, 0, 0, 2]


def test_dense_and_sparse_records_mix(tmp_path: Path) -> None:
    sparse = encode_sparse(np.array([0, 1]), np.array([2]), np.array([7], np.float32), (1, 3), LABELS[:1])
    rows = load(tmp_path, {"a": encode_dense(FEATURES, LABELS), "b": sparse}, RECORDIO)
    assert rows.features[-1].tolist() == [0, 0, 7]


@pytest.mark.parametrize("content_type", [CSV, RECORDIO])
def test_a_pipe_is_read_as_a_file_is(tmp_path: Path, content_type: str) -> None:
    folder = tmp_path / "input/data"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "train_0")
    content = as_csv(FEATURES, LABELS) if content_type == CSV else encode_dense(FEATURES, LABELS)
    writer = threading.Thread(target=(folder / "train_0").write_bytes, args=(content,))
    writer.start()
    rows = load(tmp_path, {}, content_type, TrainingInputMode="Pipe")
    writer.join()
    assert (rows.features == FEATURES).all() and rows.num_bytes == len(content)


def test_content_types_are_read_without_regard_to_case() -> None:
    assert parse_content_type("Text/CSV; Label_Size = 1;charset=UTF-8") == (
        "text/csv",
        {"label_size": "1", "charset": "utf-8"},
    )


PREFIX = "Customer Error: Unable to read data channel 'train'. "
TRAIN = "/opt/ml/input/data/train"


def changed(row: int, column: int, value: float) -> np.ndarray:
    features = FEATURES.copy()
    features[row, column] = value
    return features


@pytest.mark.parametrize("content_type", [CSV, RECORDIO])
@pytest.mark.parametrize(("value", "what"), [(np.nan, "missing (NaN)"), (np.inf, "infinite floating point")])
def test_what_is_not_finite_is_refused_with_its_place(
    tmp_path: Path, content_type: str, value: float, what: str
) -> None:
    features = changed(6, 1, value)
    good = encode_dense(FEATURES, LABELS) if content_type == RECORDIO else as_csv(FEATURES, LABELS)
    bad = encode_dense(features, LABELS) if content_type == RECORDIO else as_csv(features, LABELS)
    assert refusal(tmp_path, {"a": good, "b": bad}, content_type) == (
        f"{PREFIX}Found {what} values. Please remove any {what} values in the input data. (caused by MXNetError)"
        f"\n\nCaused by: {TRAIN}/b: record 7, its feature 2"
    )


def test_a_label_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    labels = LABELS.copy()
    labels[3] = np.nan
    text = refusal(tmp_path, {"a": as_csv(FEATURES, labels)}, hyperparameters={"predictor_type": "regressor"})
    assert "Found missing (NaN) values" in text and text.endswith("record 4, its label")


def test_a_sparse_value_that_is_not_finite_is_refused_with_its_place(tmp_path: Path) -> None:
    values = np.array([1, np.inf, 3], np.float32)
    content = encode_sparse(np.array([0, 1, 3]), np.array([2, 0, 4]), values, (2, 5), LABELS[:2])
    text = refusal(tmp_path, {"a": content}, RECORDIO)
    assert "infinite" in text and text.endswith(f"{TRAIN}/a: record 2, its feature 1")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"label,a,b\n1,2,3\n", "label"),
        (b"1,2,x\n", "x"),
        (b"1,2,3\n1,2,3,4\n", "Expected 3 fields in line 2, saw 4"),
        (encode_dense(FEATURES, LABELS), ""),
    ],
    ids=["header", "text", "long row", "recordIO"],
)
def test_csv_that_is_no_table_of_numbers_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    text = refusal(tmp_path, {"part-00000": content})
    assert text.startswith("Customer Error: Unable to parse csv: rows 1-")
    assert f", file {TRAIN}/part-00000" in text and reason in text


def test_a_short_row_counts_as_missing_values(tmp_path: Path) -> None:
    assert "Found missing (NaN) values" in refusal(tmp_path, {"a": b"1,2,3\n0,4\n"})


@pytest.mark.parametrize("word", ["True", "TRUE", "true", "False", "FALSE", "false"])
@pytest.mark.parametrize("rows", [1, 5, 3000, 70_000])
def test_truth_values_are_no_numbers_wherever_they_stand(tmp_path: Path, word: str, rows: int) -> None:
    text = refusal(tmp_path, {"a": b"1,2.5\n" * (rows - 1) + f"{word},1\n0,2\n".encode()})
    first = rows - (rows - 1) % 1000
    assert text.startswith(f"Customer Error: Unable to parse csv: rows {first}-{first + 999}, file {TRAIN}/a")


@pytest.mark.parametrize(
    "content", [as_csv(FEATURES, LABELS), encode_dense(FEATURES, LABELS)[:-5]], ids=["csv", "truncated"]
)
def test_bytes_that_are_no_records_are_refused(tmp_path: Path, content: bytes) -> None:
    text = refusal(tmp_path, {"a": content}, RECORDIO)
    assert text.startswith(f"{PREFIX}Requested content-type is 'application/x-recordio-protobuf'.")
    assert f"Caused by: {TRAIN}/a: record " in text


@pytest.mark.parametrize(("field", "dtype", "name"), [(3, "<f8", "float64"), (7, "<i4", "int32")])
def test_tensors_other_than_float32_are_refused(tmp_path: Path, field: int, dtype: str, name: str) -> None:
    from scripts.formats.wire import delimited

    numbers = np.array([1, 2, 3], dtype).tobytes() if dtype == "<f8" else b"\x01\x02\x03"
    value = delimited(field, delimited(1, numbers))
    label = delimited(2, delimited(1, np.array([1], "<f4").tobytes()))
    payload = delimited(1, delimited(1, b"values"), delimited(2, value))
    payload += delimited(2, delimited(1, b"values"), delimited(2, label))
    frame = (0xCED7230A).to_bytes(4, "little") + len(payload).to_bytes(4, "little")
    text = refusal(tmp_path, {"a": frame + payload + bytes(-len(payload) % 4)}, RECORDIO)
    assert "Requested content-type is 'application/x-recordio-protobuf'" in text
    assert f"{TRAIN}/a: {name} tensors from record 1 on; only float32 is supported" in text


def test_records_without_labels_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"a": encode_dense(FEATURES, None)}, RECORDIO) == (
        "Customer Error: Labeled train data required with label size equal 1. Label size on train dataset found to "
        "be 0. Please provide a properly labeled labeled train dataset."
    )
    assert "found to be 0" in refusal(tmp_path, {}, "text/csv;label_size=0")


@pytest.mark.parametrize(
    ("labels", "hyperparameters", "found"),
    [
        ([0, 1, 2], BINARY, "labels must be 0 or 1. Found the label 2."),
        ([0, -1, 1], BINARY, "Found the label -1."),
        ([0, 0.5, 1], BINARY, "Found the label 0.5."),
        (
            [0, 3, 2],
            {"predictor_type": "multiclass_classifier", "num_classes": "3"},
            "whole numbers from 0 to 2 (num_classes is 3). Found the label 3.",
        ),
    ],
)
def test_labels_outside_the_classes_are_refused(
    tmp_path: Path, labels: list[float], hyperparameters: dict[str, str], found: str
) -> None:
    content = as_csv(FEATURES[:3], np.array(labels))
    text = refusal(tmp_path, {"a": content}, hyperparameters=hyperparameters)
    assert found in text and f"Caused by: {TRAIN}/a: record " in text


def test_files_of_different_width_are_refused(tmp_path: Path) -> None:
    files = {"a": as_csv(FEATURES, LABELS), "b": as_csv(FEATURES[:, :2], LABELS)}
    text = refusal(tmp_path, files)
    assert text.startswith(PREFIX) and f"{TRAIN}/b: 2 features from record 1 on, 3 before" in text


def test_an_empty_or_absent_channel_is_refused(tmp_path: Path) -> None:
    for files in ({}, {"a": b""}):
        text = refusal(tmp_path, files)
        assert text == (
            f"{PREFIX}Please verify the correct data channel configuration is provided."
            "\n\nCaused by: No records were found in the channel 'train'"
        )


def test_a_job_without_train_channel_is_refused(tmp_path: Path) -> None:
    Job(tmp_path).configure(BINARY, {"validation": {}})
    with pytest.raises(CustomerError, match="The channel 'train' is required; the job has .*'validation'"):
        read_channels(tmp_path)


def test_an_unknown_content_type_is_refused_in_the_containers_words(tmp_path: Path) -> None:
    text = refusal(tmp_path, {}, "csv")
    assert text.startswith("Customer Error: No iterator has been registered for ContentType ('csv', '1.0')")


def test_an_unreadable_configuration_is_the_platforms_fault(tmp_path: Path) -> None:
    (tmp_path / "input/config").mkdir(parents=True)
    (tmp_path / "input/config/inputdataconfig.json").write_text("[")
    with pytest.raises(LinearLearnerError, match=r"Platform Error: Could not read configuration files from: \["):
        read_channels(tmp_path)
    Job(tmp_path).configure(BINARY, [])  # type: ignore[arg-type]
    with pytest.raises(LinearLearnerError, match="not a JSON object"):
        read_channels(tmp_path)
