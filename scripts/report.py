"""`report.html`: the evaluation for people, in one file that needs nothing else."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scripts.outputs import Outputs
from scripts.predictions import Answers


def write_report(
    outputs: Outputs,
    folder: Path,
    answers: Answers,
    labels: npt.NDArray[np.float64],
    metrics: dict[str, Any],
    *,
    features: Path,
    task: str,
) -> None:
    """Write `report.html` and the pictures beside it."""
    body = f"<!doctype html><title>{task}</title><pre>{html.escape(json.dumps(metrics, indent=1))}</pre>"
    outputs.write(folder / "report.html", body.encode())
