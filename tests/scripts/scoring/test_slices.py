"""Figures of parts of the rows are scikit-learn's of those rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score

from scripts.errors import ScriptError
from scripts.reporting.report_section import Section
from scripts.scoring.metrics import BINARY_GROUP, HEADLINES, REGRESSION_GROUP
from scripts.scoring.predictions import Answers
from scripts.scoring.slices import slice_section
from scripts.splitting.targets import BINARY, REGRESSOR

RANDOM = np.random.default_rng(7)
ROWS = 400
LABELS = (RANDOM.random(ROWS) < 0.4).astype(float)
SCORES = np.clip(LABELS * 0.3 + RANDOM.random(ROWS) * 0.7, 0, 1)
ANSWERS = Answers(SCORES, (SCORES > 0.5).astype(np.int64))


def sliced(folder: Path, column: str, cells: list[str], answers: Answers = ANSWERS, **other: Any) -> Section:
    """Rows of two columns, the other being a number."""
    (folder / "features").mkdir()
    (folder / "inspection").mkdir()
    (folder / "inspection" / "inspection.json").write_text(json.dumps({"features": {"names": ["city", "age"]}}))
    (folder / "features" / "features.csv").write_text("".join(f"{cell},{row}\n" for row, cell in enumerate(cells)))
    given = {"task": BINARY, "group": BINARY_GROUP} | other
    return slice_section(
        column,
        answers,
        LABELS[: len(answers)],
        given["task"],
        given["group"],
        features=folder / "features",
        inspection=folder / "inspection",
        known=2,
    )


def test_each_value_has_its_own_figures(tmp_path: Path) -> None:
    cities = [("Bonn", "Kyiv", '"Lima, Peru"')[row % 3] for row in range(ROWS)]
    head, *rows = sliced(tmp_path, "city", cities).table
    assert head[:4] == ["city", "rows", "accuracy", "precision"]
    assert [row[0] for row in rows] == ["Bonn", "Kyiv", "Lima, Peru"]
    assert ANSWERS.labels is not None
    for number, row in enumerate(rows):
        truth, guess = LABELS[number::3], ANSWERS.labels[number::3]
        assert row[1] == str(len(truth))
        assert float(row[2]) == pytest.approx(accuracy_score(truth, guess), abs=6e-5)
        assert float(row[4]) == pytest.approx(recall_score(truth, guess), abs=6e-5)


def test_many_numbers_become_quarters_and_no_row_is_lost(tmp_path: Path) -> None:
    _, *rows = sliced(tmp_path, "age", ["x"] * ROWS).table
    assert [row[0] for row in rows] == ["0 to 99.75", "99.75 to 199.5", "199.5 to 299.2", "299.2 to 399"]
    assert [row[1] for row in rows] == ["100"] * 4


def test_of_many_values_the_most_frequent_stand_alone(tmp_path: Path) -> None:
    cells = [f"city {row % 40}" if row % 2 else "Bonn" for row in range(ROWS)]
    _, *rows = sliced(tmp_path, "city", cells).table
    assert len(rows) == 11 and rows[0][:2] == ["Bonn", "200"] and rows[-1][0] == "11 other values"
    assert sum(int(row[1]) for row in rows) == ROWS


def test_a_part_of_one_class_has_no_area(tmp_path: Path) -> None:
    cells = ["sick" if label else "well" for label in LABELS]
    _, sick, well = sliced(tmp_path, "city", cells).table
    place = 2 + HEADLINES[BINARY_GROUP].index("auc")
    assert sick[place] == well[place] == "–"


def test_amounts_have_errors_by_part(tmp_path: Path) -> None:
    cells = ["a" if row < 100 else "" for row in range(ROWS)]
    _, gap, first = sliced(tmp_path, "city", cells, Answers(SCORES, None), task=REGRESSOR, group=REGRESSION_GROUP).table
    assert (gap[0], first[0]) == ("(empty)", "a")
    assert float(first[2]) == pytest.approx(np.abs(SCORES - LABELS)[:100].mean(), abs=6e-5)


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="no column 'town' to show slices by; the columns are city, age"):
        sliced(tmp_path, "town", ["x"] * ROWS)
