"""The evaluation as files: figures, a report that needs nothing else, pictures; and answers that cannot be used."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts import evaluate
from scripts.errors import ScriptError
from scripts.reporting.evaluation_page import number, page, title
from scripts.reporting.report_sections import binary_sections, multiclass_sections, threshold_of
from scripts.scoring import predictions
from scripts.scoring.gates import compare, verdict
from scripts.scoring.metrics import HEADLINES
from scripts.scoring.predictions import Answers, feature_rows, parse_answers

INPUTS = ("predictions", "labels", "features", "model", "inspection")
ARTIFACT = b"another algorithm's"


class Case:
    """Folders of predictions, labels and features, filled row by row."""

    def __init__(self, folder: Path, task: str = "binary_classifier") -> None:
        self.folder = folder
        self.task = task
        for name in INPUTS:
            (folder / name).mkdir(parents=True)
        (folder / "model" / "model.tar.gz").write_bytes(ARTIFACT)

    def write(self, answers: list[dict[str, Any]], labels: list[float], features: Any) -> None:
        text = "".join(json.dumps(answer, separators=(",", ":")) + "\n" for answer in answers)
        (self.folder / "predictions" / "features.csv.out").write_text(text)
        (self.folder / "labels" / "labels.csv").write_text("".join(f"{label:.9g}\n" for label in labels))
        np.savetxt(self.folder / "features" / "features.csv", features, delimiter=",", fmt="%.6g")
        described = {"features": {"names": [], "image_side": 8 if features.shape[1] == 64 else None}}
        (self.folder / "inspection" / "inspection.json").write_text(json.dumps(described))

    def run(self, *more: str) -> int:
        arguments = ["--task", self.task, "--output", str(self.output), "--message", str(self.folder / "message")]
        for name in INPUTS:
            arguments += [f"--{name}", str(self.folder / name)]
        return evaluate.main([*arguments, *more])

    @property
    def output(self) -> Path:
        return self.folder / "evaluation"

    @property
    def message(self) -> str:
        return (self.folder / "message").read_text()


def binary_case(folder: Path, rows: int = 300, columns: int = 64) -> Case:
    random = np.random.default_rng(4)
    labels = (np.arange(rows) % 4 == 0).astype(float)
    scores = np.clip(0.25 + 0.4 * labels + random.normal(size=rows) * 0.15, 0, 1)
    case = Case(folder)
    answers = [{"predicted_label": int(score > 0.45), "score": float(score)} for score in scores]
    case.write(answers, labels.tolist(), random.random((rows, columns)))
    return case


def test_binary_evaluation_and_the_message(tmp_path: Path) -> None:
    case = binary_case(tmp_path)
    assert case.run() == 0
    group = json.loads((case.output / "evaluation.json").read_text())
    assert list(group) == ["binary_classification_metrics"]
    figures = group["binary_classification_metrics"]
    expected = ", ".join(
        f"{name} {figures[name]['value']:.4f}" for name in ("accuracy", "precision", "recall", "f1", "auc")
    )
    assert case.message == expected
    assert sorted(path.name for path in case.output.iterdir()) == [
        "artifacts.json",
        "calibration.png",
        "confusion.png",
        "evaluation.json",
        "gates.json",
        "mistakes.png",
        "precision_recall.png",
        "report.html",
        "roc.png",
        "scores.png",
        "thresholds.png",
    ]


@pytest.mark.long
def test_what_was_evaluated_is_known_by_its_hash(tmp_path: Path) -> None:
    case = binary_case(tmp_path)
    (tmp_path / "featurizer").mkdir()
    (tmp_path / "featurizer" / "model.tar.gz").write_bytes(b"")
    assert case.run("--featurizer", str(tmp_path / "featurizer")) == 0
    assert json.loads((case.output / "artifacts.json").read_text()) == {
        "model": {"sha256": hashlib.sha256(ARTIFACT).hexdigest()},
        "featurizer": {"sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    }


def test_each_gated_figure_is_marked_as_met_or_missed(tmp_path: Path) -> None:
    case = binary_case(tmp_path)
    assert case.run("--gates", "accuracy>=0.9999,precision>=0.1,auc>=0.1") == 0
    figures = json.loads((case.output / "evaluation.json").read_text())["binary_classification_metrics"]
    shown = {name: f"{figures[name]['value']:.6g}" for name in ("accuracy", "precision", "auc")}
    assert json.loads((case.output / "gates.json").read_text()) == {
        "verdict": {
            "value": f"Missed: accuracy {shown['accuracy']} (at least 0.9999). "
            f"Met: precision {shown['precision']} (at least 0.1), auc {shown['auc']} (at least 0.1)."
        }
    }
    page = (case.output / "report.html").read_text()
    assert "1 of 3 missed: the model is rejected." in page
    assert "<td>at least 0.9999</td><td>missed</td>" in page


def test_a_figure_just_beside_its_threshold_is_told_from_it() -> None:
    (gate,) = compare("accuracy>=0.96", {"accuracy": {"value": 0.95999999}})
    assert verdict([gate]) == "Missed: accuracy 0.95999999 (at least 0.96)."
    (gate,) = compare("mae<=2.0", {"mae": {"value": 2.0}})
    assert verdict([gate]) == "Met: mae 2 (at most 2)."
    (gate,) = compare("auc>=0", {"auc": {"value": "NaN"}})
    assert verdict([gate]) == "Missed: auc nan (at least 0)."


@pytest.mark.parametrize("text", ["accuracy", "accuracy>0.9", "accuracy>=much", "nothing>=0.9", "accuracy>=nan"])
def test_what_is_no_gate_is_refused(text: str) -> None:
    with pytest.raises(ScriptError, match=f"the gate '{text}' compares no figure with a number; write it as"):
        compare(text, {"accuracy": {"value": 0.9}})


class Page(HTMLParser):
    """What a page refers to and whether its tags are balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_report_is_one_file_with_every_picture_inside(tmp_path: Path) -> None:
    case = binary_case(tmp_path)
    case.run()
    page = Page()
    page.feed((case.output / "report.html").read_text())
    assert not page.open
    pictures = {path.read_bytes() for path in case.output.glob("*.png")}
    assert {base64.b64decode(link.removeprefix("data:image/png;base64,")) for link in page.links} == pictures
    matrix = json.loads((case.output / "evaluation.json").read_text())["binary_classification_metrics"]
    found = matrix["confusion_matrix"]["1"]["1"]
    assert f"75 positive rows: {found} found, {75 - found} missed." in page.text


def test_same_input_gives_the_same_files(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        case = binary_case(tmp_path / name)
        case.run()
        contents.append({path.name: path.read_bytes() for path in case.output.iterdir()})
    assert contents[0] == contents[1]


def test_the_heading_says_what_was_evaluated_and_by_which_job(tmp_path: Path) -> None:
    case = binary_case(tmp_path)
    splits = {"train": {"rows": 4000}, "test": {"rows": 300}}
    described = {"files": ["a.csv", "b.csv", "c.csv", "d.csv"], "label": "of column 'sick'", "splits": splits}
    (tmp_path / "inspection" / "inspection.json").write_text(json.dumps(described))
    code = {"InputName": "code", "S3Input": {"S3Uri": "s3://bucket/name/code/5eed47"}}
    job = {"ProcessingJobName": "pipelines-4qnyg0c8m279-EvaluateModel-x", "ProcessingInputs": [code]}
    (tmp_path / "job.json").write_text(json.dumps(job))
    assert case.run("--job", str(tmp_path / "job.json")) == 0
    about = re.search("<dl>(.*?)</dl>", (case.output / "report.html").read_text())
    assert about is not None
    told = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", about[1]))
    assert told["Data"] == "a.csv, b.csv, c.csv and 1 more"
    assert told["Label"] == "column &#x27;sick&#x27;"
    assert told["Rows"] == "train 4,000, test 300"
    assert told["Code"] == "5eed47"
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC by pipelines-4qnyg0c8m279-EvaluateModel-x", told["Evaluated"])


@pytest.mark.parametrize(
    ("step", "shown"),
    [pytest.param(4, False, marks=pytest.mark.long), (20, True)],
    ids=["a quarter", "a twentieth"],
)
def test_where_positives_are_rare_the_area_under_precision_and_recall_stands_on_top(
    tmp_path: Path, step: int, shown: bool
) -> None:
    labels = (np.arange(300) % step == 0).astype(float)
    scores = np.clip(0.3 * labels + np.random.default_rng(1).random(300) * 0.6, 0, 1)
    case = Case(tmp_path)
    answers = [{"predicted_label": int(score > 0.45), "score": float(score)} for score in scores]
    case.write(answers, labels.tolist(), np.zeros((300, 5)))
    assert case.run() == 0
    cards = (case.output / "report.html").read_text().partition('<div class="cards">')[2].partition("</div><section")[0]
    assert ("Average precision" in cards) == shown


@pytest.mark.long
def test_features_that_are_no_picture_list_the_mistakes_in_a_table(tmp_path: Path) -> None:
    case = binary_case(tmp_path, columns=5)
    assert case.run() == 0
    assert not (case.output / "mistakes.png").exists()
    page = (case.output / "report.html").read_text()
    assert re.search("<td>Called (positive, but negative|negative, but positive)</td><td>score", page)
    assert "line of features.csv" in (case.output / "report.html").read_text()


@pytest.mark.long
def test_model_without_mistakes_has_no_such_section(tmp_path: Path) -> None:
    case = Case(tmp_path)
    answers = [{"predicted_label": label, "score": 0.1 + 0.8 * label} for label in (0, 1, 0, 1)]
    case.write(answers, [0, 1, 0, 1], np.zeros((4, 64)))
    assert case.run() == 0
    assert "Worst mistakes" not in (case.output / "report.html").read_text()


@pytest.mark.long
def test_model_that_always_answers_the_same_is_evaluated_all_the_same(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.write([{"predicted_label": 0, "score": 0.5}] * 4, [0, 1, 0, 1], np.zeros((4, 64)))
    assert case.run() == 0
    figures = json.loads((case.output / "evaluation.json").read_text())["binary_classification_metrics"]
    assert (figures["precision"]["value"], figures["auc"]["value"]) == (0, 0.5)


@pytest.mark.parametrize("classes", [3, 10, 25])
def test_multiclass_evaluation(tmp_path: Path, classes: int) -> None:
    random = np.random.default_rng(1)
    case = Case(tmp_path, "multiclass_classifier")
    labels = np.arange(240) % classes
    scores = random.dirichlet(np.ones(classes), 240) + 1.5 / classes * np.eye(classes)[labels]
    answers = [{"predicted_label": float(row.argmax()), "score": (row / row.sum()).tolist()} for row in scores]
    case.write(answers, labels.tolist(), random.random((240, 64)))
    assert case.run() == 0
    figures = json.loads((case.output / "evaluation.json").read_text())["multiclass_classification_metrics"]
    assert figures["accuracy"]["value"] == pytest.approx((scores.argmax(1) == labels).mean())
    assert len(figures["confusion_matrix"]) == classes
    names = {path.name for path in case.output.glob("*.png")}
    assert names == {"confusion.png", "confidence.png", "mistakes.png"} | ({"classes.png"} if classes <= 20 else set())


def test_regression_evaluation(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    case = Case(tmp_path, "regressor")
    labels = random.normal(size=250) * 9
    answers = [{"score": float(label + error)} for label, error in zip(labels, random.normal(size=250), strict=True)]
    case.write(answers, labels.tolist(), random.random((250, 13)))
    assert case.run() == 0
    figures = json.loads((case.output / "evaluation.json").read_text())["regression_metrics"]
    assert set(figures) == {"mae", "mse", "rmse", "relative_rmse", "r2"}
    assert case.message.startswith("mae ")
    assert {path.name for path in case.output.glob("*.png")} == {
        "predicted.png",
        "residual_histogram.png",
        "residuals.png",
    }


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("predictions/features.csv.out", "", "0 predictions for 4 labels"),
        ("predictions/features.csv.out", '{"score":1}\n', 'line 1: {"score": 1} has no score and predicted_label'),
        ("predictions/features.csv.out", '{"score":\n', "line 1: '{\"score\":' is no JSON; predictions must be JSON"),
        ("predictions/features.csv.out", '{"predicted_label":1,"score":NaN}\n', "line 1: the score is not finite"),
        ("predictions/features.csv.out", '{"predicted_label":1,"score":"a"}\n', "not all numbers of one shape"),
        ("predictions/features.csv.out", '{"predicted_label":5,"score":1}\n' * 4, "not of a binary classifier"),
        ("predictions/features.csv.out", '{"predicted_label":1,"score":[1,2]}\n' * 4, "not of a binary classifier"),
        ("predictions/features.csv.out", '{"predicted_label":1,"score":1e39}\n', "line 1: the score is not finite"),
        ("predictions/features.csv.out", '{"predicted_label":0.7,"score":1}\n', "the predicted label 0.7 is no class"),
        ("predictions/features.csv.out", '{"predicted_label":NaN,"score":1}\n', "the predicted label nan is no class"),
        ("predictions/features.csv.out", '{"predicted_label":"1","score":1}\n', "not all numbers of one shape"),
        ("predictions/features.csv.out", '{"predicted_label":1,"score":"1"}\n', "not all numbers of one shape"),
        ("predictions/g.out", '{"predicted_label":1,"score":[1,2]}\n', "scores of different numbers of classes"),
        ("labels/_classes.json", '["a"]', "the data has 1 classes, where a binary classifier has 2"),
        ("labels/labels.csv", "1\nx\n", "labels.csv: line 2: 'x' is no label"),
        ("labels/labels.csv", "1\nnan\n", "labels.csv: line 2: 'nan' is no label"),
        ("labels/labels.csv", "0\n0\n0\n0\n", "the test labels are not 0 and 1, both at least once"),
        ("labels/labels.csv", "0\n1\n2\n0\n", "the test labels are not 0 and 1"),
        ("labels/labels.csv", "1\n", "4 predictions for 1 labels; both must come from the same conversion"),
    ],
)
def test_input_that_cannot_be_evaluated(tmp_path: Path, file: str, content: str, reason: str) -> None:
    case = Case(tmp_path)
    case.write([{"predicted_label": 1, "score": 0.5}] * 4, [0, 1, 0, 1], np.zeros((4, 3)))
    (tmp_path / file).write_text(content)
    assert case.run() == 1
    assert reason in case.message
    assert not list(case.output.rglob("*"))


def test_multiclass_answers_that_name_no_class(tmp_path: Path) -> None:
    case = Case(tmp_path, "multiclass_classifier")
    case.write([{"predicted_label": -1, "score": [0.1, 0.2, 0.7]}] * 3, [0, 1, 2], np.zeros((3, 3)))
    assert case.run() == 1
    assert "a predicted label is -1" in case.message


def test_empty_folder_of_predictions(tmp_path: Path) -> None:
    case = Case(tmp_path)
    (tmp_path / "labels" / "labels.csv").write_text("1\n")
    assert case.run() == 1
    assert "predictions: the folder is empty" in case.message


def test_regression_labels_that_are_all_the_same(tmp_path: Path) -> None:
    case = Case(tmp_path, "regressor")
    case.write([{"score": 1.0}] * 3, [2, 2, 2], np.zeros((3, 3)))
    assert case.run() == 1
    assert "every test label is 2" in case.message


def test_answers_of_several_lines_and_classes() -> None:
    answers = parse_answers(b'{"predicted_label":2,"score":[0.1,0.2,0.7]}\n' * 2, "multiclass_classifier", "x")
    assert answers.scores.shape == (2, 3)
    assert answers.labels is not None and answers.labels.tolist() == [2, 2]
    assert len(parse_answers(b"", "regressor", "x")) == 0


def test_only_the_wanted_rows_of_features_are_parsed(tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text("1,2\nnot,numbers\n3,4\n")
    found = feature_rows(tmp_path, [2, 0])
    assert {row: values.tolist() for row, values in found.items()} == {0: [1, 2], 2: [3, 4]}


def test_threshold_lies_between_the_answers() -> None:
    scores = np.array([0.1, 0.4, 0.6, 0.9])
    assert threshold_of(scores, np.array([0, 0, 1, 1])) == 0.5
    assert threshold_of(scores, np.zeros(4)) == 0.9
    assert threshold_of(scores, np.ones(4)) == 0.1


def test_figures_are_written_as_people_write_them() -> None:
    assert [title(name) for name in ("auc", "weighted_f1", "f0_5", "true_positive_rate", "r2")] == [
        "AUC",
        "weighted F1",
        "F0.5",
        "true positive rate",
        "R²",
    ]
    assert [number(value) for value in (0.98765, 0.0, 1e-5, 123456.4, -1234567.0, 1.5e12, "NaN")] == [
        "0.9877",
        "0.0000",
        "1e-05",
        "123,456",
        "-1,234,567",
        "1.5e+12",
        "–",
    ]


def test_a_class_without_rows_or_predictions_has_no_figures_instead_of_zeros(tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text("1\n" * 3)
    answers = Answers(np.array([[0.7, 0.2, 0.1]] * 3), np.array([0, 0, 0]))
    _, each, *_ = multiclass_sections(answers, np.array([0.0, 0, 1]), tmp_path, ["a", "b", "c"])
    assert [row[3:] for row in each.table[1:]] == [
        ["0.6667", "1.0000", "0.8000"],
        ["–", "0.0000", "0.0000"],
        ["–", "–", "–"],
    ]


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("binary_classification_metrics", "always positive"),
        ("multiclass_classification_metrics", "always the most fre"),
    ],
)
def test_the_report_says_what_the_constant_classifier_answers(group: str, words: str) -> None:
    figure = {"value": 0.75, "standard_deviation": "NaN"}
    names = HEADLINES[group]
    shown = page(group, {name: figure for name in (*names, f"{names[0]}_best_constant_classifier")}, [], 4)
    assert f"<small>0.7500 if {words}" in shown
    assert f"<th>{words}" in shown


def test_runs_as_the_definition_runs_it_without_heavy_imports(tmp_path: Path) -> None:
    case = binary_case(tmp_path)
    code = (
        "import sys; from scripts import evaluate; "
        f"status = evaluate.main({['--task', 'binary_classifier', '--output', str(case.output)]!r} + "
        f"{[part for n in INPUTS for part in (f'--{n}', str(tmp_path / n))]!r}); "
        "print(sorted({'pandas', 'sklearn', 'scipy', 'boto3', 'matplotlib.pyplot'} & set(sys.modules))); "
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert re.match("accuracy 0.", done.stdout)


def test_answers_are_read_a_piece_at_a_time_and_a_wrong_line_has_its_number_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "_PIECE_LINES", 3)
    lines = [json.dumps({"predicted_label": row % 2, "score": row / 10}) for row in range(8)]
    (tmp_path / "a.out").write_text("\n".join(lines) + "\n")
    found = predictions.read_answers(tmp_path, "binary_classifier")
    assert found.scores.tolist() == [row / 10 for row in range(8)] and found.labels is not None
    assert found.labels.tolist() == [row % 2 for row in range(8)]
    for wrong in ("x", '{"predicted_label": 0.5, "score": 1}', '{"predicted_label": 0, "score": 1e39}', "{}"):
        (tmp_path / "a.out").write_text("\n".join([*lines[:7], wrong]) + "\n")
        with pytest.raises(ScriptError, match="line 8:"):
            predictions.read_answers(tmp_path, "binary_classifier")


def test_worst_mistakes_of_a_table_show_the_rows_own_cells(tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text('"Daegu, north",3.5,\nSeoul,,2020-01-01\n')
    answers = Answers(np.array([0.9, 0.8]), np.array([1, 1]))
    sections = binary_sections(answers, np.zeros(2), tmp_path, (), [(0, "city"), (2, "joined")])
    [mistakes] = [section for section in sections if section.title == "Worst mistakes"]
    assert [row[-2:] for row in mistakes.table] == [["city", "joined"], ["Daegu, north", ""], ["Seoul", "2020-01-01"]]


@pytest.mark.long
def test_the_card_of_accuracy_shows_what_the_better_of_both_constant_answers_reaches(tmp_path: Path) -> None:
    case = binary_case(tmp_path)  # one of four is positive
    assert case.run() == 0
    page = (case.output / "report.html").read_text()
    assert "0.7500 if always negative" in page
    assert "over samples of 80 %" in page
