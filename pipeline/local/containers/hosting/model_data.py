"""The model of a serving container: fetched from S3 and laid below its /opt/ml/model.

An archive comes from anywhere, so it is unpacked with suspicion (`archive` says how), in a container of its own, and
nothing is left of one that is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipeline.local import disk, trees
from pipeline.local.containers.jobs.s3_inputs import download, sources
from pipeline.local.containers.jobs.s3_uris import TransferError, split_uri
from pipeline.local.containers.sandbox.confinement import Limits
from pipeline.local.containers.sandbox.container import Container, visible
from pipeline.local.durable import sync_tree
from pipeline.local.images.sagemaker_containers import archive
from pipeline.local.s3.store import NoSuchBucket, S3Error
from pipeline.local.service_context import ServiceContext

_MEMORY: Final = 1 << 30


class ModelDataError(Exception):
    """The model data cannot be had; the message is what AWS's FailureReason says, and why."""


def containers_of(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The container definitions of a stored model, in the order of their calls; empty for a model without any."""
    return model.get("Containers") or ([model["PrimaryContainer"]] if "PrimaryContainer" in model else [])


def location(container: Mapping[str, Any]) -> tuple[str, bool]:
    """The S3 URL of a container definition's model data ("" for none) and whether it is an archive."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        # Of a multi-model container it is the prefix of many archives.
        return container.get("ModelDataUrl", ""), container.get("Mode") != "MultiModel"
    return source["S3Uri"], source.get("CompressionType", "None") == "Gzip"


def missing(service: ServiceContext, container: Mapping[str, Any]) -> str:
    """The URL of model data of which a bucket that is here has nothing; else an empty text.

    A bucket that is not here may be there on AWS: such a model can be created here, but not deployed.
    """
    url, packed = location(container)
    if not url:
        return ""
    bucket, key = split_uri(url)
    try:
        there = service.objects.head(bucket, key) if packed else next(iter(service.objects.list(bucket, key)), None)
    except NoSuchBucket:
        return ""
    return "" if there else url


def fetch(service: ServiceContext, container: Mapping[str, Any], folder: Path) -> None:
    """Fill `folder` (made if need be) with the model data, which an endpoint keeps for as long as it serves.

    Raises ModelDataError, then leaves no folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    url, packed = location(container)
    if not url:
        return
    bucket, key = split_uri(url)
    try:
        if packed:
            path = folder.with_name("model.tar.gz")
            try:
                service.objects.fetch(bucket, key, path)
                unpack(path, folder)
            finally:
                path.unlink(missing_ok=True)
        else:
            download(service.objects, sources(service.objects, url), folder)
        sync_tree(folder, service.configuration.sync)
    except (S3Error, OSError, ModelDataError, TransferError) as error:
        trees.remove(folder)
        raise ModelDataError(
            f'Failed to download model data for container "{container.get("ContainerHostname", "container_1")}" '
            f'from URL: "{url}". Please ensure that there is an object located at the URL and that the role passed '
            f"to CreateModel has permissions to download the object. ({error})"
        ) from error


def unpack(packed: Path, folder: Path, *, limit: int = archive.LIMIT) -> None:
    """Unpack a tar file that lies beside `folder`, in a container of its own. Raises ModelDataError.

    Whatever an archive does to the program that reads it, it does there, with bounded memory.
    """
    inside = Path(visible(folder.parent))
    limit = min(limit, disk.room(folder))
    program = [
        sys.executable,
        "-I",
        "-S",
        archive.__file__,
        *map(str, (inside / packed.name, inside / folder.name, limit)),
    ]
    said: list[str] = []
    unpacking = Container.start(
        program,
        {},
        root=folder.parent,
        on_line=said.append,
        own_code=True,
        limits=Limits(file_size=limit, address_space=_MEMORY),
    )
    if unpacking.wait() != 0:
        raise ModelDataError(said[-1] if said else f"it ended the program that unpacks it ({unpacking.exit_code})")
