"""What all List actions have in common: filters by name, time and status, sorting, pages.

The members are SageMaker's own (NameContains, CreationTimeAfter, SortBy, NextToken ...); a family gives the names
that its bodies use. A NextToken is opaque to clients: it holds the position after the page, and what request it is of.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.local.errors import ValidationException

Body = dict[str, Any]

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

    def page(
        self, bodies: Iterable[Body], request: Body, summary: Callable[[Body], Body]
    ) -> tuple[list[Body], dict[str, str]]:
        """The page that `request` asks for, as summaries, and {"NextToken": ...} if there is more.

        Raises ValidationException for a NextToken of another request.
        """
        kept = [body for body in bodies if self._wanted(body, request)]
        member = self._member(request.get("SortBy", self.sort_by))
        order = request.get("SortOrder", self.sort_order)
        if order == "Descending":
            kept.reverse()  # the sort is stable, reversed too: of equal times the latest stored comes first
        kept.sort(key=lambda body: _sortable(body.get(member)), reverse=order == "Descending")
        return paged([summary(body) for body in kept], request)

    def _member(self, sort_by: str) -> str:
        known = {"Name": self.name, "CreationTime": self.created, "LastModifiedTime": self.modified}
        known |= {"Status": self.status} | self.members
        return known.get(sort_by, sort_by)

    def _wanted(self, body: Body, request: Body) -> bool:
        name = str(body.get(self.name, ""))
        return (
            request.get("NameContains", "").lower() in name.lower()
            and request.get("StatusEquals", body.get(self.status)) == body.get(self.status)
            and all(self._in_time(body, member, float(request[member])) for member in _TIMES if member in request)
        )

    def _in_time(self, body: Body, member: str, bound: float) -> bool:
        time = body.get(self.modified if member.startswith("LastModified") else self.created, 0)
        if time == bound:
            return member in self.inclusive
        return bool(time > bound) == member.endswith("After")


def paged(items: list[Body], request: Body, *, default: int = DEFAULT_PAGE) -> tuple[list[Body], dict[str, str]]:
    """One page of items that are already in order. Raises ValidationException for a token that is not ours."""
    asked = {key: value for key, value in request.items() if key not in _PAGING}
    mark = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:16]
    start = _position(request["NextToken"], mark) if request.get("NextToken") else 0
    size = int(request.get("MaxResults", default))
    end = start + size
    token = base64.urlsafe_b64encode(f"{mark}:{end}".encode()).decode()
    return items[start:end], ({"NextToken": token} if end < len(items) else {})


def _position(token: str, mark: str) -> int:
    try:
        found, position = base64.urlsafe_b64decode(token.encode()).decode().split(":")
        if found == mark:
            return int(position)
    except ValueError:
        pass
    raise ValidationException("Invalid NextToken: it does not belong to this request.")


def _sortable(value: Any) -> tuple[int, Any]:
    """Of a kind that not all have a value of: those without come first."""
    if value is None:
        return (0, 0)
    return (2, value) if isinstance(value, str) else (1, value)
