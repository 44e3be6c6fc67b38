"""The actions shared by all resources that only the store holds: create once, find, describe, list, delete.

A family is one row: how its members are called, AWS's texts of its errors, what its List answers. The actions that
need no more than the row are registered by `offer`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.api import action
from pipeline.local.api.listing import Listing
from pipeline.local.api.tags import store_tags
from pipeline.local.api_errors import ApiError, ResourceNotFound, ValidationException
from pipeline.local.kinds import Body, Kind, public
from pipeline.local.resource_names import last_part
from pipeline.local.service import Service
from pipeline.local.service_context import ServiceContext
from pipeline.local.store import AlreadyExists


def stamped(service: Service, request: Body) -> Body:
    """What a request gives for a new resource, and who made and changed it when."""
    now = service.clock.now()
    given = {member: value for member, value in request.items() if member != "Tags"}
    return {"CreationTime": now, "LastModifiedTime": now, "CreatedBy": {}, "LastModifiedBy": {}} | given


@dataclass(frozen=True)
class ResourceActions:
    """The actions on one kind; in the texts of its errors `{word}`, `{name}`, `{arn}` and `{given}` are filled in."""

    kind: Kind[Any]
    """In the store, and in ARNs."""
    word: str
    """In members and operations: `Model` of ModelName, ModelArn and DescribeModel."""
    listed: str
    """The member of the List response that holds the summaries."""
    summary: tuple[str, ...]
    exists: str = (
        "{word} names must be unique within an AWS account and region. {word} with name ({name}) already exists."
    )
    unknown: str = "{word} '{given}' does not exist."
    unknown_error: type[ApiError] = ResourceNotFound
    key: str = ""
    """The member of requests that names one; `word` and Name without it."""
    listing: dict[str, Any] = field(default_factory=dict)
    """What the listing of this kind differs in from others."""

    def create(
        self, service: Service, name: str, body: Body, request: Body, *, key: str = "", parent: str = ""
    ) -> Body:
        """Store a new one under `key`, or its name, with the tags of the request. Raises ValidationException."""
        arn = service.arns.of(self.kind, key or name)
        body = {f"{self.word}Name": name, f"{self.word}Arn": arn, "CreationTime": service.clock.now()} | body
        try:
            with service.store.transaction():
                service.store.insert(self.kind, key or name, body, arn=arn, parent=parent)
                store_tags(service, arn, request.get("Tags"))
        except AlreadyExists:
            raise ValidationException(self.exists.format(word=self.word, name=name, arn=arn)) from None
        return {f"{self.word}Arn": arn}

    def find(self, service: ServiceContext, name_or_arn: str) -> Body:
        """The stored body. Raises `unknown_error`."""
        body: Body | None = service.store.get(self.kind, last_part(name_or_arn))
        arn = name_or_arn if name_or_arn.startswith("arn:") else service.arns.of(self.kind, name_or_arn)
        if body is None or body[f"{self.word}Arn"] != arn:
            raise self.unknown_error(self.unknown.format(word=self.word, given=name_or_arn, arn=arn))
        return body

    def change(self, service: Service, name_or_arn: str, **members: Any) -> Body:
        """Set members, and the time, of one that exists; a member that is None is removed."""
        with service.store.transaction():
            arn = self.find(service, name_or_arn)[f"{self.word}Arn"]
            service.store.merge(self.kind, last_part(arn), LastModifiedTime=service.clock.now(), **members)
        return {f"{self.word}Arn": arn}

    def page(self, service: Service, request: Body, bodies: Iterable[Body] | None = None) -> Body:
        """The List response: a page of summaries of these bodies, or of all."""
        page, token = Listing(f"{self.word}Name", **self.listing).page(
            service.store.list(self.kind) if bodies is None else bodies,
            request,
            self._summary,
        )
        return {self.listed: page, **token}

    def offer(self, *verbs: str) -> None:
        """Register the actions Describe, List or Delete that need no more than this row."""
        plain = {"Describe": self._describe, "List": self.page, "Delete": self._delete}
        for verb in verbs:
            action(f"{verb}{self.word}{'s' if verb == 'List' else ''}")(plain[verb])

    def _summary(self, body: Body) -> Body:
        # What a body calls Source is ExperimentSource, TrialComponentSource ... in a summary.
        found = {member: body.get(member, body.get(member.removeprefix(self.word))) for member in self.summary}
        return {member: value for member, value in found.items() if value is not None}

    def _describe(self, service: Service, request: Body) -> Body:
        return public(self.find(service, request[self.key or f"{self.word}Name"]))

    def _delete(self, service: Service, request: Body) -> Body:
        with service.store.transaction():
            body = self.find(service, request[self.key or f"{self.word}Name"])
            service.store.delete(self.kind, last_part(body[f"{self.word}Arn"]))
        return {}
