"""A class's name means one thing in the whole product, so that a reader of an import knows which class is meant."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]


def doubled(root: Path) -> dict[str, list[str]]:
    """The names that more than one class at the top of a file has, with the files; `_Private` ones do not count."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(path for room in ("pipeline", "steps", "scripts") for path in (root / room).rglob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(file.relative_to(root).as_posix())
    return {name: files for name, files in places.items() if len(files) > 1}


def test_no_two_classes_share_a_name() -> None:
    assert doubled(ROOT) == {}


def test_a_shared_name_is_found_across_rooms_and_within_one(tmp_path: Path) -> None:
    for name, text in {"steps/a.py": "class Plan: ...", "pipeline/b.py": "class Plan: ...\nclass _Own: ..."}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "steps/c.py").write_text("class _Own: ...")
    assert doubled(tmp_path) == {"Plan": ["pipeline/b.py", "steps/a.py"]}
