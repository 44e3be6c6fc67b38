"""Moto's state for those who use it without HTTP, and the one lock under which moto is imported.

Moto's modules import each other in circles: two threads that import it for the first time at the same moment would
find half a module.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any, Final

IMPORTING: Final = threading.RLock()


def backend(service: str, account: str, region: str) -> Any:
    """Moto's state of one of its services (`sqs`, `events`, `logs`) in one account and region."""
    with IMPORTING:
        module = importlib.import_module(f"moto.{service}.models")
    return getattr(module, f"{service}_backends")[account][region]
