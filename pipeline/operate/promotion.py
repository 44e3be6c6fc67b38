"""A version of the registry taken to another environment: its account's bucket gets the files, its group the version.

The version is known by its content, the hash of its artefacts: promoted twice it is there once. What was evaluated is
what is promoted, or nothing is: EvaluateModel's hashes, which are registered with the version, must be those of the
bytes. Everything is read and compared before the first thing is written.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.definition.step_types import walk
from pipeline.errors import ServiceError, UsageError
from pipeline.executions.execution_results import split
from pipeline.operate.clean import PROMOTED
from pipeline.service_errors import error_code, is_absent, translated

FROM: Final = "PromotedFrom"
CONTENT: Final = "PromotedSha256"
_HASHES: Final = ("FeaturizerSha256", "ModelSha256")
_KEPT: Final = ("ContainerHostname", "Image", "Environment", "Framework", "FrameworkVersion")
_SPECIFICATION: Final = (
    "SupportedTransformInstanceTypes",
    "SupportedRealtimeInferenceInstanceTypes",
    "SupportedContentTypes",
    "SupportedResponseMIMETypes",
)


@dataclass(frozen=True)
class PromotionPlace:
    """An environment: its settings, and clients that may act in its account."""

    settings: Settings
    clients: Clients


@dataclass(frozen=True)
class Promoted:
    """The version in the other environment, and whether it was there before."""

    arn: str
    new: bool
    copied: int = 0


def promote(source: PromotionPlace, target: PromotionPlace, arn: str, *, progress: Callable[[str], None]) -> Promoted:
    """Take a version to another environment, where it waits for approval. Raises UsageError, ServiceError.

    Asked again after it failed half-way it finishes: the files come first, and the version is made of them last.
    """
    with translated(), tempfile.TemporaryDirectory() as folder:
        version = source.clients.sagemaker.describe_model_package(ModelPackageName=arn)
        containers: Sequence[Mapping[str, Any]] = version["InferenceSpecification"]["Containers"]
        local = [_downloaded(source.clients, found["ModelDataUrl"], Path(folder)) for found in containers]
        hashes = [_sha256(path) for path in local]
        _same_as_evaluated(version, hashes)
        content = hashlib.sha256("".join(hashes).encode()).hexdigest()
        if there := _find(target, content):
            return Promoted(there, new=False)
        images = _images(source.settings, target.settings, [str(found["Image"]) for found in containers])
        moved = _Moved(source, target, content)
        copied = moved.copy([uri for document in _named(version) for uri in document], progress)
        data = [moved.put(path, found["ModelDataUrl"], progress) for path, found in zip(local, containers, strict=True)]
        request = _request(version, arn, content, moved.rewritten)
        request["InferenceSpecification"]["Containers"] = [
            {key: found[key] for key in _KEPT if key in found} | {"Image": image, "ModelDataUrl": uri}
            for found, image, uri in zip(containers, images, data, strict=True)
        ]
        return Promoted(_register(target, request), new=True, copied=copied + len(data))


def _same_as_evaluated(version: Mapping[str, Any], hashes: Sequence[str]) -> None:
    """Raises UsageError unless the bytes are those that EvaluateModel saw."""
    number, properties = version.get("ModelPackageVersion", "?"), version.get("CustomerMetadataProperties", {})
    for name, found in zip(_HASHES[-len(hashes) :], hashes, strict=True):
        registered = properties.get(name)
        if registered is None:
            raise UsageError(
                f"version {number} is registered without {name}, so nothing says which bytes were evaluated",
                hint="train it again with the pipeline as it is now: `pipeline upsert`, `pipeline start`",
            )
        if registered != found:
            raise UsageError(
                f"the model of version {number} is not the one that was evaluated: {name} is {registered[:12]}..., its "
                f"bytes have {found[:12]}...",
                hint=f"do not serve it: `pipeline models reject {number} --reason ...`, and train again",
            )


def _find(target: PromotionPlace, content: str) -> str:
    """The version of this content in the target's group, or nothing."""
    from botocore.exceptions import ClientError

    sagemaker = target.clients.sagemaker
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=target.settings.model_group)
    try:
        for page in pages:
            for summary in page["ModelPackageSummaryList"]:
                found = sagemaker.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
                if found.get("CustomerMetadataProperties", {}).get(CONTENT) == content:
                    return summary["ModelPackageArn"]
    except ClientError as error:
        if not is_absent(error):
            raise
    return ""


def _named(version: Mapping[str, Any]) -> Iterator[list[str]]:
    """The S3 addresses that the version names beside its artefacts."""
    for member in ("ModelMetrics", "DriftCheckBaselines", "CustomerMetadataProperties"):
        yield list(_addresses(version.get(member, {})))


def _addresses(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _addresses(item)
    elif isinstance(value, str) and value.startswith("s3://"):
        yield value


class _Moved:
    """Copies what lies below the source's prefix to below the target's, and says where it is then."""

    def __init__(self, source: PromotionPlace, target: PromotionPlace, content: str) -> None:
        self._source, self._target = source, target
        self._below = f"{source.settings.root}/"
        self._root = f"{target.settings.root}/{PROMOTED}{content[:16]}"
        key = target.settings.kms_key
        self._encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}

    def address(self, uri: str) -> str:
        """Where something of the source is in the target."""
        bucket, key = split(uri)
        return f"{self._root}/{uri.removeprefix(self._below) if uri.startswith(self._below) else f'{bucket}/{key}'}"

    def rewritten(self, value: Any) -> Any:
        """A document with every address of the source replaced by that of the copy."""
        if isinstance(value, Mapping):
            return {name: self.rewritten(item) for name, item in value.items()}
        return self.address(value) if isinstance(value, str) and value.startswith("s3://") else value

    def copy(self, uris: Sequence[str], progress: Callable[[str], None]) -> int:
        """Copy the objects at these addresses; of a file its whole folder, pictures and report included."""
        found = sorted({item for uri in uris for item in self._objects(uri)})
        for uri in found:
            with tempfile.TemporaryDirectory() as folder:
                self.put(_downloaded(self._source.clients, uri, Path(folder)), uri, progress)
        return len(found)

    def put(self, path: Path, uri: str, progress: Callable[[str], None]) -> str:
        """Upload the file that stood at `uri`; its address in the target."""
        wanted = self.address(uri)
        bucket, key = split(wanted)
        progress(f"+ {wanted}")
        self._target.clients.s3.upload_file(str(path), bucket, key, ExtraArgs=self._encrypted)
        return wanted

    def _objects(self, uri: str) -> Iterator[str]:
        bucket, key = split(uri)
        folder = key.rpartition("/")[0] if "." in key.rpartition("/")[2] else key.rstrip("/")
        pages = self._source.clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
        names = [item["Key"] for page in pages for item in page.get("Contents", [])]
        if not names:
            raise UsageError(f"{uri}, which the version names, is gone", hint="a version is promoted whole or not")
        yield from (f"s3://{bucket}/{name}" for name in names)


def _request(version: Mapping[str, Any], arn: str, content: str, rewritten: Callable[[Any], Any]) -> dict[str, Any]:
    """The CreateModelPackage of the copy: what was registered with the source, and where it came from."""
    specification = version["InferenceSpecification"]
    request: dict[str, Any] = {
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {name: specification[name] for name in _SPECIFICATION if name in specification},
        "CustomerMetadataProperties": rewritten(version.get("CustomerMetadataProperties", {}))
        | {FROM: arn, CONTENT: content},
    }
    for member in ("ModelMetrics", "DriftCheckBaselines"):
        if found := rewritten(version.get(member, {})):
            request[member] = found
    if made := version.get("MetadataProperties", {}).get("GeneratedBy"):
        request["MetadataProperties"] = {"GeneratedBy": made}
    return request


def _register(target: PromotionPlace, request: dict[str, Any]) -> str:
    from botocore.exceptions import ClientError

    sagemaker, group = target.clients.sagemaker, target.settings.model_group
    try:
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    except ClientError as error:
        if not is_absent(error):
            raise
        tags = [{"Key": name, "Value": value} for name, value in sorted(target.settings.tags.items())]
        sagemaker.create_model_package_group(ModelPackageGroupName=group, Tags=tags)  # type: ignore[arg-type]
    return sagemaker.create_model_package(ModelPackageGroupName=group, **request)["ModelPackageArn"]


def _images(source: Settings, target: Settings, images: Sequence[str]) -> Sequence[str]:
    """The containers' images in the target's region; each region has AWS's own under other addresses."""
    if source.region == target.region:
        return images
    from pipeline.compose.definition_text import compose

    # None of its steps will run, so their code may lie anywhere.
    definition = json.loads(compose(target, code=defaultdict(lambda: target.root)))
    (registers,) = (step for step in walk(definition) if step.type == "RegisterModel")
    found = [item["Image"] for item in registers.arguments["InferenceSpecification"]["Containers"]]
    if [_name(uri) for uri in found] != [_name(uri) for uri in images]:
        raise UsageError(
            f"the version is served by {', '.join(map(_name, images))}, and the environment {target.environment} would "
            f"serve by {', '.join(map(_name, found))}",
            hint="let `task` and `features` of both environments be the same",
        )
    return found


def _name(uri: str) -> str:
    """An image's repository and tag."""
    return uri.partition("/")[2]


def _downloaded(clients: Clients, uri: str, folder: Path) -> Path:
    from botocore.exceptions import ClientError

    bucket, key = split(uri)
    path = folder / hashlib.sha256(uri.encode()).hexdigest()[:16]
    try:
        clients.s3.download_file(bucket, key, str(path))
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchKey", "NoSuchBucket"):
            raise ServiceError(f"{uri}, which the version names, is gone") from None
        raise
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
