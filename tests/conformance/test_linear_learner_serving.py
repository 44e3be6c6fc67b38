"""Linear-learner's artefacts as AWS's containers wrote them, served at endpoints: requests and answers to the byte.

The artefacts are rebuilt here from what is known of real ones, byte by byte and without the project's own writer.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from tests.support.remote_jobs import BUCKET, LINEAR_LEARNER, Remote, status
from tests.support.service import ROLE, LocalService
from tests.support.serving import Deployer, archive, variant

LINES, JSON, CSV = "application/jsonlines", "application/json", "text/csv"
RECORDS = "application/x-recordio-protobuf"
WEIGHTS = (
    "9a53213dd61503be026f58b281170f3d79f1b43e161c85be3f2378bb31dae7bda759cc3d73cb643f239ea639dcc12d3ae75b0a3dcfdb653c"
)
X1 = [28, 2, 133937, 9, 13, 2, 0, 0, 4, 1, 15024, 0, 55, 37]
X2 = [43, 2, 72338, 12, 14, 2, 12, 0, 1, 1, 0, 0, 40, 37]
SCORES = [0.9899773597717285, 0.5041388273239136]


def params(arrays: Mapping[str, np.ndarray]) -> bytes:
    """mx-mod-0000.params, in the order of `arrays`."""
    out = struct.pack("<QQQ", 0x112, 0, len(arrays))
    for array in arrays.values():
        out += struct.pack("<IiI", 0xF993FAC9, 0, array.ndim) + struct.pack(f"<{array.ndim}q", *array.shape)
        out += struct.pack("<iii", 1, 0, 0) + array.astype("<f4").tobytes()
    out += struct.pack("<Q", len(arrays))
    return out + b"".join(struct.pack("<Q", len(name)) + name.encode() for name in arrays)


def symbol(shape: tuple[int, int], head: str, number: int) -> bytes:
    """mx-mod-symbol.json with AWS's names and numbers."""
    rows, outputs = shape
    nodes: list[dict[str, Any]] = [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "null", "name": "fc0_weight", "attrs": {"__shape__": f"({rows}, {outputs})"}, "inputs": []},
        {"op": "dot", "name": f"dot{number}", "inputs": [[0, 0, 0], [1, 0, 0]]},
        {
            "op": "null",
            "name": "fc0_bias",
            "attrs": {"__lr_mult__": "10.0", "__shape__": f"(1, {outputs})"},
            "inputs": [],
        },
        {"op": "broadcast_add", "name": f"broadcast_plus{number}", "inputs": [[2, 0, 0], [3, 0, 0]]},
        {"op": "null", "name": "out_label", "inputs": []},
        {"op": head, "name": f"{head.lower()}{number}", "inputs": [[4, 0, 0], [5, 0, 0]]},
    ]
    graph = {"nodes": nodes, "arg_nodes": [0, 1, 3, 5], "node_row_ptr": list(range(8)), "heads": [[6, 0, 0]]}
    return json.dumps(graph | {"attrs": {"mxnet_version": ["int", 10301]}}, indent=2).encode()


def stock(
    weight: np.ndarray,
    bias: np.ndarray,
    kind: str,
    loss: str,
    head: str,
    threshold: float = 0.5,
    *,
    bias_first: bool = False,
) -> bytes:
    """A model.tar.gz as a real training job leaves it."""
    arrays = {"arg:fc0_weight": weight, "arg:fc0_bias": bias}
    if bias_first:
        arrays = dict(reversed(arrays.items()))
    metrics = dict.fromkeys(
        ("quantile", "huber_delta", "margin", "loss_insensitivity", "eps_insensitive_loss_type", "class_weights")
    )
    known = {"accuracy_top_k": 3, "f_beta": 1.0, "positive_example_weight_mult": 1.0, "threshold": threshold}
    extra = {"threshold": threshold, "loss_type": loss, "predictor_type": kind, "metrics_params": metrics | known}
    if bias_first:  # the older containers had another order of keys too
        extra = dict(reversed(extra.items()))
    members = {
        "mx-mod-0000.params": params(arrays),
        "manifest.json": b'{"mx-mod": "mxnet_module", "additional-params.json": "json", "version": 1}',
        "mx-mod-symbol.json": symbol(weight.shape, head, 47),
        "additional-params.json": json.dumps(extra).encode(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return archive({"model_algo-1": buffer.getvalue()})


BINARY = np.frombuffer(bytes.fromhex(WEIGHTS), "<f4").reshape(14, 1), np.frombuffer(bytes.fromhex("ac5d11c1"), "<f4")
CLASSES = np.array([[1, 0, -1], [0.5, 2, 0]], "<f4"), np.array([[0.25, -1, 0]], "<f4")
MODELS: dict[str, bytes] = {
    "binary": stock(
        BINARY[0],
        BINARY[1].reshape(1, 1),
        "binary_classifier",
        "logistic",
        "LogisticRegressionOutput",
        0.46301859617233276,
    ),
    "exact": stock(
        BINARY[0], BINARY[1].reshape(1, 1), "binary_classifier", "logistic", "LogisticRegressionOutput", SCORES[1]
    ),
    "regressor": stock(
        np.array([[8.219]], "<f4"),
        np.array([[881.4]], "<f4"),
        "regressor",
        "squared_loss",
        "LinearRegressionOutput",
        bias_first=True,
    ),
    "multiclass": stock(*CLASSES, "multiclass_classifier", "softmax_loss", "SoftmaxOutput"),
    "hinge": stock(
        np.array([[1], [-2]], "<f4"),
        np.array([[0.5]], "<f4"),
        "binary_classifier",
        "hinge_loss",
        "LinearRegressionOutput",
        0.5,
    ),
}


@pytest.fixture(scope="module")
def remote(local: LocalService) -> Remote:
    """All models as variants of one endpoint, which are asked by name."""
    deployer = Deployer(local)
    for name, content in MODELS.items():
        local.s3.put_object(Bucket=BUCKET, Key=f"stock/{name}/model.tar.gz", Body=content)
        container = {"Image": LINEAR_LEARNER, "ModelDataUrl": f"s3://{BUCKET}/stock/{name}/model.tar.gz"}
        local.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variants = [variant(name) for name in MODELS]
    local.sagemaker.create_endpoint_config(EndpointConfigName="stock", ProductionVariants=variants)
    assert deployer.endpoint("stock", "stock")["EndpointStatus"] == "InService"
    return Remote(local)


def invoke(remote: Remote, model: str, body: bytes | str, content_type: str | None = CSV, accept: str = "") -> bytes:
    more = {"ContentType": content_type} if content_type else {}
    more |= {"Accept": accept} if accept else {}
    answer = remote.local.runtime.invoke_endpoint(EndpointName="stock", TargetVariant=model, Body=body, **more)
    assert answer["ContentType"] == (accept if accept in (LINES, RECORDS) else JSON)
    content: bytes = answer["Body"].read()
    return content


def rows(*numbers: Sequence[float]) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in numbers)


# bodies that all say the same two rows of 14 features


def float32(*numbers: float) -> bytes:
    packed = struct.pack(f"<{len(numbers)}f", *numbers)
    return b"\x0a" + varint(len(packed)) + packed


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(tag: int, *content: bytes) -> bytes:
    whole = b"".join(content)
    return bytes([tag]) + varint(len(whole)) + whole


def record(tensor: bytes) -> bytes:
    payload = field(0x0A, field(0x0A, b"values"), field(0x12, field(0x12, tensor)))
    return struct.pack("<II", 0xCED7230A, len(payload)) + payload + bytes(-len(payload) % 4)


def sparse_tensor(row: list[float]) -> bytes:
    keys = [number for number, value in enumerate(row) if value]
    packed = b"".join(map(varint, keys))
    return float32(*(row[key] for key in keys)) + field(0x12, packed) + field(0x1A, varint(len(row)))


def sparse_json(row: list[float]) -> dict[str, Any]:
    keys = [number for number, value in enumerate(row) if value]
    values = [row[key] for key in keys]
    return {"data": {"features": {"keys": keys, "shape": [len(row)], "values": values}}}


PLAIN = [{"features": row} for row in (X1, X2)]
NESTED = [{"data": {"features": {"values": row}}, "configuration": {}} for row in (X1, X2)]
SPARSE = [sparse_json([float(x) for x in row]) for row in (X1, X2)]
BODIES: list[tuple[str | None, bytes]] = [
    (CSV, rows(X1, X2).encode()),
    ("text/csv; label_size=0", rows(X1, X2).strip().encode()),
    ("TEXT/CSV", rows(X1, X2).replace("\n", "\r\n").encode()),
    (JSON, json.dumps({"instances": PLAIN}).encode()),
    ("application/json; charset=utf-8", json.dumps({"instances": NESTED}, indent=2).encode()),
    (None, json.dumps({"instances": PLAIN}).encode()),
    (JSON, json.dumps({"instances": SPARSE}).encode()),
    (JSON, json.dumps({"instances": [PLAIN[0], SPARSE[1]]}).encode()),
    (LINES, "\n".join(map(json.dumps, PLAIN)).encode()),
    (LINES, "".join(json.dumps(one) + "\n" for one in SPARSE).encode()),
    (RECORDS, b"".join(record(float32(*row)) for row in (X1, X2))),
    (RECORDS, b"".join(record(sparse_tensor([float(x) for x in row])) for row in (X1, X2))),
]


@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_every_form_of_a_request_gets_the_answer_of_the_real_endpoint(
    remote: Remote, content_type: str | None, body: bytes
) -> None:
    found = json.loads(invoke(remote, "binary", body, content_type))
    assert [one["predicted_label"] for one in found["predictions"]] == [1, 1]
    # Sparse sums are added in another order: one unit in the last place of the margin.
    assert [one["score"] for one in found["predictions"]] == pytest.approx(SCORES, abs=1e-6)


def test_the_bytes_of_the_real_endpoint(remote: Remote) -> None:
    assert invoke(remote, "binary", rows(X1, X2)) == (
        b'{"predictions": [{"score": 0.9899773597717285, "predicted_label": 1},'
        b' {"score": 0.5041388273239136, "predicted_label": 1}]}'
    )
    assert invoke(remote, "binary", rows(X1, X2), accept=LINES) == (
        b'{"predicted_label":1,"score":0.989977359771728}\n{"predicted_label":1,"score":0.504138827323913}\n'
    )


def test_a_label_is_one_only_above_the_threshold(remote: Remote) -> None:
    first, second = json.loads(invoke(remote, "exact", rows(X1, X2)))["predictions"]
    assert (first["predicted_label"], second["predicted_label"]) == (1, 0) and second["score"] == SCORES[1]


def test_a_regressor_has_scores_only(remote: Remote) -> None:
    score = float(np.float32(3) * np.float32(8.219) + np.float32(881.4))
    assert invoke(remote, "regressor", "3") == json.dumps({"predictions": [{"score": score}]}).encode()
    whole, _, decimals = repr(score).partition(".")
    assert invoke(remote, "regressor", "3\n", accept=LINES) == f'{{"score":{whole}.{decimals[:15]}}}\n'.encode()


def test_a_multiclass_model_has_a_score_for_each_class(remote: Remote) -> None:
    features = np.array([[1, 2], [-3, 0.5]], "<f4")
    margins = features @ CLASSES[0] + CLASSES[1]
    odds = np.exp(margins - margins.max(axis=1, keepdims=True))
    expected = odds / odds.sum(axis=1, keepdims=True)
    found = json.loads(invoke(remote, "multiclass", "1,2\n-3,0.5"))["predictions"]
    assert [one["predicted_label"] for one in found] == expected.argmax(axis=1).tolist() == [1, 2]
    assert np.allclose([one["score"] for one in found], expected, atol=1e-6)
    lines = invoke(remote, "multiclass", "1,2\n-3,0.5", accept=LINES).decode()
    assert lines.startswith('{"predicted_label":1,"score":[0.') and lines.endswith("]}\n") and lines.count("\n") == 2
    assert " " not in lines


def test_a_hinge_model_shows_its_margin(remote: Remote) -> None:
    assert invoke(remote, "hinge", "1,0.5\n2,0.25") == (
        b'{"predictions": [{"score": 0.5, "predicted_label": 0}, {"score": 2.0, "predicted_label": 1}]}'
    )


def read_records(body: bytes) -> list[dict[str, list[float]]]:
    """Label map of each record of a recordIO answer, read with nothing but the format."""
    found, at = [], 0
    while at < len(body):
        magic, length = struct.unpack_from("<II", body, at)
        assert magic == 0xCED7230A
        payload = body[at + 8 : at + 8 + length]
        found.append(dict(entry(part) for tag, part in fields(payload) if tag == 0x12))
        assert not [part for tag, part in fields(payload) if tag == 0x0A and part], "features are empty"
        at += 8 + length + -length % 4
    return found


def fields(data: bytes) -> list[tuple[int, bytes]]:
    out, at = [], 0
    while at < len(data):
        tag, size, shift, at = data[at], 0, 0, at + 1
        while True:
            size |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if not data[at - 1] & 128:
                break
        out.append((tag, data[at : at + size]))
        at += size
    return out


def entry(data: bytes) -> tuple[str, list[float]]:
    parts = dict(fields(data))
    (tensor,) = [part for tag, part in fields(parts[0x12]) if tag == 0x12]
    values = dict(fields(tensor))[0x0A]
    return parts[0x0A].decode(), list(struct.unpack(f"<{len(values) // 4}f", values))


def test_recordio_answers_can_be_read_by_the_format_alone(remote: Remote) -> None:
    first, second = read_records(invoke(remote, "binary", rows(X1, X2), accept=RECORDS))
    assert first == {"score": [SCORES[0]], "predicted_label": [1.0]} and second["score"] == [SCORES[1]]
    (one,) = read_records(invoke(remote, "multiclass", "1,2", accept=RECORDS))
    assert len(one["score"]) == 3 and one["predicted_label"] == [1.0]
    (only,) = read_records(invoke(remote, "regressor", "3", accept=RECORDS))
    assert set(only) == {"score"}


@pytest.mark.parametrize("accept", ["text/csv", "application/x-unknown", "*/*", "application/json"])
def test_whatever_it_cannot_write_is_json(remote: Remote, accept: str) -> None:
    assert invoke(remote, "hinge", "1,0.5", accept=accept).startswith(b'{"predictions": [')


BAD: list[tuple[str, bytes]] = [
    (CSV, b"1,2,3"),
    (CSV, b"a,b"),
    (CSV, b"1,2\n3"),
    (CSV, b"1,\n"),
    (JSON, b"[1, 2]"),
    (JSON, b'{"instances": [[1, 2]]}'),
    (JSON, b'{"instances": [{"features": [1]}]}'),
    (JSON, b'{"data": 1}'),
    (LINES, b'{"instances": [{"features": [1, 2]}]}'),
    (RECORDS, b"1,2"),
]


@pytest.mark.parametrize(("content_type", "body"), BAD)
def test_what_cannot_be_evaluated_is_told_in_the_containers_words(
    remote: Remote, content_type: str, body: bytes
) -> None:
    with pytest.raises(ClientError) as caught:
        invoke(remote, "hinge", body, content_type)
    response: Any = caught.value.response
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (400, "unable to evaluate payload provided")
    assert response["Error"]["Message"].startswith(
        'Received client error (400) from primary with message "unable to evaluate payload provided". See https://'
    )
    assert json.loads(invoke(remote, "hinge", "1,2"))


@pytest.mark.long
def test_a_stock_artefact_serves_a_batch_as_it_serves_the_endpoint(remote: Remote) -> None:
    numbers = np.random.default_rng(3).normal(size=(500, 2)).astype("<f4").tolist()
    remote.put(**{"stock-in/rows.csv": rows(*numbers)})
    remote.client.create_transform_job(
        TransformJobName="stock",
        ModelName="multiclass",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/stock-in/"}},
            "ContentType": CSV,
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/stock-out", "Accept": LINES, "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    assert status(remote.ended("stock")) == "Completed"
    assert remote.get("stock-out/rows.csv.out") == invoke(remote, "multiclass", rows(*numbers), accept=LINES)
