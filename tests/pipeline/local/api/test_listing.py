"""Pages of lists while others write, filters by status, and the order where the clock was set back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.api.listing import Listing
from pipeline.local.api_errors import ValidationException
from pipeline.local.store import Store

Body = dict[str, Any]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "state.db")
    yield opened
    opened.close()


def add(store: Store, *names: str, **members: Any) -> None:
    for name in names:
        store.insert("thing", name, {"Name": name, "CreationTime": 100.0} | members)


def names(store: Store, listing: Listing, request: Body) -> tuple[list[str], Body]:
    page, token = listing.page(store.list("thing"), request, lambda body: body)
    return [body["Name"] for body in page], token


@pytest.mark.parametrize("sort_by", ["CreationTime", "Name"])
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_pages_go_on_after_the_last_item_seen_whatever_others_add_and_remove(
    store: Store, sort_by: str, order: str
) -> None:
    add(store, *"bdfhj")
    request = {"SortBy": sort_by, "SortOrder": order, "MaxResults": 2}
    first, token = names(store, Listing("Name"), request)
    for name in first:
        store.delete("thing", name)
    add(store, "a", "z")
    rest, _ = names(store, Listing("Name"), request | token | {"MaxResults": 100})
    left = [name for name in ("bdfhj" if order == "Ascending" else "jhfdb") if name not in first]
    assert [name for name in rest if name in "bdfhj"] == left
    assert len(rest) == len(set(rest))


def test_a_page_of_jobs_is_cut_before_it_is_filtered_by_status(store: Store) -> None:
    add(store, "a", "b", Status="Completed")
    add(store, "c", Status="Failed")
    request = {"StatusEquals": "Failed", "MaxResults": 2, "SortOrder": "Ascending"}
    listing = Listing("Name", status="Status", status_last=True)
    first, token = names(store, listing, request)
    assert first == [] and token
    assert names(store, listing, request | token) == (["c"], {})
    assert names(store, Listing("Name", status="Status"), request) == (["c"], {})


def test_what_was_made_last_is_listed_first_though_the_clock_was_set_back(store: Store) -> None:
    add(store, "older", CreationTime=2_000.0)
    add(store, "newer", CreationTime=1_000.0)
    assert names(store, Listing("Name"), {}) == (["newer", "older"], {})


@pytest.mark.parametrize("place", [["x"], [[1]], [None], [{"a": 1}]], ids=str)
def test_a_token_that_was_made_up_is_refused(store: Store, place: Any) -> None:
    add(store, "a", "b")
    _, token = names(store, Listing("Name"), {"MaxResults": 1})
    mark = json.loads(base64.urlsafe_b64decode(token["NextToken"]))[0]
    forged = base64.urlsafe_b64encode(json.dumps([mark, *place]).encode()).decode()
    with pytest.raises(ValidationException):
        names(store, Listing("Name"), {"MaxResults": 1, "NextToken": forged})
