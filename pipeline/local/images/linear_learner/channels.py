"""The channels of a training job: what inputdataconfig.json says of each, and where its bytes are.

A channel is a folder of files, or in Pipe mode a FIFO named `<channel>_<epoch>`. Errors name files as the
container sees them, below /opt/ml.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.images.linear_learner.container_errors import CustomerError, PlatformError

RECORDIO: Final = "application/x-recordio-protobuf"
CSV: Final = "text/csv"
CONTAINER_CONFIG: Final = "/opt/ml/input/config"
CONTAINER_DATA: Final = "/opt/ml/input/data"

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="passes over a channel",
        here="rows of up to some 256 MB in all channels, four bytes a number, are read once and kept in memory. Of a "
        "channel that does not fit, recordIO is read anew for every pass, in Pipe mode from the next FIFO; the rows of "
        "CSV are written once as numbers to a file in the job's temporary folder, and its files or its first FIFO read "
        "once",
        aws="the data are streamed anew for every epoch",
    ),
    Row(
        area="linear-learner",
        subject="channels other than train, validation and test",
        here="ignored",
        aws="not established: no job that has one is public",
    ),
)


@dataclass(frozen=True)
class Source:
    """One stream of bytes of a channel: where it is, how errors name it, its size if that is known."""

    path: Path
    where: str
    size: int | None


@dataclass(frozen=True)
class Channel:
    """One channel: its content type with parameters, its input mode, and the folder that holds its data."""

    name: str
    content_type: str
    parameters: Mapping[str, str]
    pipe: bool
    folder: Path

    def sources(self, number: int = 0) -> Iterator[Source]:
        """For one pass over the channel: every file below its folder in the order of their names, or the next FIFO."""
        if self.pipe:
            name = f"{self.name}_{number}"
            yield Source(self.folder / name, f"{CONTAINER_DATA}/{name}", None)
            return
        base = self.folder / self.name
        for path in sorted(base.rglob("*")):
            if path.is_file():
                where = f"{CONTAINER_DATA}/{self.name}/{path.relative_to(base).as_posix()}"
                yield Source(path, where, path.stat().st_size)


def unreadable(channel: str, detail: str) -> CustomerError:
    """The container's general complaint about a channel, with what exactly is wrong."""
    return CustomerError(
        f"Unable to read data channel '{channel}'. Please verify the correct data channel configuration is provided.",
        detail=detail,
    )


def read_json(root: Path, name: str) -> dict[str, Any]:
    """The object in one file of input/config. Raises PlatformError where there is none."""
    path = root / "input/config" / name
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _no_configuration(name, str(error.strerror)) from error
    except ValueError as error:
        raise _no_configuration(name, str(error)) from error
    if not isinstance(content, dict):
        raise _no_configuration(name, "not a JSON object")
    return content


def _no_configuration(name: str, detail: str) -> PlatformError:
    return PlatformError(f"Could not read configuration files from: ['{CONTAINER_CONFIG}/{name}']", detail=detail)


def read_channels(root: Path) -> dict[str, Channel]:
    """The channels that input/config/inputdataconfig.json names.

    Raises CustomerError where there is no train channel or a content type has no reader.
    """
    config = read_json(root, "inputdataconfig.json")
    folder = root / "input/data"
    found: dict[str, Channel] = {
        name: _channel(name, config[name] or {}, folder) for name in ("train", "validation", "test") if name in config
    }
    if "train" not in found:
        given = ", ".join(f"'{name}'" for name in config) or "none"
        raise unreadable("train", f"The channel 'train' is required; the job has these channels: {given}")
    return found


def _channel(name: str, config: Mapping[str, str], folder: Path) -> Channel:
    content_type, parameters = parse_content_type(config.get("ContentType") or RECORDIO)
    if content_type not in (RECORDIO, CSV):
        version = parameters.get("version", "1.0")
        raise CustomerError(
            f"No iterator has been registered for ContentType ('{content_type}', '{version}')",
            detail=f"Channel '{name}': linear-learner trains on {RECORDIO} and {CSV}",
        )
    label_size = parameters.get("label_size", "1")
    if content_type == CSV and label_size != "1":
        raise CustomerError(
            f"Labeled {name} data required with label size equal 1. "
            f"Label size on {name} dataset found to be {label_size}. "
            f"Please provide a properly labeled labeled {name} dataset."
        )
    return Channel(name, content_type, parameters, config.get("TrainingInputMode") == "Pipe", folder)


def parse_content_type(text: str) -> tuple[str, dict[str, str]]:
    """A content type and its parameters, lower-cased: `text/csv; label_size=1`."""
    kind, *rest = text.lower().split(";")
    pairs = (part.partition("=") for part in rest if part.strip())
    return kind.strip(), {key.strip(): value.strip() for key, _, value in pairs}
