"""Rows cut into blocks of equal size: the rows that came, whatever the sizes they came in, and whatever they are."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from scripts.formats.blocks import blocks


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(1, 40))
def test_blocks_hold_the_rows_as_they_came_and_only_the_last_is_smaller(sizes: list[int], size: int) -> None:
    rows = sum(sizes)
    dense, sparse = np.arange(2.0 * rows).reshape(rows, 2), scipy.sparse.eye(rows, 5, format="csr")
    names = np.array([f"row {row}" for row in range(rows)], object)
    ends = np.cumsum([0, *sizes])
    parts = [[dense[a:b], sparse[a:b], names[a:b]] for a, b in zip(ends[:-1], ends[1:], strict=True)]
    found = list(blocks(parts, size))
    assert [len(labels) for *_, labels in found] == [min(size, rows - start) for start in range(0, rows, size)]
    for number, (features, entries, labels) in enumerate(found):
        own = slice(number * size, (number + 1) * size)
        np.testing.assert_array_equal(features, dense[own])
        np.testing.assert_array_equal(entries.toarray(), sparse[own].toarray())
        assert labels.tolist() == names[own].tolist()


def test_a_block_of_numbers_and_of_texts_holds_both() -> None:
    parts = [[np.array([1.5, 2.0]), np.array([0, 1])], [np.array(["a", None], object), np.array(["x", "y"])]]
    ((cells, labels),) = blocks(parts, 10)
    assert (cells.tolist(), labels.tolist()) == ([1.5, 2.0, "a", None], [0, 1, "x", "y"])
