"""The settings of one environment: region, account, role, bucket, encryption, network, tags, task.

The defaults are those of SageMaker on localhost, so that without any file the pipeline composes and runs there.
`settings_sources.py` says what beats a default.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.config.notify_settings import Notify, topics_alone
from pipeline.config.pipeline_kind import PipelineKind
from pipeline.config.pipeline_parameters import Parameter, Task, declared
from pipeline.config.rollout_settings import Rollout
from pipeline.config.serverless_settings import Serverless
from pipeline.config.setting_conflicts import INSTANCES, problems
from pipeline.config.setting_types import Account, Bucket, Name, Names, Prefix, Region, Role, Tags, Values, pairs
from pipeline.config.watch_settings import Watch

LOCAL_ACCOUNT: Final = "123456789012"
RELEASE_SUFFIX: Final = "-release"
"""What the name of the release pipeline has beyond the pipeline's."""
REPRODUCE_SUFFIX: Final = "-reproduce"
"""What the name of the pipeline has that trains a version again; it is there only meanwhile."""
WATCH_SUFFIX: Final = "-watch"
"""The same of the pipeline that watches the endpoint."""
VERSION_PARAMETER: Final = "ModelPackageArn"
"""The parameter of the release pipeline that says which version it releases."""


class Settings(BaseSettings):
    """The settings in force, every one with a value; `settings_sources.load` is the way to make them."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    environment: Annotated[Name, Field(description="The environment: dev, staging, prod or one of yours.")] = "dev"
    task: Annotated[Task, Field(description="What is learnt: binary, multiclass or regression.")] = Task.BINARY
    features: Annotated[
        Literal["numeric", "table", "sparse"],
        Field(
            description="What columns may be: numeric for numbers alone, table for categories, dates and gaps too; "
            "sparse leaves out zeros, of libsvm files and SciPy's sparse .npz, on the whole way."
        ),
    ] = "numeric"
    region: Annotated[Region, Field(description="The AWS region.")] = "us-east-1"
    account: Annotated[Account, Field(description="The AWS account, 12 digits.")] = LOCAL_ACCOUNT
    monthly_ceiling: Annotated[
        float | None,
        Field(gt=0, description="What the endpoint may cost a month, in USD; `upsert` refuses more. Not limited."),
    ] = None
    profile: Annotated[
        str, Field(description="The profile of ~/.aws/config whose credentials act in the account; the session's own.")
    ] = ""
    name: Annotated[Name, Field(description="The pipeline's name; linear-learner-ENVIRONMENT if not given.")] = ""
    role: Annotated[
        Role, Field(description="The ARN of the role of pipeline and jobs; the account's role/pipeline.")
    ] = ""
    bucket: Annotated[
        Bucket, Field(description="The bucket of code, data and outputs; linear-learner-pipeline-ACCOUNT.")
    ] = ""
    prefix: Annotated[Prefix, Field(description="What every key in the bucket begins with; the pipeline's name.")] = ""
    kms_key: Annotated[str | None, Field(description="The KMS key of volumes and outputs.")] = None
    subnets: Annotated[Names, Field(description="The subnets of jobs and endpoint.")] = ()
    security_groups: Annotated[Names, Field(description="The security groups that go with the subnets.")] = ()
    tags: Annotated[
        Tags, Field(description="Tags of the pipeline and of what it makes: a table, or KEY=VALUE,KEY=VALUE.")
    ] = {}
    description: Annotated[str, StringConstraints(max_length=3072), Field(description="What the pipeline is for.")] = ""
    parallelism: Annotated[
        int | None, Field(ge=1, description="How many steps of an execution run at once at most; not limited.")
    ] = None
    processing_image: Annotated[
        str, Field(description="The image of the scripts: FRAMEWORK:VERSION of AWS, or the URI of an image.")
    ] = "xgboost:3.2-0"
    slice_column: Annotated[
        str, Field(max_length=200, description="A column of the data, by whose values the report shows figures too.")
    ] = ""
    rollout: Annotated[
        Rollout | None,
        BeforeValidator(pairs),
        Field(description="How a new model reaches the endpoint, and how it scales, a table: kind, percent, bounds."),
    ] = None
    serverless: Annotated[
        Serverless | None,
        BeforeValidator(pairs),
        Field(description="An endpoint that is paid by request, a table: memory_mb and concurrency."),
    ] = None
    training_input_mode: Annotated[
        Literal["File", "FastFile", "Pipe"],
        Field(description="How training gets its data: File before it starts, FastFile or Pipe while it reads."),
    ] = "File"
    release: Annotated[
        bool, Field(description="Whether a release pipeline goes with it, which each approval of a version starts.")
    ] = True
    watch: Annotated[
        Watch | None,
        BeforeValidator(pairs),
        Field(description="How the endpoint is watched for drift, a table: schedule, hours, max_psi, labels, retrain."),
    ] = None
    notify: Annotated[
        Notify,
        BeforeValidator(topics_alone),
        Field(
            description="Who is told what is rejected, failed, waiting, released, put back, drifted: topics, webhook."
        ),
    ] = Notify()
    parameters: Annotated[
        Values, Field(description="This environment's own defaults of the pipeline's parameters.")
    ] = {}

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Settings that follow from others where they are not given."""
        region, account = given.get("region", "us-east-1"), given.get("account", LOCAL_ACCOUNT)
        name = given.get("name") or f"linear-learner-{given.get('environment', 'dev')}"
        derived = {
            "name": name,
            "role": f"arn:{partition(str(region))}:iam::{account}:role/pipeline",
            "bucket": f"linear-learner-pipeline-{account}",
            "prefix": name,
        }
        return derived | given

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if problem := next(problems(self), None):
            raise ValueError(problem)
        return self

    @property
    def declared(self) -> tuple[Parameter, ...]:
        """The pipeline's parameters with the defaults of these settings."""
        found = declared(self.task, name=self.name, region=self.region, overrides=self.parameters)
        return tuple(item for item in found if self.serverless is None or item.name not in INSTANCES)

    @property
    def release_name(self) -> str:
        """The name of the pipeline that releases a version of the registry."""
        return f"{self.name}{RELEASE_SUFFIX}"

    @property
    def watch_name(self) -> str:
        """The name of the pipeline that watches the endpoint."""
        return f"{self.name}{WATCH_SUFFIX}"

    def name_of(self, part: PipelineKind) -> str:
        """The name of one of the pipelines."""
        return {PipelineKind.RELEASE: self.release_name, PipelineKind.WATCH: self.watch_name}.get(part, self.name)

    @property
    def events_role(self) -> str:
        """The role by which EventBridge starts the release pipeline."""
        return f"{self.role}-events"

    @property
    def model_group(self) -> str:
        """The model package group that the pipeline registers in unless an execution is told another."""
        return self.default("ModelPackageGroupName")

    @property
    def endpoint(self) -> str:
        """The endpoint that the pipeline deploys to unless an execution is told another."""
        return self.default("EndpointName")

    def default(self, name: str) -> str:
        """The default of a parameter, as text."""
        return str(next(parameter.default for parameter in self.declared if parameter.name == name))

    @property
    def root(self) -> str:
        """The S3 address that everything of this pipeline lies under, with no slash at its end."""
        return f"s3://{self.bucket}/{self.prefix}"


def partition(region: str) -> str:
    """The AWS partition that a region is in."""
    prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    return next((name for prefix, name in prefixes.items() if region.startswith(prefix)), "aws")
