"""The programs that stand in for images: chosen by the repository's name, whatever registry, region and tag.

Three are built in; others come from the entry point group `pipeline.local.images` (each entry gives an `Image`)
or from a setting `NAME=COMMAND` (`parse`, then `register`). An image without a program is an error that names them.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from pipeline.errors import LocalServiceError
from pipeline.limits import Row
from pipeline.local.api_errors import ValidationException

GROUP: Final = "pipeline.local.images"
Program = Literal["process", "train", "serve"]
MetricDefinitions = list[dict[str, str]]
_SCRIPT_MODE: Final = Path(__file__).with_name("sagemaker_containers")
_NAME: Final = re.compile(r"[a-z0-9]+(?:[._\-/][a-z0-9]+)*\Z")

PARITY: Final = (
    Row(
        area="images",
        subject="managed scikit-learn and XGBoost images",
        here="The interpreter that runs the service, with the libraries it has, runs the entry point of a processing or"
        " training job, or the scripts of script mode (`sagemaker_program` trains, `SAGEMAKER_PROGRAM` serves, with the"
        " defaults of the scikit-learn image in both). The job's log begins with the libraries that the tag's image has"
        " otherwise, where they are known. XGBoost's own algorithm mode is not there.",
        aws="The pinned versions of the image; script mode for training and serving.",
    ),
    Row(
        area="images",
        subject="other images",
        here="Refused when a job or an endpoint is created, unless a program was given for the name of the repository.",
        aws="Any image that the role may pull.",
    ),
)


@dataclass(frozen=True)
class Image:
    """The stand-in for one image repository."""

    name: str
    """The repository, without registry and tag: `linear-learner`, `team/churn`."""
    entrypoint: tuple[str, ...] = ()
    """What runs before the argument `train` or `serve`; empty where only a job's own entry point can run."""
    arguments: tuple[str, ...] = ()
    """What follows that argument."""
    package: Path | None = None
    """A Python package that is copied into the container, where jobs may import it. Of an image without entry point
    its modules `train` and `serve` are the commands of these names."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables that the image itself sets; a job's own go before them."""
    libraries: tuple[str, ...] = ()
    """Modules that scripts expect of the image and that the interpreter may lack."""
    own_code: bool = False
    """The program is part of this project, which other jobs do not see."""
    builtin: bool = False
    """An Amazon algorithm: it has metric definitions of its own, and its failure files say whose fault it was."""
    metrics: Callable[[], MetricDefinitions] | None = None
    """The metric definitions that the service adds to its training jobs."""

    def program(self, kind: Program) -> list[str]:
        """The command line of `docker run <image> train|serve`, or for `process` of `docker run <image>`.

        Raises ValidationException where the image has no such program.
        """
        if not self.entrypoint and self.package is not None and kind != "process":
            return [kind]
        if not self.entrypoint:
            raise ValidationException(
                f"On localhost the image {self.name} has no program for {kind!r}; give the job a ContainerEntrypoint."
            )
        return [*self.entrypoint, *([] if kind == "process" else [kind]), *self.arguments]


def _linear_learner_metrics() -> MetricDefinitions:
    from pipeline.local.images.linear_learner.metric_names import metric_definitions

    return metric_definitions()


def _managed(name: str, package: str, *libraries: str) -> Image:
    """An image that runs users' scripts; `package` is AWS's own that does it there."""
    variables = {"SAGEMAKER_BASE_DIR": "/opt/ml", "SAGEMAKER_TRAINING_MODULE": f"{package}.training:main"}
    return Image(name, package=_SCRIPT_MODE, environment=variables, libraries=libraries)


_BUILT_IN: Final = (
    Image(
        "linear-learner",
        (sys.executable, "-m", "pipeline.local.images.linear_learner"),
        ("--root", "/opt/ml"),
        own_code=True,
        builtin=True,
        metrics=_linear_learner_metrics,
    ),
    _managed("sagemaker-scikit-learn", "sagemaker_sklearn_container"),
    _managed("sagemaker-xgboost", "sagemaker_xgboost_container", "xgboost"),
)

_registered: Final[dict[str, Image]] = {}


def resolve(image_uri: str) -> Image:
    """The stand-in for an image URI. Raises ValidationException, naming those there are."""
    name = repository(image_uri)
    known = catalog()
    for candidate in (name, name.rpartition("/")[2]):
        if candidate in known:
            return known[candidate]
    raise ValidationException(
        f"SageMaker on localhost has no program that stands in for the image {image_uri!r} (repository {name!r})."
        f" There is one for: {', '.join(sorted(known))}. Start the service with --image {name}=COMMAND to give one."
    )


def repository(image_uri: str) -> str:
    """The repository of `[registry/]repository[:tag][@digest]`."""
    path = image_uri.split("@", 1)[0]
    first, slash, rest = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        path = rest
    return path.partition(":")[0]


def catalog() -> dict[str, Image]:
    """All stand-ins by name; a registered one goes before an installed one, that before a built-in one."""
    return {image.name: image for image in _BUILT_IN} | _installed() | _registered


def register(image: Image) -> None:
    """Add a stand-in to this process."""
    _registered[image.name] = image


def parse(text: str) -> Image:
    """The stand-in that `NAME=COMMAND` names; COMMAND is split as a shell would. Raises LocalServiceError."""
    name, equals, command = text.partition("=")
    hint = "write NAME=COMMAND, e.g. --image churn='python3 /home/me/churn/program.py'"
    if not equals or not _NAME.match(name):
        raise LocalServiceError(f"--image {text!r} does not begin with the name of a repository", hint=hint)
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise LocalServiceError(f"the command of --image {text!r} cannot be read: {error}", hint=hint) from None
    if not words:
        raise LocalServiceError(f"--image {text!r} has no command", hint=hint)
    return Image(name, tuple(words))


@cache
def _installed() -> dict[str, Image]:
    from importlib.metadata import entry_points

    found: dict[str, Image] = {}
    for entry in entry_points(group=GROUP):
        loaded: Any = entry.load()
        image = loaded() if callable(loaded) else loaded
        if not isinstance(image, Image):
            raise LocalServiceError(
                f"the entry point {entry.name!r} of {GROUP} gives {type(image).__name__}, not an Image",
                hint=f"correct or remove the package {entry.dist.name if entry.dist else entry.value!r}",
            )
        found[image.name] = image
    return found
