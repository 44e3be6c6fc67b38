"""The scaler: which rows it reads, which deviation it takes, and that folding changes no prediction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from pipeline.local.images.linear_learner.batches import batches, chunks, rows_of
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters, parse
from pipeline.local.images.linear_learner.rows import KeptRows
from pipeline.local.images.linear_learner.scaler import fit, rows_for_scaler

SOURCE = np.random.default_rng(5)


def parameters(kind: str = "regressor", **given: str) -> Hyperparameters:
    return parse({"predictor_type": kind, "mini_batch_size": "50", **given})


def rows(count: int = 230, columns: int = 4) -> KeptRows:
    features = SOURCE.normal(3, 2, (count, columns)).astype(np.float32)
    features[SOURCE.random(features.shape) < 0.6] = 0
    return KeptRows(features, SOURCE.normal(20, 9, count).astype(np.float32), 1000)


@pytest.mark.parametrize(
    ("batch", "points", "total", "read"),
    [(1000, 10000, 49169, 11000), (200, 10000, 227, 200), (4, 10000, 511, 508), (200, 10000, 50000, 10200)],
)
def test_whole_batches_until_more_than_the_points_were_seen(batch: int, points: int, total: int, read: int) -> None:
    given = parameters(mini_batch_size=str(batch), num_point_for_scaler=str(points))
    assert rows_for_scaler(given, total) == read


def test_mean_and_population_deviation_of_those_rows() -> None:
    data = rows()
    scaler = fit(data, parameters(num_point_for_scaler="100"))
    seen, labels = data.features[:150].astype(np.float64), data.labels[:150].astype(np.float64)
    assert np.allclose(scaler.mean, seen.mean(axis=0)) and np.allclose(scaler.stdev, seen.std(axis=0))
    assert scaler.label_mean == pytest.approx(labels.mean())
    assert scaler.label_stdev == pytest.approx(labels.std())


def test_each_part_can_be_switched_off() -> None:
    off = {name: "false" for name in ("normalize_data", "unbias_data", "normalize_label", "unbias_label")}
    scaler = fit(rows(), parameters(**off))
    assert (scaler.mean == 0).all() and (scaler.stdev == 1).all()
    assert (scaler.label_mean, scaler.label_stdev) == (None, None)
    classifier = fit(KeptRows(rows().features, np.ones(230, np.float32), 1), parameters("binary_classifier"))
    assert (classifier.label_mean, classifier.label_stdev) == (None, None)


def test_constant_features_and_labels_are_not_blown_up() -> None:
    constant = KeptRows(np.full((100, 2), 7, np.float32), np.full(100, 3, np.float32), 1)
    scaler = fit(constant, parameters())
    assert scaler.stdev.tolist() == [1, 1] and scaler.label_stdev == 1


def test_sparse_rows_have_the_same_deviation_and_are_not_shifted() -> None:
    data = rows()
    dense = fit(data, parameters())
    sparse = fit(KeptRows(csr_matrix(data.features), data.labels, 1000), parameters())
    assert np.allclose(dense.stdev, sparse.stdev) and sparse.label_mean == pytest.approx(dense.label_mean)
    # AWS documents that features are shifted only for dense data.
    assert (sparse.mean == 0).all() and (dense.mean != 0).all()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("use_bias", [True, False])
def test_batches_give_the_products_with_normalised_features(sparse: bool, use_bias: bool) -> None:
    data = rows()
    given = parameters(use_bias=str(use_bias).lower(), unbias_data="true")
    held = KeptRows(csr_matrix(data.features), data.labels, 1000) if sparse else data
    scaler = fit(held, given)
    cut = batches(held, scaler, given, 3)
    ((ready, whole),) = chunks(held, scaler, given).of(held.features)
    assert (whole.start, whole.stop) == (0, 200)
    normal = np.column_stack([(data.features - scaler.mean) / scaler.stdev, np.full(len(data), float(use_bias))])
    weights = SOURCE.normal(size=(5, 3)).astype(np.float32)
    if not use_bias:
        weights[-1] = 0
    part = normal[100:150]
    assert np.allclose(cut.outputs(rows_of(ready, 100, 50), weights), part @ weights, atol=1e-4)
    slopes = SOURCE.normal(size=(50, 3)).astype(np.float32)
    for own in (slice(0, 2), slice(2, 5)):
        assert np.allclose(cut.gradient(slopes)(own), (part.T @ slopes)[own], atol=1e-3)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_chunk_stays_as_it_is_while_the_next_one_is_made(sparse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.local.images.linear_learner.batches._CHUNK_NUMBERS", 4 * 60)
    data, given = rows(520), parameters()
    held = KeptRows(csr_matrix(data.features), data.labels, 1000) if sparse else data
    scaler = fit(held, given)
    made = chunks(held, scaler, given).of(held.features)
    ahead, seen = next(made), 0
    while (chunk := ahead) is not None:
        ahead = next(made, None)
        features, part = chunk
        normal = (data.features[part] - scaler.mean) / scaler.stdev
        assert np.allclose(features.toarray() if sparse else features, normal, atol=1e-5)
        assert (part.start, (part.stop - part.start) % 50) == (seen, 0)
        seen = part.stop
    assert seen == 500


def test_what_rounding_leaves_of_the_slopes_is_summed_up_for_the_bias() -> None:
    data = rows(50)
    cut = batches(data, fit(data, parameters()), parameters(), 1)
    cut.outputs(data.features, np.zeros((5, 1), np.float32))
    slopes = np.ones((50, 1), np.float32)
    slopes[0], slopes[-1] = 1e8, -1e8
    assert cut.gradient(slopes)(slice(0, 5))[-1].item() == 48


def test_constant_features_stay_so_however_many_batches_they_are_carried_over() -> None:
    constant = np.full((2000, 3), [0.1, 2e7, 7], np.float32)
    scaler = fit(
        KeptRows(constant, np.zeros(2000, np.float32), 1), parameters("binary_classifier", mini_batch_size="3")
    )
    assert scaler.mean.tolist() == constant[0].astype(float).tolist() and scaler.stdev.tolist() == [1, 1, 1]


def test_folded_weights_predict_the_same_from_raw_values() -> None:
    data = rows()
    scaler = fit(data, parameters())
    weights = SOURCE.normal(size=(5, 2)).astype(np.float32)
    weight, bias = scaler.fold(weights)
    normal = np.column_stack([(data.features - scaler.mean) / scaler.stdev, np.ones(len(data))])
    label_mean, label_stdev = scaler.label_mean or 0.0, scaler.label_stdev or 1.0
    assert np.allclose(data.features @ weight + bias, normal @ weights * label_stdev + label_mean, rtol=1e-4)
    labels = scaler.normalise_labels(data.labels)
    assert np.allclose(labels * label_stdev + label_mean, data.labels, rtol=1e-5)
