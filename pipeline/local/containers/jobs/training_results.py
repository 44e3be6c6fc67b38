"""The results of a training job in S3: `<S3OutputPath>/<job>/output/model.tar.gz` and `output.tar.gz`.

Files of several instances are merged, the last one wins. With CompressionType NONE the files lie below `output/model/`
and `output/data/` as they are.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local import disk
from pipeline.local.containers.jobs.s3_outputs import Mirror, files
from pipeline.local.containers.jobs.s3_uris import TransferError, split_uri
from pipeline.local.containers.sandbox.opt_ml import OptMl
from pipeline.local.kinds import TrainingJob
from pipeline.local.s3.store import Objects, S3Error

_FOLDERS: Final = (("/opt/ml/model", "model"), ("/opt/ml/output/data", "output"))
_COMPRESSION: Final = 5

PARITY: Final = (
    Row(
        area="training",
        subject="empty /opt/ml/model or /opt/ml/output/data",
        here="No model.tar.gz or output.tar.gz is made.",
        aws="Not established.",
    ),
)


def artifacts_uri(job: str, output: Mapping[str, Any]) -> str:
    """S3ModelArtifacts of a training job."""
    base = f"{output['S3OutputPath'].rstrip('/')}/{job}/output"
    return f"{base}/model/" if output.get("CompressionType") == "NONE" else f"{base}/model.tar.gz"


def upload_results(objects: Objects, body: TrainingJob, roots: list[OptMl]) -> None:
    """Upload the model and the output data of all instances. Raises TransferError."""
    output = body["OutputDataConfig"]
    base = f"{output['S3OutputPath'].rstrip('/')}/{body['TrainingJobName']}/output"
    for path, name in _FOLDERS:
        merged = {inner: file for root in roots for file, inner in files(root.inside(path))}
        if not merged:
            continue
        if output.get("CompressionType") == "NONE":
            for root in roots:
                Mirror(objects, root.inside(path), f"{base}/{'data' if name == 'output' else name}").sync()
        else:
            _upload_archive(objects, merged, f"{base}/{name}.tar.gz", roots[0].root)


def _upload_archive(objects: Objects, merged: dict[str, Path], uri: str, folder: Path) -> None:
    bucket, key = split_uri(uri)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        archive = Path(scratch) / "archive.tar.gz"
        try:
            with tarfile.open(archive, "w:gz", compresslevel=_COMPRESSION) as tar:
                for inner in sorted(merged):
                    tar.add(merged[inner], inner, recursive=False, filter=_of_root)
            objects.put(bucket, key, archive)
        except S3Error as error:
            raise TransferError(f"{uri}: {error.message}") from None
        except OSError as error:
            if disk.is_full(error):
                raise  # whoever ends the job makes room
            raise TransferError(f"{uri}: {error.strerror or error}") from None


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Whoever runs the service, files of a container are root's."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
