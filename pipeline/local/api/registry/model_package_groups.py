"""Model package groups and their resource policies.

A group counts its versions itself, so a number that was given once is never given again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pipeline.limits import Row
from pipeline.local.api import Body, action, public
from pipeline.local.api.listing import Listing
from pipeline.local.api.tags import store_tags
from pipeline.local.errors import ConflictException, ValidationException
from pipeline.local.names import last_part
from pipeline.local.store import AlreadyExists

if TYPE_CHECKING:
    from pipeline.local.service import Service

KIND: Final = "model-package-group"
PARITY: Final = (
    Row(
        area="registry",
        subject="DeleteModelPackageGroup of a group that has versions",
        here="ConflictException that says so",
        aws="refused; the text is not established",
    ),
    Row(
        area="registry",
        subject="resource policies of model package groups",
        here="kept and given back, without effect",
        aws="open the group to other accounts",
    ),
)

_LISTING: Final = Listing("ModelPackageGroupName", modified="CreationTime")
_SUMMARY: Final = (
    "ModelPackageGroupName",
    "ModelPackageGroupArn",
    "ModelPackageGroupDescription",
    "CreationTime",
    "ModelPackageGroupStatus",
    "ManagedConfiguration",
)


@action("CreateModelPackageGroup")
def create_group(service: Service, request: Body) -> Body:
    """Make a group. Raises ValidationException if there is one of that name."""
    name = request["ModelPackageGroupName"]
    arn = service.arns.of(KIND, name)
    body: Body = {
        "ModelPackageGroupName": name,
        "ModelPackageGroupArn": arn,
        "CreationTime": service.clock.now(),
        "CreatedBy": {},
        "ModelPackageGroupStatus": "Completed",
        "_last_version": 0,
    }
    for member in ("ModelPackageGroupDescription", "ManagedConfiguration"):
        if member in request:
            body[member] = request[member]
    with service.store.transaction():
        try:
            service.store.insert(KIND, name, body, arn=arn)
        except AlreadyExists:
            raise ValidationException(f"Model Package Group already exists: {arn}") from None
        store_tags(service, arn, request.get("Tags"))
    return {"ModelPackageGroupArn": arn}


@action("DescribeModelPackageGroup")
def describe_group(service: Service, request: Body) -> Body:
    """The group, by name or ARN."""
    return public(find_group(service, request["ModelPackageGroupName"]))


@action("ListModelPackageGroups")
def list_groups(service: Service, request: Body) -> Body:
    """The groups of this account; there is no other."""
    bodies = service.store.list(KIND) if request.get("CrossAccountFilterOption") != "CrossAccount" else []
    page, token = _LISTING.page(bodies, request, lambda body: {key: body[key] for key in _SUMMARY if key in body})
    return {"ModelPackageGroupSummaryList": page, **token}


@action("DeleteModelPackageGroup")
def delete_group(service: Service, request: Body) -> Body:
    """Remove a group that has no versions. Raises ValidationException, ConflictException."""
    with service.store.transaction():
        group = find_group(service, request["ModelPackageGroupName"])
        name = group["ModelPackageGroupName"]
        if service.store.list("model-package", parent=name):
            raise ConflictException(
                f"Model Package Group {group['ModelPackageGroupArn']} cannot be deleted: it contains model packages. "
                "Delete them first."
            )
        service.store.delete(KIND, name)
    return {}


@action("PutModelPackageGroupPolicy")
def put_policy(service: Service, request: Body) -> Body:
    """Keep a resource policy. Raises ValidationException if it is no JSON object."""
    try:
        valid = isinstance(json.loads(request["ResourcePolicy"]), dict)
    except (ValueError, RecursionError):
        valid = False
    with service.store.transaction():
        group = _with_policy(service, request)
        if not valid:
            raise ValidationException("Invalid resource policy: it is not a JSON object.")
        service.store.merge(KIND, group["ModelPackageGroupName"], _policy=request["ResourcePolicy"])
    return {"ModelPackageGroupArn": group["ModelPackageGroupArn"]}


@action("GetModelPackageGroupPolicy")
def get_policy(service: Service, request: Body) -> Body:
    """The resource policy. Raises ValidationException if there is none."""
    group = _with_policy(service, request)
    if "_policy" not in group:
        raise ValidationException(f"Cannot find resource policy for: {group['ModelPackageGroupArn']}")
    return {"ResourcePolicy": group["_policy"]}


@action("DeleteModelPackageGroupPolicy")
def delete_policy(service: Service, request: Body) -> Body:
    """Remove the resource policy; no error if there is none."""
    with service.store.transaction():
        group = _with_policy(service, request)
        service.store.merge(KIND, group["ModelPackageGroupName"], _policy=None)
    return {}


def find_group(service: Service, name_or_arn: str) -> Body:
    """The stored group, by name or by its own ARN. Raises ValidationException."""
    found = service.store.get(KIND, last_part(name_or_arn))
    arn = name_or_arn if name_or_arn.startswith("arn:") else service.arns.of(KIND, name_or_arn)
    if found is None or found["ModelPackageGroupArn"] != arn:
        raise ValidationException(f"ModelPackageGroup {arn} does not exist.")
    return found


def _with_policy(service: Service, request: Body) -> Body:
    name = request["ModelPackageGroupName"]
    found = service.store.get(KIND, name)
    if found is None:
        raise ValidationException(f"Cannot find Model Package Group: {service.arns.of(KIND, name)}")
    return found
