"""The rows of a channel's files as they are read, recordIO or CSV, a part of some megabytes at a time.

Only the form is checked here; what the values may be is held in `channel_reading`, which knows the channel as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy.typing as npt

from pipeline.local.images.linear_learner.channels import CSV, RECORDIO, Channel, Source
from pipeline.local.images.linear_learner.container_errors import CustomerError

# A chunk is some 8 MB: large enough for the parser's start to be cheap, small beside the data.
_CHUNK_NUMBERS: Final = 2_000_000


@dataclass(frozen=True)
class ChannelPart:
    """Some rows as a reader gives them; `first` is the number of the first one in its file, from 1.

    `features` is an array (rows, columns) or a sparse matrix of `scripts.formats.recordio`.
    """

    features: Any
    labels: npt.NDArray[Any]
    first: int
    bytes_per_row: float


def read_parts(stream: IO[bytes], channel: Channel, source: Source) -> Iterator[ChannelPart]:
    """The rows of one file, part by part. Raises CustomerError for what is no data of the channel's type."""
    if source.size == 0:
        return
    if channel.content_type == CSV:
        yield from _csv_parts(stream, channel, source)
    else:
        yield from _recordio_parts(stream, channel, source)


def _recordio_parts(stream: IO[bytes], channel: Channel, source: Source) -> Iterator[ChannelPart]:
    from scripts.formats.recordio import RecordIOError, read

    first = 1
    try:
        for chunk in read(stream, where=source.where):
            if chunk.labels is None:
                raise CustomerError(
                    f"Labeled {channel.name} data required with label size equal 1. "
                    f"Label size on {channel.name} dataset found to be 0. "
                    f"Please provide a properly labeled labeled {channel.name} dataset."
                )
            _check_kinds(chunk.kinds, channel, source, first)
            width = 4.0 * chunk.features.shape[1]
            yield ChannelPart(chunk.features, chunk.labels, first, width)
            first += len(chunk)
    except RecordIOError as error:
        raise _wrong_content(channel.name, RECORDIO, str(error)) from error


def _check_kinds(kinds: frozenset[str], channel: Channel, source: Source, first: int) -> None:
    others = sorted(kinds - {"float32"})
    if others:
        detail = f"{source.where}: {' and '.join(others)} tensors from record {first} on; only float32 is supported"
        raise _wrong_content(channel.name, RECORDIO, detail)


def _csv_parts(stream: IO[bytes], channel: Channel, source: Source) -> Iterator[ChannelPart]:
    """Rows of a CSV file by pandas' C parser, several times as fast as numpy's."""
    from pipeline.local.images.linear_learner.delimited import read_rows

    yield from (
        ChannelPart(values[:, 1:], values[:, 0], first, per_row)
        for values, first, per_row in read_rows(stream, _CHUNK_NUMBERS, channel.name, source.where)
    )


def _wrong_content(channel: str, content_type: str, detail: str) -> CustomerError:
    return CustomerError(
        f"Unable to read data channel '{channel}'. Requested content-type is '{content_type}'. "
        "Please verify the data matches the requested content-type.",
        caused_by="MXNetError",
        detail=detail,
    )
