"""Whole jobs on real data: within reach of scikit-learn's models, deterministic, alike for every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from pipeline.local.images.linear_learner import artifact
from scripts.formats.recordio import encode_sparse
from tests.support.linear_learner import CSV, RECORDIO, Job, Outcome, as_csv, train

Channels = dict[str, tuple[np.ndarray, np.ndarray]]


def split(features: np.ndarray, labels: np.ndarray, train_rows: int, validation_rows: int) -> Channels:
    order = np.random.default_rng(0).permutation(len(labels))
    features, labels = features[order].astype(np.float32), labels[order].astype(np.float32)
    parts = {"train": slice(train_rows), "validation": slice(train_rows, train_rows + validation_rows)}
    parts["test"] = slice(train_rows + validation_rows, None)
    return {name: (features[part], labels[part]) for name, part in parts.items()}


@pytest.fixture(scope="module")
def digits() -> Channels:
    """Real handwritten digits, 8 x 8."""
    bunch = datasets.load_digits()
    return split(bunch.data / 16, bunch.target, 1200, 300)


@pytest.fixture(scope="module")
def eights(digits: Channels) -> Channels:
    return {name: (features, (labels == 8).astype(np.float32)) for name, (features, labels) in digits.items()}


@pytest.fixture(scope="module")
def diabetes() -> Channels:
    bunch = datasets.load_diabetes()
    return split(bunch.data, bunch.target, 300, 70)


BINARY = {"predictor_type": "binary_classifier", "mini_batch_size": "100"}


def test_a_binary_classifier_is_as_good_as_logistic_regression(tmp_path: Path, eights: Channels) -> None:
    outcome = train(tmp_path, {**BINARY, "epochs": "30", "early_stopping_patience": "30"}, eights)
    rival = LogisticRegression(max_iter=1000).fit(*eights["train"])
    features, labels = eights["test"]
    predicted = outcome.model.predict(features).predicted_label
    assert predicted is not None
    accuracy = float((predicted == labels).mean())
    assert accuracy >= rival.score(features, labels) - 0.01
    assert outcome.score("binary_classification_accuracy", "test") == pytest.approx(accuracy)


@pytest.mark.long
def test_a_multiclass_classifier_is_as_good_as_softmax_regression(tmp_path: Path, digits: Channels) -> None:
    given = {"predictor_type": "multiclass_classifier", "num_classes": "10", "mini_batch_size": "50"}
    outcome = train(tmp_path, given, digits)
    rival = LogisticRegression(max_iter=1000).fit(*digits["train"])
    features, labels = digits["test"]
    prediction = outcome.model.predict(features)
    assert prediction.score.shape == (len(labels), 10) and np.allclose(prediction.score.sum(axis=1), 1, atol=1e-5)
    assert (prediction.predicted_label == labels).mean() >= rival.score(features, labels) - 0.03
    assert outcome.score("multiclass_top_k_accuracy_3", "test") > 0.98


def test_a_regressor_is_as_good_as_least_squares(tmp_path: Path, diabetes: Channels) -> None:
    given = {"predictor_type": "regressor", "mini_batch_size": "20", "epochs": "40"}
    outcome = train(tmp_path, given, diabetes)
    features, labels = diabetes["test"]
    mse = squared_error(outcome.model.predict(features).score, labels)
    assert outcome.score("mse", "test") == pytest.approx(mse, rel=1e-4)
    assert outcome.score("mse") == pytest.approx(outcome.score("mse_objective"), rel=1e-5)
    # The best of many models on 70 rows is chosen with some luck; all rows that no model was trained on tell more.
    features, labels = (np.concatenate(both) for both in zip(diabetes["validation"], diabetes["test"], strict=True))
    rivals = [model.fit(*diabetes["train"]) for model in (LinearRegression(), Ridge(0.1))]
    best = min(squared_error(rival.predict(features), labels) for rival in rivals)
    assert squared_error(outcome.model.predict(features).score, labels) <= best * 1.05


def squared_error(predicted: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean((predicted.astype(np.float64) - labels) ** 2))


def test_a_regressor_on_many_rows_reaches_the_noise(tmp_path: Path) -> None:
    bunch, labels = datasets.make_regression(4000, 30, n_informative=12, noise=20.0, random_state=1)
    channels = split(bunch, labels, 3000, 500)
    outcome = train(tmp_path, {"predictor_type": "regressor", "mini_batch_size": "50"}, channels)
    rival = LinearRegression().fit(*channels["train"])
    features, labels = channels["test"]
    mse = squared_error(outcome.model.predict(features).score, labels)
    assert mse <= 1.02 * squared_error(rival.predict(features), labels)


def test_least_squares_without_noise_finds_the_coefficients(tmp_path: Path) -> None:
    source = np.random.default_rng(4)
    features = source.normal(50, 3, (600, 3))
    labels = features @ [8.2, -1.0, 0.5] + 881.4
    given = {"predictor_type": "regressor", "mini_batch_size": "20", "epochs": "60", "wd": "0", "l1": "0"}
    model = train(tmp_path, given, {"train": (features, labels)}).model
    assert np.allclose(model.weight[:, 0], [8.2, -1.0, 0.5], atol=0.05)
    assert np.abs(model.predict(features.astype(np.float32)).score - labels).max() < 1.0


@pytest.mark.parametrize(
    "loss",
    ["absolute_loss", "eps_insensitive_squared_loss", "eps_insensitive_absolute_loss", "quantile_loss", "huber_loss"],
)
def test_every_regression_loss_learns(tmp_path: Path, diabetes: Channels, loss: str) -> None:
    given = {"predictor_type": "regressor", "mini_batch_size": "20", "loss": loss, "num_models": "8"}
    outcome = train(tmp_path, given, diabetes)
    features, labels = diabetes["validation"]
    assert outcome.score("mse") < 0.65 * labels.var()
    assert outcome.score(f"{loss}_objective") < 0.8 * np.abs(labels - np.median(labels)).mean() * labels.std()


def test_a_quantile_is_where_it_should_be(tmp_path: Path, diabetes: Channels) -> None:
    given = {"predictor_type": "regressor", "mini_batch_size": "20", "loss": "quantile_loss", "quantile": "0.9"}
    model = train(tmp_path, {**given, "num_models": "4", "epochs": "30"}, diabetes).model
    features, labels = diabetes["train"]
    assert 0.85 < float((labels <= model.predict(features).score).mean()) < 0.95


def test_a_hinge_loss_cuts_raw_margins(tmp_path: Path, eights: Channels) -> None:
    outcome = train(tmp_path, {**BINARY, "loss": "hinge_loss", "num_models": "8"}, eights)
    score = outcome.model.predict(eights["test"][0]).score
    assert score.min() < 0 and score.max() > 1
    assert outcome.score("binary_classification_accuracy", "test") > 0.93


def test_the_same_input_gives_the_same_model_and_log(tmp_path: Path, eights: Channels) -> None:
    given = {**BINARY, "epochs": "2"}
    outcomes = [train(tmp_path / name, given, eights) for name in "ab"]
    files = [(outcome.root / "model" / artifact.FILE_NAME).read_bytes() for outcome in outcomes]
    assert files[0] == files[1] and outcomes[0].log == outcomes[1].log


def test_csv_gives_the_model_that_recordio_gives(tmp_path: Path, eights: Channels) -> None:
    given = {**BINARY, "epochs": "2"}
    models = [train(tmp_path / str(n), given, eights, kind).model for n, kind in enumerate((CSV, RECORDIO))]
    assert (models[0].weight == models[1].weight).all() and models[0].threshold == models[1].threshold


def test_sparse_records_give_nearly_the_model_of_dense_ones_that_are_not_shifted(
    tmp_path: Path, eights: Channels
) -> None:
    from scipy.sparse import csr_matrix

    given = {**BINARY, "epochs": "2", "num_models": "4"}
    dense = train(tmp_path / "dense", {**given, "unbias_data": "false"}, eights).model
    job = Job(tmp_path / "sparse")
    job.configure(given, {name: {} for name in eights})
    for name, (features, labels) in eights.items():
        rows = csr_matrix(features)
        job.put(name, encode_sparse(rows.indptr, rows.indices, rows.data, rows.shape, labels))
    outcome = job.run()
    assert outcome.exit_code == 0, outcome.failure
    assert np.allclose(outcome.model.weight, dense.weight, atol=2e-3)


@pytest.mark.parametrize(("criterion", "weights"), [("loss_function", {1.0}), ("f_beta", {1.0, 9.0})])
def test_auto_takes_positives_as_they_are_where_the_loss_decides(
    tmp_path: Path, criterion: str, weights: set[float]
) -> None:
    source = np.random.default_rng(4)
    chosen = set()
    for number in range(4):
        labels = (np.arange(2000) % 10 == 0).astype(np.float32)
        features = (source.normal(0, 1, (2000, 3)) + labels[:, np.newaxis]).astype(np.float32)
        given = {**BINARY, "positive_example_weight_mult": "auto", "epochs": "2"}
        given["binary_classifier_model_selection_criteria"] = criterion
        outcome = train(tmp_path / f"{number}", given, {"train": (features, labels)})
        chosen.add(outcome.model.metrics_params["positive_example_weight_mult"])
    assert chosen == weights


def test_without_validation_the_train_channel_decides(tmp_path: Path, eights: Channels) -> None:
    outcome = train(tmp_path, {**BINARY, "epochs": "3"}, {"train": eights["train"]})
    assert outcome.score("recall", "train") > 0.8
    assert "criteria=binary_classification_cross_entropy_objective" in outcome.log
    assert "Test data is not provided." in outcome.log and "validation" not in outcome.log.split("#metrics", 1)[1]
    assert outcome.model.threshold != 0.5


def test_the_rest_of_a_mini_batch_is_left_out_of_training(tmp_path: Path, eights: Channels) -> None:
    features, labels = eights["train"]
    models = [
        train(
            tmp_path / str(count),
            {**BINARY, "epochs": "2", "num_models": "1"},
            {"train": (features[:count], labels[:count])},
        ).model
        for count in (1000, 1077)
    ]
    assert (models[0].weight == models[1].weight).all()


def test_a_large_offset_loses_precision_only_in_folding(tmp_path: Path) -> None:
    source = np.random.default_rng(8)
    features = source.normal(0, 1, (400, 2))
    labels = (features[:, 0] > 0).astype(float)
    moved = features + [1e4, 0]
    given = {"predictor_type": "binary_classifier", "mini_batch_size": "20", "num_models": "8"}
    outcome = train(tmp_path, given, {"train": (moved, labels)})
    assert outcome.score("binary_classification_accuracy", "train") > 0.97


def test_diverging_models_do_not_win(tmp_path: Path, diabetes: Channels) -> None:
    given = {"predictor_type": "regressor", "mini_batch_size": "20", "optimizer": "sgd", "epochs": "8"}
    outcome = train(tmp_path, {**given, "use_lr_scheduler": "false"}, diabetes)
    assert outcome.exit_code == 0
    assert np.isfinite(outcome.model.weight).all()


def failure(outcome: Outcome) -> str:
    assert outcome.exit_code == 2 and not (outcome.root / "model").exists()
    return outcome.failure


def test_rows_that_do_not_fit_the_hyperparameters_are_refused(tmp_path: Path, eights: Channels) -> None:
    train_rows = {"train": eights["train"]}
    assert failure(train(tmp_path / "a", {**BINARY, "feature_dim": "10"}, train_rows)) == (
        "Customer Error: Incorrect configuration or train dataset provided. The value of feature_dim hyperparameter "
        "'10' doesn't match train data dimensionality '64'. Please set feature_dim to the number of features in "
        "train dataset."
    )
    text = failure(train(tmp_path / "b", {**BINARY, "mini_batch_size": "1201"}, train_rows))
    assert "mini_batch_size hyperparameter '1201' is greater than the number of records in train dataset '1200'" in text
    features, labels = eights["train"]
    text = failure(train(tmp_path / "c", BINARY, {"train": (features, labels * 0)}))
    assert "All labels on train dataset are 0." in text
    narrow = {**train_rows, "validation": (features[:, :9], labels)}
    for name, given in (("d", {}), ("e", {"feature_dim": "64"})):
        assert failure(train(tmp_path / name, {**BINARY, **given}, narrow)) == (
            "Customer Error: Incorrect configuration or validation dataset provided. The value of feature_dim "
            "hyperparameter '64' doesn't match validation data dimensionality '9'. Please set feature_dim to the "
            "number of features in validation dataset."
        )


def test_every_model_diverging_is_an_error(tmp_path: Path, diabetes: Channels) -> None:
    given = {"predictor_type": "regressor", "mini_batch_size": "20", "optimizer": "sgd", "learning_rate": "1e30"}
    outcome = train(tmp_path, given, diabetes)
    assert outcome.exit_code == 1
    assert outcome.failure.startswith("Algorithm Error: Training did not converge")


def test_pipe_mode_trains(tmp_path: Path, eights: Channels) -> None:
    import os
    import threading

    job = Job(tmp_path)
    job.configure({**BINARY, "epochs": "2"}, {"train": {"ContentType": CSV, "TrainingInputMode": "Pipe"}})
    fifo = tmp_path / "input/data/train_0"
    fifo.parent.mkdir(parents=True)
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(as_csv(*eights["train"]),))
    writer.start()
    outcome = job.run()
    writer.join()
    assert outcome.exit_code == 0
    assert "The channel 'train' is in pipe input mode under /opt/ml/input/data/train." in outcome.log
