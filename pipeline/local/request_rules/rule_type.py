"""A rule between the members of a request, and what several rules look for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.local.kinds import Body, Kind

API: Final = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/"
REPORT: Final = "report"
"""The source of what somebody saw the service refuse."""
_REGISTRY: Final = re.compile(r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?)/.+")


@dataclass(frozen=True)
class Around:
    """What a rule may know besides the request."""

    region: str | None = None
    """The region that the request was signed for; None for what a pipeline asks, which may be made for any region."""
    stored: Callable[[Kind[Body], str], Body | None] = lambda kind, name: None
    """The stored body of a resource, by its kind and name."""


@dataclass(frozen=True)
class Rule:
    """What must hold of a request to one action."""

    operation: str
    problems: Callable[[Body, Around], Iterator[str]]
    """A text for each way in which a request breaks it."""
    source: str
    """Where AWS says so, or `report` for what was seen of the service."""


def together(member: str, given: Body, *others: str) -> Iterator[str]:
    """A text for each of `others` that is given beside `member`."""
    yield from (f"{member} and {other} are mutually exclusive." for other in others if other in given)


def twice(names: Iterable[str]) -> list[str]:
    """The names that are given more than once."""
    seen = list(names)
    return sorted({name for name in seen if seen.count(name) > 1})


def abroad(image: str | None, around: Around) -> Iterator[tuple[str, str]]:
    """The region and the DNS suffix of an image in ECR that is of another region than the request."""
    found = _REGISTRY.fullmatch(image or "")
    if found and around.region and found[1] != around.region:
        yield found[1], found[2]
