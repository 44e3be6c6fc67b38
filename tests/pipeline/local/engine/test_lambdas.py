"""Which functions are registered, and under which names they are found."""

from __future__ import annotations

import pytest

from pipeline.errors import UsageError
from pipeline.local.engine import lambdas


def test_settings_name_functions() -> None:
    found = lambdas.parse(["resize=team.images:resize", "a_b-1=m:C.run"])
    assert found == {"resize": "team.images:resize", "a_b-1": "m:C.run"}
    assert lambdas.registered(found)["resize"] == "team.images:resize"


@pytest.mark.parametrize(
    "setting", ["", "resize", "resize=", "=m:f", "resize=m", "re size=m:f", "resize=m:f;g", "r=m:f()"]
)
def test_a_setting_that_is_no_function_is_refused(setting: str) -> None:
    with pytest.raises(UsageError, match="is no function"):
        lambdas.parse([setting])


@pytest.mark.parametrize(
    "arn",
    [
        "resize",
        "arn:aws:lambda:us-east-1:123456789012:function:resize",
        "arn:aws:lambda:us-east-1:123456789012:function:resize:live",
        "123456789012:function:resize",
    ],
)
def test_a_function_is_found_by_the_name_in_its_arn(arn: str) -> None:
    assert lambdas.name_of(arn) == "resize"
