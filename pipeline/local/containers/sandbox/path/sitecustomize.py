"""Hides this project from a job that runs without a mount namespace: a job has the code that came from S3, no other.

The folder of this file is put first on PYTHONPATH of such a job, so that the interpreter imports it at start. It
refuses the project's own packages where they would come from the folder that the project is installed in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_INSTALLED = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 5))
_HIDDEN = ("pipeline", "scripts", "steps")


class _Hider:
    """Finds a hidden package elsewhere on the path, or says that there is none."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in _HIDDEN:
            return None
        elsewhere = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _INSTALLED]
        spec = PathFinder.find_spec(name, elsewhere, target)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec


sys.meta_path.insert(0, _Hider)
