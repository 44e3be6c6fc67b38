"""`pipeline run` as a newcomer types it: real digits, real processes, nothing faked."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import re
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.local.process import lifecycle
from tests.support.command import Ended, Here, pipeline, started
from tests.support.service import boto_client_of
from tests.support.waiting import PATIENCE

STEPS = [
    "InspectData",
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


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(monkeypatch, capsys)


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
    return (folder / ".sagemaker" / "executions" / found.group(1)).resolve()


def test_the_first_run_goes_through_every_step_and_ends_well(first: Ended) -> None:
    assert (first.code, first.err) == (0, ""), first
    assert succeeded(first) == STEPS


def test_it_says_before_training_what_was_taken_for_label_and_features(first: Ended) -> None:
    said = "data: label of the array y; 784 features; rows: train 4000, validation 500, test 500; classes not 0, 0\n"
    assert first.out.index(said) < first.out.index("TrainModel"), first


def test_it_prints_the_figures_beside_their_thresholds_and_the_confusion_matrix(first: Ended) -> None:
    for metric in ("accuracy", "precision", "recall", "f1", "auc"):
        assert re.search(rf"^{metric} +0\.\d{{4}} +at least 0\.\d+ +Min\w+ +met", first.out, re.MULTILINE), first
    assert re.search(r"^actual \\ predicted +not 0 +0\nnot 0 +\d+ +\d+\n0 +\d+ +\d+$", first.out, re.MULTILINE), first


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
    assert json.loads((made / "validation" / "validation.json").read_text())["passed"]
    assert not list(made.rglob("*.recordio")), "what no person reads stays in S3"
    for title, path in (
        ("report", made / "evaluation" / "report.html"),
        ("model", made / "model" / "model.tar.gz"),
        ("pictures", made / "inspection"),
        ("all files", made),
    ):
        assert f"{title:<9} {path}\n" in first.out


@pytest.mark.long
def test_a_second_run_reuses_what_did_not_change_and_the_registry_grows(first: Ended, folder: Path) -> None:
    second = pipeline("run", folder=folder)
    assert second.code == 0, second
    reused = [line.split()[0] for line in second.out.splitlines() if "reused from" in line]
    assert reused == ["InspectData", "ConvertData", "TrainModel"]
    assert succeeded(second) == STEPS


def test_a_gate_that_rejects_has_its_own_exit_code_and_shows_figures_and_thresholds(
    first: Ended, folder: Path, here: Here
) -> None:
    rejected = here("run", "--param", "MinAccuracy=0.9999", folder=folder)
    assert rejected.code == 3, rejected
    assert re.match(
        r"error: The model is rejected\. Missed: accuracy 0\.\d+ \(at least 0\.9999\)\. Met: precision 0\.\d+ ",
        rejected.err,
    ), rejected
    assert re.search(r"accuracy +0\.\d{4} +at least 0\.9999 +MinAccuracy +missed", rejected.out), rejected
    reused = [line.split()[0] for line in rejected.out.splitlines() if "reused from" in line]
    assert reused == ["InspectData", "ConvertData", "TrainModel"], "what did not change"
    assert "RegisterModel" not in rejected.out
    assert "DeployEndpoint" not in rejected.out


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (("--param", "MinAcuracy=1"), "there is no parameter MinAcuracy", "did you mean MinAccuracy?"),
        (("--param", "Epochs=many"), "parameter Epochs: 'many' is not a whole number", ""),
        (("--data", "nowhere"), "there is no file or folder nowhere", "give the data with --data PATH"),
        (
            ("--data", "empty"),
            "the folder empty holds no files",
            "give a folder with CSV, Parquet, JSON Lines, libsvm, NPZ, IDX or pickle files",
        ),
        (("--state", "another"), "the state folder another has version '0'", "name a new folder with --state"),
        (("--state", "full"), "full holds files that are no state folder", "name an empty or new folder with --state"),
        (("--set", "task=guess"), "flag: task cannot be 'guess'", "binary, multiclass or regression"),
    ],
    ids=["wrong name", "wrong type", "no data", "empty data", "other version", "no state folder", "no task"],
)
def test_a_mistake_on_the_command_line_is_one_line_and_a_remedy(
    tmp_path: Path, here: Here, arguments: tuple[str, ...], error: str, hint: str
) -> None:
    for name, file in (("another", "version"), ("full", "photo.jpg")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("0\n")
    (tmp_path / "empty").mkdir()
    ended = here("run", *arguments, folder=tmp_path)
    assert ended.code == 1, ended
    assert not (tmp_path / ".sagemaker").exists(), "nothing half-written"
    assert ended.err.startswith(f"error: {error}"), ended
    assert hint in ended.err
    assert "Traceback" not in ended.err


class _Runs:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/ran-from-a-pickle",)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param(
            "digits.npz",
            b"PK\x03\x04 cut off",
            "digits.npz: it is no .npz archive, or one that is cut short",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "mnist.pkl.gz",
            gzip.compress(pickle.dumps(_Runs())),
            "mnist.pkl.gz: the pickle asks for posix.system",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "rows.csv",
            b"0,7,2\n" * 20 + b"0,1\n",
            "rows.csv: line 21 has 2 fields where the first line has 3",
            marks=pytest.mark.long,
        ),
    ],
    ids=["damaged", "dangerous", "ragged"],
)
def test_data_that_cannot_be_used_end_the_run_with_file_place_and_remedy(
    first: Ended, folder: Path, here: Here, name: str, content: bytes, said: str
) -> None:
    (folder / name).write_bytes(content)
    ended = here("run", "--data", name, folder=folder)
    assert ended.code == 4, ended
    reason, hint = ended.err.splitlines()
    assert reason.startswith(f"error: step InspectData failed: {said}"), ended
    assert re.fullmatch(r"hint: `pipeline logs InspectData --execution \w{12} --local` shows its whole log", hint)
    assert not execution_folder(folder, ended).exists()
    assert not Path("/tmp/ran-from-a-pickle").exists()


@pytest.mark.long
def test_a_named_label_column_and_class_of_a_packed_csv_in_another_region(tmp_path: Path, here: Here) -> None:
    """Of a pipeline for one region on a service of another: neither the bucket nor the scripts may mind."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(600, 3))
    lines = [f"{a:.4f},{'yes' if a - b > 0 else 'no'},{b:.4f},{c:.4f}" for a, b, c in rows]
    (tmp_path / "houses.csv.gz").write_bytes(gzip.compress("\n".join(["size,sold,price,noise", *lines]).encode()))
    given = ("--data", "houses.csv.gz", "--param", "LabelColumn=sold", "--param", "PositiveClass=yes")
    given += tuple(f"--param=Min{figure}=0.8" for figure in ("Accuracy", "Precision", "Recall", "F1", "Auc"))
    assert pipeline("local", "start", "--detach", "--region", "eu-central-1", folder=tmp_path).code == 0
    try:
        ended = here("run", "--set", "region=eu-west-1", *given, folder=tmp_path)
    finally:
        pipeline("local", "stop", folder=tmp_path)
    assert (ended.code, succeeded(ended)) == (0, STEPS), ended
    assert re.search(r"^actual \\ predicted +no +yes$", ended.out, re.MULTILINE), ended
    report = (execution_folder(tmp_path, ended) / "evaluation" / "report.html").read_text()
    assert "Positive means &#x27;yes&#x27;." in report


@pytest.mark.long
def test_a_run_without_the_cache_reuses_nothing_and_an_interrupt_stops_its_execution(
    first: Ended, folder: Path
) -> None:
    process = started("run", "--no-cache", folder=folder)
    assert process.stdout is not None
    for line in process.stdout:
        if re.match("ConvertData +Executing", line):
            break
    process.send_signal(signal.SIGINT)
    rest, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error) == (130, "")
    assert re.search(r"^stopping execution \w{12}$", rest, re.MULTILINE), rest
    with lifecycle.starting(folder / ".sagemaker") as service:
        sagemaker = boto_client_of(service(), "sagemaker")
        latest = sagemaker.list_pipeline_executions(PipelineName="linear-learner-dev")["PipelineExecutionSummaries"][0]
    assert latest["PipelineExecutionStatus"] == "Stopped"
