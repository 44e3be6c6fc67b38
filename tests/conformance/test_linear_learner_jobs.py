"""Training jobs of linear-learner over HTTP: what they refuse and in which words, and what good ones leave behind."""

from __future__ import annotations

import io
import json
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from botocore.exceptions import ClientError

from scripts.formats.recordio import encode_dense
from tests.support.remote_jobs import BUCKET, LINEAR_LEARNER, Remote, channel, status
from tests.support.service import ROLE, LocalService
from tests.support.serving import Deployer
from tests.support.waiting import until

CSV, LINES, RECORDS = "text/csv", "application/jsonlines", "application/x-recordio-protobuf"
ALGORITHM = {"TrainingImage": LINEAR_LEARNER}
SMALL = {"mini_batch_size": "20", "epochs": "2", "num_models": "2"}
BINARY = {"predictor_type": "binary_classifier"} | SMALL
Table = npt.NDArray[np.float32]


def table(kind: str, count: int = 120, columns: int = 3) -> Table:
    """Rows with their label first, learnable."""
    source = np.random.default_rng(count)
    features = source.normal(2, 3, (count, columns))
    margin = features @ np.arange(1, columns + 1) - 12
    label = {
        "binary_classifier": margin > 0,
        "multiclass_classifier": np.digitize(margin, [-6, 6]),
        "regressor": margin * 10,
    }[kind]
    return np.column_stack([label, features]).astype(np.float32)


def text(rows: Table) -> str:
    return "".join(",".join(f"{number:.9g}" for number in row) + "\n" for row in rows.tolist())


@pytest.fixture(scope="module")
def remote(local: LocalService) -> Remote:
    remote = Remote(local)
    remote.put(**{"ll/binary.csv": text(table("binary_classifier"))})
    return remote


def csv_channels(*names: str, key: str = "ll/binary.csv") -> list[dict[str, Any]]:
    return [channel(name, key, ContentType=CSV) for name in names]


# what is refused


@dataclass(frozen=True)
class Refusal:
    """A job that cannot be, and what DescribeTrainingJob then gives as the reason."""

    title: str
    reason: str
    hyperparameters: dict[str, str] = field(default_factory=lambda: dict(BINARY))
    content: bytes | str | None = None
    content_type: str | None = CSV
    more: list[dict[str, Any]] = field(default_factory=list)
    channel: str = "train"


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in BINARY.items() if key != name}


SCHEMA = " (caused by ValidationError)"
UNREADABLE = "Unable to read data channel 'train'. "
REFUSALS = [
    Refusal(
        "no type",
        f"No value(s) were specified for 'predictor_type' which are required hyperparameter(s){SCHEMA}",
        without("predictor_type"),
    ),
    Refusal(
        "unknown",
        f"Additional hyperparameters are not allowed ('foo' was unexpected){SCHEMA}",
        BINARY | {"foo": "1"},
    ),
    Refusal(
        "enum",
        "The value 'log' is not valid for the 'optimizer' hyperparameter which accepts one of the following: "
        f"'auto', 'sgd', 'adam', 'rmsprop'{SCHEMA}",
        BINARY | {"optimizer": "log"},
    ),
    Refusal(
        "range",
        "The value '-1' is not valid for the 'learning_rate' hyperparameter which expects one of the following: a "
        f"string which matches the pattern '^auto$'; or a number greater than 0{SCHEMA}",
        BINARY | {"learning_rate": "-1"},
    ),
    Refusal(
        "classes",
        f"No value(s) were specified for 'num_classes' which are required hyperparameter(s){SCHEMA}",
        SMALL | {"predictor_type": "multiclass_classifier"},
    ),
    Refusal(
        "dimension",
        "Incorrect configuration or train dataset provided. The value of feature_dim hyperparameter '10' doesn't match "
        "train data dimensionality '3'. Please set feature_dim to the number of features in train dataset.",
        BINARY | {"feature_dim": "10"},
    ),
    Refusal("type", "No iterator has been registered for ContentType ('csv', '1.0')", content_type="csv"),
    Refusal("header", "Unable to parse csv: rows 1-1000, file /opt/ml/input/data/train/", content="y,a,b\n1,2,3\n"),
    Refusal(
        "late text",
        "Unable to parse csv: rows 2001-3000, file /opt/ml/input/data/train/",
        content="1,2\n0,3\n" * 1100 + "1,x\n" + "0,1\n" * 10,
    ),
    Refusal(
        "missing",
        f"{UNREADABLE}Found missing (NaN) values. Please remove any missing (NaN) values in the input data. "
        "(caused by MXNetError)",
        content="1,2,3\n0,,3\n" * 20,
    ),
    Refusal(
        "infinite",
        f"{UNREADABLE}Found infinite floating point values. Please remove any infinite floating point values in the "
        "input data. (caused by MXNetError)",
        content="1,2,3\n0,1e39,3\n" * 20,
    ),
    Refusal(
        "no records",
        f"{UNREADABLE}Requested content-type is 'application/x-recordio-protobuf'. Please verify the data matches the "
        "requested content-type. (caused by MXNetError)",
        content="1,2,3\n",
        content_type=None,
    ),
    Refusal(
        "no labels",
        "Labeled train data required with label size equal 1. Label size on train dataset found to be 0. Please "
        "provide a properly labeled labeled train dataset.",
        content=encode_dense(np.ones((40, 3), np.float32), None),
        content_type=RECORDS,
    ),
    Refusal(
        "label size 0",
        "Labeled train data required with label size equal 1. Label size on train dataset found to be 0. Please "
        "provide a properly labeled labeled train dataset.",
        content_type="text/csv;label_size=0",
    ),
    Refusal("no features", f"{UNREADABLE}Please verify the correct data channel", content="1\n0\n" * 20),
    Refusal(
        "truth",
        "Unable to parse csv: rows 1001-2000, file /opt/ml/input/data/train/",
        content="1,2\n0,3\n" * 700 + "True,1\nFalse,2\n" * 300,
    ),
    Refusal("empty", f"{UNREADABLE}Please verify the correct data channel configuration is provided.", content=""),
    Refusal("no train", f"{UNREADABLE}Please verify the correct data channel configuration", channel="training"),
    Refusal("labels", "Incorrect labels on train dataset.", content="1,2,3\n2,2,3\n" * 20),
    Refusal(
        "batch",
        "Incorrect configuration or train dataset provided. The value of mini_batch_size hyperparameter '1000' is "
        "greater than the number of records in train dataset '120'.",
        without("mini_batch_size"),
    ),
]


# The program's own tests hold each refusal; these show how one becomes the end of a job.
BRIEF = {"classes", "no records"}


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.title, marks=() if case.title in BRIEF else pytest.mark.long) for case in REFUSALS],
)
def test_what_cannot_be_trained_is_the_clients_error(remote: Remote, case: Refusal) -> None:
    key = f"bad/{case.title}/part-00000" if case.content is not None else "ll/binary.csv"
    if case.content is not None:
        remote.put(**{key: case.content})
    more: dict[str, Any] = {"ContentType": case.content_type} if case.content_type else {}
    name = remote.train(
        algorithm=ALGORITHM, channels=[channel(case.channel, key, **more)], HyperParameters=case.hyperparameters
    )
    job = remote.ended(name)
    assert (status(job), job["SecondaryStatus"]) == ("Failed", "Failed")
    reason = job["FailureReason"]
    assert reason.startswith(f"ClientError: {case.reason}") and len(reason) <= 1024
    assert "Traceback" not in reason and "exit code" not in reason
    log = remote.log(name)
    assert not [line for line in log if "Warning" in line]
    first = reason.removeprefix("ClientError: ").splitlines()[0]
    stamp = r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d ERROR \d+\]"
    assert any(re.fullmatch(rf"{stamp} Customer Error: {re.escape(first)}", line) for line in log), log[-5:]
    assert not [key for key in remote.keys(f"models/{name}/") if "model" in key]


# what is trained


def read_model(archive: bytes) -> tuple[dict[str, Any], Table, Table]:
    """Additional parameters, weights and bias of a model.tar.gz, by the format alone."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        (member,) = tar.getmembers()
        assert (member.name, member.uid, member.gid, member.mode) == ("model_algo-1", 0, 0, 0o644)
        file = tar.extractfile(member)
        assert file is not None
        content = file.read()
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        infos = inner.infolist()
        assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
        assert {info.filename for info in infos} == {
            "additional-params.json",
            "manifest.json",
            "mx-mod-symbol.json",
            "mx-mod-0000.params",
        }
        extra, data = json.loads(inner.read("additional-params.json")), inner.read("mx-mod-0000.params")
        graph = json.loads(inner.read("mx-mod-symbol.json"))
    magic, reserved, count = struct.unpack_from("<QQQ", data)
    assert (magic, reserved, count) == (0x112, 0, 2)
    arrays, at = [], 24
    for _ in range(count):
        version, storage, dimensions = struct.unpack_from("<IiI", data, at)
        assert (version, storage, dimensions) == (0xF993FAC9, 0, 2)
        rows, columns, device, number, kind = struct.unpack_from("<qqiii", data, at + 12)
        assert (device, number, kind) == (1, 0, 0)
        at += 40 + 4 * rows * columns
        arrays.append(np.frombuffer(data[at - 4 * rows * columns : at], "<f4").reshape(rows, columns))
    tail = struct.pack("<Q", 2) + b"".join(
        struct.pack("<Q", len(name)) + name for name in (b"arg:fc0_weight", b"arg:fc0_bias")
    )
    assert data[at:] == tail
    shapes = {node["name"]: node.get("attrs", {}).get("__shape__") for node in graph["nodes"]}
    assert shapes["fc0_weight"] == str(arrays[0].shape) and shapes["fc0_bias"] == str(arrays[1].shape)
    return extra, arrays[0], arrays[1]


def softmax(margins: Table) -> Table:
    odds = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


ACTIVATIONS: dict[str, Callable[[Table], Table]] = {
    "binary_classifier": lambda margins: np.asarray(1 / (1 + np.exp(-margins[:, 0]))),
    "multiclass_classifier": softmax,
    "regressor": lambda margins: margins[:, 0],
}
METRICS = {
    "binary_classifier": {
        "binary_classification_accuracy",
        "binary_f_beta",
        "precision",
        "recall",
        "roc_auc_score",
        "objective_loss",
    },
    "multiclass_classifier": {
        "multiclass_accuracy",
        "multiclass_top_k_accuracy",
        "dcg",
        "macro_recall",
        "macro_precision",
        "macro_f_beta",
        "objective_loss",
    },
    "regressor": {"mse", "absolute_loss", "objective_loss"},
}


@pytest.mark.parametrize(
    "kind",
    [
        "binary_classifier",
        pytest.param("multiclass_classifier", marks=pytest.mark.long),
        pytest.param("regressor", marks=pytest.mark.long),
    ],
)
def test_a_task_from_data_to_endpoint_and_batch(remote: Remote, kind: str) -> None:
    """Recordio in several files and folders, a shard of two instances, Pipe mode for one channel: then served."""
    rows = table(kind, 400)
    base = f"task/{kind}"
    parts = {"a": rows[:200], "deep/b": rows[200:300]}
    remote.put(**{f"{base}/train/{key}": encode_dense(part[:, 1:], part[:, 0]) for key, part in parts.items()})
    held = rows[300:]
    remote.put(**{f"{base}/validation.rec": encode_dense(held[:, 1:], held[:, 0])})
    remote.put(**{f"{base}/test.csv": text(held)})
    extra = {"num_classes": "3"} if kind == "multiclass_classifier" else {}
    given = {"predictor_type": kind, "mini_batch_size": "50", "epochs": "15", "use_bias": "True"} | extra
    name = remote.train(
        algorithm=ALGORITHM,
        channels=[
            channel("train", f"{base}/train/", source={"S3DataDistributionType": "ShardedByS3Key"}),
            channel("validation", f"{base}/validation.rec", InputMode="Pipe", ContentType=RECORDS),
            channel("test", f"{base}/test.csv", ContentType="text/csv;label_size=1"),
        ],
        HyperParameters=given,
        ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    )
    job = remote.ended(name)
    assert status(job) == "Completed", job["FailureReason"]
    log = remote.log(name)
    assert log[:2] == [
        "Docker entrypoint called with argument(s): train",
        "Running default environment configuration script",
    ]
    assert any("The channel 'validation' is in pipe input mode under /opt/ml/input/data/validation." in x for x in log)
    assert any('"Total Records Seen"' in line and "init_train_data_iter" in line for line in log)
    best = json.loads(next(line for line in log if "Best model found" in line).split("hyperparameters: ")[1])
    assert set(best) >= {"optimizer", "learning_rate", "l1", "wd", "lr_scheduler_step", "lr_scheduler_factor"}

    found = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    definitions = {entry["Name"] for entry in job["AlgorithmSpecification"]["MetricDefinitions"]}
    assert len(definitions) == 40 and set(found) <= definitions
    for part in ("validation", "test"):
        assert {f"{part}:{metric}" for metric in METRICS[kind]} <= set(found)
    assert ("validation:rmse" in found) == (kind == "regressor")
    assert found["train:progress"] == 100.0 and found["train:throughput"] > 0

    extra_params, weight, bias = read_model(remote.get(f"models/{name}/output/model.tar.gz"))
    assert extra_params["predictor_type"] == kind
    assert list(extra_params["metrics_params"]) == [
        "quantile",
        "huber_delta",
        "margin",
        "loss_insensitivity",
        "eps_insensitive_loss_type",
        "accuracy_top_k",
        "f_beta",
        "positive_example_weight_mult",
        "class_weights",
        "threshold",
    ]
    assert weight.shape == (3, 3 if extra else 1)
    expected = ACTIVATIONS[kind](held[:, 1:] @ weight + bias)

    deployer = Deployer(remote.local)
    container = {"Image": LINEAR_LEARNER, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    remote.client.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    assert deployer.endpoint(name, deployer.configuration(name, name))["EndpointStatus"] == "InService"
    features = text(held[:, 1:])
    served = json.loads(deployer.invoke(name, features)["Body"])["predictions"]
    assert np.allclose([one["score"] for one in served], expected, rtol=1e-4, atol=1e-4)
    labels = [one.get("predicted_label") for one in served]
    if kind == "regressor":
        assert labels == [None] * 100
        errors = np.array([one["score"] for one in served]) - held[:, 0]
        assert found["test:mse"] == pytest.approx(float((errors**2).mean()), rel=1e-3)
    else:
        metric = "binary_classification_accuracy" if kind == "binary_classifier" else "multiclass_accuracy"
        assert found[f"test:{metric}"] == pytest.approx(float((np.array(labels) == held[:, 0]).mean()))
        assert found[f"test:{metric}"] > 0.85
    remote.put(**{f"{base}/features/rows.csv": features})
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{base}/features/"}
    remote.client.create_transform_job(
        TransformJobName=f"{kind.replace('_', '-')}",
        ModelName=name,
        TransformInput={"DataSource": {"S3DataSource": source}, "ContentType": CSV, "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{base}/out", "Accept": LINES, "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        BatchStrategy="SingleRecord",
    )
    assert status(remote.ended(kind.replace("_", "-"))) == "Completed"
    lines = remote.get(f"{base}/out/rows.csv.out")
    assert lines == deployer.invoke(name, features, Accept=LINES)["Body"]
    deployer.client.delete_endpoint(EndpointName=name)


@pytest.mark.long
def test_the_log_says_what_is_not_there(remote: Remote) -> None:
    name = remote.train(algorithm=ALGORITHM, channels=csv_channels("train"), HyperParameters=BINARY)
    assert status(remote.ended(name)) == "Completed"
    log = "\n".join(remote.log(name))
    assert "Test data is not provided." in log and "Checkpoint loading and saving are disabled." in log
    assert "#train_score (algo-1) : ('binary_classification_accuracy'" in log and "#validation_score" not in log
    metrics = {metric["MetricName"] for metric in remote.describe(name)["FinalMetricDataList"]}
    assert "train:objective_loss:final" in metrics and not [m for m in metrics if m.startswith(("test", "validation"))]
    kept = remote.train(
        algorithm=ALGORITHM,
        channels=csv_channels("train"),
        HyperParameters=BINARY,
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/ll-checkpoints"},
    )
    assert status(remote.ended(kept)) == "Completed"
    assert "Checkpoint loading and saving are disabled." not in "\n".join(remote.log(kept))


def test_a_user_cannot_bring_metric_definitions(remote: Remote) -> None:
    with pytest.raises(ClientError, match="You can't override the metric definitions for Amazon SageMaker algorithms"):
        remote.train(
            algorithm=ALGORITHM | {"MetricDefinitions": [{"Name": "a", "Regex": "b"}]}, channels=csv_channels("train")
        )


@pytest.mark.long
def test_every_data_format_and_mode_gives_the_same_model(remote: Remote) -> None:
    rows = table("binary_classifier")
    remote.put(**{"same/rec": encode_dense(rows[:, 1:], rows[:, 0])})
    remote.put(**{"same.manifest": json.dumps([{"prefix": f"s3://{BUCKET}/ll/"}, "binary.csv"])})
    manifest = {"S3DataType": "ManifestFile"}
    ways = [
        csv_channels("train"),
        [channel("train", "same/rec")],
        [channel("train", "same/rec", InputMode="Pipe")],
        [channel("train", "ll/binary.csv", InputMode="Pipe", ContentType=CSV)],
        [channel("train", "same.manifest", ContentType=CSV, source=manifest)],
        [channel("train", "ll/", InputMode="FastFile", ContentType=CSV)],
    ]
    names = [remote.train(algorithm=ALGORITHM, channels=way, HyperParameters=BINARY) for way in ways]
    models = []
    for name in names:
        assert status(remote.ended(name)) == "Completed", remote.describe(name)["FailureReason"]
        models.append(read_model(remote.get(f"models/{name}/output/model.tar.gz")))
    first = models[0]
    for extra, weight, bias in models[1:]:
        assert extra == first[0] and (weight == first[1]).all() and (bias == first[2]).all()


@pytest.mark.long
@pytest.mark.parametrize("seconds", [60, 5])
def test_a_job_that_is_stopped_or_out_of_time_leaves_its_best_model(remote: Remote, seconds: int) -> None:
    remote.local.service.jobs.grace = 30
    rows = table("binary_classifier", 60_000, 30)
    remote.put(**{"long/rec": encode_dense(rows[:, 1:], rows[:, 0])})
    given = {"predictor_type": "binary_classifier", "epochs": "1000", "early_stopping_patience": "1000"}
    name = remote.train(
        algorithm=ALGORITHM,
        channels=[channel("train", "long/rec")],
        HyperParameters=given,
        StoppingCondition={"MaxRuntimeInSeconds": seconds},
    )
    until(lambda: "\n".join(remote.log(name)), lambda log: "#progress_metric: host=algo-1, completed" in log)
    if seconds > 5:
        remote.client.stop_training_job(TrainingJobName=name)
    job = remote.ended(name)
    remote.local.service.jobs.grace = 0.3
    secondary = "Stopped" if seconds > 5 else "MaxRuntimeExceeded"
    assert (status(job), job["SecondaryStatus"]) == ("Stopped", secondary) and "FailureReason" not in job
    _, weight, _ = read_model(remote.get(f"models/{name}/output/model.tar.gz"))
    assert weight.shape == (30, 1) and weight.any()
