"""What the report says that a linear model looks at, against scikit-learn's own scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from scripts.errors import ScriptError
from scripts.features.featurizer import Category, Featurizer, LeftOut, Numeric
from scripts.outputs import Outputs
from scripts.profiling.inspection import write_statistics
from scripts.profiling.profiles import Moments
from scripts.scoring.coefficients import coefficient_section, read_coefficients
from tests.support.artefact import artifact

PNG = b"\x89PNG"


def folders(tmp_path: Path, weight: Any, features: dict[str, Any], **model: Any) -> tuple[Path, Path]:
    for name in ("model", "inspection"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "model.tar.gz").write_bytes(artifact(weight, **model))
    if "data" in features:
        rows = features.pop("data")
        with Outputs() as outputs:  # as two instances count
            for name, part in (("statistics-a.json", rows[:99]), ("statistics-b.json", rows[99:])):
                moments = Moments(rows.shape[1])
                moments.count(part)
                write_statistics(outputs, tmp_path / "inspection" / name, moments, {})
    (tmp_path / "inspection" / "inspection.json").write_text(json.dumps({"features": features}))
    return tmp_path / "model", tmp_path / "inspection"


def described(data: Any) -> dict[str, Any]:
    return {"names": list(data.feature_names), "data": data.data}


def test_a_deviation_more_adds_what_scikit_learn_says_and_the_largest_comes_first(tmp_path: Path) -> None:
    data = load_breast_cancer()
    scaler = StandardScaler().fit(data.data)
    fitted = LogisticRegression(C=0.1).fit(scaler.transform(data.data), data.target)
    weight = (fitted.coef_[0] / scaler.scale_).reshape(-1, 1)
    found = read_coefficients(*folders(tmp_path, weight, described(data)))
    assert found is not None
    section = coefficient_section(found, ["malignant", "benign"], None)
    head, first, *_ = section.table
    assert head == ["feature", "per unit", "deviation", "per deviation"]
    row = data.data[:1].copy()
    before = fitted.decision_function(scaler.transform(row))[0]
    column = list(data.feature_names).index(first[0])
    row[0, column] += data.data[:, column].std()
    added = fitted.decision_function(scaler.transform(row))[0] - before
    assert float(first[3]) == pytest.approx(added, rel=1e-3)
    assert abs(added) == pytest.approx(np.abs(fitted.coef_[0]).max(), rel=1e-6)
    assert "'benign'" in section.text
    assert section.pictures["coefficients.png"].startswith(PNG)


def test_of_several_classes_what_speaks_for_each_and_against_it_is_beyond_what_all_share(tmp_path: Path) -> None:
    data = load_wine()
    scaler = StandardScaler().fit(data.data)
    fitted = LogisticRegression().fit(scaler.transform(data.data), data.target)
    shared = np.linspace(-3, 3, len(data.feature_names))[:, None]  # the same for every class: it changes no answer
    weight = fitted.coef_.T / scaler.scale_[:, None] + shared / scaler.scale_[:, None]
    model = {"kind": "multiclass_classifier", "loss": "softmax_loss"}
    found = read_coefficients(*folders(tmp_path, weight, described(data), **model))
    assert found is not None
    table = coefficient_section(found, list(data.target_names), None).table
    for index, (name, pros, cons) in enumerate(table[1:]):
        centred = fitted.coef_ - fitted.coef_.mean(axis=0)
        assert name == data.target_names[index]
        assert pros.startswith(data.feature_names[int(np.argmax(centred[index]))])
        assert cons.startswith(data.feature_names[int(np.argmin(centred[index]))])


def test_pixels_are_a_picture_beside_the_mean(tmp_path: Path) -> None:
    found = read_coefficients(*folders(tmp_path, np.ones((64, 1)), {"names": []}))
    assert found is not None
    section = coefficient_section(found, [], PNG, 8)
    assert list(section.pictures) == ["weights.png", "mean.png"] and not section.table


def test_without_deviations_a_unit_counts(tmp_path: Path) -> None:
    found = read_coefficients(*folders(tmp_path, np.array([[1.0], [-3.0]]), {"names": ["a", "b"]}))
    assert found is not None
    assert coefficient_section(found, [], None).table == [["feature", "per unit"], ["b", "-3"], ["a", "+1"]]


def test_another_algorithms_artefact_has_no_coefficients(tmp_path: Path) -> None:
    model, inspection = folders(tmp_path, np.ones((2, 1)), {"names": ["a", "b"]})
    (model / "model.tar.gz").write_bytes(b"a model of another kind")
    assert read_coefficients(model, inspection) is None


def test_a_model_of_other_features_is_an_error_not_a_wrong_table(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="3 coefficients for 2 features"):
        read_coefficients(*folders(tmp_path, np.ones((3, 1)), {"names": ["a", "b"]}))


def test_of_a_treated_table_the_columns_stand_beside_a_row_not_the_features_made_of_them(tmp_path: Path) -> None:
    columns = (
        Category("city", ("Rome", "Oslo"), False),
        LeftOut("id", "it counts the rows"),
        Numeric("age", 1.0, True),
    )
    featurizer = Featurizer(columns)
    weight = np.array([[0.1], [3.0], [2.0], [0.2]], np.float32)
    found = read_coefficients(*folders(tmp_path, weight, {"names": list(featurizer.features)}))
    assert found is not None
    assert found.beside(featurizer) == [(0, "city"), (2, "age")]
    assert found.beside()[0] == (1, "city = Oslo")
