"""A pipeline definition as data: its canonical text, what it is made of, and what the service would refuse."""

from __future__ import annotations

import json
from typing import Any

Definition = dict[str, Any]


def canonical(definition: Definition) -> str:
    """The one text of a definition: keys sorted, no spaces, ASCII only."""
    return json.dumps(definition, sort_keys=True, separators=(",", ":"), allow_nan=False)
