"""How rows are written: into channels as recordIO-protobuf, dense or sparse; to be predicted as CSV, or as the same."""

from __future__ import annotations

from typing import IO, Any

from scripts.formats.csv_lines import csv_lines
from scripts.formats.recordio import encode_sparse, write_dense
from scripts.formats.sparse import is_sparse
from scripts.formats.tables import Floats


def write_records(stream: IO[bytes], features: Any, labels: Floats | None) -> None:
    """Some rows as records."""
    if is_sparse(features):
        stream.write(encode_sparse(features.indptr, features.indices, features.data, features.shape, labels))
    else:
        write_dense(stream, features, labels)


def ending_of(features: Any) -> str:
    """How a file of rows to be predicted ends."""
    return ".recordio" if is_sparse(features) else ".csv"


def write_sent(stream: IO[bytes], features: Any) -> None:
    """Some rows as an endpoint is sent them."""
    if is_sparse(features):
        write_records(stream, features, None)
    else:
        stream.write(csv_lines(features))
