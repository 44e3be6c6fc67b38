"""The approved versions of a model package group, newest first: what a plan, a release and an approval begin with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.clients import Clients

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import ModelPackageSummaryTypeDef


def approved(clients: Clients, group: str) -> Iterator[ModelPackageSummaryTypeDef]:
    """The summaries as they come. Raises ClientError, also for a group that is not there.

    A page may be empty where the service filters what it has paged, so the first version may be on a later one.
    """
    pages = clients.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
    )
    for page in pages:
        yield from page["ModelPackageSummaryList"]
