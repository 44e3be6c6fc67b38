"""Finds what a pipeline and its executions made: endpoints, models, versions, files in S3, the pipelines themselves.

The service tags what a step makes with the execution's ARN, so that tag decides; where it is missing, as on an
endpoint that was made by hand for the pipeline, the settings' own tags and the pipeline's name decide together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pipeline import api_destinations, endpoint_scaling, event_rule_changes
from pipeline.clients import Clients
from pipeline.config.pipeline_kind import PipelineKind
from pipeline.config.settings import Settings
from pipeline.executions.execution_snapshot import TERMINAL
from pipeline.operate import schedule
from pipeline.operate.clean import EXECUTIONS, PROMOTED, Item, RemainsKind
from pipeline.service_errors import error_code, is_absent, translated
from steps.step_names import SCRIPT_TAG

EXECUTION_TAG: Final = "sagemaker:pipeline-execution-arn"
_BUSY: Final = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


def inventory(clients: Clients, settings: Settings) -> tuple[Item, ...]:
    """Everything of this pipeline, and other pipelines' things as far as they may use it. Raises ServiceError."""
    reader = _Reader(clients, settings)
    with translated():
        return (
            *reader.endpoints(),
            *reader.configurations(),
            *reader.models(),
            *reader.packages(),
            *reader.execution_files(),
            *reader.in_force(),
            *reader.pipelines(),
            *reader.group(),
            *reader.folders(),
        )


@dataclass(frozen=True)
class _Reader:
    clients: Clients
    settings: Settings

    def endpoints(self) -> Iterator[Item]:
        for summary in self._all("list_endpoints", "Endpoints"):
            name, status = summary["EndpointName"], summary["EndpointStatus"]
            found = self.clients.sagemaker.describe_endpoint(EndpointName=name)
            configurations = {found.get("EndpointConfigName", "")}
            configurations.add(found.get("PendingDeploymentSummary", {}).get("EndpointConfigName", ""))
            yield Item(
                RemainsKind.ENDPOINT,
                name,
                name,
                summary["LastModifiedTime"],
                frozenset((RemainsKind.ENDPOINT_CONFIG, used) for used in configurations if used),
                stays=f"it is {status}" if status in _BUSY else "",
                by_name_only="in service: goes by name only" if status == "InService" else "",
                own=self._own(summary["EndpointArn"], name),
            )

    def configurations(self) -> Iterator[Item]:
        for summary in self._all("list_endpoint_configs", "EndpointConfigs"):
            name = summary["EndpointConfigName"]
            found = self.clients.sagemaker.describe_endpoint_config(EndpointConfigName=name)
            used = frozenset(
                (RemainsKind.MODEL, variant.get("ModelName", "")) for variant in found["ProductionVariants"]
            )
            own = self._own(summary["EndpointConfigArn"], name)
            yield Item(RemainsKind.ENDPOINT_CONFIG, name, name, summary["CreationTime"], used, own=own)

    def models(self) -> Iterator[Item]:
        for summary in self._all("list_models", "Models"):
            name = summary["ModelName"]
            if not self._own(summary["ModelArn"], name):
                continue
            found = self.clients.sagemaker.describe_model(ModelName=name)
            containers = [found.get("PrimaryContainer", {}), *found.get("Containers", [])]
            yield Item(RemainsKind.MODEL, name, name, summary["CreationTime"], self._files(containers))

    def packages(self) -> Iterator[Item]:
        from botocore.exceptions import ClientError

        group = self.settings.model_group
        try:
            summaries = list(self._all("list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=group))
        except ClientError as error:
            if is_absent(error):
                return
            raise
        for summary in summaries:
            arn = summary["ModelPackageArn"]
            found = self.clients.sagemaker.describe_model_package(ModelPackageName=arn)
            status = found.get("ModelApprovalStatus", "")
            members = ("InferenceSpecification", "ModelMetrics", "CustomerMetadataProperties")
            used = self._files([found.get(member, {}) for member in members])
            used |= {(RemainsKind.MODEL_PACKAGE_GROUP, group)}
            yield Item(
                RemainsKind.MODEL_PACKAGE,
                arn.rpartition("model-package/")[2],
                arn,
                summary["CreationTime"],
                used,
                stays="it is approved" if status == "Approved" else "",
            )

    def execution_files(self) -> Iterator[Item]:
        bucket, below = self.settings.bucket, f"{self.settings.prefix}/"
        started = self._executions()
        for prefix in [found for folder in (EXECUTIONS, PROMOTED) for found in self._folders(f"{below}{folder}")]:
            name = prefix.removeprefix(below).removeprefix(EXECUTIONS).rstrip("/")
            when, status = started.get(name) or (self._newest(bucket, prefix), "")
            running = f"the execution is {status}" if status and status not in TERMINAL else ""
            yield Item(RemainsKind.EXECUTION_FILES, name, f"s3://{bucket}/{prefix}", when, stays=running)

    def in_force(self) -> Iterator[Item]:
        """What acts by itself: rules, the webhook that they tell, schedules, autoscaling."""
        for rule in event_rule_changes.read(self.clients, self.settings.name):
            yield _in_force(RemainsKind.RULE, rule.name, rule.description)
        if webhook := api_destinations.read(self.clients, self.settings.name):
            yield _in_force(RemainsKind.WEBHOOK, webhook.name, "rules tell it")
        for found in schedule.read(self.clients, self.settings.name):
            yield _in_force(RemainsKind.SCHEDULE, found.name, found.expression)
        if scales := endpoint_scaling.read(self.clients, endpoint := self.settings.endpoint):
            yield _in_force(RemainsKind.SCALING, endpoint, endpoint_scaling.told(scales))

    def pipelines(self) -> Iterator[Item]:
        """The deployed pipelines, each with its executions' history; their definitions name the code in S3."""
        for name in map(self.settings.name_of, PipelineKind):
            if found := self._there("describe_pipeline", PipelineName=name):
                code = frozenset({(RemainsKind.FOLDER, "code/")})
                changed = found["LastModifiedTime"]
                yield Item(RemainsKind.PIPELINE, name, name, changed, code, by_name_only="goes by name only")

    def group(self) -> Iterator[Item]:
        """The registry's group."""
        name = self.settings.model_group
        if found := self._there("describe_model_package_group", ModelPackageGroupName=name):
            changed = found["CreationTime"]
            yield Item(RemainsKind.MODEL_PACKAGE_GROUP, name, name, changed, by_name_only="goes by name only")

    def folders(self) -> Iterator[Item]:
        """What else lies below the prefix: code, raw data, captured requests."""
        bucket, below = self.settings.bucket, f"{self.settings.prefix}/"
        for prefix in self._folders(below):
            name = prefix.removeprefix(below)
            if name not in (EXECUTIONS, PROMOTED):
                changed = self._newest(bucket, prefix)
                yield Item(
                    RemainsKind.FOLDER, name, f"s3://{bucket}/{prefix}", changed, by_name_only="goes by name only"
                )

    def _folders(self, below: str) -> list[str]:
        """The prefixes one level below one, none where there is no bucket."""
        from botocore.exceptions import ClientError

        pages = self.clients.s3.get_paginator("list_objects_v2")
        try:
            return [
                found["Prefix"]
                for page in pages.paginate(Bucket=self.settings.bucket, Prefix=below, Delimiter="/")
                for found in page.get("CommonPrefixes", [])
            ]
        except ClientError as error:
            if error_code(error) == "NoSuchBucket":
                return []
            raise

    def _there(self, operation: str, **request: str) -> Mapping[str, Any]:
        """What describes one thing, empty where there is none."""
        from botocore.exceptions import ClientError

        try:
            found: Mapping[str, Any] = getattr(self.clients.sagemaker, operation)(**request)
        except ClientError as error:
            if is_absent(error):
                return {}
            raise
        return found

    def _executions(self) -> dict[str, tuple[datetime, str]]:
        from botocore.exceptions import ClientError

        try:
            found = list(
                self._all("list_pipeline_executions", "PipelineExecutionSummaries", PipelineName=self.settings.name)
            )
        except ClientError as error:
            if is_absent(error):
                return {}
            raise
        return {
            item["PipelineExecutionArn"].rpartition("/")[2]: (item["StartTime"], item["PipelineExecutionStatus"])
            for item in found
        }

    def _newest(self, bucket: str, prefix: str) -> datetime:
        pages = self.clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        newest: datetime = max(item["LastModified"] for page in pages for item in page.get("Contents", []))
        return newest

    def _files(self, documents: Any) -> frozenset[tuple[RemainsKind, str]]:
        """The executions whose files a description names, wherever in it, and the promotions."""
        root = re.escape(f"{self.settings.root}/")
        found = re.findall(f"{root}({EXECUTIONS}|{PROMOTED})([^/'\"]+)", repr(documents))
        return frozenset(
            (RemainsKind.EXECUTION_FILES, f"{folder.removeprefix(EXECUTIONS)}{name}") for folder, name in found
        )

    def _own(self, arn: str, name: str) -> bool:
        tags: dict[str, str] = {tag["Key"]: tag["Value"] for tag in self._all("list_tags", "Tags", ResourceArn=arn)}
        maker = tags.get(EXECUTION_TAG) or tags.get(SCRIPT_TAG)
        if maker:
            # ARNs have shown a pipeline's name in lower case.
            name_in_arn: str = maker.partition(":pipeline/")[2].partition("/")[0]
            return name_in_arn.lower() in tuple(self.settings.name_of(part).lower() for part in PipelineKind)
        wanted: Mapping[str, str] = self.settings.tags
        tagged = bool(wanted) and wanted.items() <= tags.items()
        return tagged and name.startswith((self.settings.name, self.settings.endpoint))

    def _all(self, operation: str, member: str, **request: Any) -> Iterator[Any]:
        pages = self.clients.sagemaker.get_paginator(operation).paginate(**request)  # type: ignore[call-overload]
        for page in pages:
            yield from page[member]


def _in_force(kind: RemainsKind, name: str, what: str) -> Item:
    return Item(kind, name, name, datetime.now(UTC), by_name_only=f"in force, goes by name only: {what}")
