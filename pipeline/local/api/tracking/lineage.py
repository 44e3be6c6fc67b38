"""Lineage: artifacts, actions and contexts, the associations between them, and what can be reached through these.

Jobs, packages and other resources may be ends of associations, too, by their ARN.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Final

from pipeline.limits import Row
from pipeline.local.api import action
from pipeline.local.api.listing import Listing
from pipeline.local.api.resource_actions import ResourceActions, stamped
from pipeline.local.api_errors import ResourceNotFound, ValidationException
from pipeline.local.kinds import ACTION, ARTIFACT, ASSOCIATION, CONTEXT, Body, Kind, public
from pipeline.local.resource_names import last_part
from pipeline.local.service import Service
from pipeline.local.store import AlreadyExists

PARITY: Final = (
    Row(
        area="lineage",
        subject="lineage of pipelines",
        here="what users and Lineage steps create is kept; pipelines add nothing by themselves",
        aws="artifacts, actions and associations are created for each job of a pipeline",
    ),
    Row(
        area="lineage",
        subject="deleting an artifact, action or context that has associations",
        here="ValidationException that says so",
        aws="refused, as documented; the text is not established",
    ),
)

_ON_OR_AFTER: Final = ("CreatedAfter", "CreatedBefore")


def _entity(kind: Kind[Body], word: str, *, key: str = "") -> ResourceActions:
    shown = (f"{word}{part}" for part in ("Arn", "Name", "Type"))
    return ResourceActions(
        kind,
        word,
        listed=f"{word}Summaries",
        summary=(*shown, "Source", "Status", "CreationTime", "LastModifiedTime"),
        key=key,
        listing={"inclusive": _ON_OR_AFTER},
    )


_ENTITIES: Final = {
    "artifact": _entity(ARTIFACT, "Artifact", key="ArtifactArn"),
    "action": _entity(ACTION, "Action"),
    "context": _entity(CONTEXT, "Context"),
}
_WORDS: Final = {kind: entity.word for kind, entity in _ENTITIES.items()}
_CHANGEABLE: Final = ("ArtifactName", "Description", "Status")


@action("CreateArtifact")
def create_artifact(service: Service, request: Body) -> Body:
    """Make an artifact; its ARN holds a hash of source and type. Raises ValidationException if it is there."""
    source = request["Source"]
    text = repr((source["SourceUri"], source.get("SourceTypes"), request["ArtifactType"]))
    key = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    body = stamped(service, request)
    return _ENTITIES["artifact"].create(service, request.get("ArtifactName", ""), body, request, key=key)


def _create(entity: ResourceActions, service: Service, request: Body) -> Body:
    return entity.create(service, request[f"{entity.word}Name"], stamped(service, request), request)


def _list(entity: ResourceActions, service: Service, request: Body) -> Body:
    """By source or type."""
    kind = f"{entity.word}Type"
    found = [
        body
        for body in service.store.list(entity.kind)
        if request.get("SourceUri", body["Source"]["SourceUri"]) == body["Source"]["SourceUri"]
        and request.get(kind, body[kind]) == body[kind]
    ]
    return entity.page(service, request, found)


def _update(entity: ResourceActions, service: Service, request: Body) -> Body:
    """Change what is named; properties are added to, or removed by PropertiesToRemove."""
    named = request[entity.key or f"{entity.word}Name"]
    with service.store.transaction():
        merged = entity.find(service, named).get("Properties", {}) | request.get("Properties", {})
        removed = request.get("PropertiesToRemove", [])
        kept = {key: value for key, value in merged.items() if key not in removed}
        changes = {member: request[member] for member in _CHANGEABLE if member in request}
        return entity.change(service, named, Properties=kept or None, **changes)


def _delete(entity: ResourceActions, service: Service, request: Body) -> Body:
    """Remove one that has no associations; an artifact also by its source."""
    named = request.get(entity.key or f"{entity.word}Name") or _artifact_of(service, request)
    with service.store.transaction():
        arn = entity.find(service, named)[f"{entity.word}Arn"]
        if any(arn in (edge["SourceArn"], edge["DestinationArn"]) for edge in service.store.list(ASSOCIATION)):
            raise ValidationException(f"{entity.word} {arn} has associations: all of them must be deleted first.")
        service.store.delete(entity.kind, last_part(arn))
    return {f"{entity.word}Arn": arn}


for _one in _ENTITIES.values():
    _one.offer("Describe")
    action(f"List{_one.word}s")(partial(_list, _one))
    action(f"Update{_one.word}")(partial(_update, _one))
    action(f"Delete{_one.word}")(partial(_delete, _one))
action("CreateAction")(partial(_create, _ENTITIES["action"]))
action("CreateContext")(partial(_create, _ENTITIES["context"]))


@action("AddAssociation")
def add_association(service: Service, request: Body) -> Body:
    """Join two resources that exist. Raises ResourceNotFound; ValidationException if they are joined already."""
    source, destination = request["SourceArn"], request["DestinationArn"]
    with service.store.transaction():
        for arn in (source, destination):
            if service.store.by_arn(arn) is None:
                raise ResourceNotFound(f"Resource '{arn}' does not exist.")
        body: Body = {**request, "CreationTime": service.clock.now(), "CreatedBy": {}}
        try:
            service.store.insert(ASSOCIATION, f"{source} {destination}", body)
        except AlreadyExists:
            raise ValidationException(f"Association between {source} and {destination} already exists.") from None
    return {"SourceArn": source, "DestinationArn": destination}


@action("DeleteAssociation")
def delete_association(service: Service, request: Body) -> Body:
    """End an association. Raises ResourceNotFound."""
    source, destination = request["SourceArn"], request["DestinationArn"]
    if not service.store.delete(ASSOCIATION, f"{source} {destination}"):
        raise ResourceNotFound(f"Association between '{source}' and '{destination}' does not exist.")
    return {"SourceArn": source, "DestinationArn": destination}


@action("ListAssociations")
def list_associations(service: Service, request: Body) -> Body:
    """Associations by their ends, the ends' types, and their own type."""
    wanted = ("SourceArn", "DestinationArn", "SourceType", "DestinationType", "AssociationType")
    found = []
    for body in service.store.list(ASSOCIATION):
        shown = body | _ends(service, body)
        if all(request.get(member, shown.get(member)) == shown.get(member) for member in wanted):
            found.append(shown)
    page, token = Listing("SourceName", inclusive=_ON_OR_AFTER).page(found, request, public)
    return {"AssociationSummaries": page, **token}


def kind_of(arn: str) -> str:
    """The resource word of an ARN: `training-job`, `artifact` ..."""
    return arn.split(":", 5)[-1].split("/", 1)[0]


def _artifact_of(service: Service, request: Body) -> str:
    if "Source" not in request:
        raise ValidationException("Either ArtifactArn or Source must be given.")
    uri = request["Source"]["SourceUri"]
    for body in service.store.list(ARTIFACT):
        if body["Source"]["SourceUri"] == uri:
            return str(body["ArtifactArn"])
    raise ResourceNotFound(f"Artifact with source '{uri}' does not exist.")


def _ends(service: Service, edge: Body) -> Body:
    ends: Body = {}
    for side in ("Source", "Destination"):
        arn = edge[f"{side}Arn"]
        body = service.store.by_arn(arn) or {}
        word = _WORDS.get(kind_of(arn), "")
        name = body.get(f"{word}Name") if word else last_part(arn)
        kind = body.get(f"{word}Type") if word else body.get("Source", {}).get("SourceType")
        ends |= {key: value for key, value in ((f"{side}Name", name), (f"{side}Type", kind)) if value}
    return ends
