"""The logs of jobs and endpoints: kept as text files in the state folder, shown as CloudWatch Logs by moto.

A stream is one file, `logs/<group below /aws/sagemaker>/<stream>.log`, a line an event: time, space, text (further
lines of an event begin with a tab). Moto's CloudWatch Logs is a view: `deliver` brings it up to date when somebody
asks, so jobs never wait for moto, and after a restart the logs are all there.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, TextIO
from urllib.parse import quote, unquote

from pipeline.limits import Row
from pipeline.local.other_aws import moto_state

FOLDER: Final = "logs"
_ROOT: Final = "/aws/sagemaker/"
_SUFFIX: Final = ".log"
"""A stream's name may go on below another's (`<instance>` and `<instance>/data-log`), a file's cannot."""

_MOST: Final = 64 << 20
"""Bytes kept of one stream; a job that prints without end must not fill the disk or the memory."""

_SHOWN: Final = 2 << 20
"""Bytes of one stream's end that moto gets, which keeps them in memory."""

_OPEN_FILES: Final = 64
_BATCH: Final = 10_000

PARITY: Final = (
    Row(
        area="logs",
        subject="size of a stream",
        here="64 MiB are kept, then a line says that there was more",
        aws="unlimited",
    ),
    Row(
        area="logs",
        subject="FilterLogEvents and queries",
        here=f"see the last {_SHOWN >> 20} MiB of a stream; GetLogEvents reads all of it",
        aws="all",
    ),
)

Event = tuple[int, str]
"""Epoch milliseconds and text."""


@dataclass
class _Stream:
    """An open file of one stream."""

    file: TextIO
    size: int

    def write(self, text: str) -> None:
        self.file.write(text)
        self.file.flush()
        self.size += len(text.encode("utf-8", "replace"))


class Logs:
    """Writes events of streams to their files, and keeps moto's view of them."""

    def __init__(self, root: Path, account: str, region: str) -> None:
        """They lie below `root`, the state folder."""
        self._account, self._region = account, region
        self._folder = root / FOLDER
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], _Stream] = {}
        self._delivering = threading.Lock()
        self._delivered: dict[Path, int] = {}

    def path(self, group: str, stream: str) -> Path:
        """The file of a stream."""
        parts = [*group.removeprefix(_ROOT).strip("/").split("/"), *stream.split("/")]
        folder = self._folder.joinpath(*(_safe(part) for part in parts[:-1]))
        return folder / f"{_safe(parts[-1])}{_SUFFIX}"

    def write(self, group: str, stream: str, events: Iterable[Event]) -> None:
        """Append events, in the order of their times; they are in the file when this returns."""
        stamp = functools.cache(_stamp)
        text = "".join(f"{stamp(time)} {_indented(line)}\n" for time, line in events)
        with self._lock:
            found = self._stream(group, stream)
            if found.size > _MOST or not text:
                return
            found.write(text)
            if found.size > _MOST:
                found.write(f"{text[:24]} (the output beyond {_MOST >> 20} MiB is not kept)\n")

    def read(self, group: str, stream: str) -> list[Event]:
        """All events of a stream, oldest first."""
        return list(_events(self.path(group, stream), 0)[0])

    def finish(self, group: str, stream: str) -> None:
        """Close the file of a stream that gets no more events for now."""
        with self._lock:
            found = self._open.pop((group, stream), None)
            if found is not None:
                found.file.close()

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            for stream in self._open.values():
                stream.file.close()
            self._open.clear()

    def deliver(self, request: Mapping[str, Any]) -> None:
        """Bring moto's CloudWatch Logs up to date before it answers `request`, as far as the request can tell.

        A request that names no group finds all groups; one that names a group finds its streams with their events.
        """
        backend = moto_state.backend("logs", self._account, self._region)
        wanted = _groups(request)
        with self._delivering:
            for path in self._files(wanted, _streams(request)):
                group_name, stream_name = self._names(path)
                backend.ensure_log_group(group_name)
                if wanted and stream_name.startswith(tuple(_texts(request, "logStreamNamePrefix")) or ""):
                    self._deliver(backend.groups[group_name], stream_name, path)

    def file_of(self, request: Mapping[str, Any]) -> Path | None:
        """The file of the one stream that a request names, if that is here."""
        groups, streams = _groups(request), _streams(request)
        found = self._files(groups, streams) if len(groups) == len(streams) == 1 else []
        return found[0] if found else None

    def _files(self, groups: list[str], streams: list[str]) -> list[Path]:
        if groups and streams:
            named = [self.path(group, stream) for group in groups for stream in streams]
            return [path for path in named if os.path.isfile(path)]
        folders = [self.path(group, "x").parent for group in groups] or [self._folder]
        return sorted(path for folder in folders for path in folder.rglob(f"*{_SUFFIX}") if path.is_file())

    def _deliver(self, group: Any, stream: str, path: Path) -> None:
        if path not in self._delivered and stream in group.streams:
            # What an earlier service in this process has shown.
            group.delete_log_stream(stream)
        if stream not in group.streams:
            group.create_log_stream(stream)
        events, end = _events(path, max(self._delivered.get(path, 0), path.stat().st_size - _SHOWN))
        for start in range(0, len(events), _BATCH):
            group.put_log_events(
                stream, [{"timestamp": time, "message": text} for time, text in events[start : start + _BATCH]]
            )
        self._delivered[path] = end

    def _names(self, path: Path) -> tuple[str, str]:
        """The group and the stream of a file: below `Endpoints` the group holds the endpoint's name, too.

        A group that is none of SageMaker's has its whole name as folders: `aws/lambda/<function>`.
        """
        parts = [unquote(part) for part in path.relative_to(self._folder).parts]
        parts[-1] = parts[-1].removesuffix(_SUFFIX)
        if parts[0] == "aws":
            return "/" + "/".join(parts[:3]), "/".join(parts[3:])
        depth = 2 if parts[0] == "Endpoints" else 1
        return _ROOT + "/".join(parts[:depth]), "/".join(parts[depth:])

    def _stream(self, group: str, stream: str) -> _Stream:
        found = self._open.get((group, stream))
        if found is None:
            if len(self._open) >= _OPEN_FILES:
                self._open.pop(next(iter(self._open))).file.close()
            path = self.path(group, stream)
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a", encoding="utf-8", errors="replace", newline="\n")
            found = self._open[group, stream] = _Stream(file, file.tell())
        return found


def _groups(request: Mapping[str, Any]) -> list[str]:
    """The names of the log groups that a request speaks of."""
    members = ("logGroupName", "logGroupIdentifier", "logGroupNames", "logGroupIdentifiers")
    # An identifier may be an ARN: arn:aws:logs:<region>:<account>:log-group:<name>
    return [name.partition(":log-group:")[2] or name for name in _texts(request, *members)]


def _streams(request: Mapping[str, Any]) -> list[str]:
    """The names of the log streams that a request speaks of."""
    return _texts(request, "logStreamName", "logStreamNames")


def _texts(request: Mapping[str, Any], *members: str) -> list[str]:
    """All texts that these members hold, alone or in a list; moto says what it thinks of others."""
    values = [request.get(member) for member in members]
    flat = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
    return [entry for entry in flat if isinstance(entry, str) and entry]


def _safe(part: str) -> str:
    """A file name for any part of a stream's name: `.` and `..` are no exception."""
    name = quote(part, safe=" !#$&'()+,;=@[]^{}~")
    return name.replace(".", "%2E") if set(name) <= {"."} else name


def _stamp(milliseconds: int) -> str:
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def _indented(text: str) -> str:
    return text.replace("\n", "\n\t") if "\n" in text else text


def _events(path: Path, start: int) -> tuple[list[Event], int]:
    """The events of a file from a position on, and the position after the last whole line."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
            if start and not _begins(file, start):
                start, data = start + data.find(b"\n") + 1, data[data.find(b"\n") + 1 :]
    except FileNotFoundError:
        return [], start
    end = data.rfind(b"\n") + 1
    return list(_parsed(data[:end].decode("utf-8", "replace"))), start + end


def _begins(file: IO[bytes], place: int) -> bool:
    """Whether a line begins there."""
    file.seek(place - 1)
    return file.read(1) == b"\n"


def _parsed(text: str) -> Iterator[Event]:
    time, lines = 0, list[str]()
    for line in text.split("\n")[:-1]:
        if line.startswith("\t"):
            lines.append(line[1:])
            continue
        if lines:
            yield time, "\n".join(lines)
        stamp, _, rest = line.partition(" ")
        time, lines = milliseconds(stamp), [rest]
    if lines:
        yield time, "\n".join(lines)


def milliseconds(stamp: str) -> int:
    """Epoch milliseconds of the time that an event's line begins with; 0 for what is none."""
    try:
        return round(datetime.fromisoformat(stamp).timestamp() * 1000)
    except ValueError:
        return 0


def link(target: Path, at: Path) -> None:
    """Make a log reachable at another path, e.g. in its job's folder."""
    at.unlink(missing_ok=True)
    at.symlink_to(os.path.relpath(target, at.parent))
