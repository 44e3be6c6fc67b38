"""A training job of the linear-learner stand-in in a folder of its own: write its /opt/ml, run it, look at it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.local.images.linear_learner import artifact, program
from pipeline.local.images.linear_learner.log import Log
from pipeline.local.images.linear_learner.model import Model
from scripts.formats.recordio import encode_dense, encode_sparse

RECORDIO = "application/x-recordio-protobuf"
CSV = "text/csv"


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its exit code and its whole log."""

    root: Path
    exit_code: int
    log: str

    @property
    def failure(self) -> str:
        """The failure file, empty where there is none."""
        path = self.root / "output/failure"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def model(self) -> Model:
        """The model of the artefact."""
        return artifact.read(self.root / "model" / artifact.FILE_NAME)

    def score(self, name: str, channel: str = "validation") -> float:
        """A final figure of a channel, from the log."""
        marker = f"#{channel}_score (algo-1) : ('{name}', "
        line = next(line for line in self.log.splitlines() if marker in line)
        return float(line.split(marker)[1].removesuffix(")"))


@dataclass(frozen=True)
class Job:
    """A folder laid out as a training container's /opt/ml."""

    root: Path

    def configure(self, hyperparameters: Mapping[str, Any], channels: Mapping[str, Mapping[str, str]]) -> None:
        """Write hyperparameters.json and inputdataconfig.json."""
        folder = self.root / "input/config"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hyperparameters.json").write_text(json.dumps(hyperparameters))
        (folder / "inputdataconfig.json").write_text(json.dumps(channels))

    def put(self, channel: str, content: bytes, name: str = "part-00000") -> None:
        """Write one file of a channel."""
        path = self.root / "input/data" / channel / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def run(self) -> Outcome:
        """Train in this process, with a clock that ticks a millisecond a look."""
        out = io.StringIO()
        ticks = ticking()
        code = program.run(self.root, Log(out, clock=lambda: next(ticks), thread=140513285547840))
        return Outcome(self.root, code, out.getvalue())


def ticking() -> Iterator[float]:
    """Times from 2020-11-24 18:53:54 on, a millisecond apart."""
    now = 1606244034.0
    while True:
        now += 0.001
        yield now


def as_csv(features: npt.NDArray[Any], labels: npt.NDArray[Any]) -> bytes:
    """Rows as linear-learner takes them: label first, no header."""
    out = io.StringIO()
    np.savetxt(out, np.column_stack([labels, features]), delimiter=",", fmt="%.9g")
    return out.getvalue().encode()


def train(
    root: Path,
    hyperparameters: Mapping[str, Any],
    channels: Mapping[str, tuple[Any, npt.NDArray[Any]]],
    content_type: str = RECORDIO,
) -> Outcome:
    """Run a job on rows in memory, which may be compressed by rows, written in the format of `content_type`."""
    job = Job(root)
    job.configure(hyperparameters, {name: {"ContentType": content_type} for name in channels})
    for name, (features, labels) in channels.items():
        if content_type == CSV:
            content = as_csv(features, labels)
        elif hasattr(features, "indptr"):
            parts = (features.indptr, features.indices, features.data)
            content = encode_sparse(*parts, features.shape, labels.astype(np.float32))
        else:
            content = encode_dense(features.astype(np.float32), labels.astype(np.float32))
        job.put(name, content)
    return job.run()
