"""The model registry as a script sees it: the version of a group approved last, with what was registered with it.

boto3 takes region, credentials and address from its environment, so AWS and localhost are the same to it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from scripts.errors import ScriptError

TEST_SET: Final = ("features", "labels", "predictions")
_ABSENT: Final = ("NoSuchKey", "NoSuchBucket", "404")


@dataclass(frozen=True)
class Version:
    """One version of a model package group."""

    arn: str
    number: int
    artifacts: tuple[str, ...]
    """The S3 address of each container's model data."""
    statistics: str
    """The S3 address of its evaluation."""
    properties: Mapping[str, str] = field(default_factory=dict)
    data_statistics: str = ""
    """The S3 address of the statistics of the data that it was trained on."""


def open_registry() -> Registry:
    """The registry, as the environment configures boto3."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=10, read_timeout=70)
    return Registry(boto3.client("sagemaker", config=config), boto3.client("s3", config=config))


class Registry:
    """Model packages and what they name in S3, through a `sagemaker` and an `s3` client."""

    def __init__(self, sagemaker: Any, s3: Any) -> None:
        self._sagemaker = sagemaker
        self._s3 = s3

    def approved(self, group: str) -> Version | None:
        """The newest approved version of the group; None if it has none, or is not there yet."""
        from botocore.exceptions import ClientError

        try:
            # A page may be empty where the service filters what it has paged: the first version may be on a later one.
            pages = self._sagemaker.get_paginator("list_model_packages").paginate(
                ModelPackageGroupName=group,
                ModelApprovalStatus="Approved",
                SortBy="CreationTime",
                SortOrder="Descending",
            )
            found = next((item for page in pages for item in page["ModelPackageSummaryList"]), None)
        except ClientError as error:
            if "does not exist" in error.response["Error"].get("Message", ""):
                return None
            raise
        return self.version(found["ModelPackageArn"]) if found else None

    def version(self, arn: str) -> Version:
        """One version by its ARN."""
        found = self._sagemaker.describe_model_package(ModelPackageName=arn)
        containers = found.get("InferenceSpecification", {}).get("Containers", [])
        metrics = found.get("ModelMetrics", {})
        quality, data = metrics.get("ModelQuality", {}), metrics.get("ModelDataQuality", {})
        return Version(
            arn=arn,
            number=found.get("ModelPackageVersion", 0),
            artifacts=tuple(container.get("ModelDataUrl", "") for container in containers),
            statistics=quality.get("Statistics", {}).get("S3Uri", ""),
            data_statistics=data.get("Statistics", {}).get("S3Uri", ""),
            properties=found.get("CustomerMetadataProperties", {}),
        )

    def read(self, uri: str) -> bytes:
        """The object at an S3 address. Raises `ScriptError` for one that is gone."""
        from botocore.exceptions import ClientError

        place = urlsplit(uri, allow_fragments=False)
        body = io.BytesIO()
        try:
            self._s3.download_fileobj(place.netloc, place.path.lstrip("/"), body)
        except ClientError as error:
            if error.response["Error"].get("Code") in _ABSENT:
                raise ScriptError(f"{uri} is gone") from None
            raise
        return body.getvalue()

    def test_set(self, version: Version, folder: Path) -> dict[str, Path]:
        """The features, labels and predictions registered with the version, in folders of these names below `folder`.

        Raises `ScriptError` where they are not registered, or gone.
        """
        folders = {}
        for name in TEST_SET:
            uri = version.properties.get(f"Test{name.capitalize()}")
            if not uri:
                raise ScriptError(
                    f"version {version.number} is registered without its test {name}, so there is nothing to hold the "
                    "endpoint to; release a version that this pipeline registered"
                )
            folders[name] = self._download(uri, folder / name)
        return folders

    def columns(self, version: Version) -> list[str]:
        """What the columns of the data are called that the version was trained on; none where that is not registered.

        Raises `ScriptError` for statistics that are gone, or are none.
        """
        if not version.data_statistics:
            return []
        try:
            found = json.loads(self.read(version.data_statistics))
            return [str(feature["name"]) for feature in found["features"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ScriptError(f"{version.data_statistics} holds no statistics") from None

    def _download(self, uri: str, folder: Path) -> Path:
        place = urlsplit(uri, allow_fragments=False)
        prefix = place.path.strip("/") + "/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=prefix)
        names = [item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", [])]
        if not names:
            raise ScriptError(f"{uri}, registered with the version, is gone")
        folder.mkdir(parents=True)
        for name in names:
            self._s3.download_file(place.netloc, prefix + name, str(folder / Path(name).name))
        return folder

    def figures(self, version: Version) -> dict[str, Any]:
        """The figures that the version was registered with, by name. Raises `ScriptError` where there are none."""
        if not version.statistics:
            raise ScriptError("no figures are registered with it")
        try:
            (group,) = json.loads(self.read(version.statistics)).values()
            return {name: item for name, item in group.items() if isinstance(item, dict) and "value" in item}
        except (ValueError, AttributeError, RecursionError):
            raise ScriptError(f"{version.statistics} holds no evaluation") from None
