"""The common part of all List actions: filters by name, time and status, sorting, pages.

The members are SageMaker's own (NameContains, CreationTimeAfter, SortBy, NextToken ...); a family gives the names
that its bodies use. A NextToken is opaque to clients: it holds the place of the last item they saw in the order of the
list, and what request it is of; so nothing is skipped or repeated while others write.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pipeline.local.api_errors import ValidationException
from pipeline.local.kinds import Body

T = TypeVar("T")
Place = tuple[Any, ...]
"""Where an item stands in the order of its list, whatever else is in it: scalars of JSON that can be compared."""

DEFAULT_PAGE: Final = 10
_PAGING: Final = ("NextToken", "MaxResults")
_TIMES: Final = (
    "CreationTimeAfter",
    "CreationTimeBefore",
    "CreatedAfter",
    "CreatedBefore",
    "LastModifiedTimeAfter",
    "LastModifiedTimeBefore",
)


@dataclass(frozen=True)
class Listing:
    """How one kind is listed: the body members behind Name, CreationTime ... and the defaults of the API."""

    name: str
    created: str = "CreationTime"
    modified: str = "LastModifiedTime"
    status: str = ""
    sort_by: str = "CreationTime"
    sort_order: str = "Descending"
    inclusive: tuple[str, ...] = ()
    """Filters by time that a resource of just that time passes: AWS documents them as `on or after`."""
    members: dict[str, str] = field(default_factory=dict)
    """Further values of SortBy, each with the body member to sort by."""
    status_last: bool = False
    """Whether StatusEquals filters the page that was cut, as AWS does for jobs: one may be empty and not the last."""

    def page(
        self, bodies: Iterable[Any], request: Body, summary: Callable[[Any], Body]
    ) -> tuple[list[Body], dict[str, str]]:
        """The page that `request` asks for, as summaries, and {"NextToken": ...} if there is more.

        Raises ValidationException for a NextToken of another request.
        """
        member = self._member(request.get("SortBy", self.sort_by))
        descending = request.get("SortOrder", self.sort_order) == "Descending"
        kept = [(self._place(body, member), body) for body in bodies if self._wanted(body, request)]
        kept.sort(key=lambda pair: pair[0], reverse=descending)
        page, token = paged(kept, request, descending=descending)
        return [summary(body) for body in page if not self.status_last or self._in_status(body, request)], token

    def _place(self, body: Body, member: str) -> Place:
        """By the member, then in the order of storing, which tells what was made last whatever the clock said."""
        return (*(() if member == self.created else sortable(body.get(member))), body["_seq"])

    def _member(self, sort_by: str) -> str:
        known = {"Name": self.name, "CreationTime": self.created, "LastModifiedTime": self.modified}
        known |= {"Status": self.status} | self.members
        return known.get(sort_by, sort_by)

    def _wanted(self, body: Body, request: Body) -> bool:
        name = str(body.get(self.name, ""))
        return (
            request.get("NameContains", "").lower() in name.lower()
            and (self.status_last or self._in_status(body, request))
            and all(self._in_time(body, member, float(request[member])) for member in _TIMES if member in request)
        )

    def _in_status(self, body: Body, request: Body) -> bool:
        return bool(request.get("StatusEquals", body.get(self.status)) == body.get(self.status))

    def _in_time(self, body: Body, member: str, bound: float) -> bool:
        time = body.get(self.modified if member.startswith("LastModified") else self.created, 0)
        if time == bound:
            return member in self.inclusive
        return bool(time > bound) == member.endswith("After")


def paged(
    items: Sequence[tuple[Place, T]], request: Body, *, descending: bool = False, default: int = DEFAULT_PAGE
) -> tuple[list[T], dict[str, str]]:
    """One page of items that are in the order of their places. Raises ValidationException for a token not ours."""
    asked = {key: value for key, value in request.items() if key not in _PAGING}
    mark = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:16]
    if request.get("NextToken"):
        items = _after(request["NextToken"], mark, items, descending)
    page = items[: int(request.get("MaxResults", default))]
    more = {"NextToken": _token(page[-1][0], mark)} if len(page) < len(items) else {}
    return [item for _, item in page], more


def sortable(value: Any) -> Place:
    """A value that not all items have, or not all of one type: those without it come first."""
    if value is None:
        return (0, 0)
    return (2, value) if isinstance(value, str) else (1, value)


def _token(place: Place, mark: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([mark, *place]).encode()).decode()


def _after(token: str, mark: str, items: Sequence[tuple[Place, T]], descending: bool) -> list[tuple[Place, T]]:
    try:
        found, *place = json.loads(base64.urlsafe_b64decode(token.encode()))
        if found == mark:
            seen = tuple(place)
            return [pair for pair in items if (pair[0] < seen if descending else pair[0] > seen)]
    except (ValueError, TypeError, RecursionError):
        pass
    raise ValidationException("Invalid NextToken: it does not belong to this request.")
