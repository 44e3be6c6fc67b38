"""What an execution and a month of the endpoint cost, by AWS's own prices, and the ceiling that an upsert keeps.

An execution is priced by what the last one that succeeded used, so the first has no price before it has run. On
localhost nothing costs anything, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.deploy.prices import Price, Prices, Use
from pipeline.errors import SettingsError
from pipeline.executions.execution_snapshot import StepView, execution_id, snapshot
from pipeline.service_errors import is_absent, translated

HOURS_A_MONTH: Final = 730


@dataclass(frozen=True)
class Costs:
    """In USD; None where a price could not be asked, or no execution says what one takes."""

    endpoint_month: float | None = None
    endpoint: str = ""
    execution: float | None = None
    like: str = ""
    """The execution by which one was priced."""
    asked: date | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """What is known, in lines."""
        by = f"AWS's prices of {self.asked}"
        found = []
        if self.execution is not None:
            found.append(f"cost: an execution about {self.execution:,.2f} USD, as {self.like} took ({by})")
        if self.endpoint_month is not None:
            found.append(f"cost: the endpoint {self.endpoint_month:,.2f} USD a month, {self.endpoint} ({by})")
        return tuple(found)


def costs(clients: Clients, settings: Settings, *, cache: Path | None, now: datetime) -> Costs:
    """The costs of what the settings ask for; empty on localhost. Raises ServiceError."""
    if clients.target.local or settings.serverless is not None:
        return Costs()
    prices = Prices(clients, settings.region, cache=cache, now=now)
    most = settings.rollout.max_instances if settings.rollout else None
    instance, count = settings.default("EndpointInstanceType"), most or int(settings.default("EndpointInstanceCount"))
    hosting = prices.of(Use.HOSTING, instance)
    if hosting is None:
        return Costs()
    like, used = _last(clients, settings.name)
    priced = [(prices.of(use, kind), hours) for use, kind, hours in used]
    whole = [(price, hours) for price, hours in priced if price is not None]
    dates = [hosting.asked, *(price.asked for price, _ in whole)]
    return Costs(
        endpoint_month=hosting.hourly * count * HOURS_A_MONTH,
        endpoint=f"{count} x {instance} all day{', the most it scales to' if most else ''}",
        execution=_sum(whole) if like and len(whole) == len(priced) else None,
        like=like,
        asked=min(dates),
    )


def within_ceiling(found: Costs, settings: Settings, *, local: bool) -> None:
    """Raises SettingsError where the endpoint's month costs more than the settings allow, or nobody can say."""
    ceiling = settings.monthly_ceiling
    if ceiling is None or local:
        return
    if settings.serverless is not None:
        raise SettingsError(
            f"monthly_ceiling is {ceiling:,.2f} USD, but a serverless endpoint is paid by request: what a month costs "
            "cannot be told",
            hint="take monthly_ceiling out of the settings; its concurrency bounds what it costs",
        )
    if found.endpoint_month is None:
        raise SettingsError(
            f"monthly_ceiling is {ceiling:,.2f} USD, and AWS's prices could not be asked, so nothing is deployed",
            hint="allow pricing:GetProducts (`pipeline policy ci`), or take monthly_ceiling out of the settings",
        )
    if found.endpoint_month > ceiling:
        raise SettingsError(
            f"the endpoint would cost {found.endpoint_month:,.2f} USD a month ({found.endpoint}, AWS's prices of "
            f"{found.asked}), and monthly_ceiling is {ceiling:,.2f}",
            hint="lower EndpointInstanceCount, EndpointInstanceType or max_instances, or raise monthly_ceiling",
        )


def _sum(priced: list[tuple[Price, float]]) -> float:
    return sum(price.hourly * hours for price, hours in priced)


def _last(clients: Clients, pipeline: str) -> tuple[str, list[tuple[Use, str, float]]]:
    """The last execution that succeeded, and what its jobs used: for what, which instance, how many hours of one."""
    from botocore.exceptions import ClientError

    with translated():
        try:
            pages = clients.sagemaker.get_paginator("list_pipeline_executions").paginate(
                PipelineName=pipeline, SortBy="CreationTime", SortOrder="Descending", PaginationConfig={"MaxItems": 20}
            )
            summaries = [item for page in pages for item in page["PipelineExecutionSummaries"]]
        except ClientError as error:
            if is_absent(error):
                return "", []
            raise
        arn = next(
            (one["PipelineExecutionArn"] for one in summaries if one["PipelineExecutionStatus"] == "Succeeded"), ""
        )
        if not arn:
            return "", []
        steps = snapshot(clients, arn).steps
        return execution_id(arn), [used for step in steps if step.job_name for used in _used(clients, step)]


def _used(clients: Clients, step: StepView) -> Iterator[tuple[Use, str, float]]:
    """What a step's job used, also one that the step reused: without the cache it would run again."""
    found: Any
    match step.kind:
        case "ProcessingJob":
            found = clients.sagemaker.describe_processing_job(ProcessingJobName=step.job_name)
            cluster, times = found["ProcessingResources"]["ClusterConfig"], ("ProcessingStartTime", "ProcessingEndTime")
            use = Use.PROCESSING
        case "TrainingJob":
            found = clients.sagemaker.describe_training_job(TrainingJobName=step.job_name)
            cluster, times = found["ResourceConfig"], ("TrainingStartTime", "TrainingEndTime")
            use = Use.TRAINING
        case "TransformJob":
            found = clients.sagemaker.describe_transform_job(TransformJobName=step.job_name)
            cluster, times = found["TransformResources"], ("TransformStartTime", "TransformEndTime")
            use = Use.TRANSFORM
        case _:
            return
    if all(name in found for name in times):
        seconds = (found[times[1]] - found[times[0]]).total_seconds()
        yield use, cluster["InstanceType"], cluster["InstanceCount"] * seconds / 3600
