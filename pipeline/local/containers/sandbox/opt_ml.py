"""/opt/ml of one container before its start: the folders it finds, and the configuration files.

The files are those of real jobs: members that were not given stand as null in a processing
job's file and are left out of a training job's. Where paths are re-rooted, the files hold the re-rooted paths.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.local.containers.sandbox.container import re_root
from pipeline.local.kinds import Body, ProcessingJob, TrainingJob

OPT_ML: Final = "/opt/ml"
_GROUP: Final = "homogeneousCluster"
_INPUT: Final = ("LocalPath", "S3Uri", "S3DataDistributionType", "S3DataType", "S3InputMode", "S3CompressionType")
_OUTPUT: Final = ("LocalPath", "S3Uri", "S3UploadMode")


@dataclass(frozen=True)
class OptMl:
    """The folder that is /opt/ml for one container, and the path by which the container sees it."""

    root: Path
    shown: str = OPT_ML

    def inside(self, path: str) -> Path:
        """Where a path of the container lies on this machine. Raises ValueError if it is not below /opt/ml."""
        if not below(path, OPT_ML):
            raise ValueError(f"{path} is not below {OPT_ML}")
        return self.root / posixpath.normpath(path).removeprefix(OPT_ML).lstrip("/")

    def write(self, path: str, content: Any) -> None:
        """Write a JSON file at a path of the container."""
        text = json.dumps(content)
        if self.shown != OPT_ML:
            text = re_root(text, Path(self.shown))
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def folders(self, *paths: str) -> None:
        """Make folders at paths of the container."""
        for path in paths:
            self.inside(path).mkdir(parents=True, exist_ok=True)


def below(path: str, parent: str) -> bool:
    """Whether a container's path lies below (or is) `parent`, however it is written."""
    normal = posixpath.normpath(path)
    return normal == parent or normal.startswith(parent + "/")


def hosts(count: int) -> list[str]:
    """algo-1, algo-2 ..."""
    return [f"algo-{index + 1}" for index in range(count)]


def resources(host: str, names: Sequence[str], instance_type: str) -> Body:
    """resourceconfig.json, as a real training job of December 2025 shows it."""
    return {
        "current_host": host,
        "current_instance_type": instance_type,
        "current_group_name": _GROUP,
        "hosts": list(names),
        "instance_groups": [{"instance_group_name": _GROUP, "instance_type": instance_type, "hosts": list(names)}],
        "network_interface_name": "eth0",
        "topology": None,
    }


def write_processing(opt_ml: OptMl, body: ProcessingJob, host: str, names: Sequence[str]) -> None:
    """The configuration files and folders of a processing job."""
    cluster = body["ProcessingResources"]["ClusterConfig"]
    application = body["AppSpecification"]
    output = body.get("ProcessingOutputConfig", {})
    opt_ml.folders("/opt/ml/config", "/opt/ml/output", "/opt/ml/processing")
    opt_ml.write(
        "/opt/ml/config/processingjobconfig.json",
        {
            "ProcessingJobArn": body["ProcessingJobArn"],
            "ProcessingJobName": body["ProcessingJobName"],
            "AppSpecification": {
                "ImageUri": application["ImageUri"],
                "ContainerEntrypoint": application.get("ContainerEntrypoint"),
                "ContainerArguments": application.get("ContainerArguments"),
            },
            "Environment": body.get("Environment") or None,
            "ProcessingInputs": [_shown_input(given) for given in body.get("ProcessingInputs", [])],
            "ProcessingOutputConfig": {
                "Outputs": [_shown_output(given) for given in output.get("Outputs", [])],
                "KmsKeyId": output.get("KmsKeyId"),
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": cluster["InstanceCount"],
                    "InstanceType": cluster["InstanceType"],
                    "VolumeSizeInGB": cluster["VolumeSizeInGB"],
                    "VolumeKmsKeyId": cluster.get("VolumeKmsKeyId"),
                }
            },
            "RoleArn": body["RoleArn"],
            "StoppingCondition": body["StoppingCondition"],
        },
    )
    opt_ml.write("/opt/ml/config/resourceconfig.json", resources(host, names, cluster["InstanceType"]))


def _shown_input(given: Mapping[str, Any]) -> Body:
    shown: Body = {"InputName": given["InputName"]}
    if "S3Input" in given:
        shown["S3Input"] = {member: given["S3Input"].get(member) for member in _INPUT} | {
            "S3DownloadMode": "StartOfJob"
        }
    return shown | {member: given[member] for member in ("DatasetDefinition",) if member in given}


def _shown_output(given: Mapping[str, Any]) -> Body:
    shown: Body = {"OutputName": given["OutputName"]}
    if "S3Output" in given:
        shown["S3Output"] = {member: given["S3Output"].get(member) for member in _OUTPUT}
    return shown | {member: given[member] for member in ("FeatureStoreOutput",) if member in given}


def write_training(opt_ml: OptMl, body: TrainingJob, host: str, names: Sequence[str]) -> None:
    """The configuration files and folders of a training job."""
    opt_ml.folders("/opt/ml/input/config", "/opt/ml/input/data", "/opt/ml/model", "/opt/ml/output/data", "/opt/ml/code")
    config = "/opt/ml/input/config"
    opt_ml.write(f"{config}/hyperparameters.json", body.get("HyperParameters", {}))
    opt_ml.write(f"{config}/resourceconfig.json", resources(host, names, body["ResourceConfig"]["InstanceType"]))
    opt_ml.write(
        f"{config}/inputdataconfig.json",
        {channel["ChannelName"]: _shown_channel(channel, body) for channel in body.get("InputDataConfig", [])},
    )
    checkpoints = body.get("CheckpointConfig")
    if checkpoints is not None:
        opt_ml.write(f"{config}/checkpointconfig.json", checkpoints)
        opt_ml.folders(checkpoints["LocalPath"])


def _shown_channel(channel: Mapping[str, Any], body: TrainingJob) -> Body:
    shown: Body = {
        "TrainingInputMode": channel.get("InputMode") or body["AlgorithmSpecification"]["TrainingInputMode"],
        "S3DistributionType": channel["DataSource"]["S3DataSource"]["S3DataDistributionType"],
        "RecordWrapperType": channel["RecordWrapperType"],
    }
    return ({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}) | shown
