"""Reading a channel, checked: into memory if its rows fit, else recordIO anew on every pass and CSV once into a file.

Files or FIFOs; what is not a number, infinite, mislabelled or of another width is refused with the file, the row and
the column.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.local.images.linear_learner.channel_parts import ChannelPart, read_parts
from pipeline.local.images.linear_learner.channels import CSV, Channel, Source, unreadable
from pipeline.local.images.linear_learner.container_errors import CustomerError
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.predictor_types import BINARY, REGRESSOR
from pipeline.local.images.linear_learner.rows import (
    Counts,
    DenseRows,
    Rows,
    SparseRows,
    StreamedRows,
    count_classes,
)
from pipeline.local.images.linear_learner.spill import Spill

KEPT_BYTES: Final = 256 << 20
"""The most that is kept in memory of all channels, as rows: four bytes a number."""


def load_all(channels: Mapping[str, Channel], parameters: Hyperparameters) -> dict[str, Rows]:
    """The rows of all channels, which share the memory for those that are kept: the first one comes first."""
    rows: dict[str, Rows] = {}
    left = KEPT_BYTES
    for name, channel in channels.items():
        rows[name], size = load(channel, parameters, most=left)
        left -= size
    return rows


def load(channel: Channel, parameters: Hyperparameters, *, most: int) -> tuple[Rows, int]:
    """All rows of a channel, float32, dense unless every record is sparse; checked, and kept in memory if they fit.

    With them comes how many bytes they take there, at most so many.

    Raises CustomerError where there are none or where they cannot be trained on.
    """
    reading = _Reading(channel, parameters)
    store = _Store(reading, most)
    count = 0
    classes = np.zeros(0, np.int64)
    for part, source in reading.parts():
        reading.check(part, source)
        count += len(part.labels)
        if parameters.predictor_type != REGRESSOR:
            classes = _sum(classes, count_classes(part.labels))
        store.take(part, source)
    if not count:
        raise unreadable(channel.name, f"No records were found in the channel '{channel.name}'")
    if store.kept is not None:
        size = store.kept.size
        return store.kept.finish(reading.num_bytes), size
    streamed = StreamedRows(
        parts=reading.again if store.spill is None else store.spill.parts,
        count=count,
        class_counts=classes,
        num_bytes=reading.num_bytes,
        feature_dim=reading.columns,
        is_sparse=not reading.dense,
    )
    return streamed, 0


class _Store:
    """Where the rows go in the first pass: into memory until they are too many, then those of CSV into a file."""

    def __init__(self, reading: _Reading, most: int) -> None:
        self._reading = reading
        self._most = most
        self._keeps = True
        self.kept: DenseRows | SparseRows | None = None
        self.spill: Spill | None = None

    def take(self, part: ChannelPart, source: Source) -> None:
        """Add rows that are checked."""
        if self._keeps:
            self.kept = _gather(self.kept, part, source, dense=self._reading.dense)
            self._keeps = self.kept.size * self._reading.growth <= self._most
            if not self._keeps:
                self._give_up(self.kept)
        elif self.spill is not None:
            self.spill.append(part.features, part.labels)

    def _give_up(self, kept: DenseRows | SparseRows) -> None:
        self.kept = None
        if self._reading.channel.content_type == CSV:
            rows = kept.finish(0)
            self.spill = Spill(rows.feature_dim, self._reading.channel.name)
            self.spill.append(rows.features, rows.labels)


def _sum(one: Counts, other: Counts) -> Counts:
    """Counts of which one may be longer."""
    short, long = sorted((one, other), key=len)
    total = long.copy()
    total[: len(short)] += short
    return total


class _Reading:
    """A channel that is read from its begin again and again; what the first records showed of all."""

    def __init__(self, channel: Channel, parameters: Hyperparameters) -> None:
        self.channel = channel
        self._parameters = parameters
        self._passes = 0
        self._total = sum(source.size or 0 for source in channel.sources())
        self.columns = -1
        self.dense = True
        self.num_bytes = 0

    @property
    def growth(self) -> float:
        """How many times the bytes read so far the channel has in all, at least; 1 of a pipe, whose end is unknown."""
        return max(1.0, self._total / max(self.num_bytes, 1))

    def parts(self) -> Iterator[tuple[ChannelPart, Source]]:
        """The next pass, part by part."""
        number, self._passes = self._passes, self._passes + 1
        self.num_bytes = 0
        for source in self.channel.sources(number):
            before = self.num_bytes
            try:
                with CountingFile(source.path) as raw, io.BufferedReader(raw) as stream:
                    for part in read_parts(stream, self.channel, source):
                        self.num_bytes = before + raw.count
                        yield part, source
                    self.num_bytes = before + raw.count
            except OSError as error:
                raise unreadable(self.channel.name, f"{source.where}: {error.strerror}") from error

    def again(self) -> Iterator[tuple[Any, Floats]]:
        """The next pass over rows that are checked."""
        for part, _ in self.parts():
            yield _table(part, dense=self.dense), np.array(part.labels, np.float32)

    def check(self, part: ChannelPart, source: Source) -> None:
        """Refuse a part that cannot be trained on or does not go with those before it."""
        name = self.channel.name
        columns = int(part.features.shape[1])
        dense = isinstance(part.features, np.ndarray)
        if self.columns < 0:
            self.columns, self.dense = columns, dense
        if columns != self.columns:
            detail = f"{source.where}: {columns} features from record {part.first} on, {self.columns} before"
            raise unreadable(name, detail)
        if dense and not self.dense:
            raise unreadable(name, f"{source.where}: dense records follow sparse ones")
        _check_finite(part.features if dense else part.features.values.reshape(1, -1), part, self.channel, source)
        _check_labels(part, self.channel, source, self._parameters)


class CountingFile(io.FileIO):
    """A file or FIFO that counts the bytes read from it."""

    count = 0

    def readinto(self, buffer: Any) -> int | None:
        size = super().readinto(buffer)
        self.count += size or 0
        return size

    def readall(self) -> bytes:
        data = super().readall()
        self.count += len(data or b"")
        return data or b""


def _gather(
    kept: DenseRows | SparseRows | None, part: ChannelPart, source: Source, *, dense: bool
) -> DenseRows | SparseRows:
    columns = part.features.shape[1]
    if kept is None:
        # As many rows as may be kept, and a part that is one too many: growing would write to half as much again.
        most = KEPT_BYTES // (4 * columns + 4) + 2 * len(part.labels)
        capacity = most if source.size is None else min(int(source.size / part.bytes_per_row) + 1, most)
        kept = DenseRows(columns, max(capacity, len(part.labels))) if dense else SparseRows(columns)
    if isinstance(kept, DenseRows):
        kept.append(part.features if isinstance(part.features, np.ndarray) else part.features.dense(), part.labels)
    else:
        sparse = part.features
        kept.append(sparse.indptr, sparse.keys, sparse.values, part.labels)
    return kept


def _table(part: ChannelPart, *, dense: bool) -> Any:
    """The features of a part, as an array or as a CSR matrix."""
    if isinstance(part.features, np.ndarray):
        return np.ascontiguousarray(part.features, np.float32)
    if dense:
        return part.features.dense()
    rows = SparseRows(part.features.shape[1])
    rows.append(part.features.indptr, part.features.keys, part.features.values, part.labels)
    return rows.finish(0).features


def _check_finite(features: Floats, part: ChannelPart, channel: Channel, source: Source) -> None:
    labels_finite = np.isfinite(part.labels)
    if np.isfinite(features).all() and labels_finite.all():
        return
    row, place, value = _first_not_finite(features, part, labels_finite)
    what = "missing (NaN) values" if np.isnan(value) else "infinite floating point values"
    raise CustomerError(
        f"Unable to read data channel '{channel.name}'. Found {what}. Please remove any {what} in the input data.",
        caused_by="MXNetError",
        detail=f"{source.where}: record {part.first + row}, {place}",
    )


def _first_not_finite(
    features: Floats, part: ChannelPart, labels_finite: npt.NDArray[np.bool_]
) -> tuple[int, str, float]:
    """Row within the part, place within the row, and value, of the first number that is not finite."""
    if not labels_finite.all():
        row = int(np.argmin(labels_finite))
        return row, "its label", float(part.labels[row])
    at = int(np.argmin(np.isfinite(features)))
    value = float(features.reshape(-1)[at])
    if isinstance(part.features, np.ndarray):
        row, column = divmod(at, features.shape[1])
    else:
        row = int(np.searchsorted(part.features.indptr, at, side="right")) - 1
        column = int(part.features.keys[at])
    return row, f"its feature {column + 1}", value


def _check_labels(part: ChannelPart, channel: Channel, source: Source, parameters: Hyperparameters) -> None:
    if parameters.predictor_type == REGRESSOR:
        return
    binary = parameters.predictor_type == BINARY
    highest = 1 if binary else parameters.num_classes - 1
    labels = part.labels
    good = (labels >= 0) & (labels <= highest) & (labels == np.floor(labels))
    if good.all():
        return
    row = int(np.argmin(good))
    allowed = "0 or 1" if binary else f"whole numbers from 0 to {highest} (num_classes is {highest + 1})"
    raise CustomerError(
        f"Incorrect labels on {channel.name} dataset. For predictor_type '{parameters.predictor_type}' "
        f"labels must be {allowed}. Found the label {labels[row]:g}. Please fix the labels and try again.",
        detail=f"{source.where}: record {part.first + row}",
    )
