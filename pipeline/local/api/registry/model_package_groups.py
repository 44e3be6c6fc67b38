"""Model package groups and their resource policies.

A group counts its versions itself, so a number that was given once is never given again.
"""

from __future__ import annotations

import json
from typing import Final

from pipeline.limits import Row
from pipeline.local.api import action
from pipeline.local.api.resource_actions import ResourceActions
from pipeline.local.api_errors import ConflictException, ValidationException
from pipeline.local.kinds import MODEL_PACKAGE, MODEL_PACKAGE_GROUP, Body
from pipeline.local.service import Service

GROUPS: Final = ResourceActions(
    MODEL_PACKAGE_GROUP,
    "ModelPackageGroup",
    listed="ModelPackageGroupSummaryList",
    summary=(
        "ModelPackageGroupName",
        "ModelPackageGroupArn",
        "ModelPackageGroupDescription",
        "CreationTime",
        "ModelPackageGroupStatus",
        "ManagedConfiguration",
    ),
    exists="Model Package Group already exists: {arn}",
    unknown="ModelPackageGroup {arn} does not exist.",
    unknown_error=ValidationException,
    listing={"modified": "CreationTime"},
)
GROUPS.offer("Describe")
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


@action("CreateModelPackageGroup")
def create_group(service: Service, request: Body) -> Body:
    """Make a group. Raises ValidationException if there is one of that name."""
    body: Body = {"CreatedBy": {}, "ModelPackageGroupStatus": "Completed", "_last_version": 0}
    body |= {key: value for key, value in request.items() if key != "Tags"}
    return GROUPS.create(service, request["ModelPackageGroupName"], body, request)


@action("ListModelPackageGroups")
def list_groups(service: Service, request: Body) -> Body:
    """The groups of this account; there is no other."""
    return GROUPS.page(service, request, [] if request.get("CrossAccountFilterOption") == "CrossAccount" else None)


@action("DeleteModelPackageGroup")
def delete_group(service: Service, request: Body) -> Body:
    """Remove a group that has no versions. Raises ValidationException, ConflictException."""
    with service.store.transaction():
        group = GROUPS.find(service, request["ModelPackageGroupName"])
        name = group["ModelPackageGroupName"]
        if service.store.list(MODEL_PACKAGE, parent=name):
            raise ConflictException(
                f"Model Package Group {group['ModelPackageGroupArn']} cannot be deleted: it contains model packages. "
                "Delete them first."
            )
        service.store.delete(MODEL_PACKAGE_GROUP, name)
    return {}


@action("PutModelPackageGroupPolicy")
def put_policy(service: Service, request: Body) -> Body:
    """Keep a resource policy. Raises ValidationException if it is not a JSON object."""
    try:
        valid = isinstance(json.loads(request["ResourcePolicy"]), dict)
    except (ValueError, RecursionError):
        valid = False
    with service.store.transaction():
        group = _with_policy(service, request)
        if not valid:
            raise ValidationException("Invalid resource policy: it is not a JSON object.")
        service.store.merge(MODEL_PACKAGE_GROUP, group["ModelPackageGroupName"], _policy=request["ResourcePolicy"])
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
        service.store.merge(MODEL_PACKAGE_GROUP, group["ModelPackageGroupName"], _policy=None)
    return {}


def _with_policy(service: Service, request: Body) -> Body:
    name = request["ModelPackageGroupName"]
    found = service.store.get(MODEL_PACKAGE_GROUP, name)
    if found is None:
        raise ValidationException(f"Cannot find Model Package Group: {service.arns.of(MODEL_PACKAGE_GROUP, name)}")
    return found
