"""What stays of a job's folder when it is over: the log always; all but the inputs if it failed, for a look at it."""

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
