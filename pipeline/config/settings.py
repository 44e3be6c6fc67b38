"""The settings of one environment: region, account, role, bucket, encryption, network, tags, task.

A setting comes from the first that has it: a flag, an environment variable `PIPELINE_<NAME>`, the environment's
table `[env.NAME]` in `pipeline.toml`, the top of that file, the default. The defaults are those of SageMaker on
localhost, so that without any file the pipeline composes and runs there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline.config.notify_settings import Notify, topics_alone
from pipeline.config.pipeline_kind import PipelineKind
from pipeline.config.pipeline_parameters import Parameter, Task, declared, named_as
from pipeline.config.rollout_settings import Rollout
from pipeline.config.serverless_settings import Serverless
from pipeline.config.setting_conflicts import INSTANCES, problems
from pipeline.config.setting_types import Account, Bucket, Name, Names, Prefix, Region, Role, Tags, Values, pairs
from pipeline.config.watch_settings import Watch
from pipeline.errors import SettingsError, UsageError, did_you_mean
from pipeline.user_files import unfit

DEFAULT_FILE: Final = Path("pipeline.toml")
LOCAL_ACCOUNT: Final = "123456789012"
VARIABLE_PREFIX: Final = "PIPELINE_"
RELEASE_SUFFIX: Final = "-release"
"""What the name of the release pipeline has beyond the pipeline's."""
REPRODUCE_SUFFIX: Final = "-reproduce"
"""What the name of the pipeline has that trains a version again; it is there only meanwhile."""
WATCH_SUFFIX: Final = "-watch"
"""The same of the pipeline that watches the endpoint."""
VERSION_PARAMETER: Final = "ModelPackageArn"
"""The parameter of the release pipeline that says which version it releases."""
_FORM: Final = 'write lines such as region = "eu-west-1", then a table [env.NAME] for each environment'


class Settings(BaseSettings):
    """The settings in force, every one with a value; `load` is the way to make them."""

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


def load(
    *,
    environment: str | None = None,
    flags: Mapping[str, object] | None = None,
    variables: Mapping[str, str],
    file: Path | None = None,
) -> Settings:
    """The settings from flags, then `variables` (os.environ), then the file, then the defaults.

    `environment` is the --env flag; without it PIPELINE_ENV, else "dev". `file` is the --config flag, which must
    exist; without it `pipeline.toml` where there is one. A flag that is None counts as not given. Raises
    `SettingsError` that names the setting, where it comes from and what would do.
    """
    chosen = environment or variables.get(f"{VARIABLE_PREFIX}ENV") or "dev"
    table = _table(file, chosen, asked_for=bool(environment or variables.get(f"{VARIABLE_PREFIX}ENV")))
    sources = [
        ("flag", {name: value for name, value in (flags or {}).items() if value is not None}),
        ("environment variable", _from_variables(variables)),
        (str(file or DEFAULT_FILE), table),
    ]
    for origin, values in sources:
        _refuse_unknown(origin, values)
    try:
        settings = _sourced([values for _, values in sources])(environment=chosen)
        _ = settings.declared
    except ValidationError as error:
        raise _explained(error, sources) from None
    except UsageError as error:
        raise SettingsError(f"{_origin('parameters', sources)}: {error.message}", hint=error.hint) from None
    return settings


def _sourced(tables: list[Mapping[str, object]]) -> type[Settings]:
    """Settings whose sources are these tables, the first the strongest."""

    class Sourced(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings, *(InitSettingsSource(settings_cls, dict(table)) for table in tables))

    return Sourced


def _table(file: Path | None, environment: str, *, asked_for: bool) -> dict[str, object]:
    """What the file says for the environment: its own table over the top of the file."""
    path = file or DEFAULT_FILE
    try:
        if reason := unfit(path):
            raise SettingsError(f"{path} {reason}", hint=f"give a TOML file with --config; {_FORM}")
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if file:
            raise SettingsError(f"there is no settings file {file}") from None
        if asked_for and environment != "dev":
            raise SettingsError(
                f"there is no {path} here, and so no environment {environment}",
                hint="go to the folder that has it, or name the file with --config",
            ) from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", hint=_FORM) from None
    environments = document.pop("env", {})
    if not isinstance(environments, dict) or not all(isinstance(own, dict) for own in environments.values()):
        raise SettingsError(f"{path}: env holds something other than tables", hint="write [env.dev], then its settings")
    if asked_for and environment not in environments:
        raise SettingsError(
            f"{path} has no environment {environment}",
            hint=f"it has {', '.join(environments) or 'none'}; add a table [env.{environment}]",
        )
    return _merged(document, environments.get(environment, {}))


def _merged(common: dict[str, object], own: dict[str, object]) -> dict[str, object]:
    """One table over another; tables within them (tags, parameters) are merged by key."""
    merged = common | own
    for name, value in own.items():
        below = common.get(name)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[name] = below | value
    return merged


def _from_variables(variables: Mapping[str, str]) -> dict[str, object]:
    """The settings among the variables. Others of our prefix are left alone, since CI systems have such too, but
    for one that looks like a setting misspelt."""
    values: dict[str, object] = {}
    for variable, text in variables.items():
        name = variable.removeprefix(VARIABLE_PREFIX).lower()
        if not variable.startswith(VARIABLE_PREFIX) or name == "env":
            continue
        if name in _known():
            values[name] = text
        elif near := get_close_matches(name, _known(), n=1, cutoff=0.8):
            hint = f"did you mean {VARIABLE_PREFIX}{near[0].upper()}?"
            raise SettingsError(f"environment variable {variable}: there is no such setting", hint=hint)
    return values


def _known() -> list[str]:
    """The settings that a source may give; the environment is chosen before the sources are read."""
    return [name for name in Settings.model_fields if name != "environment"]


def _refuse_unknown(origin: str, values: Mapping[str, object]) -> None:
    for name in values:
        if name not in _known():
            raise SettingsError(f"{origin}: there is no setting {name}", hint=_meant(name))


def _meant(name: str) -> str:
    """What may have been meant by a name that is no setting."""
    if name in ("env", "environment"):
        return "choose the environment with --env NAME"
    if parameter := named_as(name):
        return (
            f"{parameter} is a parameter: --param {parameter}=VALUE gives it to an execution, "
            "[env.NAME.parameters] in pipeline.toml a default"
        )
    return did_you_mean(name, _known()) or f"the settings are {', '.join(_known())}"


def _origin(name: str, sources: list[tuple[str, dict[str, object]]]) -> str:
    return next((origin for origin, values in sources if name in values), "settings")


def _explained(error: ValidationError, sources: list[tuple[str, dict[str, object]]]) -> SettingsError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if not place:
        return SettingsError(first["msg"].removeprefix("Value error, "))
    name = str(first["loc"][0])
    hint = Settings.model_fields[name].description or ""
    reason = first["msg"].removeprefix("Value error, ")
    return SettingsError(f"{_origin(name, sources)}: {place} cannot be {first['input']!r}: {reason}", hint=hint)
