"""Model packages: list them with their figures, compare two, approve, reject. boto3 against AWS or localhost alike.

A version's figures are those of the evaluation that it was registered with; they are read from S3 when asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline import versions
from pipeline.clients import Clients
from pipeline.errors import ServiceError, UsageError
from pipeline.executions.execution_results import figures_of, read_json
from pipeline.executions.execution_snapshot import definition_of, parameters_of
from pipeline.service_errors import is_absent, translated


@dataclass(frozen=True)
class RegisteredModel:
    """One version of a model package group."""

    arn: str
    version: int
    status: str
    """Approved, Rejected or PendingManualApproval."""
    created: datetime
    remark: str = ""
    """What was said when it was approved or rejected."""
    execution: str = ""
    """The ARN of the execution that registered it."""
    artifact: str = ""
    statistics: str = ""
    """The S3 address of its evaluation."""
    figures: Mapping[str, float] = field(default_factory=dict)


def models(clients: Clients, group: str, *, count: int = 20, figures: bool = True) -> tuple[RegisteredModel, ...]:
    """The versions of a group, newest first. Raises ServiceError."""
    with translated():
        pages = clients.sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group,
            SortBy="CreationTime",
            SortOrder="Descending",
            PaginationConfig={"MaxItems": count},
        )
        arns = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
    return tuple(describe(clients, arn, figures=figures) for arn in arns)


def model(clients: Clients, group: str, version: int | str) -> RegisteredModel:
    """One version with its figures, by its number or, as `latest`, the newest. Raises UsageError if there is none."""
    if not re.fullmatch(r"latest|[0-9]{1,9}", str(version)):
        raise UsageError(f"{version!r} is no version", hint="give its number, or `latest`")
    found = models(clients, group, count=1, figures=False)
    if found and version == "latest":
        version = found[0].version
    if not found or not 1 <= int(version) <= found[0].version:
        there = f"its versions go to {found[0].version}" if found else "it has no versions"
        raise UsageError(
            f"the group {group} has no version {version}: {there}", hint="`pipeline models list` shows them"
        )
    return describe(clients, f"{found[0].arn.rpartition('/')[0]}/{version}", figures=True)


def latest_approved(clients: Clients, group: str, *, besides: str = "") -> RegisteredModel | None:
    """The newest approved version with its figures, or None; the ARN `besides` does not count. Raises ServiceError."""
    from botocore.exceptions import ClientError

    with translated():
        try:
            arns = (item["ModelPackageArn"] for item in versions.approved(clients, group))
            arn = next((arn for arn in arns if arn != besides), None)
        except ClientError as error:
            if is_absent(error):
                return None
            raise
    return describe(clients, arn, figures=True) if arn else None


def describe(clients: Clients, arn: str, *, figures: bool) -> RegisteredModel:
    """One version by its ARN. Raises ServiceError."""
    with translated():
        found = clients.sagemaker.describe_model_package(ModelPackageName=arn)
    containers = found.get("InferenceSpecification", {}).get("Containers", [{}])
    uri = found.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {}).get("S3Uri", "")
    return RegisteredModel(
        arn=arn,
        version=found.get("ModelPackageVersion", 0),
        status=found.get("ModelApprovalStatus", ""),
        created=found["CreationTime"],
        remark=found.get("ApprovalDescription", ""),
        execution=found.get("MetadataProperties", {}).get("GeneratedBy", ""),
        artifact=containers[-1].get("ModelDataUrl", ""),  # the last one is the algorithm
        statistics=uri,
        figures=_figures(clients, uri) if figures and uri else {},
    )


def differing_parameters(
    clients: Clients, first: RegisteredModel, second: RegisteredModel
) -> dict[str, tuple[str, str]] | None:
    """The parameters that two versions' executions had different values of, defaults included.

    None where one has no execution, or one that is no longer there.
    """
    if not first.execution or not second.execution:
        return None
    try:
        old, new = (_parameters(clients, model.execution) for model in (first, second))
    except ServiceError:
        return None
    names = [*old, *(name for name in new if name not in old)]
    return {name: (old.get(name, ""), new.get(name, "")) for name in names if old.get(name) != new.get(name)}


def _parameters(clients: Clients, execution: str) -> dict[str, str]:
    declared = definition_of(clients, execution).get("Parameters", [])
    defaults = {item["Name"]: str(item.get("DefaultValue", "")) for item in declared}
    return defaults | parameters_of(clients, execution)


def approve(clients: Clients, chosen: RegisteredModel, remark: str) -> None:
    """Approve a version; what is said is kept with it. Raises ServiceError."""
    _decide(clients, chosen, "Approved", remark)


def reject(clients: Clients, chosen: RegisteredModel, reason: str) -> None:
    """Reject a version with a reason. Raises ServiceError."""
    _decide(clients, chosen, "Rejected", reason)


def _decide(clients: Clients, chosen: RegisteredModel, status: Any, remark: str) -> None:
    request: dict[str, Any] = {"ModelPackageArn": chosen.arn, "ModelApprovalStatus": status}
    if remark:
        request["ApprovalDescription"] = remark
    with translated():
        clients.sagemaker.update_model_package(**request)


def _figures(clients: Clients, uri: str) -> dict[str, float]:
    """The single figures of an evaluation by their names; none if it has been removed from S3."""
    try:
        return figures_of(read_json(clients, uri))
    except ServiceError:
        return {}
