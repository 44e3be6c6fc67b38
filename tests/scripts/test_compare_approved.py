"""A new model against the approved one: on the same rows, by registered figures, or not at all; each with its note."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from scripts.compare_approved import compare_approved
from scripts.endpoints.registry import Registry
from scripts.errors import ScriptError
from scripts.features.featurizer import Category, Featurizer, LeftOut, Numeric
from scripts.features.featurizer_archive import archive
from scripts.scoring.linear_model import read_model
from scripts.scoring.paired import paired_test
from scripts.scoring.predictions import Answers
from tests.support.artefact import artifact

GROUP = "demo"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/demo/3"
ARTIFACT = "s3://bucket/model.tar.gz"
FEATURIZER = "s3://bucket/featurizer/model.tar.gz"
STATISTICS = "s3://bucket/evaluation.json"
ONE_COLUMN = Featurizer((Numeric("size", 0.0, False),))
WEIGHT = np.array([[4.0], [0.0], [0.0]], np.float32)


class Service:
    """The two clients that a registry asks: packages, and objects by address."""

    def __init__(self, objects: dict[str, bytes], *, approved: bool = True, containers: int = 1) -> None:
        self.objects = objects
        self.packages = [{"ModelPackageArn": ARN}] if approved else []
        self.containers = [{"ModelDataUrl": FEATURIZER}] * (containers - 1) + [{"ModelDataUrl": ARTIFACT}]
        self.properties = {"Task": "binary_classifier"}

    def get_paginator(self, operation: str) -> Service:
        assert operation == "list_model_packages"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        assert request["ModelPackageGroupName"] == GROUP and request["ModelApprovalStatus"] == "Approved"
        # The service may filter what it has paged: the newest version is not approved, and its page is empty.
        return [{"ModelPackageSummaryList": []}, {"ModelPackageSummaryList": self.packages}]

    def describe_model_package(self, **request: Any) -> dict[str, Any]:
        return {
            "ModelPackageVersion": 3,
            "InferenceSpecification": {"Containers": self.containers},
            "ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": STATISTICS}}},
            "CustomerMetadataProperties": self.properties,
        }

    def download_fileobj(self, bucket: str, key: str, body: Any) -> None:
        if (uri := f"s3://{bucket}/{key}") not in self.objects:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")
        body.write(self.objects[uri])


class Case:
    """200 rows of three features whose label is the sign of the first, and a new model that gets some wrong."""

    def __init__(self, folder: Path, wrong: int) -> None:
        random = np.random.default_rng(1)
        self.features = random.normal(size=(200, 3)).astype(np.float32)
        self.labels = (self.features[:, 0] > 0).astype(int)
        self.folder = folder
        scores = np.where(self.labels == 1, 0.9, 0.1)
        scores[:wrong] = 1 - scores[:wrong]
        answers = [{"predicted_label": int(score > 0.5), "score": float(score)} for score in scores]
        self.write("predictions", "part.out", "\n".join(map(json.dumps, answers)))
        self.write("labels", "labels.csv", "\n".join(map(str, self.labels)))
        np.savetxt(folder / "features.csv", self.features, delimiter=",", fmt="%.9g")
        self.write("features", "features.csv", (folder / "features.csv").read_text())

    def write(self, name: str, file: str, text: str) -> None:
        (self.folder / name).mkdir()
        (self.folder / name / file).write_text(text + "\n")

    def compared(self, service: Service, *, limit: float = 0.0) -> dict[str, Any]:
        folders = {name: self.folder / name for name in ("predictions", "labels", "features")}
        compare_approved(
            Registry(service, service),
            GROUP,
            **folders,
            output=self.folder / "out",
            task="binary_classifier",
            gates="accuracy>=0.5,recall>=0.5",
            limit=limit,
        )
        document: dict[str, Any] = json.loads((self.folder / "out" / "comparison.json").read_text())
        return document


def test_a_worse_model_is_told_with_both_figures_and_by_how_much(tmp_path: Path) -> None:
    found = Case(tmp_path, wrong=20).compared(Service({ARTIFACT: artifact(WEIGHT)}))
    assert found["figures"]["accuracy"] == {"value": 0.9, "approved": 1.0, "regression": 0.1}
    assert found["regression"]["value"] >= 0.1
    assert found["approved"] == {"arn": ARN, "version": 3}
    verdict = found["verdict"]["value"]
    assert verdict.startswith("Against approved version 3, by the same test rows: worse: accuracy 0.9 (approved 1), ")
    assert "is beyond noise (McNemar's test, p = 1.9e-06" in verdict  # two times 0.5 to the power of 20


def test_a_model_within_what_is_allowed_is_not_worse(tmp_path: Path) -> None:
    found = Case(tmp_path, wrong=1).compared(Service({ARTIFACT: artifact(WEIGHT)}), limit=0.05)
    assert 0 < found["regression"]["value"] <= 0.05
    assert "not worse by more than 5 %: accuracy 0.995 (approved 1)" in found["verdict"]["value"]
    assert "may be noise" in found["verdict"]["value"]


def test_an_approved_model_that_treats_raw_rows_predicts_them(tmp_path: Path) -> None:
    case = Case(tmp_path, wrong=20)
    treatments = (Numeric("size", 0.0, False), Category("side", ("left", "right"), True), LeftOut("note", "its own"))
    service = Service({FEATURIZER: archive(Featurizer(treatments))}, containers=2)
    # The label is whether the side is right: size, left, right, any other.
    service.objects[ARTIFACT] = artifact(np.array([[0], [-4], [4], [0]], np.float32))
    lines = [f'{label / 7},{("left", "right")[label]},"a, b"' for label in case.labels]
    (tmp_path / "features" / "features.csv").write_text("\n".join(lines) + "\n")
    found = case.compared(service)
    assert found["basis"] == "the same test rows" and found["note"] == ""
    assert found["figures"]["accuracy"] == {"value": 0.9, "approved": 1.0, "regression": 0.1}


def test_the_same_model_is_not_worse_than_itself(tmp_path: Path) -> None:
    found = Case(tmp_path, wrong=0).compared(Service({ARTIFACT: artifact(WEIGHT)}))
    assert found["regression"]["value"] == 0
    assert found["test"]["p_value"] == 1


def test_a_better_model_has_a_regression_below_nought(tmp_path: Path) -> None:
    found = Case(tmp_path, wrong=0).compared(Service({ARTIFACT: artifact(-WEIGHT)}))
    assert found["figures"]["accuracy"]["approved"] == 0
    assert found["regression"]["value"] < 0


def test_without_an_approved_version_it_passes_and_says_so(tmp_path: Path) -> None:
    found = Case(tmp_path, wrong=20).compared(Service({}, approved=False))
    assert found["regression"]["value"] == 0
    assert found["verdict"]["value"].startswith("The group demo has no approved version")


@pytest.mark.parametrize(
    ("service", "note"),
    [
        pytest.param(Service({}), "s3://bucket/model.tar.gz is gone", id="gone"),
        pytest.param(Service({ARTIFACT: b"no archive"}), "not one that linear-learner wrote", id="no-archive"),
        pytest.param(Service({}, containers=3), "it is made of 3 containers", id="three-containers"),
        pytest.param(
            Service({FEATURIZER: artifact(WEIGHT)}, containers=2), "holds no featurizer.json", id="no-featurizer"
        ),
        pytest.param(
            Service({FEATURIZER: archive(ONE_COLUMN), ARTIFACT: artifact(WEIGHT)}, containers=2),
            "it does not take the test rows: row 1 has 3 columns, where 1 belong",
            id="other-columns",
        ),
        pytest.param(Service({ARTIFACT: artifact(WEIGHT[:2])}), "it takes 2 features where", id="other-features"),
    ],
)
def test_registered_figures_stand_in_where_it_cannot_predict(tmp_path: Path, service: Service, note: str) -> None:
    registered = {"accuracy": {"value": 0.95}, "recall": {"value": 0.8}}
    service.objects[STATISTICS] = json.dumps({"binary_classification_metrics": registered}).encode()
    found = Case(tmp_path, wrong=20).compared(service)
    assert found["basis"] == "its registered figures"
    assert found["figures"]["accuracy"]["approved"] == 0.95
    assert note in found["verdict"]["value"]
    assert found["test"] is None


def test_an_approved_version_of_which_nothing_is_left_fails_the_step(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="approved version 3 cannot be held against: .*model.tar.gz is gone"):
        Case(tmp_path, wrong=0).compared(Service({}))


def test_a_version_of_another_task_is_refused(tmp_path: Path) -> None:
    service = Service({ARTIFACT: artifact(WEIGHT)})
    service.properties = {"Task": "regressor"}
    with pytest.raises(ScriptError, match="register them in groups of their own"):
        Case(tmp_path, wrong=0).compared(service)


def test_a_multiclass_artefact_gives_the_class_of_the_largest_output(tmp_path: Path) -> None:
    case = Case(tmp_path, wrong=0)
    weight = np.eye(3, 4, dtype=np.float32)
    answers = read_model(artifact(weight, kind="multiclass_classifier", loss="softmax_loss")).predict(
        tmp_path / "features"
    )
    assert answers.labels is not None
    outputs = np.hstack([case.features, np.zeros((200, 1))])
    assert answers.labels.tolist() == outputs.argmax(axis=1).tolist()
    assert np.allclose(answers.scores.sum(axis=1), 1, atol=1e-6)


def test_the_errors_of_regressors_are_paired(tmp_path: Path) -> None:
    truth = np.zeros(100)
    near = np.random.default_rng(0).normal(size=100)
    test = paired_test(Answers(2 * near, None), Answers(near, None), truth)
    assert not test.noise and test.counted == "nearer in 0, farther in 100"
    assert paired_test(Answers(near, None), Answers(near, None), truth).p_value == 1
    shuffled = np.random.default_rng(5).permutation(near)
    assert paired_test(Answers(shuffled, None), Answers(near, None), truth).noise
