"""The log of a training job: one method a kind of line, in the form real logs have (python3-era containers).

Time and thread id are arguments, so that a test can freeze them. The service's metric definitions read these lines;
their wording is as much an interface as the artefact is.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

from pipeline.limits import Row
from pipeline.local.images.linear_learner.metric_names import Metric

if TYPE_CHECKING:
    from pipeline.local.images.linear_learner.model import Floats

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="form of the log",
        here="line kinds, order, wording, number and key forms of real logs of the Python 3 containers, 2021 to 2025",
        aws="read off a multiclass and a regression log; the final lines of a binary one are those of 2020",
    ),
    Row(
        area="linear-learner",
        subject="checkpoint and GPU lines of the log",
        here="printed as the container prints them; the best epoch is kept in memory, no GPU is looked for",
        aws="checkpoints go to a temporary folder",
    ),
)

HOST: Final = "algo-1"
DEFAULT_INPUT: Final = "/opt/amazon/lib/python3.8/site-packages/algorithm/resources/default-input.json"
GIVEN_INPUT: Final = "/opt/ml/input/config/hyperparameters.json"
# Where an object of the container lies in memory: a real log shows one, the same input here always gives the same log.
_ADDRESS: Final = "0x7f0000000000"
_ALGORITHM: Final = {"Algorithm": "Linear Learner", "Host": HOST, "Operation": "training"}


class Log:
    """Writes lines to `out`; `clock` gives seconds since the epoch, `thread` stands for the thread's number."""

    def __init__(self, out: TextIO = sys.stdout, *, clock: Callable[[], float] = time.time, thread: int = 0) -> None:
        self._out = out
        self.clock = clock
        self._thread = thread

    def line(self, text: str) -> None:
        """A line as it is."""
        self._out.write(text + "\n")

    def flush(self) -> None:
        """Hand on what was written: a log is followed while it grows."""
        self._out.flush()

    def record(self, level: str, text: str) -> None:
        """A line of the logger: `[11/24/2020 18:53:54 INFO 140513285547840] text`."""
        stamp = time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime(self.clock()))
        self.line(f"[{stamp} {level} {self._thread}] {text}")

    def info(self, text: str) -> None:
        """A line of the logger at level INFO."""
        self.record("INFO", text)

    def tensorio(self, level: str, text: str) -> None:
        """A line of the data reader, with its own form of time."""
        now = self.clock()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
        self.line(f"[{stamp}.{int(now * 1000) % 1000:03d}] [tensorio] [{level}] {text}")

    def epoch_stats(self, channel: str, epoch: int, duration: float, batches: int, num_bytes: int) -> None:
        """What one pass over a channel took: seconds, batches, bytes."""
        stats = {
            "data_pipeline": f"/opt/ml/input/data/{channel}",
            "epoch": epoch,
            "duration": int(duration * 1000),
            "num_examples": batches,
            "num_bytes": num_bytes,
        }
        self.tensorio("info", f"epoch_stats={json.dumps(stats)}")

    def metrics(
        self,
        values: Mapping[str, Mapping[str, float]],
        dimensions: Mapping[str, str | int] | None = None,
        *,
        start: float,
    ) -> None:
        """A `#metrics` line, and the blank line that follows every one."""
        document = {
            "StartTime": start,
            "EndTime": self.clock(),
            "Dimensions": {**_ALGORITHM, **(dimensions or {})},
            "Metrics": values,
        }
        self.line(f"#metrics {json.dumps(document)}\n")

    def configuration(self, given: Mapping[str, str], defaults: Mapping[str, str], final: Mapping[str, str]) -> None:
        """The first lines: what was asked for and what results."""
        self.line("Docker entrypoint called with argument(s): train")
        self.line("Running default environment configuration script")
        self.info(f"Reading default configuration from {DEFAULT_INPUT}: {dict(defaults)}")
        self.info(f"Merging with provided configuration from {GIVEN_INPUT}: {dict(given)}")
        self.info(f"Final configuration: {dict(final)}")
        self.record("WARNING", "Loggers have already been setup.")

    def model_objectives(self, channel: str, name: str, epoch: int, losses: Sequence[float]) -> None:
        """The objective of every model in one epoch."""
        for number, loss in enumerate(losses):
            now = self.clock()
            dimensions: dict[str, str | int] = {"epoch": epoch, "model": number}
            self.metrics({f"{channel}_{name}": counter(loss)}, dimensions, start=now)

    def quality(self, text: str, value: float) -> None:
        """A `#quality_metric` line: `text` ends in the metric's name and mark."""
        self.info(f"#quality_metric: host={HOST}, {text}={value!r}")

    def scores(self, channel: str, figures: Iterable[Metric]) -> None:
        """The final figures of a channel: all as pairs, then all as quality metrics."""
        listed = list(figures)
        for figure in listed:
            self.info(f"#{channel}_score ({HOST}) : ('{figure.name}', {figure.value!r})")
        for figure in listed:
            self.quality(f"{channel} {figure.name} {figure.mark}", figure.value)

    def gpus(self) -> None:
        """How long it took to find that no GPU is used: none is, whatever the machine has."""
        now = self.clock()
        self.info(f"nvidia-smi: took {self.clock() - now:.3f} seconds to run.")
        self.info("nvidia-smi identified 0 GPUs.")
        self.info("Number of GPUs being used: 0")

    def scaler(self, mean: Floats, stdev: Floats, label: tuple[float | None, float | None]) -> None:
        """The parameters of the scaler, arrays in MXNet's print form."""
        self.info(f"Scaler algorithm parameters\n <algorithm.scaler.ScalerAlgorithmStable object at {_ADDRESS}>")
        label_mean, label_stdev = (None if value is None else _array([value]) for value in label)
        self.info(
            "Scaling model computed with parameters:\n "
            f"{{'stdev_label': {label_stdev}, 'stdev_weight': {_array(stdev)}, "
            f"'mean_label': {label_mean}, 'mean_weight': {_array(mean)}}}"
        )


def counter(value: float) -> dict[str, Any]:
    """One measured value in the form of the metrics documents."""
    return {"sum": float(value), "count": 1, "min": value, "max": value}


def _array(values: Any) -> str:
    import numpy as np

    array = np.asarray(values, np.float32)
    return f"\n{array}\n<NDArray {len(array)} @cpu(0)>"
