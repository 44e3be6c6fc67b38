"""What the model behind an endpoint was made from: the names of its features and classes, its label, its units.

Found by going back from the endpoint: its model's artefact names the training job, whose channel names the conversion,
whose inspection holds the words. Where that chain is broken, as for a version that came from another account, what was
registered with the version names features and classes; for a model made elsewhere there are none.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pipeline.clients import Clients
from pipeline.executions.execution_results import split
from pipeline.service_errors import translated

if TYPE_CHECKING:
    from scripts.features.featurizer import Featurizer

_NAMELESS: Final = re.compile(r"feature \d+")
_LABEL: Final = re.compile(r"""^(?:(?P<name>'.*'|".*") )?\(column (?P<place>\d+) of (?P<fields>\d+)""")


@dataclass(frozen=True)
class DeployedData:
    """The data that a deployed model learnt from."""

    features: tuple[str, ...]
    """The columns that a row must have, without blanks around them; empty where they have no names."""
    width: int
    """The fields of a row without a header."""
    classes: tuple[str, ...]
    """Empty for a regression."""
    label: str
    """The label's column; empty where it has no name."""
    place: int | None
    """The label's place in a row of the data, from 0, where such a row has no more than the features and the label."""
    scale: float
    """What whole numbers, pixels, were multiplied by."""
    raw: bool
    """Whether the endpoint takes rows as they are in the table and treats them itself."""
    columns: tuple[str, ...] = ()
    """Then all columns of the table but the label's, in their order, without blanks around them."""


def deployed_data(clients: Clients, endpoint: str) -> DeployedData | None:
    """The data behind the endpoint, or None where they cannot be found. Raises ServiceError for no such endpoint."""
    from botocore.exceptions import ClientError

    from scripts.features.featurizer import FILE as FITTED
    from scripts.features.featurizer import Featurizer

    with translated():
        config = clients.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    package: dict[str, Any] = {}
    try:
        containers, package = _containers(clients, config)
        job = containers[-1]["ModelDataUrl"].split("/")[-3]
        channel = clients.sagemaker.describe_training_job(TrainingJobName=job)["InputDataConfig"][0]
        converted = channel["DataSource"]["S3DataSource"]["S3Uri"].rstrip("/").rpartition("/")[0]
        found = _json(clients, f"{converted}/inspection/inspection.json")
        if len(containers) > 1:
            return _read_raw(found, Featurizer.load(_content(clients, f"{converted}/inspection/{FITTED}")))
        features = found["features"]
        return _read(found, tuple(features["names"]), int(features["count"]))
    except (ClientError, LookupError, TypeError, ValueError):
        return _registered(clients, package)


def _json(clients: Clients, uri: str) -> Any:
    return json.loads(_content(clients, uri))


def _content(clients: Clients, uri: str) -> bytes:
    bucket, key = split(uri)
    return clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _registered(clients: Clients, package: dict[str, Any]) -> DeployedData | None:
    """What the registered version says by itself: its columns and classes."""
    from botocore.exceptions import ClientError

    from scripts.splitting.classes import FILE

    try:
        statistics = package["ModelMetrics"]["ModelDataQuality"]["Statistics"]["S3Uri"]
        names = tuple(str(feature["name"]) for feature in _json(clients, statistics)["features"])
        labels = package["CustomerMetadataProperties"]["TestLabels"]
        regression = package["CustomerMetadataProperties"].get("Task") == "regressor"
        classes = () if regression else tuple(_json(clients, f"{labels.rstrip('/')}/{FILE}"))
    except (ClientError, LookupError, TypeError, ValueError):
        return None
    return DeployedData(
        features=() if all(map(_NAMELESS.fullmatch, names)) else names,
        width=len(names),
        classes=classes,
        label="",
        place=None,
        scale=1.0,
        raw=len(package["InferenceSpecification"]["Containers"]) > 1,
        columns=names,
    )


def _containers(clients: Clients, config: str) -> tuple[list[Any], dict[str, Any]]:
    """The containers that serve, and the version of the registry that they are of, if they are of one."""
    variants = clients.sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    model = clients.sagemaker.describe_model(ModelName=variants[0]["ModelName"])
    containers: list[Any] = model.get("Containers") or [model["PrimaryContainer"]]
    package: dict[str, Any] = {}
    if "ModelPackageName" in containers[0]:
        package |= clients.sagemaker.describe_model_package(ModelPackageName=containers[0]["ModelPackageName"])
        containers = list(package["InferenceSpecification"]["Containers"])
    return containers, package


def _read_raw(found: dict[str, Any], featurizer: Featurizer) -> DeployedData:
    """Of a model whose endpoint treats the columns of the table itself."""
    needed = tuple(column.name for column in featurizer.columns if column.features)
    columns = tuple(name.strip() for name in featurizer.names)
    return replace(_read(found, needed, len(featurizer.columns)), raw=True, columns=columns)


def _read(found: dict[str, Any], features: tuple[str, ...], width: int) -> DeployedData:
    label = _LABEL.match(found["label"])
    whole = label is not None and int(label["fields"]) == width + 1
    return DeployedData(
        features=tuple(name.strip() for name in features),
        width=width,
        classes=tuple(found["classes"]),
        label=str(ast.literal_eval(label["name"])).strip() if label and label["name"] else "",
        place=int(label["place"]) - 1 if label and whole else None,
        scale=float(found["features"]["scale"]),
        raw=False,
    )
