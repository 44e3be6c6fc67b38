"""The actions of the SageMaker API, one module a family; `action` is how a function becomes one.

An action gets a request that botocore's model has already accepted, and the service; it checks what the model
cannot say, stores, and answers in the wire shape (timestamps as epoch seconds).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipeline.local.service import Action


ACTIONS: Final[dict[str, Action]] = {}


def action(operation: str) -> Callable[[Action], Action]:
    """Register a function as the action of that name in botocore's model of `sagemaker`."""

    def register(function: Action) -> Action:
        if operation in ACTIONS:
            raise ValueError(f"{operation} has two actions")
        ACTIONS[operation] = function
        return function

    return register


def load() -> dict[str, Action]:
    """Import every module below this package and return all actions by name."""
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    return ACTIONS
