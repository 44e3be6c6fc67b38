"""QueryLineage: what can be reached from a resource along associations, up or down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.local.api import action
from pipeline.local.api.listing import paged
from pipeline.local.api.tracking.lineage import kind_of
from pipeline.local.api_errors import ResourceNotFound, ValidationException
from pipeline.local.kinds import ASSOCIATION, Body
from pipeline.local.service import Service

_LINEAGE_TYPES: Final = {
    "artifact": "Artifact",
    "action": "Action",
    "context": "Context",
    "experiment-trial-component": "TrialComponent",
}
_MAX_DEPTH: Final = 10


@action("QueryLineage")
def query_lineage(service: Service, request: Body) -> Body:
    """The vertices within MaxDepth of the start, nearest first, and the edges between those that were found."""
    starts = request.get("StartArns", [])
    if not starts:
        raise ValidationException("StartArns must name a resource.")
    if service.store.by_arn(starts[0]) is None:
        raise ResourceNotFound(f"Resource '{starts[0]}' does not exist.")
    direction = request.get("Direction", "Both")
    edges = service.store.list(ASSOCIATION)
    reached = list(_reach(edges, starts[0], direction, request.get("MaxDepth", _MAX_DEPTH)))
    filters = request.get("Filters", {})
    found = [(place, _vertex(service, place[-1])) for place in reached if _wanted(service, place[-1], filters)]
    shown, token = paged(found, request)
    answer: Body = {"Vertices": shown, "Edges": [], **token}
    if request.get("IncludeEdges", True):
        known = {vertex["Arn"] for _, vertex in found} | {starts[0]}
        answer["Edges"] = [
            {key: edge[key] for key in ("SourceArn", "DestinationArn", "AssociationType") if key in edge}
            for edge in edges
            if edge["SourceArn"] in known and edge["DestinationArn"] in known
        ]
    return answer


def _reach(edges: list[Body], start: str, direction: str, depth: int) -> Iterator[tuple[int, int, str]]:
    """Way, distance and ARN, each ARN once; ascendants and descendants are followed apart, so siblings are missed."""
    seen = {start}
    ways = (("DestinationArn", "SourceArn", "Ascendants"), ("SourceArn", "DestinationArn", "Descendants"))
    for index, (near, far, way) in enumerate(ways):
        if direction not in ("Both", way):
            continue
        border = {start}
        for distance in range(depth):
            found = {edge[far] for edge in edges if edge[near] in border}
            border = found - seen
            if not border:
                break
            seen |= border
            yield from ((index, distance, arn) for arn in sorted(border))


def _vertex(service: Service, arn: str) -> Body:
    kind = kind_of(arn)
    lineage = _LINEAGE_TYPES.get(kind)
    body = service.store.by_arn(arn) or {}
    vertex = {"Arn": arn, "Type": body.get(f"{lineage}Type") or kind}
    return vertex | ({"LineageType": lineage} if lineage else {})


def _wanted(service: Service, arn: str, filters: Body) -> bool:
    vertex, body = _vertex(service, arn), service.store.by_arn(arn) or {}
    created, modified = body.get("CreationTime", 0.0), body.get("LastModifiedTime", 0.0)
    return (
        ("Types" not in filters or vertex["Type"] in filters["Types"])
        and ("LineageTypes" not in filters or vertex.get("LineageType") in filters["LineageTypes"])
        and filters.get("CreatedAfter", created) <= created <= filters.get("CreatedBefore", created)
        and filters.get("ModifiedAfter", modified) <= modified <= filters.get("ModifiedBefore", modified)
        and all(body.get("Properties", {}).get(key) == value for key, value in filters.get("Properties", {}).items())
    )
