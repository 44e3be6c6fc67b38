"""The container's entry point: `train` or `serve`, with `--root` saying where its /opt/ml really lies."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the two programs; each imports only what it needs, since start-up time counts."""
    parser = argparse.ArgumentParser(prog="linear_learner", description=__doc__)
    parser.add_argument("program", choices=("train", "serve"))
    parser.add_argument("--root", type=Path, default=Path("/opt/ml"), help="where /opt/ml lies (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.program == "train":
        from pipeline.local.linear_learner import program

        return program.run(options.root)
    from pipeline.local.linear_learner import serve

    return serve.main(options.root)


if __name__ == "__main__":
    sys.exit(main())
