"""The actions that all kinds of job share: create once, describe, stop, delete, list; with AWS's texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipeline.limits import Row
from pipeline.local import trees
from pipeline.local.api import action
from pipeline.local.api.listing import Listing
from pipeline.local.api.tags import store_tags
from pipeline.local.api_errors import ApiError, ResourceInUse, ValidationException
from pipeline.local.containers.jobs import s3_inputs, s3_uris
from pipeline.local.containers.jobs.job_runner import state_change
from pipeline.local.containers.jobs.running_job import TERMINAL, JobKind
from pipeline.local.containers.jobs.s3_uris import TransferError
from pipeline.local.kinds import Body, public
from pipeline.local.service import Service
from pipeline.local.store import AlreadyExists

PARITY: Final = (
    Row(
        area="jobs",
        subject="texts of errors for processing and tuning jobs",
        here="Names in use and stops of jobs that are over answer the texts that are known of training and transform"
        " jobs, worded for the kind.",
        aws="Codes are known, not all texts.",
    ),
)


@dataclass(frozen=True)
class JobActions:
    """The actions on one kind of job, with the texts of its errors; `{name}` and `{arn}` are filled in."""

    kind: JobKind
    exists: str
    unknown: str
    unknown_to_stop: str
    word: str
    """The kind in running text: `training job`."""
    sort_order: str = "Ascending"
    sort_by: str = "CreationTime"
    unknown_error: type[ApiError] = ValidationException
    shown: tuple[str, ...] = ()
    """What the summaries of this kind have besides the members of all."""
    kept: Callable[[Body, Body], bool] = lambda body, request: True
    """Whether a job passes the filters that only this kind has."""
    stopping: Callable[[Body, float], Body] = lambda body, now: {}
    """Further members of a job that begins to stop."""

    def offer(self, *verbs: str) -> None:
        """Register the actions Describe, List, Stop, Delete that need no more than this row."""
        plain = {"Describe": self.describe, "List": self.list, "Stop": self.stop, "Delete": self.delete}
        for verb in verbs:
            action(f"{verb}{self.kind.title}Job{'s' if verb == 'List' else ''}")(plain[verb])

    def create(self, service: Service, name: str, body: Body, request: Body, *, arn: str) -> Body:
        """Store a new job and start it. Raises ResourceInUse, ResourceLimitExceeded."""
        now = service.clock.now()
        body = {
            self.kind.name_member: name,
            f"{self.kind.title}JobArn": arn,
            self.kind.status_member: "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
        } | body
        service.jobs.admit()
        try:
            with service.store.transaction():
                service.store.insert(self.kind.name, name, body, arn=arn)
                store_tags(service, arn, request.get("Tags"))
        except AlreadyExists:
            raise ResourceInUse(self.exists.format(name=name, arn=arn)) from None
        state_change(service, self.kind, body)
        service.jobs.start(self.kind.name, name)
        return {f"{self.kind.title}JobArn": arn}

    def get(self, service: Service, name: str) -> Body:
        """The job's body. Raises `unknown_error`."""
        body: Body | None = service.store.get(self.kind.name, name)
        if body is None:
            raise self.unknown_error(self.unknown.format(name=name))
        return body

    def describe(self, service: Service, request: Body) -> Body:
        """The Describe response."""
        return public(self.get(service, request[self.kind.name_member]))

    def stop(self, service: Service, request: Body) -> Body:
        """Ask a job, and what it has started, to end. Raises ValidationException."""
        name = request[self.kind.name_member]
        with service.store.transaction():
            body = service.store.get(self.kind.name, name)
            if body is None:
                raise self.unknown_error(self.unknown_to_stop.format(name=name))
            status = body[self.kind.status_member]
            if status in TERMINAL:
                raise ValidationException(f"The request was rejected because the {self.word} is in status {status}.")
            if status != "Stopping":
                now = service.clock.now()
                members = {self.kind.status_member: "Stopping", "LastModifiedTime": now}
                service.store.merge(self.kind.name, name, **members, **self.stopping(body, now))
        service.jobs.stop(self.kind.name, name)
        service.store.wake()
        return {}

    def delete(self, service: Service, request: Body) -> Body:
        """Remove a job that is over. Raises ValidationException, ResourceInUse."""
        name = request[self.kind.name_member]
        with service.store.transaction():
            body = self.get(service, name)
            status = body[self.kind.status_member]
            if status not in TERMINAL:
                raise ResourceInUse(f"The request was rejected because the {self.word} is in status {status}.")
            service.store.delete(self.kind.name, name)
            folder = service.jobs.set_aside(self.kind, name)
        trees.remove(folder)
        return {}

    def list(self, service: Service, request: Body) -> Body:
        """A page of summaries."""
        listing = Listing(
            name=self.kind.name_member,
            status=self.kind.status_member,
            sort_order=self.sort_order,
            sort_by=self.sort_by,
            status_last=True,
        )
        shown = (
            self.kind.name_member,
            f"{self.kind.title}JobArn",
            "CreationTime",
            self.kind.end_member,
            "LastModifiedTime",
            self.kind.status_member,
            *self.shown,
        )
        page, token = listing.page(
            [body for body in service.store.list(self.kind.name) if self.kept(body, request)],
            request,
            lambda body: {member: body[member] for member in shown if member in body},
        )
        return {f"{self.kind.title}JobSummaries": page, **token}


def check_s3(uri: str, where: str) -> None:
    """Refuse what is no S3 URI. Raises ValidationException."""
    try:
        s3_uris.split_uri(uri)
    except TransferError:
        raise ValidationException(f"{where}: {uri!r} is not an S3 URI; it must be s3://bucket/key.") from None


def check_input(service: Service, uri: str, role: str, where: str) -> None:
    """Refuse an input that names no object, as AWS does when a job is created. Raises ValidationException."""
    check_s3(uri, where)
    if s3_inputs.any_source(service.objects, uri):
        return
    bucket = s3_uris.split_uri(uri)[0]
    raise ValidationException(
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists in'
        f" the selected region ({service.configuration.region}), that objects exist under that S3 prefix, and that the"
        f' role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
    )


def unique(names: list[str], what: str) -> None:
    """Refuse a name that comes twice. Raises ValidationException."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValidationException(f"{what} must be unique; {', '.join(map(repr, twice))} is given more than once.")
