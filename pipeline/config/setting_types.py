"""The types of the settings: what AWS takes, and one string with commas for a list or a table, as in flags.

A setting that AWS would refuse when part of the deployment is done is refused when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from pipeline.config.pipeline_parameters import Value

_MOST_TAGS: Final = 49
"""AWS takes 50; the pipeline's own checksum is one of them."""
_TAG_KEY: Final = re.compile(r"(?!aws:)[\w\s.:/=+@-]{1,128}", re.IGNORECASE)
_TAG_VALUE: Final = re.compile(r"[\w\s.:/=+@-]{0,256}")


def _split(value: object) -> object:
    """A list may be one string with commas, as in flags and environment variables."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def pairs(value: object) -> object:
    """A table may be one string, KEY=VALUE,KEY=VALUE, as in flags and environment variables."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if any(not equals for _, equals, _ in pairs):
        raise ValueError("it is not of the form KEY=VALUE,KEY=VALUE")
    return {key.strip(): text.strip() for key, _, text in pairs}


def _taggable(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Tags that AWS takes: it would refuse others when part of the deployment is done."""
    if len(tags) > _MOST_TAGS:
        raise ValueError(f"there are {len(tags)} tags, and at most {_MOST_TAGS} can be given")
    for key, text in tags.items():
        if not _TAG_KEY.fullmatch(key):
            raise ValueError(
                f"the key {key!r} is not 1 to 128 letters, digits, blanks and _.:/=+-@, or begins with aws:"
            )
        if not _TAG_VALUE.fullmatch(text):
            raise ValueError(f"the value {text!r} of {key} is not at most 256 letters, digits, blanks and _.:/=+-@")
    return tags


def _values(value: object) -> object:
    """A table of parameters, none of which is a Boolean: TOML's true and false are the words."""
    table = pairs(value)
    if not isinstance(table, Mapping):
        return table
    return {name: str(given).lower() if isinstance(given, bool) else given for name, given in table.items()}


Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Account = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
Bucket = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*$", max_length=120)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
Role = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$")]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Tags = Annotated[Mapping[str, str], BeforeValidator(pairs), AfterValidator(_taggable)]
Values = Annotated[Mapping[str, Value], BeforeValidator(_values)]
