"""The rows of a CSV channel that is too large to be kept, written once as numbers: to a file without a name.

Parsing text costs some thirty times what reading numbers does, so the text is passed over once only. The file lies in
the job's temporary folder, and is gone with its process however that ends.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.local.images.linear_learner.container_errors import CustomerError
from pipeline.local.images.linear_learner.model import Floats

# Some 8 MB are read at a time, as of a recordIO channel.
_PART_NUMBERS: Final = 2_000_000


class Spill:
    """Dense rows in a file: the label of each, then its features, all float32."""

    def __init__(self, columns: int, channel: str) -> None:
        self._width = columns + 1
        self._step = max(1, _PART_NUMBERS // self._width)
        self._channel = channel
        self._rows = 0
        try:
            self._file = tempfile.TemporaryFile()
        except OSError as error:
            raise self._full(error) from error
        weakref.finalize(self, self._file.close)

    def append(self, features: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
        """Add rows. Raises CustomerError where there is no room for them."""
        try:
            for start in range(0, len(labels), self._step):
                part = slice(start, start + self._step)
                rows = np.empty((len(labels[part]), self._width), np.float32)
                rows[:, 0], rows[:, 1:] = labels[part], features[part]
                self._file.write(rows.data)
            self._file.flush()
        except OSError as error:
            raise self._full(error) from error
        self._rows += len(labels)

    def parts(self) -> Iterator[tuple[Any, Floats]]:
        """A pass over the rows, part by part: features and labels. Several passes may be under way."""
        for start in range(0, self._rows, self._step):
            rows = np.empty((min(self._step, self._rows - start), self._width), np.float32)
            os.preadv(self._file.fileno(), [rows.data.cast("B")], start * self._width * 4)
            yield rows[:, 1:], rows[:, 0]

    def _full(self, error: OSError) -> CustomerError:
        done = self._rows * self._width * 4 / 1e6
        return CustomerError(
            f"Unable to store the rows of data channel '{self._channel}': {error.strerror}. "
            "Please use a larger volume, or send the data as application/x-recordio-protobuf.",
            detail=f"{done:,.0f} MB of rows were written to {tempfile.gettempdir()} until then",
        )
