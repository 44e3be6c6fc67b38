"""What a disk holds if the power goes at any moment, in the worst case that a file system allows.

`RecordedDisk` stands in for `durable.sync`: of a file the content is kept as it was when the file was last synced, of a
folder the names. What is written later may be on the disk in part; a removal may be on the disk at once.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Image:
    """The disk at one moment: `names` of the folders, `contents` of the files, and what the files had become."""

    names: dict[Path, list[str]]
    contents: dict[Path, bytes]
    later: dict[Path, bytes | None]
    """The live content of the files, None for those that are removed; it may or may not have been written."""

    def write(self, root: Path, target: Path, randomness: random.Random | None = None) -> None:
        """Lay it out below `target`: nothing that was not synced or, with `randomness`, any part of it."""
        target.mkdir(parents=True)
        for name in self.names.get(root, ()):
            path = root / name
            if path in self.names:
                self.write(path, target / name, randomness)
            elif (content := self._content(path, randomness)) is not None:
                (target / name).write_bytes(content)

    def _content(self, path: Path, randomness: random.Random | None) -> bytes | None:
        synced, later = self.contents.get(path, b""), self.later.get(path)
        if randomness is None or randomness.random() < 0.5:
            return synced
        if later is None:
            return None
        sectors = max(0, len(later) - len(synced)) // 512
        return synced + later[len(synced) :][: 512 * randomness.randint(0, sectors)]


@dataclass
class RecordedDisk:
    """A `Sync`; `at` is called with an image before and after every one. `ignoring` are names that it fails to sync."""

    root: Path
    at: Callable[[Callable[[], Image]], None]
    ignoring: str = ""
    _names: dict[Path, list[str]] = field(default_factory=dict)
    _contents: dict[Path, bytes] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __call__(self, path: Path) -> None:
        with self._lock:
            self.at(self.image)
            if not (self.ignoring and self.ignoring in str(path.relative_to(self.root))):
                if path.is_dir():
                    self._names[path] = [entry.name for entry in path.iterdir() if not entry.name.endswith("-shm")]
                else:
                    self._contents[path] = path.read_bytes()
            self.at(self.image)

    def image(self) -> Image:
        """The disk now; a folder that was never synced is empty."""
        named = [folder / name for folder, names in self._names.items() for name in names]
        unsynced: dict[Path, list[str]] = {path: [] for path in named if path.is_dir() and path not in self._names}
        later = {path: _read(path) for path in named if path not in self._names and path not in unsynced}
        return Image(self._names | unsynced, dict(self._contents), later)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
