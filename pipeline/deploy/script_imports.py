"""Which files of a package a script imports, read from their text without running or compiling anything.

A line that only looks like an import of the package (in a docstring) counts too: a file too many in a bundle harms
nobody. A name that is put together while the script runs is not seen; no script of ours does that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

_IMPORT: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<module>[\w.]+)[ \t]+import[ \t]*(?P<names>\([^)]*\)|.*)|import[ \t]+(?P<modules>.*))",
    re.M,
)


def imported(package: str, files: Mapping[str, bytes]) -> Callable[[str], frozenset[str]]:
    """A function from a file to all files that its import brings in, itself and the `__init__.py` above included.

    `files` are contents by name relative to the package's folder, with slashes.
    """
    modules = {_module(package, name): name for name in files}
    direct = {name: frozenset(_direct(name, package, files[name], modules)) for name in files}

    def closure(name: str) -> frozenset[str]:
        found, left = set(), {name}
        while left:
            one = left.pop()
            found.add(one)
            left |= direct[one] - found
        return frozenset(found)

    return closure


def _direct(name: str, package: str, content: bytes, modules: Mapping[str, str]) -> Iterator[str]:
    for module in (_module(package, name), *_named(name, package, content.decode(errors="replace"))):
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            if (file := modules.get(".".join(parts[:length]))) is not None:
                yield file


def _named(name: str, package: str, text: str) -> Iterator[str]:
    """What may be modules in the import lines of a file."""
    for line in _IMPORT.finditer(text):
        if line["modules"] is not None:
            yield from (item.split()[0] for item in line["modules"].split(",") if item.strip())
            continue
        above = _above(name, package, line["module"])
        names = re.sub(r"#.*", "", line["names"]).strip("() \t\n")
        yield from (f"{above}.{item.split()[0]}" for item in names.split(",") if item.strip())


def _above(name: str, package: str, module: str) -> str:
    """The module with its leading dots, which count folders up from the file, written out."""
    path = module.lstrip(".")
    if not (dots := len(module) - len(path)):
        return path
    folders = [package, *name.split("/")[:-1]]
    return ".".join([*folders[: len(folders) + 1 - dots], *([path] if path else [])])


def _module(package: str, name: str) -> str:
    """The name that a file is imported by."""
    return ".".join([package, *name.removesuffix(".py").removesuffix("__init__").strip("/").split("/")]).rstrip(".")
