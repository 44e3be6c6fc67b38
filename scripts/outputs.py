"""Output folders that are filled whole or not at all.

Every file is written under a temporary name beside its final one; only when the whole block has succeeded are
all of them renamed. So a script that fails leaves nothing that a later step could mistake for a result.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


class _Raw(io.FileIO):
    """A file whose failing writes say which file, as the system's own errors do only for opening."""

    def __init__(self, temporary: Path, final: Path) -> None:
        super().__init__(temporary, "w")
        self._final = final

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = str(self._final)
            raise


class Outputs:
    """A context in which files are opened by their final path and appear together on success.

    with Outputs() as outputs:
        outputs.open(folder / "a.csv").write(b"1\\n")
        ...  # nothing at folder / "a.csv" yet
    # there now, and whole
    """

    def __init__(self) -> None:
        self._files: dict[Path, tuple[Path, IO[bytes]]] = {}

    def __enter__(self) -> Outputs:
        return self

    def open(self, path: Path) -> IO[bytes]:
        """A new binary file that becomes `path`; folders are made as needed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
        stream = io.BufferedWriter(_Raw(temporary, path))
        self._files[path] = (temporary, stream)
        return stream

    def write(self, path: Path, data: bytes) -> None:
        """The whole content of `path`."""
        self.open(path).write(data)

    def write_json(self, path: Path, value: Any) -> None:
        """`value` as JSON, refusing NaN, which no JSON reader need accept."""
        text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
        # A file's name that is no UTF-8 holds lone surrogates, which JSON can spell but UTF-8 cannot.
        self.write(path, text.encode(errors="backslashreplace") + b"\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for _, stream in self._files.values():
                stream.close()
            if kind is None:
                for path, (temporary, _) in self._files.items():
                    temporary.replace(path)
        finally:
            for temporary, stream in self._files.values():
                with suppress(OSError):  # the first error is the one to report
                    stream.close()
                temporary.unlink(missing_ok=True)
