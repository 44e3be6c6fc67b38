"""The plan of an `upsert`, as plain data: the differences for a reader, the instructions for an executor.

`make` compares what is built with what is deployed and decides; it asks nobody. Printing a plan and applying it are
two executors of the same instructions (`deploy.view`, `deploy.apply`), so a dry run is no special case.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pipeline.definition import difference
from pipeline.definition.canonical_text import canonical
from pipeline.definition.difference import ABSENT, Change, ItemChange
from pipeline.deploy.code_bundle import Bundle

CHECKSUM_TAG: Final = "linear-learner-pipeline:definition-sha256"
"""Holds the checksum of the definition that was deployed last: another one there means that other hands changed it."""

GENERATION: Final = "CacheGeneration"
"""The parameter that is part of the first step's cache key and does nothing else."""

INLINE_LIMIT: Final = 100 * 1024
"""A definition of more bytes goes through S3, as AWS's SDK does; the service takes 1 MiB inline."""


@dataclass(frozen=True)
class Desired:
    """What is to be deployed."""

    name: str
    definition: str
    role: str
    bucket: str
    prefix: str
    bundles: tuple[Bundle, ...]
    """The code that the definition names."""
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    parallelism: int | None = None
    kms_key: str | None = None

    @property
    def checksum(self) -> str:
        """The checksum of the definition."""
        return checksum(self.definition)

    @property
    def code_files(self) -> Mapping[str, str]:
        """The hash of each code file by its name."""
        return {name: sha256 for bundle in self.bundles for name, sha256 in bundle.manifest.items()}


@dataclass(frozen=True)
class Deployed:
    """What the service has under the name, and the code files that its definition names (None: not to be found)."""

    arn: str
    definition: str
    role: str
    tags: Mapping[str, str]
    code_files: Mapping[str, str] | None = None
    description: str = ""
    parallelism: int | None = None


@dataclass(frozen=True)
class UploadCode:
    """Put the bundle of a script under its own key, unless it is there."""

    bundle: Bundle
    bucket: str
    prefix: str
    kms_key: str | None = None


@dataclass(frozen=True)
class CreatePipeline:
    """Create the pipeline; if somebody else was quicker, update it."""

    desired: Desired


@dataclass(frozen=True)
class UpdatePipeline:
    """Give the pipeline its new definition and attributes."""

    desired: Desired


@dataclass(frozen=True)
class SetTags:
    """Add these tags to the pipeline, or give them these values."""

    tags: Mapping[str, str]


@dataclass(frozen=True)
class RemoveTags:
    """Take these tags off the pipeline."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class RecordChecksum:
    """Keep the checksum of the definition as a tag: last of all, and true whoever else was at work meanwhile."""

    checksum: str


Instruction = UploadCode | CreatePipeline | UpdatePipeline | SetTags | RemoveTags | RecordChecksum


@dataclass(frozen=True)
class DeployPlan:
    """Everything that differs, and what will be done about it. Empty instructions: nothing to do."""

    pipeline: str
    new: bool
    parameters: tuple[ItemChange, ...] = ()
    steps: tuple[ItemChange, ...] = ()
    attributes: tuple[Change, ...] = ()
    code: tuple[Change, ...] = ()
    tags: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    definition: str = ""
    """The definition that is deployed in the end."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.instructions


def make(
    desired: Desired, deployed: Deployed | None, *, missing: Sequence[Bundle], warnings: tuple[str, ...] = ()
) -> DeployPlan:
    """The plan that turns `deployed` into `desired`; `missing` are those of its bundles that are not whole in S3.

    `warnings` are what is known besides; a definition changed by other hands is found here.
    """
    desired = _carried(desired, deployed)
    upload = tuple(UploadCode(bundle, desired.bucket, desired.prefix, desired.kms_key) for bundle in missing)
    if deployed is None:
        return DeployPlan(
            desired.name,
            new=True,
            parameters=difference.parameters({}, parsed(desired.definition)),
            steps=difference.steps({}, parsed(desired.definition)),
            attributes=tuple(Change(name, ABSENT, value) for name, value in _declared(desired).items() if value),
            code=tuple(difference.compare({}, desired.code_files)),
            tags=tuple(difference.compare({}, dict(desired.tags))),
            warnings=warnings,
            instructions=(*upload, CreatePipeline(desired), RecordChecksum(desired.checksum)),
            definition=desired.definition,
        )
    old, new = parsed(deployed.definition), parsed(desired.definition)
    attributes = tuple(_attributes(desired, deployed, old, new))
    steps, parameters = difference.steps(old, new), difference.parameters(old, new)
    tag_changes = tuple(difference.compare(_own(deployed.tags), dict(desired.tags)))
    update = (UpdatePipeline(desired),) if steps or parameters or attributes else ()
    return DeployPlan(
        desired.name,
        new=False,
        parameters=parameters,
        steps=steps,
        attributes=attributes,
        code=() if deployed.code_files is None else tuple(difference.compare(deployed.code_files, desired.code_files)),
        tags=tag_changes,
        warnings=(*_drift(desired, deployed), *warnings),
        instructions=(*upload, *update, *_tag_instructions(desired, deployed.tags)),
        definition=desired.definition,
    )


def generation(definition: Mapping[str, Any]) -> int:
    """The default of the parameter that keeps the results of one generation from being reused by the next; 0: none."""
    found = (item.get("DefaultValue") for item in definition.get("Parameters", []) if item.get("Name") == GENERATION)
    return next((value for value in found if isinstance(value, int)), 0)


def with_generation(definition: str, number: int) -> str:
    """The definition with another default of that parameter."""
    document = parsed(definition)
    for item in document.get("Parameters", []):
        if item.get("Name") == GENERATION:
            item["DefaultValue"] = number
    return canonical(document)


def _carried(desired: Desired, deployed: Deployed | None) -> Desired:
    """What is desired, with the generation that is deployed: an upsert brings back no result whose files are gone."""
    there = generation(parsed(deployed.definition)) if deployed else 0
    if there <= generation(parsed(desired.definition)):
        return desired
    return replace(desired, definition=with_generation(desired.definition, there))


def checksum(definition: str) -> str:
    """SHA-256 of a definition, independent of its layout."""
    try:
        text = canonical(json.loads(definition))
    except ValueError:
        text = definition
    return hashlib.sha256(text.encode()).hexdigest()


def parsed(definition: str) -> dict[str, Any]:
    """A definition as data; empty for a deployed text that is none, which is then replaced as a whole."""
    try:
        document = json.loads(definition)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _attributes(desired: Desired, deployed: Deployed, old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    there = {"role": deployed.role, "description": deployed.description, "parallelism": deployed.parallelism}
    # What is not declared is left as it is: other hands may have their reasons for it.
    wanted = {name: value for name, value in _declared(desired).items() if value and value != there[name]}
    own = [Change(name, there[name] or ABSENT, value) for name, value in wanted.items()]
    return own + list(difference.compare(_rest(old), _rest(new)))


def _declared(desired: Desired) -> dict[str, Any]:
    """The attributes of the pipeline by the names that readers see."""
    return {"role": desired.role, "description": desired.description, "parallelism": desired.parallelism}


def _rest(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition apart from parameters and steps."""
    return {key: value for key, value in definition.items() if key not in ("Parameters", "Steps")}


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that people see: not the checksum, nor those of AWS itself."""
    return {key: value for key, value in tags.items() if key != CHECKSUM_TAG and not key.startswith("aws:")}


def _tag_instructions(desired: Desired, there: Mapping[str, str]) -> tuple[Instruction, ...]:
    set_ = {key: value for key, value in desired.tags.items() if there.get(key) != value}
    gone = tuple(key for key in _own(there) if key not in desired.tags)
    record = there.get(CHECKSUM_TAG) != desired.checksum
    return (
        *((RemoveTags(gone),) if gone else ()),
        *((SetTags(set_),) if set_ else ()),
        *((RecordChecksum(desired.checksum),) if record else ()),
    )


def _drift(desired: Desired, deployed: Deployed) -> tuple[str, ...]:
    """A warning if the deployed definition is neither the one deployed from here last nor the one built now."""
    known, found = deployed.tags.get(CHECKSUM_TAG), checksum(deployed.definition)
    if found in (known, desired.checksum):
        return ()
    if known is None:
        return ("the deployed pipeline was not made by this tool: its definition will be replaced",)
    return ("the deployed definition was changed by other hands since the last upsert; that change will be lost",)
