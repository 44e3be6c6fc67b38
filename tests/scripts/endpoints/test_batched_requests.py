"""The batches in which a test set is sent: nearly equal, whole, and within the endpoint's payload limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.endpoints.batched_requests import batches_of


def lines(count: int, width: int = 3) -> Iterator[bytes]:
    return iter([b"%0*d" % (width, number) for number in range(count)])


@pytest.mark.parametrize(("rows", "batches"), [(1, 100), (7, 3), (100, 100), (101, 100), (1000, 7)])
def test_batches_are_nearly_equal_and_whole(rows: int, batches: int) -> None:
    found = list(batches_of(lines(rows), rows, batches))
    assert b"".join(b"".join(batch) for batch in found) == b"".join(lines(rows))
    assert len(found) == min(rows, batches)
    sizes = {len(batch) for batch in found}
    assert max(sizes) - min(sizes) <= 1


def test_batches_stay_below_the_payload_limit() -> None:
    found = list(batches_of(lines(11, 1_000_000), 11, 1))
    assert [len(batch) for batch in found] == [5, 5, 1]
