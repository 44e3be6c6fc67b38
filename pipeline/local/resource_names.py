"""Names, ids and ARNs in the forms that SageMaker gives them.

A job that a pipeline starts is named `pipelines-<execution id>-<step, 20 characters>-<10 characters>`, as seen
in real accounts; an execution id has 12 characters of a-z and 0-9.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from typing import Final

ACCOUNT: Final = "123456789012"
DEFAULT_REGION: Final = "us-east-1"
CONTAINER_KEY: Final = "SAGEMAKER_LOCAL_KEY"
"""The variable with the key that a serving program of ours wants to see in every request."""
CONTAINER_KEY_HEADER: Final = "x-sagemaker-local-key"

_LOWER: Final = string.ascii_lowercase + string.digits
_MIXED: Final = string.ascii_letters + string.digits
_LONGEST: Final = 63


@dataclass(frozen=True)
class Arns:
    """Makes the ARNs of one account and region."""

    account: str = ACCOUNT
    region: str = DEFAULT_REGION

    def of(self, resource: str, name: str) -> str:
        """`arn:aws:sagemaker:<region>:<account>:<resource>/<name>`; resource as in AWS's ARNs, e.g. `pipeline`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{resource}/{name}"

    def execution(self, pipeline: str, execution_id: str) -> str:
        """The ARN of one execution of a pipeline."""
        return self.of("pipeline", f"{pipeline}/execution/{execution_id}")


def last_part(name_or_arn: str) -> str:
    """The name, given a name or an ARN `...:<resource>/<name>`."""
    return name_or_arn.split("/", 1)[1] if name_or_arn.startswith("arn:") else name_or_arn


def execution_id() -> str:
    """A new execution id: 12 characters."""
    return _random(_LOWER, 12)


def callback_token() -> str:
    """A new token of a Callback step: 10 characters."""
    return _random(_MIXED, 10)


def pipeline_resource(execution: str, step: str) -> str:
    """A new name for what a step creates, e.g. `pipelines-ztefwbnlgoif-TrainModel-xw869y8C4a`."""
    return f"pipelines-{execution}-{step[:20]}-{_random(_MIXED, 10)}"


def pipeline_tuning_job(execution: str, step: str) -> str:
    """A new name for the tuning job of a step, which has at most 32 characters: `bqbpzw5k3d15-hptuning-U0H0Wl6oKU`."""
    return f"{execution}-{step[:8]}-{_random(_MIXED, 10)}"


def suffixed(name: str, execution: str) -> str:
    """`name`, made unique in an execution in 63 characters at most, e.g. `my-config-ztefwbnlgoif-xw869y8C4a`."""
    suffix = f"-{execution}-{_random(_MIXED, 10)}"
    return name[: _LONGEST - len(suffix)].rstrip("-") + suffix


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
