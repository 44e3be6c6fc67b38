"""Arrays as JSON, CSV and NPY, and back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from . import content_types


class UnsupportedFormatError(Exception):
    """There is no encoder for the content type."""

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"Content type {content_type} is not supported; an input_fn or an output_fn of the script can deal with it."
        )


def encode(array_like: Any, content_type: str) -> str | bytes:
    """An array, or what can be one, in a content type. Raises UnsupportedFormatError."""
    if content_type not in _ENCODERS:
        raise UnsupportedFormatError(content_type)
    return _ENCODERS[content_type](array_like)


def decode(content: Any, content_type: str) -> Any:
    """The array that a text or bytes in a content type hold. Raises UnsupportedFormatError."""
    if content_type not in _DECODERS:
        raise UnsupportedFormatError(content_type)
    return _DECODERS[content_type](content)


def array_to_json(array_like: Any) -> str:
    """JSON of an array, or of anything with arrays in it."""
    return json.dumps(array_like, default=lambda value: value.tolist())


def json_to_numpy(text: str, dtype: Any = None) -> Any:
    """The array of a JSON text."""
    return np.array(json.loads(text), dtype=dtype)


def array_to_csv(array_like: Any) -> str:
    """CSV of an array; one of one dimension becomes a column."""
    array = np.array(array_like)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(array.reshape(-1, 1) if array.ndim == 1 else array)
    return text.getvalue()


def csv_to_numpy(text: str, dtype: Any = None) -> Any:
    """The array of texts that CSV holds, without dimensions of length 1; of numbers with a `dtype`."""
    array = np.array(list(csv.reader(io.StringIO(text), strict=True))).squeeze()
    return array if dtype is None else array.astype(dtype)


def array_to_npy(array_like: Any) -> bytes:
    """NPY of an array."""
    content = io.BytesIO()
    np.save(content, array_like)
    return content.getvalue()


def npy_to_numpy(content: bytes) -> Any:
    """The array of an NPY file. Raises ValueError for one of objects: a pickle of somebody else's is code."""
    return np.load(io.BytesIO(content), allow_pickle=False)


_ENCODERS: Final[dict[str, Callable[[Any], str | bytes]]] = {
    content_types.JSON: array_to_json,
    content_types.CSV: array_to_csv,
    content_types.NPY: array_to_npy,
}
_DECODERS: Final[dict[str, Callable[[Any], Any]]] = {
    content_types.JSON: json_to_numpy,
    content_types.CSV: csv_to_numpy,
    content_types.NPY: npy_to_numpy,
}
