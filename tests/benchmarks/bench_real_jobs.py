"""Jobs that ran on AWS, run again: each model's last loss beside the real one, the winner, the figures.

Two jobs lie in the golden files. `--data` names a folder with more, each a JSON file with `hyperparameters`, `best`,
`final_scores` and `curves` (by metric: epoch by model) and an NPZ of the same name with the rows of each channel and
`<channel>_labels`. `--seeds N` shows how the settings of the models were found: of N seeds of NumPy's generator, only
the right one lays the settings that real jobs printed on a line with what it draws.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.linear_learner import Outcome, train

GOLDEN = Path(__file__).parents[1] / "golden/linear_learner"
Doubles = npt.NDArray[np.float64]
# lr_scheduler_minimum_lr of the models that won multiclass jobs of 2019 and 2020, by the number of the model.
PRINTED = {3: 9.042943346173945e-05, 11: 1.998391905573772e-06, 17: 3.072407411146648e-06, 22: 5.0968542639990265e-05}


def main() -> None:
    """Print a line a model, then the winner and the figures of each job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with jobs and their rows")
    parser.add_argument("--seeds", type=int, default=0, help="how many seeds to try")
    options, _ = parser.parse_known_args()
    rows = np.load(GOLDEN / "bike.npz")
    for name, job in json.loads((GOLDEN / "real_jobs.json").read_text()).items():
        channels = {"train": (rows["train"][:, : job["features"]], rows["train_labels"])}
        compare(name, job["hyperparameters"], channels, {"train_mse_objective": job["last"]}, job["best"])
    for path in sorted(options.data.glob("*.json")) if options.data else ():
        if path.with_suffix(".npz").exists():
            of_folder(path)
    for seed in range(options.seeds):
        if on_a_line(seed):
            print(f"seed {seed} draws the settings that real jobs printed")


def of_folder(path: Path) -> None:
    """One job of the folder."""
    job, rows = json.loads(path.read_text()), np.load(path.with_suffix(".npz"))
    names = [name for name in ("train", "validation", "test") if name in rows]
    channels = {name: (rows[name], rows[f"{name}_labels"]) for name in names}
    last = {metric: curve[-1] for metric, curve in job["curves"].items()}
    compare(path.stem, job["hyperparameters"], channels, last, job["best"])


def compare(
    name: str, given: dict[str, str], channels: Any, last: dict[str, list[float]], best: dict[str, Any]
) -> None:
    """Run a job and print how far it is from the real one."""
    with TemporaryDirectory() as folder:
        outcome = train(Path(folder), given, channels)
    for metric, real in last.items():
        ours = losses(outcome, metric)[-1]
        apart = np.abs(ours / np.array(real, float) - 1)
        print(f"{name}, {metric}: {np.median(apart):.2e} apart in the median, {apart.max():.2e} at most")
        print(
            "  "
            + " ".join(
                f"{number}:{one:.4g}/{other:.4g}" for number, (one, other) in enumerate(zip(ours, real, strict=True))
            )
        )
    line = next(line for line in outcome.log.splitlines() if "Best model found" in line)
    won = json.loads(line.split("hyperparameters: ")[1])
    print(f"  the winner is {'the same' if won == best else f'{won}, really {best}'}")


def losses(outcome: Outcome, metric: str) -> Doubles:
    """The objective by epoch and model."""
    found: dict[int, list[float]] = {}
    for line in outcome.log.splitlines():
        if line.startswith("#metrics ") and metric in line:
            document = json.loads(line[9:])
            found.setdefault(document["Dimensions"]["epoch"], []).append(document["Metrics"][metric]["sum"])
    return np.array([found[epoch] for epoch in sorted(found)])


def on_a_line(seed: int) -> bool:
    """Whether the logarithms of the printed settings lie on a line with numbers of the stream, model by model."""
    stream = np.random.RandomState(seed).random_sample(400)
    numbers, values = np.array(list(PRINTED)), np.log(list(PRINTED.values()))
    starts = np.arange(len(stream) - numbers.max())
    drawn = stream[starts[:, np.newaxis] + numbers]
    drawn -= drawn.mean(axis=1, keepdims=True)
    values -= values.mean()
    fit = np.abs(drawn @ values) / np.sqrt((drawn**2).sum(axis=1) * (values**2).sum())
    return bool((fit > 1 - 1e-9).any())


if __name__ == "__main__":
    main()
