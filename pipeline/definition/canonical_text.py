"""The one text of a definition, whoever wrote it: so texts can be compared, hashed and kept."""

from __future__ import annotations

import json

from pipeline.definition.step_types import Definition


def canonical(definition: Definition) -> str:
    """Keys sorted, no spaces, ASCII only."""
    return json.dumps(definition, sort_keys=True, separators=(",", ":"), allow_nan=False)
