"""All that one `upsert` brings: the pipeline that trains, the one that releases, and the rules between them.

An approval of a version raises an event; a rule starts the release pipeline with the version's ARN. Planned and applied
together, so that a plan tells the whole and an upsert leaves no half.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import rules
from pipeline.clients import Clients, error_code, translated
from pipeline.config.settings import VERSION_PARAMETER, Settings, partition
from pipeline.deploy import apply, view
from pipeline.deploy.desired import desired
from pipeline.deploy.notices import notices
from pipeline.deploy.plan import DeployPlan, UploadCode


@dataclass(frozen=True)
class DeliveryPlan:
    """What would be done to each part; `retired` is a release pipeline that is wanted no more."""

    training: DeployPlan
    release: DeployPlan | None
    rules: tuple[rules.RuleChange, ...]
    retired: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.training.empty and self.release_empty

    @property
    def release_empty(self) -> bool:
        """Whether there is nothing to do beside the pipeline that trains."""
        return (self.release is None or self.release.empty) and not self.rules and not self.retired

    @property
    def beside(self) -> tuple[str, ...]:
        """What would be done beside the pipeline that trains, in lines."""
        return (
            *(view.brief(self.release) if self.release else ()),
            *(rules.describe(change) for change in self.rules),
            *((f"- pipeline {self.retired}",) if self.retired else ()),
        )


def plan(clients: Clients, settings: Settings, *, cache: Path | None) -> DeliveryPlan:
    """What `upsert` would do now; reads, never writes. Raises ServiceError, DefinitionError, SettingsError."""
    training = apply.plan(clients, desired(settings, cache=cache))
    there = rules.read(clients, settings.name)
    release, retired = None, ""
    if settings.release:
        # The code is the same for both, and goes up with the first.
        made = apply.plan(clients, desired(settings, cache=cache, release=True))
        others = tuple(item for item in made.instructions if not isinstance(item, UploadCode))
        release = replace(made, instructions=others, code=(), warnings=_own_warnings(made, training))
    elif apply.read(clients, settings.release_name) is not None:
        retired = settings.release_name
    return DeliveryPlan(training, release, rules.plan(wanted_rules(settings), there, tags=settings.tags), retired)


def deployed(clients: Clients, settings: Settings) -> tuple[object, ...]:
    """All that is there of what an upsert may change. Raises ServiceError."""
    pipelines = (apply.read(clients, name) for name in (settings.name, settings.release_name))
    return (*pipelines, *rules.read(clients, settings.name))


def wanted_rules(settings: Settings) -> tuple[rules.EventRule, ...]:
    """The rules that the settings ask for."""
    training, release = (_arn(settings, name) for name in (settings.name, settings.release_name))
    found = notices(settings, training, release)
    if settings.release:
        starts = rules.release_rule(
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
    if what.release is not None and not what.release.empty:
        name = what.release.pipeline
        apply.apply(clients, what.release, progress=lambda item: progress(_of(name, view.describe(item))))
    for change in what.rules:
        progress(rules.describe(change))
        rules.apply(clients, change)
    if what.retired:
        progress(f"- pipeline {what.retired}")
        remove_pipeline(clients, what.retired)
    return arn


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


def _own_warnings(release: DeployPlan, training: DeployPlan) -> tuple[str, ...]:
    return tuple(warning for warning in release.warnings if warning not in training.warnings)
