"""Where the settings come from: flags, environment variables, the settings file, in this order, then the defaults.

A setting comes from the first that has it: a flag, an environment variable `PIPELINE_<NAME>`, the environment's table
`[env.NAME]` in `pipeline.toml`, the top of that file, the default. What is wrong is told with the source that has it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from pipeline.config.pipeline_parameters import named_as
from pipeline.config.settings import Settings
from pipeline.errors import SettingsError, UsageError, did_you_mean
from pipeline.user_files import unfit

DEFAULT_FILE: Final = Path("pipeline.toml")
VARIABLE_PREFIX: Final = "PIPELINE_"
_FORM: Final = 'write lines such as region = "eu-west-1", then a table [env.NAME] for each environment'


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
