"""A plan in a file: what `plan --out` found, which `upsert FILE` carries out, or refuses as something changed since.

The file holds the settings, the definitions' hashes and a digest of what was deployed. The code and the steps are those
of the checkout, which must be the same when the plan is carried out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.clients import Clients, Target
from pipeline.config.settings import Settings
from pipeline.deploy import delivery, view
from pipeline.deploy.delivery import DeliveryPlan
from pipeline.errors import UsageError
from pipeline.user_files import unfit

_FORMAT: Final = 1
_AGAIN: Final = "`pipeline plan --out FILE` makes a plan of what is to be done now"


@dataclass(frozen=True)
class SavedPlan:
    """What a file holds; `deployed` is the digest of what was there, `todo` what was to be done, in lines."""

    settings: Settings
    where: str
    deployed: str
    definitions: tuple[str, ...]
    todo: tuple[str, ...]


def save(path: Path, settings: Settings, clients: Clients, made: DeliveryPlan, deployed: str) -> None:
    """Write the plan; `deployed` is the digest of what was there before it was made. Raises UsageError."""
    document = {
        "format": _FORMAT,
        "settings": json.loads(settings.model_dump_json()),
        "where": _where(clients.target),
        "deployed": deployed,
        "definitions": _definitions(made),
        "todo": todo(made),
    }
    try:
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="name another file with --out") from None


def load(path: Path) -> SavedPlan:
    """The plan in a file. Raises UsageError for what is none."""
    try:
        if reason := unfit(path):
            raise UsageError(f"{path} {reason}", hint=_AGAIN)
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != _FORMAT:
            raise ValueError
        return SavedPlan(
            Settings(**document["settings"]),
            str(document["where"]),
            str(document["deployed"]),
            tuple(map(str, document["definitions"])),
            tuple(map(str, document["todo"])),
        )
    except FileNotFoundError:
        raise UsageError(f"there is no plan {path}", hint=_AGAIN) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{path} holds no plan", hint=_AGAIN) from None


def confirmed(saved: SavedPlan, clients: Clients, *, cache: Path | None) -> DeliveryPlan:
    """The plan again, if it is what was saved. Raises UsageError that says what changed since, ServiceError."""
    if (here := _where(clients.target)) != saved.where:
        raise UsageError(f"the plan is for {saved.where}, and this is {here}", hint="carry it out where it was made")
    if digest(clients, saved.settings) != saved.deployed:
        raise UsageError("what is deployed has changed since the plan was made; nothing was done", hint=_AGAIN)
    made = delivery.plan(clients, saved.settings, cache=cache)
    if _definitions(made) != list(saved.definitions):
        raise UsageError(
            "the code or the steps here are others than the plan was made with; nothing was done",
            hint=f"check out what it was made from, or: {_AGAIN}",
        )
    if todo(made) != list(saved.todo):
        raise UsageError("something has changed since the plan was made; nothing was done", hint=_AGAIN)
    return made


def todo(made: DeliveryPlan) -> list[str]:
    """What would be done, in lines."""
    return [*map(view.describe, made.training.instructions), *made.beside]


def digest(clients: Clients, settings: Settings) -> str:
    """A digest of all that is deployed of what an upsert may change. Raises ServiceError."""
    state = json.dumps(delivery.deployed(clients, settings), sort_keys=True, default=vars)
    return hashlib.sha256(state.encode()).hexdigest()


def _definitions(made: DeliveryPlan) -> list[str]:
    plans: Sequence[Any] = [made.training, *made.others]
    return [hashlib.sha256(plan.definition.encode()).hexdigest() for plan in plans]


def _where(target: Target) -> str:
    """The account and region; localhost by its name alone, since its port may be another the next time."""
    return f"localhost, region {target.region}" if target.local else target.describe()
