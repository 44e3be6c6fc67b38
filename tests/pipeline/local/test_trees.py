"""Trees that are deeper than Python's recursion, and than a path can be long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local import trees
from pipeline.local.containers.jobs.s3_outputs import files
from pipeline.local.containers.jobs.s3_uris import TransferError


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """Where a deep tree may be made, which pytest could not remove."""
    yield tmp_path / "deep"
    trees.remove(tmp_path / "deep")


def nest(root: Path, name: str, depth: int) -> None:
    """Folders within folders, with a file at the bottom."""
    root.mkdir()
    parent = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=parent)
        inner = os.open(name, os.O_RDONLY, dir_fd=parent)
        os.close(parent)
        parent = inner
    os.close(os.open("file", os.O_CREAT, dir_fd=parent))
    os.close(parent)


@pytest.mark.parametrize(("name", "depth"), [("d", 1500), ("long" * 20, 600)], ids=["deep", "long"])
def test_a_deep_tree_is_removed(deep: Path, name: str, depth: int) -> None:
    nest(deep, name, depth)
    os.symlink(deep.parent, deep / "link")
    trees.remove(deep)
    assert list(deep.parent.iterdir()) == []


def test_files_of_a_deep_tree_are_listed_in_order(deep: Path) -> None:
    nest(deep, "d", 1200)
    for name in ("b/2", "b/1", "a", "c"):
        (deep / name).parent.mkdir(exist_ok=True)
        (deep / name).touch()
    assert [name for _, name in files(deep)] == ["a", "c", "b/1", "b/2", "d/" * 1200 + "file"]


def test_files_beyond_the_length_of_a_path_are_an_error_that_says_so(deep: Path) -> None:
    nest(deep, "long" * 20, 60)
    with pytest.raises(TransferError, match="too long"):
        list(files(deep))
