"""The archive: AWS's published endpoint answers from AWS's weights, the bytes of the format, and bad archives."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.images.linear_learner import artifact
from pipeline.local.images.linear_learner.container_errors import CustomerError
from pipeline.local.images.linear_learner.model import Model
from pipeline.local.images.linear_learner.predictor_types import BINARY, MULTICLASS, REGRESSOR

WEIGHT = (
    "9a53213dd61503be026f58b281170f3d79f1b43e161c85be3f2378bb31dae7bda759cc3d73cb643f239ea639dcc12d3ae75b0a3dcfdb653c"
)
ROWS = [
    [28, 2, 133937, 9, 13, 2, 0, 0, 4, 1, 15024, 0, 55, 37],
    [43, 2, 72338, 12, 14, 2, 12, 0, 1, 1, 0, 0, 40, 37],
]


def published() -> Model:
    """The model of AWS's bias monitoring example, whose endpoint's answers are printed in its notebook."""
    return Model(
        weight=np.frombuffer(bytes.fromhex(WEIGHT), "<f4").reshape(14, 1),
        bias=np.frombuffer(bytes.fromhex("ac5d11c1"), "<f4").reshape(1, 1),
        predictor_type=BINARY,
        loss_type="logistic",
        threshold=0.46301859617233276,
        metrics_params={"accuracy_top_k": 3, "f_beta": 1.0, "positive_example_weight_mult": 1.0},
    )


def small(kind: str = BINARY, loss: str = "logistic", outputs: int = 1) -> Model:
    weight = np.arange(3 * outputs, dtype=np.float32).reshape(3, outputs) - 1
    return Model(weight, np.full((1, outputs), 0.5, np.float32), kind, loss)


def test_answers_of_a_real_endpoint_are_reproduced_to_the_last_digit() -> None:
    model = artifact.decode(artifact.encode(published()))
    prediction = model.predict(np.array(ROWS, np.float32))
    assert [float(score) for score in prediction.score] == [0.9899773597717285, 0.5041388273239136]
    assert prediction.predicted_label is not None
    assert prediction.predicted_label.tolist() == [1, 1]


def test_members_are_stored_with_the_flags_of_the_real_archive() -> None:
    archive = zipfile.ZipFile(io.BytesIO(artifact.encode(published())))
    assert sorted(archive.namelist()) == [
        "additional-params.json",
        "manifest.json",
        "mx-mod-0000.params",
        "mx-mod-symbol.json",
    ]
    for entry in archive.infolist():
        assert (entry.compress_type, entry.create_system, entry.create_version) == (zipfile.ZIP_STORED, 3, 20)
        assert (entry.external_attr >> 16, entry.flag_bits) == (0o100644, 0)
    assert archive.read("manifest.json") == (
        b'{"mx-mod": "mxnet_module", "additional-params.json": "json", "version": 1}'
    )
    assert archive.read("additional-params.json") == (
        b'{"threshold": 0.46301859617233276, "loss_type": "logistic", "predictor_type": "binary_classifier", '
        b'"metrics_params": {"quantile": null, "huber_delta": null, "margin": null, "loss_insensitivity": null, '
        b'"eps_insensitive_loss_type": null, "accuracy_top_k": 3, "f_beta": 1.0, '
        b'"positive_example_weight_mult": 1.0, "class_weights": null, "threshold": 0.46301859617233276}}'
    )


def test_the_symbol_has_the_layout_of_the_real_one() -> None:
    text = artifact.symbol_json(published())
    # The real file's nodes are numbered 39: three names of one digit more.
    assert len(text) + 3 == 973
    assert text.startswith('{\n  "nodes": [\n    {\n      "op": "null", \n      "name": "data", \n      "inputs": []')
    graph = json.loads(text)
    assert [node["op"] for node in graph["nodes"]] == [
        "null",
        "null",
        "dot",
        "null",
        "broadcast_add",
        "null",
        "LogisticRegressionOutput",
    ]
    assert graph["nodes"][1]["attrs"] == {"__shape__": "(14, 1)"}


@pytest.mark.parametrize(
    ("model", "head"),
    [
        (small(REGRESSOR, "squared_loss"), "LinearRegressionOutput"),
        (small(MULTICLASS, "softmax_loss", 4), "SoftmaxOutput"),
        (small(BINARY, "hinge_loss"), "LinearRegressionOutput"),
    ],
)
def test_the_head_follows_the_task(model: Model, head: str) -> None:
    graph = json.loads(artifact.symbol_json(model))
    assert graph["nodes"][6]["op"] == head
    assert graph["nodes"][3]["attrs"]["__shape__"] == f"(1, {model.outputs})"


def test_params_are_mxnets_bytes() -> None:
    one = np.array([[2.0]], np.float32)
    data = artifact.encode_params({"arg:fc0_weight": one, "arg:fc0_bias": -one})
    array = "c9fa93f9 00000000 02000000 0100000000000000 0100000000000000 01000000 00000000 00000000"
    expected = (
        "1201000000000000 0000000000000000 0200000000000000"
        + array
        + "00000040"
        + array
        + "000000c0"
        + "0200000000000000"
        + "0e00000000000000"
        + b"arg:fc0_weight".hex()
        + "0c00000000000000"
        + b"arg:fc0_bias".hex()
    )
    assert data == bytes.fromhex(expected.replace(" ", "")) and len(data) == 162


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_any_model_survives_writing_and_reading(columns: int, outputs: int, seed: int) -> None:
    source = np.random.default_rng(seed)
    weight = source.normal(size=(columns, outputs)).astype(np.float32)
    model = Model(weight, source.normal(size=(1, outputs)).astype(np.float32), MULTICLASS, "softmax_loss")
    data = artifact.encode(model)
    again = artifact.decode(data)
    assert artifact.encode(again) == data
    assert (again.weight == weight).all() and (again.bias == model.bias).all()


def test_bias_first_as_older_containers_wrote_it() -> None:
    bias, weight = np.ones((1, 1), np.float32), np.full((2, 1), 3, np.float32)
    params = artifact.decode_params(artifact.encode_params({"arg:fc0_bias": bias, "arg:fc0_weight": weight}))
    assert params["arg:fc0_weight"].tolist() == [[3], [3]]


def test_a_written_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / artifact.FILE_NAME
    artifact.write(path, published())
    assert artifact.read(path).threshold == published().threshold


def repacked(**changed: bytes | None) -> bytes:
    """A good archive with some members changed or left out."""
    good = zipfile.ZipFile(io.BytesIO(artifact.encode(published())))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in good.namelist():
            content = changed.get(name.partition(".")[0].replace("-", "_"), good.read(name))
            if content is not None:
                archive.writestr(name, content)
    return out.getvalue()


BAD = {
    "no archive": b"not a zip",
    "cut off": artifact.encode(published())[:200],
    "no params": repacked(mx_mod_0000=None),
    "short params": repacked(mx_mod_0000=artifact.encode_params({"arg:fc0_weight": np.ones((2, 1), np.float32)})[:70]),
    "wrong magic": repacked(mx_mod_0000=b"\x00" * 64),
    "no weights": repacked(mx_mod_0000=artifact.encode_params({"arg:other": np.ones((2, 1), np.float32)})),
    "huge dimension": repacked(
        mx_mod_0000=struct.pack("<QQQIiIqqiii", 0x112, 0, 1, 0xF993FAC9, 0, 2, 2**40, 2**40, 1, 0, 0)
    ),
    "no JSON": repacked(additional_params=b"{"),
    "JSON of another algorithm": repacked(additional_params=b"{}"),
    "a list": repacked(additional_params=b"[]"),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_is_no_model_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(CustomerError, match="Unable to load the model here"):
        artifact.decode(data, where="here")
