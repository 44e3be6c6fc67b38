"""The container's entry point: `train` or `serve`, with `--root` saying where its /opt/ml really lies."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.process import run_to_end


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the two programs; each imports only what it needs, since start-up time counts."""
    parser = argparse.ArgumentParser(prog="linear_learner", description=__doc__)
    parser.add_argument("program", choices=("train", "serve"))
    parser.add_argument("--root", type=Path, default=Path("/opt/ml"), help="where /opt/ml lies (default: %(default)s)")
    options = parser.parse_args(arguments)
    # One thread: the products of a mini-batch are too small to share out, and the sums come in the same order on
    # every machine. To be set before numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if options.program == "train":
        from pipeline.local.images.linear_learner import interruption, program

        return program.run(options.root, interruption=interruption.Interruption().listen())
    from pipeline.local.images.linear_learner import serve

    return serve.main(options.root)


if __name__ == "__main__":
    run_to_end(main)
