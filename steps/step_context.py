"""What every step of one pipeline has in common: the SDK session, the role, where outputs go, keys, network, tags.

An output's address holds the execution's id, so that two executions never overwrite each other; outputs are
no part of a step's cache key, so caching still finds an earlier run of the same work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker.core.network import NetworkConfig
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.pipeline_context import PipelineSession


class NoScriptError(Exception):
    """There is no script of that name."""


@dataclass(frozen=True)
class Context:
    """`root` is s3://bucket/prefix; `code` are S3 prefixes of code by script; `image` is the URI that scripts run in.

    `algorithm` is linear-learner's image, `script_image` the one that serves a script.
    """

    session: PipelineSession
    region: str
    role: str
    root: str
    code: Mapping[str, str]
    image: str
    algorithm: str
    script_image: str
    kms_key: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    def code_of(self, script: str) -> str:
        """The S3 prefix of the script and what it imports. Raises NoScriptError."""
        try:
            return self.code[script]
        except KeyError:
            raise NoScriptError(script) from None

    def output(self, step: str, name: str) -> Join:
        """The S3 address of one output of one step of one execution."""
        folder = f"{self.root}/executions"
        return Join(on="/", values=[folder, ExecutionVariables.PIPELINE_EXECUTION_ID, step, name])

    @property
    def tag_list(self) -> list[dict[str, str]] | None:
        """The tags as AWS shapes have them, or None where there are none."""
        return [{"Key": key, "Value": value} for key, value in self.tags] or None

    @property
    def network(self) -> NetworkConfig | None:
        """The network of a processing job."""
        if not self.subnets:
            return None
        return NetworkConfig(subnets=list(self.subnets), security_group_ids=list(self.security_groups))

    @property
    def vpc_config(self) -> Mapping[str, list[str]] | None:
        """The network of a model."""
        if not self.subnets:
            return None
        return {"Subnets": list(self.subnets), "SecurityGroupIds": list(self.security_groups)}

    def capture(self, request: Callable[[], object]) -> Any:
        """The arguments of a model or model package that `request` asks of the session.

        Only a model builder has the SDK open and close the session's slot for these; the plain session calls,
        which say exactly what they send, need it done around them.
        """
        self.session.context = None
        self.session.init_model_step_arguments(_Asker(self.session))
        request()
        arguments, self.session.context = self.session.context, None
        return arguments


@dataclass(frozen=True)
class _Asker:
    """What the SDK takes for the model that step arguments belong to: anything with a session."""

    sagemaker_session: PipelineSession
