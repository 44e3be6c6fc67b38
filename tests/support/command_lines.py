"""Lines of a shell that call make's targets or the command's commands, as documentation and workflows have them."""

from __future__ import annotations

import re
import shlex
from typing import Any, Final

from tests.support.docs import ROOT

COMMANDS: Final = ("pipeline", ".venv/bin/pipeline", "../.venv/bin/pipeline")


def targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def unknown(line: str) -> set[str]:
    """What a line of make or of the command names that does not exist: targets, or flags. Fails for no such command."""
    words = shlex.split(re.split(r" >|;| &&| \|\|", line)[0], comments=True)
    if words[0] == "make":
        goals = [word for before, word in zip(words, words[1:], strict=False) if before != "-C"]
        return {word for word in goals if not word.startswith("-") and "=" not in word} - targets()
    assert words[0] in COMMANDS, f"neither make nor the command: {line}"
    used = {word for word in re.findall(r"--[a-z-]+", line) if word != "--"}
    return used - _flags_of(words[1:])


def _flags_of(words: list[str]) -> set[str]:
    """The flags of the command that the words begin with."""
    import typer.main

    from pipeline.cli import app

    command: Any = typer.main.get_command(app)
    for word in words:
        if not hasattr(command, "commands"):
            break
        assert word in command.commands, f"there is no command {word}"
        command = command.commands[word]
    return {flag for parameter in command.params for flag in parameter.opts}
