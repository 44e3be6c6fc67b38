"""The parts of the documentation that are made from the code; `python -m tests.support.docs` writes them again.

A generated part stands between `<!-- name -->` and `<!-- /name -->`; a test fails when one is not current.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]


def pages() -> dict[Path, Mapping[str, Callable[[], str]]]:
    """Every page, in the order in which a reader meets them, with what is made anew in it."""
    return {
        ROOT / "README.md": {},
        ROOT / "pipeline" / "local" / "README.md": {"local-rooms": partial(rooms, "pipeline/local")},
        ROOT / "pipeline" / "README.md": {
            "rooms": partial(rooms, "pipeline"),
            "rules": rules,
            "commands": commands,
            "exit-codes": exit_codes,
            "settings": settings,
            "parameters": parameters,
        },
        ROOT / "pipeline" / "MIGRATING.md": {},
        ROOT / "pipeline" / "TROUBLESHOOTING.md": {},
        ROOT / "pipeline" / "local" / "LIMITS.md": {"parity": parity, "actions": actions},
        ROOT / "steps" / "README.md": {"steps": partial(modules, "steps")},
        ROOT / "scripts" / "README.md": {
            "scripts": partial(modules, "scripts"),
            "script-rooms": partial(rooms, "scripts"),
        },
        ROOT / "tests" / "README.md": {},
    }


def rooms(folder: str) -> str:
    """Each package directly in a folder with the first sentence of its docstring."""
    found = sorted((ROOT / folder).glob("*/__init__.py"))
    return _table(("room", "what it is"), ((_link(path.parent.name), _first_line(path)) for path in found))


def modules(folder: str) -> str:
    """Each module directly in a folder with the first line of its docstring."""
    found = sorted(path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py")
    return _table(("module", "what it is"), ((_link(path.name), _first_line(path)) for path in found))


def rules() -> str:
    """Each contract between the parts, by its name; layers from the top down."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]

    def line(contract: dict[str, Any]) -> str:
        layers = " > ".join(f"`{layer}`" for layer in contract.get("layers", ()))
        return f"- {contract['name']}" + (f": {layers}" if layers else "")

    return "\n".join(map(line, contracts))


def commands() -> str:
    """Each command with the first sentence of its help."""
    import typer.main

    from pipeline.cli import app

    def walk(group: Any, prefix: str) -> Iterator[tuple[str, str]]:
        for name, command in sorted(group.commands.items()):
            if hasattr(command, "commands"):
                yield from walk(command, f"{prefix} {name}")
            else:
                yield f"`{prefix} {name}`", command.get_short_help_str(200)

    return _table(("command", "what it does"), walk(typer.main.get_command(app), "pipeline"))


def exit_codes() -> str:
    """Each exit code with the error that has it."""
    from pipeline import errors

    def classes(base: type[errors.PipelineError]) -> Iterator[type[errors.PipelineError]]:
        yield base
        for below in base.__subclasses__():
            yield from classes(below)

    rows = {0: "done; an execution that was followed Succeeded", 1: "error, a wrong flag or value included"}
    rows[errors.CHANGES_EXIT_CODE] = "only `plan --detailed-exitcode`: there are changes"
    for error in classes(errors.ExecutionError):
        rows.setdefault(error.exit_code, (error.__doc__ or "").splitlines()[0].rstrip("."))
    rows[130] = "interrupted"
    return _table(("code", "meaning"), ((str(code), text) for code, text in sorted(rows.items())))


def settings() -> str:
    """Each setting with its meaning."""
    from pipeline.config.settings import Settings

    rows = ((f"`{name}`", field.description or "") for name, field in Settings.model_fields.items())
    return _table(("setting", "meaning"), rows)


def parameters() -> str:
    """Each pipeline parameter with type, default, tasks and meaning."""
    from pipeline.config.pipeline_parameters import Task, declared

    on = {"MaxRegression": 0}
    tables = {task: declared(task, name="PIPELINE", region="REGION", overrides=on) for task in Task}
    names: dict[str, list[str]] = {}
    for task, items in tables.items():
        for item in items:
            names.setdefault(item.name, []).append(task.value)
    rows = []
    for name, tasks in names.items():
        of_task = {task: next(item for item in tables[Task(task)] if item.name == name) for task in tasks}
        where = "all" if len(tasks) == len(Task) else ", ".join(tasks)
        defaults = _by_task({task: f"`{'off' if item.optional else item.default}`" for task, item in of_task.items()})
        meaning = _by_task({task: item.meaning for task, item in of_task.items()})
        choices = _by_task({task: ", ".join(f"`{one}`" for one in item.choices) for task, item in of_task.items()})
        type_ = of_task[tasks[0]].type.value
        rows.append((f"`{name}`", type_, defaults, where, meaning + (f" One of {choices}." if choices else "")))
    return _table(("parameter", "type", "default", "task", "meaning"), rows)


def _by_task(values: Mapping[str, str]) -> str:
    """The value where all tasks agree; else each value with its tasks."""
    tasks: dict[str, list[str]] = {}
    for task, value in values.items():
        tasks.setdefault(value, []).append(task)
    if len(tasks) == 1:
        return next(iter(tasks))
    return "; ".join(f"{', '.join(those)}: {value.rstrip('.')}" for value, those in tasks.items())


def actions() -> str:
    """Each action of the SageMaker API that the service on localhost has."""
    from pipeline.local import api

    return ", ".join(f"`{name}`" for name in sorted(api.load()))


def parity() -> str:
    """What localhost does where AWS is not known, or does differently."""
    import pipeline.definition
    import pipeline.local
    from pipeline.limits import Row

    rows: set[Row] = set()
    for package in (pipeline.definition, pipeline.local):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            # What is below `sandbox/path` hides this project from jobs: not to be imported here.
            if not module.name.endswith("__main__") and ".sandbox.path" not in module.name:
                rows.update(getattr(importlib.import_module(module.name), "PARITY", ()))
    return _table(
        ("area", "subject", "on localhost", "on AWS"),
        ((row.area, row.subject, row.here, row.aws) for row in sorted(rows)),
    )


def written(text: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """The text of a page with each of its generated parts written anew."""
    for name, part in parts.items():
        pattern = re.compile(f"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"the page has no place for {name}")
        made = f"<!-- {name} -->\n{part()}\n<!-- /{name} -->"
        text = pattern.sub(lambda _, made=made: made, text)  # type: ignore[misc]
    return text


def _link(name: str) -> str:
    return f"[`{name}`]({name})"


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(headings), line("---" for _ in headings), *(line(row) for row in rows)])


if __name__ == "__main__":
    for page, parts in pages().items():
        page.write_text(written(page.read_text(encoding="utf-8"), parts), encoding="utf-8")
