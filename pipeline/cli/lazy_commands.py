"""Of all commands the ones that a command line needs, since Typer reads the options of every command that it is given.

Reading them all takes longer than importing Typer does. A command line names one command or group; a listing shows
names and first sentences, no options.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence

import typer
from typer.models import CommandInfo, TyperInfo

_COMPLETION = "_PIPELINE_COMPLETE"


def needed(app: typer.Typer, arguments: Sequence[str]) -> typer.Typer:
    """`app` with the one command or group that `arguments` begin with, else with all of them as names to list."""
    if _COMPLETION in os.environ:
        return app
    first = arguments[0] if arguments else ""
    smaller = copy.copy(app)
    smaller.registered_commands = [info for info in app.registered_commands if _name(info) == first]
    smaller.registered_groups = [group for group in app.registered_groups if group.name == first]
    if smaller.registered_groups and smaller.registered_groups[0].typer_instance:
        inner = needed(smaller.registered_groups[0].typer_instance, arguments[1:])
        smaller.registered_groups = [_with(smaller.registered_groups[0], inner)]
    elif not smaller.registered_commands:
        smaller.registered_commands = [_listed(info) for info in app.registered_commands]
        smaller.registered_groups = [
            _with(group, needed(group.typer_instance, ())) for group in app.registered_groups if group.typer_instance
        ]
    return smaller


def _name(info: CommandInfo) -> str:
    return info.name or getattr(info.callback, "__name__", "").replace("_", "-")


def _listed(info: CommandInfo) -> CommandInfo:
    """The same command without its options: nothing runs it."""
    listed = copy.copy(info)
    listed.name, listed.help = _name(info), info.help or getattr(info.callback, "__doc__", None)
    listed.callback = lambda: None
    return listed


def _with(group: TyperInfo, inner: typer.Typer) -> TyperInfo:
    changed = copy.copy(group)
    changed.typer_instance = inner
    return changed
