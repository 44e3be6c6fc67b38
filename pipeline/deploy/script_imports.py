"""Which files of a package a script imports, read from their text without running or compiling anything.

A text that only looks like an import of the package (in a docstring), and a string that is the whole name of one of its
modules (`import_module("scripts.x")`, `-m scripts.x`), count too: a file too many in a bundle harms nobody. A name that
is put together while the script runs is not seen; no script of ours does that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

_CONTINUED: Final = re.compile(r"\\\n")
_IMPORT: Final = re.compile(
    r"(?:^|[;:])[ \t\f]*"  # also behind a colon or a semicolon
    r"(?:from(?:[ \t]+|(?=\.))(?P<module>[\w.]+)[ \t]+import\b[ \t]*(?P<names>\((?:[^)#]|#.*)*\)|[^;#\n]*)"
    r"|import[ \t]+(?P<modules>[^;#\n]*))",
    re.M,
)
_STRING: Final = re.compile(r"[\"']([\w.]+)[\"']")
_RELATIVE: Final = re.compile(r"\bimport_module\([ \t\n]*[\"'](\.[\w.]+)[\"']")
_ALL: Final = "*"


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
    for module in (_module(package, name), *_named(name, package, _text(content))):
        if module.endswith(f".{_ALL}"):  # what `__all__` lists may be modules
            yield from (file for one, file in modules.items() if one.rpartition(".")[0] == module[:-2])
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            if (file := modules.get(".".join(parts[:length]))) is not None:
                yield file


def _text(content: bytes) -> str:
    """A source as Python reads it: no byte order mark, one kind of line ends, continued lines in one."""
    text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTINUED.sub(" ", text)


def _named(name: str, package: str, text: str) -> Iterator[str]:
    """What may be modules in the import lines of a file, and in its strings."""
    for line in _IMPORT.finditer(text):
        if line["modules"] is not None:
            yield from (item.split()[0] for item in line["modules"].split(",") if item.strip())
            continue
        above = _above(name, package, line["module"])
        names = re.sub(r"#.*", "", line["names"]).strip("() \t\n")
        yield from (f"{above}.{item.split()[0]}" for item in names.split(",") if item.strip())
    yield from (found for found in _STRING.findall(text) if found.startswith(f"{package}."))
    yield from (_above(name, package, found) for found in _RELATIVE.findall(text))


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
