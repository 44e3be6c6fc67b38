"""Raw rows of a table, sent to the two containers of the definition, are answered as scikit-learn would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from botocore.exceptions import ClientError

from pipeline.definition.step_types import steps
from pipeline.local.images.linear_learner import artifact
from pipeline.local.images.linear_learner.model import Model
from scripts import convert
from tests.support.definitions import definition
from tests.support.raw_table import by_scikit_learn, customers
from tests.support.service import ROLE, local_service
from tests.support.serving import BUCKET, Deployer, archive

Scores = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def splits() -> dict[str, pd.DataFrame]:
    return {"train": customers(900, 0), "validation": customers(60, 1), "test": customers(80, 2)}


@pytest.fixture(scope="module")
def wanted(splits: dict[str, pd.DataFrame]) -> Scores:
    """The scores of test by scikit-learn's treatment and the weights of the model."""
    features = by_scikit_learn(splits["train"], splits["test"])
    return np.asarray(features @ weights(features))[:, 0]


@pytest.fixture(scope="module")
def deployer(tmp_path_factory: pytest.TempPathFactory, splits: dict[str, pd.DataFrame]) -> Iterator[Deployer]:
    """A service with the endpoint `table` of the definition's containers, and the raw rows of test in S3."""
    folder = tmp_path_factory.mktemp("table")
    (folder / "data").mkdir()
    for name, table in splits.items():
        table.to_csv(folder / "data" / f"{name}.csv", index=False)
    options = {"data": folder / "data", "output": folder / "out", "task": "binary_classifier", "features": "table"}
    given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    assert convert.main([*given, "--positive-class", "yes", "--label-column", "churn"]) == 0
    with local_service(folder / "state") as local:
        made = Deployer(local)
        _create_model(made, folder / "out", weights(by_scikit_learn(splits["train"], splits["test"])))
        raw = (folder / "out" / "features" / "features.csv").read_bytes()
        local.s3.put_object(Bucket=BUCKET, Key="raw/features.csv", Body=raw)
        found = made.endpoint("table", made.configuration("table", "table"))
        assert found["EndpointStatus"] == "InService", found
        yield made


def weights(features: Scores) -> Scores:
    """By chance, so that no feature outweighs the others."""
    chance = np.random.default_rng(3).normal(size=features.shape[1])
    return (chance / (0.1 + np.abs(features).max(axis=0)))[:, None].astype(np.float32)


def _create_model(deployer: Deployer, converted: Path, weight: Scores) -> None:
    """The containers as the definition has them, with the conversion's featurizer and a regressor of known weights."""
    learner = Model(weight, np.zeros((1, 1), np.float32), "regressor", "squared_loss")
    bodies = {
        "featurizer": (converted / "featurizer" / "model.tar.gz").read_bytes(),
        "learner": archive({artifact.FILE_NAME: artifact.encode(learner)}),
    }
    containers = steps(definition("table"))["CreateModel"].arguments["Containers"]
    for container, (name, body) in zip(containers, bodies.items(), strict=True):
        deployer.local.s3.put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=body)
        container["ModelDataUrl"] = f"s3://{BUCKET}/{name}/model.tar.gz"
    deployer.client.create_model(ModelName="table", ExecutionRoleArn=ROLE, Containers=containers)


def scores(answer: bytes) -> Scores:
    return np.array([json.loads(line)["score"] for line in answer.splitlines()])


def test_raw_rows_in_any_form_are_answered_alike(
    deployer: Deployer, splits: dict[str, pd.DataFrame], wanted: Scores
) -> None:
    test = splits["test"]
    assert test["age"].isna().any() and not set(test["city"].dropna()) <= set(splits["train"]["city"])
    another_order = test[["joined", "city", "active", "income", "age"]]
    forms = {
        "rows as they are, without the label": (
            test.drop(columns="churn").to_csv(index=False, header=False),
            "text/csv",
        ),
        "another order, with a header": (another_order.to_csv(index=False), "text/csv"),
        "names": (another_order.to_json(orient="records", lines=True, double_precision=15), "application/jsonlines"),
    }
    for what, (body, kind) in forms.items():
        answer = deployer.invoke("table", body, kind, Accept="application/jsonlines")["Body"]
        np.testing.assert_allclose(scores(answer), wanted, rtol=1e-5, atol=1e-5, err_msg=what)


@pytest.mark.long
def test_batch_prediction_answers_row_by_row_as_the_endpoint(deployer: Deployer, wanted: Scores) -> None:
    step = steps(definition("table"))["PredictTest"].arguments
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/raw/"}}
    deployer.client.create_transform_job(
        TransformJobName="table",
        ModelName="table",
        BatchStrategy=step["BatchStrategy"],
        MaxPayloadInMB=step["MaxPayloadInMB"],
        TransformInput={**step["TransformInput"], "DataSource": source},
        TransformOutput={**step["TransformOutput"], "S3OutputPath": f"s3://{BUCKET}/predicted"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    done = deployer.local.when(
        lambda: deployer.client.describe_transform_job(TransformJobName="table"),
        lambda found: found["TransformJobStatus"] != "InProgress",
    )
    assert done["TransformJobStatus"] == "Completed", done
    keys = ("predicted/features.csv.out", "raw/features.csv")
    batch, raw = (deployer.local.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys)
    assert batch == deployer.invoke("table", raw, Accept="application/jsonlines")["Body"]
    np.testing.assert_allclose(scores(batch), wanted, rtol=1e-5, atol=1e-5)


def test_gaps_in_any_spelling_and_columns_that_the_model_does_not_know_change_nothing(
    deployer: Deployer, splits: dict[str, pd.DataFrame]
) -> None:
    row = json.loads(splits["test"].drop(columns="churn").iloc[:1].to_json(orient="records"))[0]

    def answer(body: str, kind: str) -> bytes:
        return bytes(deployer.invoke("table", body, kind, Accept="application/jsonlines")["Body"])

    gap = answer(json.dumps(row | {"age": None, "city": None}), "application/json")
    for spelling in ("NaN", "null", "", "N/A", " ? "):
        assert answer(json.dumps(row | {"age": spelling, "city": spelling}), "application/json") == gap, spelling
    assert answer(json.dumps(row | {"age": float("nan"), "city": "nan"}), "application/json") == gap
    assert answer(json.dumps({"more": [1, {}]} | row | {"age": None, "city": None}), "application/json") == gap
    extra = {"more": "x", **row, "age": "NaN", "city": ""}
    table = "".join(",".join("" if v is None else str(v) for v in line) + "\n" for line in (extra, extra.values()))
    assert answer(table, "text/csv") == gap
    assert answer("\ufeff" + table.replace("\n", "\r\n"), "text/csv; charset=utf-8") == gap


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        ("1,old,3,Seoul,,true,KR,\n", "text/csv", "row 1, column 'age': 'old' is no number"),
        ("\n", "text/csv", "the request has no rows"),
        ("[]", "application/json", "the request has no rows"),
        ("1,2\n", "text/csv", "row 1 has 2 columns, where 8 belong"),
        ("age,city\n1,Seoul\n", "text/csv", "row 1 has 2 columns, where 8 belong"),
        ('{"age": Infinity}', "application/json", "row 1 has no "),
        ('{"age": ' + "9" * 5000 + "}", "application/json", "the request is neither JSON nor JSON Lines"),
        ("[" * 50_000, "application/json", "the request is neither JSON nor JSON Lines"),
        ("x" * 200_000 + "\n", "text/csv", "the request is no readable CSV"),
    ],
    ids=["text", "no csv", "no json", "few", "few with names", "key", "digits", "deep", "long"],
)
def test_a_request_that_cannot_be_treated_is_refused_in_words(
    deployer: Deployer, body: str, kind: str, reason: str
) -> None:
    with pytest.raises(ClientError) as refused:
        deployer.invoke("table", body, kind)
    answer: Any = refused.value.response
    assert answer["OriginalStatusCode"] == 400
    assert reason in answer["OriginalMessage"]
