"""Sparse test rows as a watch sees them: the columns that are most often not 0, whatever the width."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scripts.formats.recordio import encode_sparse
from scripts.monitoring.registered_baseline import MOST_COLUMNS, sparse_columns


def test_the_columns_that_are_most_often_not_0_are_watched(tmp_path: Path) -> None:
    rows, width = 300, 900_000
    often = np.arange(MOST_COLUMNS) * 7
    keys = np.concatenate([np.concatenate([often, [800_000 + row]]) for row in range(rows)])
    values = np.tile(np.arange(1, MOST_COLUMNS + 2, dtype=np.float32), rows)
    ends = np.arange(rows + 1) * (MOST_COLUMNS + 1)
    (tmp_path / "features.recordio").write_bytes(encode_sparse(ends, keys, values, (rows, width), None))
    reader, columns = sparse_columns(tmp_path)
    assert reader.kept == tuple(often.tolist())
    np.testing.assert_array_equal(np.column_stack(columns), np.tile(np.arange(1, MOST_COLUMNS + 1), (rows, 1)))
    with (tmp_path / "features.recordio").open("rb") as stream:
        body = stream.read()
    np.testing.assert_array_equal(reader.rows("application/x-recordio-protobuf", body), np.column_stack(columns))
