"""Sweeps the folder of a job that is over. The log always stays; after a failure all but the inputs does."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.local import trees

_INPUTS: Final = ("ml/processing/input", "ml/input/data")


def sweep(folder: Path, *, keep: bool) -> None:
    """Remove the /opt/ml of each host; with `keep` only what came from S3 and is still there."""
    for host in folder.glob("algo-*"):
        if keep:
            for path in _INPUTS:
                trees.remove(host / path)
        else:
            trees.remove(host)
