"""`model_algo-1`: the file in `model.tar.gz`, a stored zip of an MXNet module and two JSON files.

The bytes of `mx-mod-0000.params` are MXNet's NDArray list format, written without MXNet; the symbol is the
graph that AWS's artefacts hold: dot, broadcast_add and an output head. AWS's own artefacts are read as well.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.limits import Row
from pipeline.local.images.linear_learner.container_errors import CustomerError
from pipeline.local.images.linear_learner.model import Floats, Model
from pipeline.local.images.linear_learner.predictor_types import BINARY, MULTICLASS
from scripts.formats.ndarray_list import ARRAY_V2, LIST_MAGIC, decode_params

FILE_NAME: Final = "model_algo-1"
MANIFEST: Final = {"mx-mod": "mxnet_module", "additional-params.json": "json", "version": 1}
METRICS_PARAMS: Final = (
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
)

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="artefact of hinge and of regression losses other than squared",
        here="the output head is LinearRegressionOutput, which passes the raw output through",
        aws="not established: no such artefact is public; logistic and squared loss are as seen in real ones",
    ),
    Row(
        area="linear-learner",
        subject="artefact of a multiclass model",
        here="SoftmaxOutput over weights (features, classes); additional parameters as for the other types",
        aws="not established: no such artefact is public",
    ),
    Row(
        area="linear-learner",
        subject="artefact with use_bias=false, or with bias_lr_mult or bias_wd_mult",
        here="fc0_bias is written as zeros, so that every reader finds it; the graph always says `__lr_mult__` 10.0",
        aws="not established: no such artefact is public",
    ),
)

_DAMAGED: Final = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, ValueError, IndexError, TypeError),
    *(RuntimeError, OverflowError, MemoryError),  # encrypted or packed otherwise, too deep, too large
)
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)


def write(path: Path, model: Model) -> None:
    """Write `model` to `path` (a file named `model_algo-1`); the same model always gives the same bytes."""
    path.write_bytes(encode(model))


def read(path: Path) -> Model:
    """Read a `model_algo-1` file, AWS's or ours.

    Raises CustomerError naming the file where it is not such an archive.
    """
    return decode(path.read_bytes(), where=str(path))


def encode(model: Model) -> bytes:
    """The bytes of the archive."""
    members = {
        "additional-params.json": json.dumps(additional_params(model)).encode(),
        "manifest.json": json.dumps(MANIFEST).encode(),
        "mx-mod-symbol.json": symbol_json(model).encode(),
        "mx-mod-0000.params": encode_params({"arg:fc0_weight": model.weight, "arg:fc0_bias": model.bias}),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def decode(data: bytes, *, where: str = FILE_NAME) -> Model:
    """The model in the bytes of an archive; `where` names it in errors."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            params = decode_params(archive.read("mx-mod-0000.params"))
            extra = json.loads(archive.read("additional-params.json"))
        weight = params["arg:fc0_weight"]
        bias = params.get("arg:fc0_bias", np.zeros((1, weight.shape[1]), np.float32)).reshape(1, -1)
        return Model(
            weight=weight,
            bias=bias,
            predictor_type=extra["predictor_type"],
            loss_type=extra["loss_type"],
            threshold=float(extra["threshold"]),
            metrics_params=extra.get("metrics_params", {}),
        )
    except _DAMAGED as error:
        raise CustomerError(
            f"Unable to load the model {where}. It is not an archive that linear-learner wrote: {error}. "
            "Please provide a model.tar.gz of a linear-learner training job."
        ) from error


def additional_params(model: Model) -> dict[str, Any]:
    """The content of `additional-params.json`, keys in the order of AWS's newer artefacts."""
    given: Mapping[str, Any] = model.metrics_params
    metrics = {name: given.get(name) for name in METRICS_PARAMS}
    metrics["threshold"] = model.threshold
    return {
        "threshold": model.threshold,
        "loss_type": model.loss_type,
        "predictor_type": model.predictor_type,
        "metrics_params": metrics,
    }


def symbol_json(model: Model) -> str:
    """The graph as MXNet's writer lays it out: one attribute on one line, several each on its own."""
    head, name = _head(model)
    nodes = (
        _node("null", "data"),
        _node("null", "fc0_weight", attrs={"__shape__": f"({model.feature_dim}, {model.outputs})"}),
        _node("dot", "dot0", inputs="[[0, 0, 0], [1, 0, 0]]"),
        _node("null", "fc0_bias", attrs={"__lr_mult__": "10.0", "__shape__": f"(1, {model.outputs})"}),
        _node("broadcast_add", "broadcast_plus0", inputs="[[2, 0, 0], [3, 0, 0]]"),
        _node("null", "out_label"),
        _node(head, name, inputs="[[4, 0, 0], [5, 0, 0]]"),
    )
    graph = (
        '  "nodes": [\n' + ", \n".join(nodes) + "\n  ]",
        '  "arg_nodes": [0, 1, 3, 5]',
        '  "node_row_ptr": [0, 1, 2, 3, 4, 5, 6, 7]',
        '  "heads": [[6, 0, 0]]',
        '  "attrs": {"mxnet_version": ["int", 10301]}',
    )
    return "{\n" + ", \n".join(graph) + "\n}"


def _node(op: str, name: str, *, inputs: str = "[]", attrs: Mapping[str, str] | None = None) -> str:
    lines = [f'"op": "{op}"', f'"name": "{name}"']
    if attrs:
        pairs = [f'"{key}": "{value}"' for key, value in attrs.items()]
        several = len(pairs) > 1
        body = "\n        " + ", \n        ".join(pairs) + "\n      " if several else pairs[0]
        lines.append('"attrs": {' + body + "}")
    lines.append(f'"inputs": {inputs}')
    return "    {\n      " + ", \n      ".join(lines) + "\n    }"


def _head(model: Model) -> tuple[str, str]:
    if model.predictor_type == MULTICLASS:
        return "SoftmaxOutput", "softmaxoutput0"
    if model.predictor_type == BINARY and model.loss_type == "logistic":
        return "LogisticRegressionOutput", "logisticregressionoutput0"
    return "LinearRegressionOutput", "linearregressionoutput0"


def encode_params(arrays: Mapping[str, Floats]) -> bytes:
    """MXNet's NDArray list: dense float32 arrays on the CPU, then their names."""
    parts = [struct.pack("<QQQ", LIST_MAGIC, 0, len(arrays))]
    for array in arrays.values():
        parts.append(struct.pack("<IiI", ARRAY_V2, 0, array.ndim))
        parts.append(struct.pack(f"<{array.ndim}q", *array.shape))
        parts.append(struct.pack("<iii", 1, 0, 0))
        parts.append(np.ascontiguousarray(array, dtype="<f4").tobytes())
    parts.append(struct.pack("<Q", len(arrays)))
    for name in arrays:
        encoded = name.encode()
        parts.append(struct.pack("<Q", len(encoded)) + encoded)
    return b"".join(parts)
