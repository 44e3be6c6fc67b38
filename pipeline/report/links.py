"""Links to the pages that show what an execution made: AWS's console pages, or those of the service on localhost.

SageMaker Studio's own address holds a domain's id, which no call about a pipeline gives, so links go to the console.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from pipeline.clients import Target
from pipeline.config.settings import partition
from pipeline.executions.execution_results import split
from pipeline.executions.execution_snapshot import StepView, execution_id

_CONSOLES: Final = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_PAGES: Final = {
    "ProcessingJob": "processing-jobs",
    "TrainingJob": "jobs",
    "TransformJob": "transform-jobs",
    "Model": "models",
    "EndpointConfig": "endpointConfig",
    "Endpoint": "endpoints",
}


@dataclass(frozen=True)
class Links:
    """Makes the addresses of one execution on one target."""

    target: Target
    pipeline: str
    arn: str

    @property
    def execution(self) -> str:
        """The execution's own page; empty on AWS, whose page for it is in Studio."""
        if not self.target.local:
            return ""
        return f"{self.target.endpoint_url}/_console/executions/{quote(self.pipeline)}/{execution_id(self.arn)}"

    def step(self, step: StepView) -> str:
        """The page of what a step made or ran; empty if there is none."""
        if self.target.local:
            return f"{self.execution}?step={quote(step.name)}"
        name = str(step.metadata.get("Arn", "")).rpartition("/")[2]
        page = _PAGES.get(step.kind)
        if not page or not name:
            return ""
        region = self.target.region
        return f"https://{region}.{self._console}/sagemaker/home?region={region}#/{page}/{quote(name)}"

    def s3(self, uri: str) -> str:
        """The page of an object, or of a prefix (with a slash at its end); empty for prefixes on localhost."""
        bucket, key = split(uri)
        if self.target.local:
            return "" if uri.endswith("/") else f"{self.target.endpoint_url}/_console/object/{bucket}/{quote(key)}"
        page, region = "buckets" if uri.endswith("/") else "object", self.target.region
        return f"https://{region}.{self._console}/s3/{page}/{bucket}?region={region}&prefix={quote(key, safe='')}"

    @property
    def _console(self) -> str:
        return _CONSOLES[partition(self.target.region)]
