"""All that one `upsert` deploys: the pipelines that train, release and watch, and the rules that connect them.

An approval of a version raises an event; a rule starts the release pipeline with the version's ARN. Planned and applied
together, so that a plan shows everything and an upsert leaves nothing half done.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import api_destinations, endpoint_scaling, event_rule_changes, event_rules
from pipeline.clients import Clients
from pipeline.config.pipeline_kind import PipelineKind
from pipeline.config.settings import VERSION_PARAMETER, Settings, partition
from pipeline.deploy import apply, view
from pipeline.deploy.desired import desired
from pipeline.deploy.notices import notices
from pipeline.deploy.plan import DeployPlan, UploadCode
from pipeline.service_errors import error_code, translated


@dataclass(frozen=True)
class DeliveryPlan:
    """What would be done to each part; `retired` are pipelines that are wanted no more."""

    training: DeployPlan
    others: tuple[DeployPlan, ...]
    rules: tuple[event_rule_changes.RuleChange, ...]
    webhook: api_destinations.WebhookChange | None = None
    retired: tuple[str, ...] = ()
    scaling: endpoint_scaling.ScalingChange | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.training.empty and self.others_empty

    @property
    def others_empty(self) -> bool:
        """Whether there is nothing to do beside the pipeline that trains."""
        return all(plan.empty for plan in self.others) and not (
            self.rules or self.webhook or self.retired or self.scaling
        )

    @property
    def beside(self) -> tuple[str, ...]:
        """What would be done beside the pipeline that trains, in lines."""
        return (
            *(line for plan in self.others for line in view.brief(plan)),
            *([api_destinations.describe(self.webhook)] if self.webhook else []),
            *(event_rule_changes.describe(change) for change in self.rules),
            *(f"- pipeline {name}" for name in self.retired),
            *([endpoint_scaling.describe(self.scaling)] if self.scaling else []),
        )


def plan(clients: Clients, settings: Settings, *, cache: Path | None) -> DeliveryPlan:
    """What `upsert` would do now; reads, never writes. Raises ServiceError, DefinitionError, SettingsError."""
    training = apply.plan(clients, desired(settings, cache=cache))
    there = event_rule_changes.read(clients, settings.name)
    others: list[DeployPlan] = []
    retired: list[str] = []
    for part, wanted in _beside(settings).items():
        if wanted:
            # What several of them run goes up with the first.
            made = apply.plan(clients, desired(settings, cache=cache, part=part))
            going = {item for plan in (training, *others) for item in plan.instructions if isinstance(item, UploadCode)}
            rest = tuple(item for item in made.instructions if not (isinstance(item, UploadCode) and item in going))
            others.append(replace(made, instructions=rest, code=(), warnings=_own_warnings(made, training)))
        elif apply.read(clients, name := settings.name_of(part)) is not None:
            retired.append(name)
    changes = event_rule_changes.plan(wanted_rules(settings), there, tags=settings.tags)
    told = api_destinations.wanted(clients, settings.name, settings.notify.webhook)
    webhook = api_destinations.plan(told, api_destinations.read(clients, settings.name))
    return DeliveryPlan(
        training, tuple(others), changes, webhook, tuple(retired), endpoint_scaling.plan(clients, settings)
    )


def _beside(settings: Settings) -> dict[PipelineKind, bool]:
    """The pipelines beside the one that trains, and whether the settings ask for them."""
    return {PipelineKind.RELEASE: settings.release, PipelineKind.WATCH: settings.watch is not None}


def deployed(clients: Clients, settings: Settings) -> tuple[object, ...]:
    """All that is there of what an upsert may change. Raises ServiceError."""
    pipelines = (apply.read(clients, settings.name_of(part)) for part in PipelineKind)
    scales = endpoint_scaling.read(clients, settings.endpoint)
    return (
        *pipelines,
        *event_rule_changes.read(clients, settings.name),
        api_destinations.read(clients, settings.name),
        scales,
    )


def wanted_rules(settings: Settings) -> tuple[event_rules.EventRule, ...]:
    """The rules that the settings ask for."""
    training, release, watch = (_arn(settings, settings.name_of(part)) for part in PipelineKind)
    found = notices(settings, training, release, watch)
    if settings.watch is not None:
        found = (*event_rules.watch_rules(settings.name, watch, settings.watch, training, settings.events_role), *found)
    if settings.release:
        starts = event_rules.release_rule(
            settings.name, settings.model_group, release, settings.events_role, VERSION_PARAMETER
        )
        found = (starts, *found)
    return found


def _arn(settings: Settings, name: str) -> str:
    """The ARN of a pipeline of that name."""
    where = f"{settings.region}:{settings.account}"
    return f"arn:{partition(settings.region)}:sagemaker:{where}:pipeline/{name}"


def deliver(clients: Clients, what: DeliveryPlan, *, progress: Callable[[str], None]) -> str:
    """Carry out the plan and return the ARN of the pipeline that trains; `progress` is told before each thing.

    What starts comes after what is started. Raises ServiceError; running it again finishes the work.
    """
    arn = apply.apply(clients, what.training, progress=lambda item: progress(view.describe(item)))
    for other in what.others:
        if not other.empty:
            _apply(clients, other, progress)
    if isinstance(what.webhook, api_destinations.PutWebhook):
        _put_webhook(clients, what.webhook, progress)
    for change in what.rules:
        progress(event_rule_changes.describe(change))
        event_rule_changes.apply(clients, change)
    if isinstance(what.webhook, api_destinations.RemoveWebhook):
        _put_webhook(clients, what.webhook, progress)
    for name in what.retired:
        progress(f"- pipeline {name}")
        remove_pipeline(clients, name)
    if what.scaling is not None:
        progress(endpoint_scaling.describe(what.scaling))
        endpoint_scaling.apply(clients, what.scaling)
    return arn


def _put_webhook(clients: Clients, change: api_destinations.WebhookChange, progress: Callable[[str], None]) -> None:
    progress(api_destinations.describe(change))
    api_destinations.apply(clients, change)


def _apply(clients: Clients, other: DeployPlan, progress: Callable[[str], None]) -> None:
    apply.apply(clients, other, progress=lambda item: progress(_of(other.pipeline, view.describe(item))))


def remove_pipeline(clients: Clients, name: str) -> None:
    """Remove a pipeline, if it is there. Raises ServiceError."""
    from botocore.exceptions import ClientError

    with translated():
        try:
            clients.sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=uuid.uuid4().hex)
        except ClientError as error:
            if error_code(error) != "ResourceNotFound":
                raise


def _of(name: str, done: str) -> str:
    return done if name in done else f"{done} of {name}"


def _own_warnings(other: DeployPlan, training: DeployPlan) -> tuple[str, ...]:
    return tuple(warning for warning in other.warnings if warning not in training.warnings)
