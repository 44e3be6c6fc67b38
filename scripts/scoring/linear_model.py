"""A trained linear-learner read from its artefact, and what it predicts: without MXNet, by NumPy alone.

`model.tar.gz` holds `model_algo-1`, a zip of the weights in MXNet's NDArray list format and of the additional
parameters, AWS's and localhost's alike. The scaler is folded into the weights, so that predicting is one product; it is
summed in float64 and scored in float32, which gives the labels that the serving container gives.
"""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.features.featurizer import Featurizer, RequestError, treated
from scripts.formats.ndarray_list import Floats, decode_params
from scripts.scoring.predictions import Answers, feature_lines
from scripts.scoring.scores import activate
from scripts.scoring.sparse_rows import are_sparse, sparse_parts
from scripts.splitting.targets import BINARY, MULTICLASS, REGRESSOR

FILE_NAME: Final = "model_algo-1"
_ROWS: Final = 2000
DAMAGED: Final = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, EOFError, KeyError, ValueError, IndexError),
    *(TypeError, RuntimeError, OverflowError, MemoryError),  # encrypted or packed otherwise, too deep, too large
)
"""What reading an archive raises that is none."""


@dataclass(frozen=True)
class LinearModel:
    """Weights (features, outputs) and bias (1, outputs) for raw features, and how scores become labels."""

    weight: Floats
    bias: Floats
    predictor_type: str
    loss_type: str
    threshold: float

    def predict(self, features: Path, featurizer: Featurizer | None = None) -> Answers:
        """The answers to the rows below `features`, raw ones where there is a `featurizer`.

        Raises `ScriptError` for rows of another kind.
        """
        parts = [self.margins(rows) for rows in batches(features, featurizer)]
        if not parts:
            raise ScriptError(f"{features}: there are no rows")
        return self.answers(np.concatenate(parts))

    def margins(self, rows: Any) -> Floats:
        """The raw outputs (rows, outputs) of treated rows. Raises `ScriptError` for rows of another width."""
        if rows.shape[1] != len(self.weight):
            raise ScriptError(f"it takes {len(self.weight)} features where the test rows have {rows.shape[1]}")
        margins: Floats = (rows @ self.weight.astype(np.float64)).astype(np.float32) + self.bias
        return margins

    def answers(self, margins: Floats) -> Answers:
        """What the model answers where these are its raw outputs."""
        scores = activate(margins, self.predictor_type, self.loss_type)
        if self.predictor_type == REGRESSOR:
            return Answers(scores.astype(np.float64), None)
        if self.predictor_type == MULTICLASS:
            return Answers(scores.astype(np.float64), np.argmax(scores, axis=1).astype(np.int64))
        return Answers(scores.astype(np.float64), (scores > np.float32(self.threshold)).astype(np.int64))


def read_model(archive: bytes) -> LinearModel:
    """The model in the bytes of `model.tar.gz`. Raises `ScriptError` where it is no linear-learner's."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            member = packed.extractfile(FILE_NAME)
            data = member.read() if member else b""
        with zipfile.ZipFile(io.BytesIO(data)) as module:
            params = decode_params(module.read("mx-mod-0000.params"))
            extra = json.loads(module.read("additional-params.json"))
        weight = params["arg:fc0_weight"]
        bias = params.get("arg:fc0_bias", np.zeros((1, weight.shape[1]), np.float32)).reshape(1, -1)
        kind = extra["predictor_type"]
        if kind not in (BINARY, MULTICLASS, REGRESSOR):
            raise ValueError(f"a model of type {kind}")
        return LinearModel(weight, bias, kind, extra["loss_type"], float(extra["threshold"]))
    except DAMAGED as error:
        raise ScriptError(f"its artefact is not one that linear-learner wrote ({error})") from None


def batches(features: Path, featurizer: Featurizer | None) -> Iterator[Any]:
    """The rows below `features` as the model takes them, a few thousand at a time. Raises `ScriptError`."""
    if are_sparse(features):
        yield from sparse_parts(features)
        return
    lines = feature_lines(features)
    while batch := list(islice(lines, _ROWS)):
        try:
            if featurizer is not None:
                yield treated(featurizer, b"\n".join(batch).decode(), "text/csv")
                continue
            yield np.loadtxt(batch, np.float32, delimiter=",", ndmin=2)
        except RequestError as error:
            raise ScriptError(f"it does not take the test rows: {error}") from None
        except ValueError:
            raise ScriptError("the test rows are not all numbers, which is what it takes") from None
