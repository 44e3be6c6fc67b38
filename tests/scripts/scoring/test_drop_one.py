"""What features are worth, against scikit-learn's model asked about rows in which the feature is its mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score, r2_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from scripts.scoring.coefficients import read_coefficients
from scripts.scoring.drop_one import worth_section
from tests.support.artefact import artifact


def folders(tmp_path: Path, weight: Any, rows: Any, names: list[str], **model: Any) -> tuple[Path, Path, Path]:
    made = tuple(tmp_path / name for name in ("model", "inspection", "features"))
    for folder in made:
        folder.mkdir()
    (made[0] / "model.tar.gz").write_bytes(artifact(weight, **model))
    (made[1] / "inspection.json").write_text(json.dumps({"features": {"names": names}}))
    np.savetxt(made[2] / "features.csv", rows, delimiter=",", fmt="%.9g")
    return made


def dropped(rows: Any, column: int) -> Any:
    """The rows, all of them with the column's mean."""
    rows = rows.copy()
    rows[:, column] = rows[:, column].mean()
    return rows


def section(made: tuple[Path, Path, Path], metric: str, labels: Any, classes: int = 0) -> list[list[str]]:
    model, inspection, features = made
    found = read_coefficients(model, inspection)
    assert found is not None
    (made_of,) = worth_section(
        found, metric, features=features, inspection=inspection, labels=labels.astype(float), classes=classes
    )
    return made_of.table[1:]


def test_auc_without_a_feature_is_that_of_scikit_learns_model(tmp_path: Path) -> None:
    data = load_breast_cancer()
    rows = StandardScaler().fit_transform(data.data).astype(np.float32)
    fitted = LogisticRegression(C=0.1, fit_intercept=False).fit(rows, data.target)
    names = list(data.feature_names)
    table = section(folders(tmp_path, fitted.coef_.T, rows, names), "auc", data.target, 2)
    assert len(table) == 20
    for name, without, change in table:
        auc = roc_auc_score(data.target, fitted.decision_function(dropped(rows, names.index(name))))
        assert float(without) == pytest.approx(auc, abs=6e-5)
        whole = roc_auc_score(data.target, fitted.decision_function(rows))
        assert float(change) == pytest.approx(auc - whole, abs=1e-4)
    changes = [abs(float(row[2])) for row in table]
    assert changes == sorted(changes, reverse=True) and changes[0] > 0


def test_of_several_classes_the_weighted_f1_is_that_of_scikit_learns_model(tmp_path: Path) -> None:
    data = load_wine()
    rows = StandardScaler().fit_transform(data.data).astype(np.float32)
    fitted = LogisticRegression(fit_intercept=False).fit(rows, data.target)
    made = folders(
        tmp_path,
        fitted.coef_.T,
        rows,
        list(data.feature_names),
        kind="multiclass_classifier",
        loss="softmax_loss",
    )
    for name, without, _ in section(made, "weighted_f1", data.target, 3):
        guess = fitted.predict(dropped(rows, list(data.feature_names).index(name)))
        assert float(without) == pytest.approx(f1_score(data.target, guess, average="weighted"), abs=6e-5)


def test_of_an_amount_r2_falls_as_it_does_for_scikit_learns_model(tmp_path: Path) -> None:
    data = load_diabetes()
    target = data.target - data.target.mean()
    fitted = LinearRegression(fit_intercept=False).fit(data.data, target)
    made = folders(
        tmp_path,
        fitted.coef_.reshape(-1, 1),
        data.data,
        list(data.feature_names),
        kind="regressor",
        loss="squared_loss",
    )
    for name, without, _ in section(made, "r2", target):
        guess = fitted.predict(dropped(data.data, list(data.feature_names).index(name)))
        assert float(without) == pytest.approx(r2_score(target, guess), abs=6e-5)


def test_rows_that_are_not_the_models_own_say_nothing(tmp_path: Path) -> None:
    model, inspection, features = folders(tmp_path, np.ones((3, 1)), np.ones((4, 2)), ["a", "b", "c"])
    found = read_coefficients(model, inspection)
    assert found is not None
    labels = np.array([0.0, 1, 0, 1])
    assert worth_section(found, "auc", features=features, inspection=inspection, labels=labels, classes=2) == []
