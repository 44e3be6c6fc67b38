"""Tags of everything that has an ARN: jobs, pipelines and executions, packages and their versions, endpoints.

Other modules give new resources their tags by `store_tags`, so that all tags pass the same checks.
"""

from __future__ import annotations

from typing import Final

from pipeline.limits import Row
from pipeline.local.api import action
from pipeline.local.api.listing import paged
from pipeline.local.api_errors import ResourceLimitExceeded, ValidationException
from pipeline.local.kinds import Body
from pipeline.local.service import Service

MAX_TAGS: Final = 50

PARITY: Final = (
    Row(
        area="tags",
        subject="AddTags, ListTags, DeleteTags of an ARN that does not exist",
        here="ValidationException: Resource <arn> does not exist.",
        aws="refused; the text is not established and differs by kind of resource",
    ),
)


@action("AddTags")
def add_tags(service: Service, request: Body) -> Body:
    """Add tags; a key that is there gets the new value. Answers all tags of the resource."""
    arn = request["ResourceArn"]
    with service.store.transaction():
        _require(service, arn)
        store_tags(service, arn, request["Tags"])
        return {"Tags": tag_list(service, arn)}


@action("ListTags")
def list_tags(service: Service, request: Body) -> Body:
    """The tags of a resource, by key."""
    _require(service, request["ResourceArn"])
    tags = [((tag["Key"],), tag) for tag in tag_list(service, request["ResourceArn"])]
    page, token = paged(tags, request, default=MAX_TAGS)
    return {"Tags": page, **token}


@action("DeleteTags")
def delete_tags(service: Service, request: Body) -> Body:
    """Remove tags; keys that are not there are passed over."""
    _require(service, request["ResourceArn"])
    service.store.untag(request["ResourceArn"], request["TagKeys"])
    return {}


def store_tags(service: Service, arn: str, tags: list[Body] | None) -> None:
    """Give a resource tags in the wire shape. Raises ValidationException, ResourceLimitExceeded; then none is given."""
    if not tags:
        return
    given = {tag["Key"]: tag.get("Value", "") for tag in tags}
    if len(given) != len(tags):
        raise ValidationException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    reserved = [key for key in given if key.lower().startswith("aws:")]
    if reserved:
        raise ValidationException(f"Tag keys must not begin with aws:, which is reserved: {reserved[0]}")
    with service.store.transaction():
        if len(service.store.tags(arn) | given) > MAX_TAGS:
            raise ResourceLimitExceeded(f"The number of tags of {arn} would exceed the limit of {MAX_TAGS}.")
        service.store.tag(arn, given)


def tag_list(service: Service, arn: str) -> list[Body]:
    """The tags of a resource in the wire shape."""
    return [{"Key": key, "Value": value} for key, value in service.store.tags(arn).items()]


def _require(service: Service, arn: str) -> None:
    if service.store.by_arn(arn) is None:
        raise ValidationException(f"Resource {arn} does not exist.")
