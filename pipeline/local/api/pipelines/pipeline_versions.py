"""Versions of a pipeline: each holds one definition and never changes it; aliases name versions.

Numbers count from 1. An alias belongs to at most one version of a pipeline, a version has at most ten.
"""

from __future__ import annotations

import json
from typing import Final

from pipeline.definition.canonical_text import canonical
from pipeline.local.api import action
from pipeline.local.api.listing import Listing
from pipeline.local.api.pipelines.find import find_pipeline
from pipeline.local.api_errors import ConflictException, ResourceNotFound, ValidationException
from pipeline.local.kinds import PIPELINE, PIPELINE_VERSION, Body
from pipeline.local.service import Service

DESCRIPTIVE: Final = ("PipelineVersionDisplayName", "PipelineVersionDescription", "PipelineVersionAliases")
_ALIASES: Final = 10
_LISTING: Final = Listing(name="PipelineVersionDisplayName")


def add(service: Service, pipeline: Body, definition: str, aliases: list[str]) -> Body:
    """Store the next version of a pipeline."""
    number = int(pipeline["_version"]) + 1
    _check_aliases(service, pipeline, aliases)
    body = {
        "PipelineArn": pipeline["PipelineArn"],
        "PipelineVersionId": number,
        "CreationTime": service.clock.now(),
        "PipelineDefinition": definition,
        "PipelineVersionAliases": list(dict.fromkeys(aliases)),
    }
    name = pipeline["PipelineName"]
    service.store.insert(PIPELINE_VERSION, f"{name}/{number}", body, parent=name)
    service.store.merge(PIPELINE, name, _version=number)
    return body


def latest(service: Service, pipeline: Body) -> Body:
    """The version that was made last."""
    number = (service.store.get(PIPELINE, pipeline["PipelineName"]) or pipeline)["_version"]
    return _numbered(service, pipeline, number)


def is_latest(service: Service, pipeline: Body, definition: str) -> bool:
    """Whether a definition says the same as the latest version's."""
    # By text: Python holds 1, 1.0 and true to be equal, which a condition does not.
    return canonical(json.loads(latest(service, pipeline)["PipelineDefinition"])) == canonical(json.loads(definition))


def chosen(service: Service, pipeline: Body, request: Body) -> Body:
    """The version that a request names by number or alias, else the latest. Raises ResourceNotFound."""
    number, alias = request.get("PipelineVersionId"), request.get("PipelineVersionAlias")
    if number is not None and alias is not None:
        raise ValidationException("PipelineVersionId and PipelineVersionAlias cannot be specified together.")
    if alias is not None:
        return with_alias(service, pipeline, alias)
    return latest(service, pipeline) if number is None else _numbered(service, pipeline, number)


def with_alias(service: Service, pipeline: Body, alias: str) -> Body:
    """The version that has an alias. Raises ResourceNotFound."""
    for body in service.store.list(PIPELINE_VERSION, parent=pipeline["PipelineName"]):
        if alias in body["PipelineVersionAliases"]:
            return body
    raise ResourceNotFound(f"Pipeline '{pipeline['PipelineArn']}' has no version with the alias '{alias}'.")


def remove_all(service: Service, pipeline: Body) -> None:
    """Delete the versions of a pipeline."""
    for number in range(1, int(pipeline["_version"]) + 1):
        service.store.delete(PIPELINE_VERSION, f"{pipeline['PipelineName']}/{number}")


@action("UpdatePipelineVersion")
def update(service: Service, request: Body) -> Body:
    """Change what describes a version, and its aliases; removals come before additions."""
    with service.store.transaction():
        pipeline = find_pipeline(service, request["PipelineArn"])
        body = _numbered(service, pipeline, request["PipelineVersionId"])
        changes = request.get("PipelineVersionAliasOperations") or {}
        removed, added = changes.get("Remove") or [], changes.get("Add") or []
        if unknown := [alias for alias in removed if alias not in body["PipelineVersionAliases"]]:
            raise ResourceNotFound(f"The pipeline version has no aliases [{', '.join(unknown)}].")
        kept = [alias for alias in body["PipelineVersionAliases"] if alias not in removed]
        body["PipelineVersionAliases"] = kept
        new = [alias for alias in dict.fromkeys(added) if alias not in kept]
        name = f"{pipeline['PipelineName']}/{body['PipelineVersionId']}"
        service.store.put(PIPELINE_VERSION, name, body)
        _check_aliases(service, pipeline, new, already=len(kept))
        members = {member: request[member] for member in DESCRIPTIVE[:2] if member in request}
        service.store.merge(PIPELINE_VERSION, name, PipelineVersionAliases=[*kept, *new], **members)
    return {"PipelineArn": pipeline["PipelineArn"], "PipelineVersionId": body["PipelineVersionId"]}


@action("ListPipelineVersions")
def list_versions(service: Service, request: Body) -> Body:
    """The versions of a pipeline, newest first."""
    pipeline = find_pipeline(service, request["PipelineName"])
    bodies = service.store.list(PIPELINE_VERSION, parent=pipeline["PipelineName"])
    page, token = _LISTING.page(bodies, request, _summary)
    return {"PipelineVersionSummaries": page} | token


def _summary(body: Body) -> Body:
    members = ("PipelineArn", "PipelineVersionId", "CreationTime", "LastExecutionPipelineExecutionArn", *DESCRIPTIVE)
    return {member: body[member] for member in members if body.get(member)}


def _numbered(service: Service, pipeline: Body, number: int) -> Body:
    body = service.store.get(PIPELINE_VERSION, f"{pipeline['PipelineName']}/{number}")
    if body is None:
        raise ResourceNotFound(f"Pipeline '{pipeline['PipelineArn']}' has no version {number}.")
    return body


def _check_aliases(service: Service, pipeline: Body, aliases: list[str], *, already: int = 0) -> None:
    if already + len(set(aliases)) > _ALIASES:
        raise ValidationException(f"A pipeline version can have up to {_ALIASES} aliases.")
    for alias in aliases:
        if alias.isdigit():
            raise ValidationException(f"The alias '{alias}' can't consist of numbers only.")
    versions = service.store.list(PIPELINE_VERSION, parent=pipeline["PipelineName"]) if aliases else []
    taken = {alias for body in versions for alias in body["PipelineVersionAliases"]}
    if both := [alias for alias in aliases if alias in taken]:
        raise ConflictException(f"The aliases [{', '.join(both)}] belong to another version of the pipeline.")
