"""Settings from flags, variables and the file: which wins, and what is said of one that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.config.pipeline_parameters import Task
from pipeline.config.settings import Settings
from pipeline.config.settings_sources import load
from pipeline.errors import SettingsError

_FILE = """
region = "eu-west-1"
tags = { team = "vision", stage = "none" }

[parameters]
CacheGeneration = 7
MinAuc = 0.9

[env.dev]
task = "multiclass"

[env.prod]
account = "111122223333"
bucket = "production"
tags = { stage = "prod" }
parameters = { CacheGeneration = 9 }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.toml"
    path.write_text(_FILE)
    return path


def _load(text: str, tmp_path: Path, **flags: object) -> Settings:
    path = tmp_path / "other.toml"
    path.write_text(text)
    return load(file=path, variables={}, flags=flags)


def _refused(text: str, tmp_path: Path, **flags: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        _load(text, tmp_path, **flags)
    return caught.value


def test_flag_beats_variable_beats_environment_beats_top_of_file(file: Path) -> None:
    variables = {"PIPELINE_ENV": "prod"}
    assert load(file=file, variables=variables).bucket == "production"
    assert load(file=file, variables=variables).region == "eu-west-1"
    variables["PIPELINE_BUCKET"] = "from-variable"
    assert load(file=file, variables=variables).bucket == "from-variable"
    flags = {"bucket": "from-flag", "region": None}
    assert load(file=file, variables=variables, flags=flags).bucket == "from-flag"
    assert load(file=file, variables=variables, flags=flags).region == "eu-west-1"


def test_environment_flag_beats_its_variable(file: Path) -> None:
    settings = load(environment="dev", file=file, variables={"PIPELINE_ENV": "prod"})
    assert (settings.environment, settings.task) == ("dev", Task.MULTICLASS)


def test_tables_of_an_environment_are_laid_over_the_common_ones(file: Path) -> None:
    settings = load(environment="prod", file=file, variables={})
    assert settings.tags == {"team": "vision", "stage": "prod"}
    defaults = {parameter.name: parameter.default for parameter in settings.declared}
    assert (defaults["CacheGeneration"], defaults["MinAuc"]) == (9, 0.9)


def test_what_follows_from_others_follows_from_what_is_in_force(file: Path) -> None:
    settings = load(environment="prod", file=file, variables={"PIPELINE_REGION": "us-gov-west-1"})
    assert settings.role == "arn:aws-us-gov:iam::111122223333:role/pipeline"
    assert settings.name == settings.prefix == "linear-learner-prod"


def test_lists_and_tables_may_be_written_in_one_string(file: Path) -> None:
    variables = {
        "PIPELINE_SUBNETS": "subnet-1, subnet-2",
        "PIPELINE_SECURITY_GROUPS": "sg-1",
        "PIPELINE_TAGS": "a=b,c = d=e",
        "PIPELINE_PARAMETERS": "CacheGeneration=3",
    }
    settings = load(file=file, variables=variables)
    assert settings.subnets == ("subnet-1", "subnet-2")
    assert settings.security_groups == ("sg-1",)
    assert settings.tags == {"a": "b", "c": "d=e"}
    assert {parameter.name: parameter.default for parameter in settings.declared}["CacheGeneration"] == 3


def test_a_parameter_that_is_true_or_false_may_be_written_as_a_boolean(tmp_path: Path) -> None:
    assert _load("parameters = { Deploy = true }", tmp_path).default("Deploy") == "true"
    assert _load("parameters = { PositiveClass = false }", tmp_path).default("PositiveClass") == "false"


def test_variables_of_others_are_left_alone(file: Path) -> None:
    assert load(file=file, variables={"PIPELINE_ID": "77", "PIPELINE_TORTURE": "full", "BUCKET": "x"})


def test_misspelt_variable_is_an_error(file: Path) -> None:
    with pytest.raises(SettingsError, match="PIPELINE_BUKCET") as caught:
        load(file=file, variables={"PIPELINE_BUKCET": "x"})
    assert caught.value.hint == "did you mean PIPELINE_BUCKET?"


def test_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no settings file .*none.toml"):
        load(file=tmp_path / "none.toml", variables={})


@pytest.mark.parametrize("asked", [{"environment": "staging"}, {"variables": {"PIPELINE_ENV": "staging"}}])
def test_without_a_file_there_is_no_environment_but_dev(
    asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"^there is no pipeline\.toml here, and so no environment staging$"):
        load(**{"variables": {}, **asked})
    assert load(environment="dev", variables={}).environment == "dev"


@pytest.mark.parametrize("name", ["positive_class", "positive-class", "PositiveClass", "positiveclass"])
def test_a_parameter_that_is_taken_for_a_setting_is_pointed_out(name: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(flags={name: "3"}, variables={})
    assert raised.value.hint.startswith("PositiveClass is a parameter: --param PositiveClass=VALUE")


def test_an_environment_that_is_taken_for_a_setting_is_pointed_out() -> None:
    with pytest.raises(SettingsError) as raised:
        load(flags={"environment": "prod"}, variables={})
    assert raised.value.hint == "choose the environment with --env NAME"


def test_environment_that_was_asked_for_must_be_in_the_file(file: Path) -> None:
    with pytest.raises(SettingsError, match="has no environment staging") as caught:
        load(environment="staging", file=file, variables={})
    assert caught.value.hint == "it has dev, prod; add a table [env.staging]"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("region = \nx = 1", "cannot be read: Invalid value (at line 1, column 10)", "write lines such as"),
        ('bukcet = "x"', "there is no setting bukcet", "did you mean bucket?"),
        ('hue = "x"', "there is no setting hue", "the settings are task, features, region"),
        ('environment = "x"', "there is no setting environment", ""),
        ("env = 1", "env holds something other than tables", "[env.dev]"),
        ("env = { dev = 1 }", "env holds something other than tables", "[env.dev]"),
        ('account = "12"', "account cannot be '12'", "12 digits"),
        ("account = 123456789012", "account cannot be 123456789012", "12 digits"),
        ('region = "europe"', "region cannot be 'europe'", "The AWS region."),
        ('role = "pipeline"', "role cannot be 'pipeline'", "ARN"),
        ('bucket = "No_Bucket"', "bucket cannot be 'No_Bucket'", "bucket"),
        ('prefix = "/a/"', "prefix cannot be '/a/'", "key"),
        ('task = "clustering"', "task cannot be 'clustering'", "binary, multiclass or regression"),
        ('tags = { "aws:a" = "b" }', "the key 'aws:a' is not", "Tags"),
        ('tags = { team = "a;b" }', "the value 'a;b' of team is not", "Tags"),
        ('tags = "team"', "tags cannot be 'team': it is not of the form KEY=VALUE,KEY=VALUE", "Tags"),
        ('subnets = ["subnet-1"]', "subnets and security_groups go together", ""),
        (
            "parameters = { CacheGenerations = 3 }",
            "there is no parameter CacheGenerations",
            "did you mean CacheGeneration?",
        ),
        (
            "parameters = { CacheGeneration = true }",
            "parameter CacheGeneration: 'true' is not a whole number",
            "Earlier results",
        ),
        ("parameters = { CacheGeneration = 0 }", "parameter CacheGeneration: '0' is not in range", "Earlier results"),
    ],
)
def test_files_that_cannot_be(text: str, message: str, hint: str, tmp_path: Path) -> None:
    error = _refused(text, tmp_path)
    assert message in error.message
    assert hint in error.hint
    assert "other.toml" in error.message or "go together" in error.message


def test_wrong_flag_is_named_as_one(tmp_path: Path) -> None:
    assert _refused("", tmp_path, region="europe").message.startswith("flag: region cannot be 'europe'")


def test_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(file=path, variables={})
    with pytest.raises(SettingsError, match="cannot be read"):
        load(file=tmp_path, variables={})


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_environments_of_the_project(environment: str) -> None:
    file = Path(__file__).parents[3] / "pipeline.toml"
    settings = load(environment=environment, file=file, variables={})
    assert settings.tags == {"project": "linear-learner-pipeline", "environment": environment}
    assert {parameter.name for parameter in settings.declared}


def test_a_byte_order_mark_before_the_file_is_read_over(tmp_path: Path) -> None:
    assert _load("\ufeff[env.dev]\nname = 'marked'\n", tmp_path).name == "marked"
