"""What a client may send to the endpoint, turned into rows of float32: CSV, JSON, JSON Lines, recordIO-protobuf.

Dense rows become one array; sparse ones stay sparse, so that a small body can never claim a large array. A
body that is not what its content type says raises BadRequest: the client is told no more than AWS tells it,
the reason goes to the log.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.local.images.linear_learner.decimal_text import parse_table

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

DEFAULT_CONTENT_TYPE: Final = "application/json"
_TOKENS_KEPT: Final = 1 << 16


class BadRequest(Exception):
    """The body cannot be used; the message says why."""


class UnsupportedContentType(Exception):
    """No reader for this content type."""


@dataclass(frozen=True)
class SparseInstances:
    """Rows as the positions and values of what is not zero; row i holds `indptr[i]:indptr[i + 1]`."""

    indptr: Integers
    keys: Integers
    values: Floats
    width: int

    def __matmul__(self, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The product with a dense matrix (width, outputs), in its precision."""
        product = np.zeros((len(self.indptr) - 1, weight.shape[1]), weight.dtype)
        row_of = np.repeat(np.arange(len(product)), np.diff(self.indptr))
        np.add.at(product, row_of, self.values[:, None] * weight[self.keys])
        return product


Rows = Floats | SparseInstances


def read_rows(content_type: str, body: bytes, feature_dim: int) -> Rows:
    """The rows of a request, each of `feature_dim` features.

    Raises UnsupportedContentType, or BadRequest for a body that is malformed, not finite or of another width.
    """
    kind, _, parameters = (content_type or DEFAULT_CONTENT_TYPE).lower().partition(";")
    reader = _READERS.get(kind.strip())
    if reader is None:
        raise UnsupportedContentType(kind.strip())
    try:
        rows = reader(body, _parameters(parameters))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError) as error:
        raise BadRequest(f"Unable to parse the payload as {kind.strip()}: {error}") from error
    width = rows.width if isinstance(rows, SparseInstances) else rows.shape[1]
    if width != feature_dim:
        raise BadRequest(
            f"The feature dimension of the input: {width} does not match the feature dimension of the model: "
            f"{feature_dim}. Please fix the input and try again."
        )
    if not np.isfinite(rows.values if isinstance(rows, SparseInstances) else rows).all():
        raise BadRequest("The payload holds missing (NaN) or infinite values. Please remove them.")
    return rows


def _parameters(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}


class _Tokens(dict[str, float]):
    """Numbers by their text: features repeat themselves (pixels, flags, zeros), and a lookup beats a parse."""

    def __missing__(self, token: str) -> float:
        if "_" in token:
            raise ValueError(f"{token[:40]!r} is no number")
        number = float(token)
        if len(self) < _TOKENS_KEPT:
            self[token] = number
        return number


_tokens: Final = _Tokens()


def _csv(body: bytes, parameters: Mapping[str, str]) -> Floats:
    text = body.replace(b"\r", b"").strip(b"\n")
    if not text:
        raise ValueError("it holds no rows")
    with np.errstate(over="ignore"):
        rows = _one_row(text) if b"\n" not in text else parse_table(text + b"\n").astype(np.float32)
    return rows[:, int(parameters.get("label_size", "0")) :]


def _one_row(text: bytes) -> Floats:
    """One row, for which setting up `parse_table` would cost more than it saves."""
    return np.array([list(map(_tokens.__getitem__, text.decode("ascii").split(",")))], np.float32)


def _json(body: bytes, parameters: Mapping[str, str]) -> Rows:
    return _instances(json.loads(body)["instances"])


def _jsonlines(body: bytes, parameters: Mapping[str, str]) -> Rows:
    return _instances([json.loads(line) for line in body.splitlines() if line.strip()])


def _recordio(body: bytes, parameters: Mapping[str, str]) -> Rows:
    from scripts.formats import recordio

    try:
        read = list(recordio.read(io.BytesIO(body), where="the payload"))
    except recordio.RecordIOError as error:
        raise ValueError(str(error)) from error
    if not read:
        raise ValueError("it holds no record")
    if other := sorted({kind for chunk in read for kind in chunk.kinds} - {"float32"}):
        raise ValueError(f"its features are {', '.join(other)}; only float32 is taken")
    dense = [chunk.features for chunk in read if isinstance(chunk.features, np.ndarray)]
    if len(dense) == len(read):
        return np.concatenate(dense)
    return _join([_as_sparse(chunk.features) for chunk in read])


def _as_sparse(features: Any) -> SparseInstances:
    if isinstance(features, np.ndarray):
        count, width = features.shape
        indptr = np.arange(0, (count + 1) * width, width) if width else np.zeros(count + 1, np.int64)
        return SparseInstances(indptr, np.tile(np.arange(width), count), features.ravel(), width)
    return _checked(features.indptr, features.keys, features.values, int(features.shape[1]))


def _instances(instances: Sequence[Any]) -> Rows:
    """Rows of the objects `{"features": [..]}` or `{"data": {"features": {"values": [..], ..}}}`."""
    if not isinstance(instances, list) or not instances:
        raise ValueError("it holds no instances")
    features = [_features(instance) for instance in instances]
    if not any("keys" in part for part in features):
        return _numbers([part["values"] for part in features], dimensions=2)
    return _join([_sparse_instance(part) for part in features])


def _features(instance: Mapping[str, Any]) -> Mapping[str, Any]:
    found = instance["features"] if "features" in instance else instance["data"]["features"]
    return {"values": found} if isinstance(found, list) else found


def _sparse_instance(part: Mapping[str, Any]) -> SparseInstances:
    values = _numbers(part["values"], dimensions=1)
    if "keys" not in part:
        return _as_sparse(values[None, :])
    keys = np.asarray(part["keys"] or np.zeros(0, np.int64))
    if keys.dtype.kind not in "iu":
        raise ValueError("keys are no whole numbers")
    shape = part["shape"]
    return _checked(np.array([0, len(values)]), keys, values, int(shape[-1] if isinstance(shape, list) else shape))


def _numbers(values: Any, *, dimensions: int) -> Floats:
    array = np.asarray(values)
    if array.ndim != dimensions or (array.dtype.kind not in "iuf" and array.size):
        raise ValueError("features are no list of numbers")
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _checked(indptr: Any, keys: Any, values: Any, width: int) -> SparseInstances:
    indptr, keys = np.asarray(indptr, np.int64), np.asarray(keys, np.int64)
    if keys.shape != values.shape:
        raise ValueError(f"{len(keys)} keys and {len(values)} values")
    if keys.size and (keys.min() < 0 or keys.max() >= width):
        raise ValueError(f"a key is outside the shape [{width}]")
    return SparseInstances(indptr, keys, np.asarray(values, np.float32), width)


def _join(parts: Sequence[SparseInstances]) -> SparseInstances:
    widths = {part.width for part in parts}
    if len(widths) > 1:
        raise ValueError(f"records have different shapes, from {min(widths)} to {max(widths)}")
    counts = np.concatenate([np.diff(part.indptr) for part in parts])
    indptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    keys = np.concatenate([part.keys for part in parts])
    return SparseInstances(indptr, keys, np.concatenate([part.values for part in parts]), widths.pop())


_READERS: Final[dict[str, Callable[[bytes, Mapping[str, str]], Rows]]] = {
    "text/csv": _csv,
    "application/json": _json,
    "application/jsonlines": _jsonlines,
    "application/x-recordio-protobuf": _recordio,
}
