"""CSV numbers read together are the numbers that `float` reads one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.images.linear_learner.decimal_text import parse_table

PLAIN = st.decimals(-(10**8), 10**8, places=6, allow_nan=False).map(str)
ANY = st.one_of(
    PLAIN,
    st.floats(allow_nan=False).map(repr),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(
        ["+1", ".5", "-.5", "1e5", " 7 ", "-0", "00012", "1.", "9007199254740993", "0.1234567890123456789"]
    ),
)


@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(st.lists(ANY, min_size=width, max_size=width), min_size=1, max_size=5)
    )
)
def test_each_number_is_the_one_that_float_reads(rows: list[list[str]]) -> None:
    text = "".join(",".join(row) + "\n" for row in rows).encode()
    expected = np.array([[float(field) for field in row] for row in rows])
    found = parse_table(text)
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    "field", ["", "x", "1.2.3", "--1", "1-", "-", ".", "1_000", "0x10", "1,", "é", "1 2", "-.", "1e"]
)
def test_what_is_no_number_is_refused(field: str) -> None:
    with pytest.raises(ValueError):
        parse_table(f"1,2\n{field},3\n".encode())


def test_lines_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="from 1 to 3"):
        parse_table(b"1,2\n1,2,3\n1\n")
