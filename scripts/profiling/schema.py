"""`schema.json`: what InspectData saw of the raw data, as ConvertData is told it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from scripts.errors import ScriptError
from scripts.formats.sparse import SparseForm
from scripts.profiling.profiles import ColumnProfile
from scripts.profiling.surveyed import FileRows, Survey

FILE: Final = "schema.json"


def schema(found: Survey, seed: int) -> dict[str, Any]:
    """The content of schema.json."""
    label: dict[str, Any] = {"from": found.label, "numbers": found.as_numbers, "classes": found.classes}
    return {
        "files": [
            {
                "key": file.key,
                "split": file.split,
                "rows": file.rows,
                "label": file.label,
                "classes": dict(file.classes),
            }
            for file in found.files
        ],
        "rows": found.rows,
        "label": label | ({} if found.amounts is None else _bounds(found.amounts)),
        "names": list(found.names),
        "named": found.named,
        "features": [
            {
                "name": column.name,
                "kind": column.kind,
                "present": column.present,
                "missing": column.missing,
                **_bounds(column),
                **({"distinct": len(column.counts)} if column.counts else {}),
                **({"treatment": column.treatment} if column.treatment else {}),
                **({"text": True} if column.text else {}),
            }
            for column in found.columns
        ],
        # What is counted is counted over all rows; how values spread is seen in these.
        "sample": {"rows": found.sampled, "of": found.profiled, "seed": seed},
        **({"sparse": asdict(found.form)} if found.form else {}),
    }


def read_schema(folder: Path) -> Survey:
    """The survey that the file in `folder` tells of, but for how values spread."""
    try:
        found = json.loads((folder / FILE).read_bytes())
        label = found["label"]
        amounts = (
            ColumnProfile("label", "number", 0, 0, low=label["min"], high=label["max"]) if "min" in label else None
        )
        columns = [
            ColumnProfile(
                of["name"],
                of["kind"],
                of["present"],
                of["missing"],
                low=of.get("min"),
                high=of.get("max"),
                text=of.get("text", False),
            )
            for of in found["features"]
        ]
        return Survey(
            files=tuple(FileRows(**file) for file in found["files"]),
            label=label["from"],
            classes=label["classes"],
            amounts=amounts,
            columns=tuple(columns),
            profiled=found["sample"]["of"],
            sampled=found["sample"]["rows"],
            problems=(),
            treated=any("treatment" in of for of in found["features"]),
            names=tuple(found["names"]),
            as_numbers=label["numbers"],
            named=found["named"],
            form=SparseForm(**found["sparse"]) if "sparse" in found else None,
        )
    except (ValueError, LookupError, TypeError) as error:
        raise ScriptError(f"{FILE}: it is no schema of InspectData ({error}); inspect the data again") from None


def _bounds(column: ColumnProfile) -> dict[str, float]:
    if column.low is None or column.high is None:
        return {}
    return {"min": column.low, "max": column.high}
