"""Lineage: artifacts, actions and contexts, the associations between them, and what can be reached through these.

Jobs, packages and other resources may be ends of associations, too, by their ARN.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from pipeline.limits import Row
from pipeline.local.api import Body, action, public
from pipeline.local.api.listing import Listing
from pipeline.local.api.tags import store_tags
from pipeline.local.errors import ResourceNotFound, ValidationException
from pipeline.local.names import last_part
from pipeline.local.store import AlreadyExists

if TYPE_CHECKING:
    from pipeline.local.service import Service

ASSOCIATION: Final = "association"
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

_ENTITIES: Final = {"artifact": "Artifact", "action": "Action", "context": "Context"}
_ON_OR_AFTER: Final = ("CreatedAfter", "CreatedBefore")
_CHANGEABLE: Final = ("ArtifactName", "Description", "Status")


def _create(service: Service, kind: str, request: Body, name: str, key: str) -> Body:
    word = _ENTITIES[kind]
    arn = service.arns.of(kind, key)
    now = service.clock.now()
    stamped: Body = {"CreationTime": now, "LastModifiedTime": now, "CreatedBy": {}, "LastModifiedBy": {}}
    given = {member: value for member, value in request.items() if member != "Tags"}
    body: Body = {f"{word}Arn": arn, f"{word}Name": name, **given, **stamped}
    with service.store.transaction():
        try:
            service.store.insert(kind, key, body, arn=arn)
        except AlreadyExists:
            raise ValidationException(
                f"{word} names must be unique within an AWS account and region. {word} with name ({name}) already "
                "exists."
            ) from None
        store_tags(service, arn, request.get("Tags"))
    return {f"{word}Arn": arn}


@action("CreateArtifact")
def create_artifact(service: Service, request: Body) -> Body:
    """Make an artifact; its ARN holds a hash of source and type. Raises ValidationException if it is there."""
    source = request["Source"]
    text = repr((source["SourceUri"], source.get("SourceTypes"), request["ArtifactType"]))
    key = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return _create(service, "artifact", request, request.get("ArtifactName", ""), key)


@action("CreateAction")
def create_action(service: Service, request: Body) -> Body:
    """Make an action."""
    return _create(service, "action", request, request["ActionName"], request["ActionName"])


@action("CreateContext")
def create_context(service: Service, request: Body) -> Body:
    """Make a context."""
    return _create(service, "context", request, request["ContextName"], request["ContextName"])


@action("DescribeArtifact")
def describe_artifact(service: Service, request: Body) -> Body:
    """The artifact, by ARN."""
    return public(_find(service, "artifact", request["ArtifactArn"]))


@action("DescribeAction")
def describe_action(service: Service, request: Body) -> Body:
    """The action, by name or ARN."""
    return public(_find(service, "action", request["ActionName"]))


@action("DescribeContext")
def describe_context(service: Service, request: Body) -> Body:
    """The context, by name or ARN."""
    return public(_find(service, "context", request["ContextName"]))


@action("ListArtifacts")
def list_artifacts(service: Service, request: Body) -> Body:
    """Artifacts, by source or type."""
    return _list(service, "artifact", request)


@action("ListActions")
def list_actions(service: Service, request: Body) -> Body:
    """Actions, by source or type."""
    return _list(service, "action", request)


@action("ListContexts")
def list_contexts(service: Service, request: Body) -> Body:
    """Contexts, by source or type."""
    return _list(service, "context", request)


@action("UpdateArtifact")
def update_artifact(service: Service, request: Body) -> Body:
    """Change name and properties."""
    return _update(service, "artifact", request["ArtifactArn"], request)


@action("UpdateAction")
def update_action(service: Service, request: Body) -> Body:
    """Change description, status and properties."""
    return _update(service, "action", request["ActionName"], request)


@action("UpdateContext")
def update_context(service: Service, request: Body) -> Body:
    """Change description and properties."""
    return _update(service, "context", request["ContextName"], request)


@action("DeleteArtifact")
def delete_artifact(service: Service, request: Body) -> Body:
    """Remove an artifact, by ARN or by source. Raises ResourceNotFound, ValidationException."""
    if "ArtifactArn" in request:
        return _delete(service, "artifact", request["ArtifactArn"])
    if "Source" not in request:
        raise ValidationException("Either ArtifactArn or Source must be given.")
    uri = request["Source"]["SourceUri"]
    for body in service.store.list("artifact"):
        if body["Source"]["SourceUri"] == uri:
            return _delete(service, "artifact", body["ArtifactArn"])
    raise ResourceNotFound(f"Artifact with source '{uri}' does not exist.")


@action("DeleteAction")
def delete_action(service: Service, request: Body) -> Body:
    """Remove an action. Raises ResourceNotFound, ValidationException."""
    return _delete(service, "action", request["ActionName"])


@action("DeleteContext")
def delete_context(service: Service, request: Body) -> Body:
    """Remove a context. Raises ResourceNotFound, ValidationException."""
    return _delete(service, "context", request["ContextName"])


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


def _find(service: Service, kind: str, name_or_arn: str) -> Body:
    name = last_part(name_or_arn)
    found = service.store.get(kind, name)
    if found is None or name_or_arn not in (name, found[f"{_ENTITIES[kind]}Arn"]):
        raise ResourceNotFound(f"{_ENTITIES[kind]} '{name_or_arn}' does not exist.")
    return found


def _list(service: Service, kind: str, request: Body) -> Body:
    word = _ENTITIES[kind]
    members = [f"{word}{part}" for part in ("Arn", "Name", "Type")]
    members += ["Source", "Status", "CreationTime", "LastModifiedTime"]
    found = [
        body
        for body in service.store.list(kind)
        if request.get("SourceUri", body["Source"]["SourceUri"]) == body["Source"]["SourceUri"]
        and request.get(f"{word}Type", body[f"{word}Type"]) == body[f"{word}Type"]
    ]
    page, token = Listing(f"{word}Name", inclusive=_ON_OR_AFTER).page(
        found, request, lambda body: {member: body[member] for member in members if member in body}
    )
    return {f"{word}Summaries": page, **token}


def _update(service: Service, kind: str, name_or_arn: str, request: Body) -> Body:
    word = _ENTITIES[kind]
    with service.store.transaction():
        body = _find(service, kind, name_or_arn)
        removed = request.get("PropertiesToRemove", [])
        merged = body.get("Properties", {}) | request.get("Properties", {})
        kept = {key: value for key, value in merged.items() if key not in removed}
        changes = {member: request[member] for member in _CHANGEABLE if member in request}
        now = service.clock.now()
        arn = body[f"{word}Arn"]
        service.store.merge(kind, last_part(arn), Properties=kept or None, LastModifiedTime=now, **changes)
    return {f"{word}Arn": arn}


def _delete(service: Service, kind: str, name_or_arn: str) -> Body:
    word = _ENTITIES[kind]
    with service.store.transaction():
        body = _find(service, kind, name_or_arn)
        arn = body[f"{word}Arn"]
        if any(arn in (edge["SourceArn"], edge["DestinationArn"]) for edge in service.store.list(ASSOCIATION)):
            raise ValidationException(f"{word} {arn} has associations: all of them must be deleted first.")
        service.store.delete(kind, last_part(arn))
    return {f"{word}Arn": arn}


def _ends(service: Service, edge: Body) -> Body:
    ends: Body = {}
    for side in ("Source", "Destination"):
        arn = edge[f"{side}Arn"]
        body = service.store.by_arn(arn) or {}
        word = _ENTITIES.get(kind_of(arn), "")
        name = body.get(f"{word}Name") if word else last_part(arn)
        kind = body.get(f"{word}Type") if word else body.get("Source", {}).get("SourceType")
        ends |= {key: value for key, value in ((f"{side}Name", name), (f"{side}Type", kind)) if value}
    return ends
