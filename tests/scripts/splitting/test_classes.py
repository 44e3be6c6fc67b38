"""Classes keep their names from the conversion to whoever shows results; labels stay numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts import evaluate
from scripts.errors import ScriptError
from scripts.outputs import Outputs
from scripts.scoring.predictions import Answers, class_count, read_labels
from scripts.splitting.classes import read_classes, shown_names, write_classes


def test_names_come_back_and_are_no_labels(tmp_path: Path) -> None:
    with Outputs() as outputs:
        write_classes(outputs, tmp_path, ("cheap", "größer"))
    (tmp_path / "labels.csv").write_text("0\n1\n")
    assert read_classes(tmp_path) == ("cheap", "größer")
    assert read_labels(tmp_path).tolist() == [0, 1]


def test_labels_that_are_no_classes_leave_no_names(tmp_path: Path) -> None:
    with Outputs() as outputs:
        write_classes(outputs, tmp_path, ())
    assert not list(tmp_path.iterdir())
    assert read_classes(tmp_path) == ()


@pytest.mark.parametrize("text", ["[1, 2]", "{}", "[", "\xff"])
def test_names_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "_classes.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ScriptError, match="_classes.json: it is no list of names; convert the data again"):
        read_classes(tmp_path)


@pytest.mark.parametrize(
    ("known", "count", "names"),
    [
        ((), 2, ["negative", "positive"]),
        ((), 3, ["0", "1", "2"]),
        (("not 0", "0"), 2, ["not 0", "0"]),
        (("a", "b", "c"), 5, ["a", "b", "c", "3", "4"]),
    ],
)
def test_what_is_not_known_has_a_number(known: tuple[str, ...], count: int, names: list[str]) -> None:
    assert shown_names(known, count) == names


def test_a_model_with_scores_for_more_classes_than_there_are_shows_those_that_there_are() -> None:
    answers = Answers(np.zeros((3, 10)), np.array([0, 2, 1]))
    labels = np.array([0, 1, 2])
    assert (class_count(answers, labels), class_count(answers, labels, 3)) == (10, 3)
    assert class_count(Answers(answers.scores, np.array([0, 9, 1])), labels, 3) == 10


def test_the_report_shows_names_and_the_figures_keep_numbers(tmp_path: Path) -> None:
    for name in ("predictions", "labels", "features", "model", "inspection"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "model.tar.gz").write_bytes(b"another algorithm's")
    answers = [{"predicted_label": label, "score": [0.5, 0.3, 0.2, 0.0]} for label in (0, 1, 2, 1)]
    (tmp_path / "predictions" / "features.csv.out").write_text("\n".join(map(json.dumps, answers)) + "\n")
    (tmp_path / "labels" / "labels.csv").write_text("0\n1\n2\n0\n")
    (tmp_path / "labels" / "_classes.json").write_text('["cheap", "<fair>", "dear"]')
    (tmp_path / "features" / "features.csv").write_text("1,2\n" * 4)
    arguments = ["--task", "multiclass_classifier", "--output", str(tmp_path / "out")]
    for name in ("predictions", "labels", "features", "model", "inspection"):
        arguments += [f"--{name}", str(tmp_path / name)]
    assert evaluate.main(arguments) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<td>&lt;fair&gt;</td>" in page and "cheap → &lt;fair&gt; (0.50)" in page
    figures = json.loads((tmp_path / "out" / "evaluation.json").read_text())["multiclass_classification_metrics"]
    assert figures["confusion_matrix"] == {
        "0": {"0": 1, "1": 1, "2": 0},
        "1": {"0": 0, "1": 1, "2": 0},
        "2": {"0": 0, "1": 0, "2": 1},
    }
