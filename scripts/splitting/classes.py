"""What the classes are called, left by the conversion beside the labels for whoever shows results to people.

The labels themselves are numbers, since that is what linear-learner knows. The file's name begins with an underscore,
so that no reader of labels takes it for some.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.errors import ScriptError
from scripts.outputs import Outputs

FILE: Final = "_classes.json"


def write_classes(outputs: Outputs, folder: Path, classes: Sequence[str]) -> None:
    """Write the names of the labels 0, 1, ... into the folder of the labels; nothing for labels that are no classes."""
    if classes:
        outputs.write_json(folder / FILE, list(classes))


def read_classes(folder: Path) -> tuple[str, ...]:
    """The names of the labels 0, 1, ...; none where the conversion left none."""
    file = folder / FILE
    if not file.exists():
        return ()
    try:
        names = json.loads(file.read_bytes())
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ScriptError(f"{FILE}: it is no list of names; convert the data again")
    return tuple(names)


def shown_names(known: Sequence[str], count: int) -> list[str]:
    """Names for `count` classes: those that are known, else words for two and numbers for more."""
    if not known and count == 2:
        return ["negative", "positive"]
    return [*known[:count], *(str(index) for index in range(len(known), count))]
