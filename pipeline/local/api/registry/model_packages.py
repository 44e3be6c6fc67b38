"""Model packages: versions of a group, or unversioned under a name of their own.

A package is complete at once, since there is no marketplace to validate it. An update changes what it names and
nothing else.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.api import action
from pipeline.local.api.idempotency import once
from pipeline.local.api.listing import Listing
from pipeline.local.api.registry.model_package_groups import GROUPS
from pipeline.local.api.tags import store_tags
from pipeline.local.api_errors import ValidationException
from pipeline.local.kinds import MODEL_PACKAGE, MODEL_PACKAGE_GROUP, Body, public
from pipeline.local.resource_names import last_part
from pipeline.local.service import Service
from pipeline.local.store import AlreadyExists

PARITY: Final = (
    Row(
        area="registry",
        subject="validation of model packages",
        here="none is run: status Completed at once; the model's data need not exist",
        aws="the image and the model's data are looked at, and validation profiles are run",
    ),
    Row(
        area="registry",
        subject="order of ListModelPackages and ListModelPackageGroups without SortOrder",
        here="newest first",
        aws="documented as Ascending; not established",
    ),
    Row(
        area="registry",
        subject="ListModelPackages of a group that does not exist",
        here="an empty list",
        aws="not established",
    ),
)

_LISTING: Final = Listing(
    "ModelPackageName", modified="CreationTime", members={"Name": "_name", "CreationTime": "CreationTime"}
)
_STORED_APART: Final = ("Tags", "ClientToken", "ModelPackageGroupName", "ModelPackageName")
_SUMMARY: Final = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)
_REPLACED: Final = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)
_CARD_SECTIONS: Final = frozenset(
    "model_overview intended_uses business_details training_details evaluation_details "
    "additional_information model_package_details".split()
)


@action("CreateModelPackage")
def create_package(service: Service, request: Body) -> Body:
    """Make a version of a group, or an unversioned package. Raises ValidationException, ConflictException."""
    _check_names(request)
    _check_card(request.get("ModelCard"))
    create = _versioned if "ModelPackageGroupName" in request else _unversioned
    answer, new = once(
        service,
        "CreateModelPackage",
        request,
        lambda: create(service, request),
        member="ClientToken",
        made="ModelPackageArn",
    )
    if new:
        _announce(service, find_package(service, answer["ModelPackageArn"]))
    return answer


@action("DescribeModelPackage")
def describe_package(service: Service, request: Body) -> Body:
    """The package, by ARN or, if it has no version, by name."""
    body = public(find_package(service, request["ModelPackageName"]))
    if request.get("IncludedData") == "MetadataOnly" and "ModelCard" in body:
        body["ModelCard"] = {key: value for key, value in body["ModelCard"].items() if key != "ModelCardContent"}
    return body


@action("ListModelPackages")
def list_packages(service: Service, request: Body) -> Body:
    """The versions of a group, or the packages of a type: by default those without a version, as on AWS."""
    group = request.get("ModelPackageGroupName")
    kind = request.get("ModelPackageType", "Versioned" if group else "Unversioned")
    parent = last_part(group) if group else None
    if group not in (None, parent, service.arns.of(MODEL_PACKAGE_GROUP, str(parent))):
        return {"ModelPackageSummaryList": []}  # of a group of the same name, but in another region or account
    bodies = [body for body in service.store.list(MODEL_PACKAGE, parent=parent) if _is_listed(body, kind, request)]
    page, token = _LISTING.page(bodies, request, _summary)
    return {"ModelPackageSummaryList": page, **token}


@action("UpdateModelPackage")
def update_package(service: Service, request: Body) -> Body:
    """Change what the request names. Raises ValidationException."""
    _check_card(request.get("ModelCard"))
    with service.store.transaction():
        body = find_package(service, request["ModelPackageArn"])
        if "ModelPackageVersion" not in body and "ModelApprovalStatus" in request:
            raise ValidationException("ModelApprovalStatus does not apply to an unversioned model package.")
        changes: Body = {name: request[name] for name in _REPLACED if name in request}
        changes |= {"LastModifiedTime": service.clock.now(), "LastModifiedBy": {}}
        changes |= _metadata(body, request) | _specifications(body, request)
        if "ModelCard" in request:
            changes["ModelCard"] = body.get("ModelCard", {}) | request["ModelCard"]
        updated = service.store.merge(MODEL_PACKAGE, _key(body), **changes)
    _announce(service, updated)
    return {"ModelPackageArn": body["ModelPackageArn"]}


@action("DeleteModelPackage")
def delete_package(service: Service, request: Body) -> Body:
    """Remove a package; its version number is not given again. Raises ValidationException."""
    with service.store.transaction():
        body = find_package(service, request["ModelPackageName"])
        service.store.delete(MODEL_PACKAGE, _key(body))
    return {}


@action("BatchDescribeModelPackage")
def batch_describe(service: Service, request: Body) -> Body:
    """Short descriptions of up to 100 versions by ARN, and an error for each that is not there."""
    found: Body = {}
    errors: Body = {}
    members = (*_SUMMARY[1:8], "InferenceSpecification", "ModelPackageRegistrationType")
    for arn in request["ModelPackageArnList"]:
        try:
            body = find_package(service, arn)
        except ValidationException as error:
            errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
        else:
            found[arn] = {"InferenceSpecification": {}} | {key: body[key] for key in members if key in body}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


def find_package(service: Service, name_or_arn: str) -> Body:
    """The stored package by ARN, by name, or by `<group>/<version>`. Raises ValidationException."""
    arn = name_or_arn if name_or_arn.startswith("arn:") else service.arns.of(MODEL_PACKAGE, name_or_arn)
    found = service.store.get(MODEL_PACKAGE, last_part(name_or_arn))
    if found is None or found["ModelPackageArn"] != arn:
        raise ValidationException(f"ModelPackage {arn} does not exist.")
    return found


def _versioned(service: Service, request: Body) -> Body:
    if request.get("Tags"):
        raise ValidationException(
            "Tags cannot be given to a version of a model package group: it uses those of its group."
        )
    group = GROUPS.find(service, request["ModelPackageGroupName"])
    name, version = group["ModelPackageGroupName"], group["_last_version"] + 1
    service.store.merge(MODEL_PACKAGE_GROUP, name, _last_version=version)
    body = {
        "ModelPackageGroupName": name,
        "ModelPackageVersion": version,
        "ModelApprovalStatus": "PendingManualApproval",
    }
    return _insert(service, request, body, f"{name}/{version}", parent=name)


def _unversioned(service: Service, request: Body) -> Body:
    if "ModelApprovalStatus" in request:
        raise ValidationException("ModelApprovalStatus does not apply to an unversioned model package.")
    try:
        return _insert(service, request, {}, request["ModelPackageName"], parent="")
    except AlreadyExists:
        arn = service.arns.of(MODEL_PACKAGE, request["ModelPackageName"])
        raise ValidationException(f"Model Package already exists: {arn}") from None


def _insert(service: Service, request: Body, body: Body, key: str, *, parent: str) -> Body:
    """Store a package; the answer to its creation. Raises AlreadyExists."""
    arn = service.arns.of(MODEL_PACKAGE, key)
    body = {
        # botocore's model requires a name in DescribeModelPackage; AWS answers none for a version.
        **({} if parent else {"ModelPackageName": key}),
        "ModelPackageArn": arn,
        "CreationTime": service.clock.now(),
        "CreatedBy": {},
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": False,
        **body,
        **{member: value for member, value in request.items() if member not in _STORED_APART},
        "_name": key,
    }
    service.store.insert(MODEL_PACKAGE, key, body, arn=arn, parent=parent)
    store_tags(service, arn, request.get("Tags"))
    return {"ModelPackageArn": arn}


def _check_names(request: Body) -> None:
    named = [member for member in ("ModelPackageName", "ModelPackageGroupName") if request.get(member)]
    if len(named) == 2:
        raise ValidationException(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one "
            "to use."
        )
    if not named:
        raise ValidationException("Missing ARN.")


def _check_card(card: Body | None) -> None:
    if not card or "ModelCardContent" not in card:
        return
    try:
        content = json.loads(card["ModelCardContent"])
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ValidationException("ModelCardContent must be a JSON object.")
    unknown = sorted(set(content) - _CARD_SECTIONS)
    if unknown:
        raise ValidationException(
            f"ModelCardContent has no section {unknown[0]!r}; the sections are {', '.join(sorted(_CARD_SECTIONS))}."
        )


def _metadata(body: Body, request: Body) -> Body:
    given = request.get("CustomerMetadataProperties", {})
    removed = request.get("CustomerMetadataPropertiesToRemove", [])
    if not given and not removed:
        return {}
    merged = body.get("CustomerMetadataProperties", {}) | given
    kept = {key: value for key, value in merged.items() if key not in removed}
    if len(kept) > 50:
        raise ValidationException(f"A model package has at most 50 customer metadata properties, not {len(kept)}.")
    return {"CustomerMetadataProperties": kept or None}


def _specifications(body: Body, request: Body) -> Body:
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    if not added:
        return {}
    every = [*body.get("AdditionalInferenceSpecifications", []), *added]
    names = [specification["Name"] for specification in every]
    if len(set(names)) != len(names):
        raise ValidationException("The names of additional inference specifications must be unique.")
    if len(every) > 15:
        raise ValidationException(f"A model package has at most 15 additional specifications, not {len(every)}.")
    return {"AdditionalInferenceSpecifications": every}


def _is_listed(body: Body, kind: str, request: Body) -> bool:
    versioned = "ModelPackageVersion" in body
    wanted: Any = request.get("ModelApprovalStatus", body.get("ModelApprovalStatus"))
    return kind in ("Both", "Versioned" if versioned else "Unversioned") and body.get("ModelApprovalStatus") == wanted


def _summary(body: Body) -> Body:
    # A version is known by its ARN; ListModelPackages gives no name for it.
    members = _SUMMARY[1:] if "ModelPackageVersion" in body else _SUMMARY
    return {member: body[member] for member in members if member in body}


def _key(body: Body) -> str:
    return str(body["_name"])


def _announce(service: Service, body: Body) -> None:
    """The event that approvals are automated by."""
    detail = {key: value for key, value in public(body).items() if key not in ("CreatedBy", "LastModifiedBy")}
    for member in ("CreationTime", "LastModifiedTime"):
        if member in detail:
            time = datetime.fromtimestamp(detail[member], UTC)
            detail[member] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
    service.events.emit("SageMaker Model Package State Change", [body["ModelPackageArn"]], detail)
