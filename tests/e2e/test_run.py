"""`pipeline run` as a newcomer types it: real digits, real processes, nothing faked."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Ended, pipeline

STEPS = [
    "ConvertData",
    "TrainModel",
    "CreateModel",
    "PredictTest",
    "EvaluateModel",
    "CheckMetrics",
    "RegisterModel",
    "CheckDeploy",
    "ConfigureEndpoint",
    "DeployEndpoint",
    "ValidateEndpoint",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def first(folder: Path) -> Ended:
    return pipeline("run", folder=folder)


def succeeded(ended: Ended) -> list[str]:
    return [line.split()[0] for line in ended.out.splitlines() if " Succeeded " in line]


def execution_folder(folder: Path, ended: Ended) -> Path:
    found = re.search(r"^execution (\w{12})$", ended.out, re.MULTILINE)
    assert found, ended
    return folder / ".sagemaker" / "executions" / found.group(1)


def test_the_first_run_goes_through_every_step_and_ends_well(first: Ended) -> None:
    assert (first.code, first.err) == (0, ""), first
    assert succeeded(first) == STEPS


def test_it_prints_the_figures_beside_their_thresholds_and_the_confusion_matrix(first: Ended) -> None:
    for metric in ("accuracy", "precision", "recall", "f1", "auc"):
        assert re.search(rf"^{metric} +0\.\d{{4}} +at least 0\.\d+ +Min\w+ +pass", first.out, re.MULTILINE), first
    assert "actual \\ predicted" in first.out


def test_the_report_the_model_and_the_pictures_lie_as_plain_files(first: Ended, folder: Path) -> None:
    made = execution_folder(folder, first)
    assert (made / "evaluation" / "report.html").read_text().startswith("<!doctype html>")
    evaluation = json.loads((made / "evaluation" / "evaluation.json").read_text())
    assert list(evaluation) == ["binary_classification_metrics"]
    assert evaluation["binary_classification_metrics"]["accuracy"]["value"] > 0.95
    for picture in ("digits", "classes", "mean"):
        assert (made / "inspection" / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
    with tarfile.open(made / "model" / "model.tar.gz") as archive:
        assert archive.getnames() == ["model_algo-1"]
    assert json.loads((made / "validation" / "validation.json").read_text())


def test_a_second_run_reuses_what_did_not_change_and_the_registry_grows(first: Ended, folder: Path) -> None:
    second = pipeline("run", folder=folder)
    assert second.code == 0, second
    reused = [line.split()[0] for line in second.out.splitlines() if "reused from" in line]
    assert reused == ["ConvertData", "TrainModel"]
    assert succeeded(second) == STEPS


def test_a_gate_that_rejects_has_its_own_exit_code_and_shows_figures_and_thresholds(first: Ended, folder: Path) -> None:
    rejected = pipeline("run", "--param", "MinAccuracy=0.9999", folder=folder)
    assert rejected.code == 3, rejected
    assert re.search(r"accuracy 0\.\d+ \(at least 0\.9999\)", rejected.err), rejected
    assert re.search(r"accuracy +0\.\d{4} +at least 0\.9999 +MinAccuracy +miss", rejected.out), rejected
    assert "RegisterModel" not in rejected.out
    assert "DeployEndpoint" not in rejected.out


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (("--param", "MinAcuracy=1"), "there is no parameter MinAcuracy", "did you mean MinAccuracy?"),
        (("--param", "Epochs=many"), "parameter Epochs: 'many' is not a whole number", ""),
        (("--data", "nowhere"), "there is no file or folder nowhere", "give the data with --data PATH"),
    ],
    ids=["wrong name", "wrong type", "no data"],
)
def test_a_mistake_on_the_command_line_is_one_line_and_a_remedy(
    tmp_path: Path, arguments: tuple[str, ...], error: str, hint: str
) -> None:
    ended = pipeline("run", *arguments, folder=tmp_path)
    assert ended.code == 1, ended
    assert ended.err.startswith(f"error: {error}"), ended
    assert hint in ended.err
    assert "Traceback" not in ended.err


def test_data_that_cannot_be_read_fail_the_first_step_and_say_which_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "digits.npz").write_bytes(b"PK\x03\x04 cut off")
    ended = pipeline("run", "--data", "data", folder=tmp_path)
    assert ended.code == 4, ended
    assert "digits.npz" in ended.err, ended
    assert "Traceback" not in ended.err
