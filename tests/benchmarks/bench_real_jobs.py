"""Jobs that ran on AWS, run again: each model's last loss beside the real one, the winner, the figures.

`--seeds N` shows how the settings of the models were found: of N seeds of NumPy's generator, only the right one lays
the settings that real jobs printed on a line with what it draws.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.support import real_jobs
from tests.support.linear_learner import train

METRICS = {"last": "train_", "validation": "validation_"}
# lr_scheduler_minimum_lr of the models that won multiclass jobs of 2019 and 2020, by the number of the model.
PRINTED = {3: 9.042943346173945e-05, 11: 1.998391905573772e-06, 17: 3.072407411146648e-06, 22: 5.0968542639990265e-05}


def main() -> None:
    """Print a line a model, then the winner and the figures of each job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=0, help="how many seeds to try")
    options, _ = parser.parse_known_args()
    for name in real_jobs.NAMES:
        compare(name)
    for seed in range(options.seeds):
        if on_a_line(seed):
            print(f"seed {seed} draws the settings that real jobs printed")


def compare(name: str) -> None:
    """Run a job and print how far it is from the real one."""
    job = real_jobs.printed(name)
    with TemporaryDirectory() as folder:
        outcome = train(Path(folder), job["hyperparameters"], real_jobs.rows(name))
    objective = "multiclass_cross_entropy_objective" if name == "ufo" else "mse_objective"
    for printed, channel in METRICS.items():
        if printed not in job:
            continue
        ours, real = real_jobs.losses(outcome, channel + objective)[-1], np.array(job[printed])
        apart = np.abs(ours / real - 1)
        print(f"{name}, {channel}{objective}: {np.median(apart):.2e} apart in the median, {apart.max():.2e} at most")
        pairs = enumerate(zip(ours, real, strict=True))
        print("  " + " ".join(f"{number}:{one:.4g}/{other:.4g}" for number, (one, other) in pairs))
    won = real_jobs.winner(outcome)
    print("  the winner is the same" if won == job["best"] else f"  the winner is {won}, really {job['best']}")
    channel = "validation" if "validation" in job else "train"
    print(
        "  "
        + ", ".join(f"{score} {outcome.score(score, channel):.9g}/{real:.9g}" for score, real in job["scores"].items())
    )


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
