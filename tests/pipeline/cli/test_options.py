"""The flags that say where a command works, and hints that repeat them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import execute
from pipeline.cli.options import Where

ELSEWHERE = Where(env="staging", config=Path("other.toml"), settings=["tags=a=b c"], local=True, state=Path("kept"))


@pytest.mark.parametrize(
    ("hint", "repeated"),
    [
        (
            "`pipeline stop abc` stops it",
            "`pipeline stop abc --env staging --config other.toml --set 'tags=a=b c' --local --state kept` stops it",
        ),
        (
            "`pipeline policy ci` prints it",
            "`pipeline policy ci --env staging --config other.toml --set 'tags=a=b c'` prints it",
        ),
        ("start one: `pipeline local start --detach`", "start one: `pipeline local start --detach --state kept`"),
        ("the pipeline has no step x; see `aws s3 mb`", "the pipeline has no step x; see `aws s3 mb`"),
    ],
)
def test_commands_in_a_hint_repeat_the_flags_that_say_where(hint: str, repeated: str) -> None:
    assert ELSEWHERE.repeated(hint) == repeated


def test_without_flags_a_hint_is_as_it_was() -> None:
    assert Where().repeated("`pipeline stop abc` stops it") == "`pipeline stop abc` stops it"


def test_a_command_without_a_service_says_how_to_start_one_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(["steps", "--local", "--state", "elsewhere"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: no service runs on the state folder elsewhere",
        "hint: start one with `pipeline local start --detach --state elsewhere`",
    ]


@pytest.mark.parametrize(
    "command",
    [["plan"], ["start"], ["schedule", "set", "nightly", "rate(1 day)"]],
)
def test_a_misspelt_parameter_is_said_before_anything_is_asked(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert execute([*command, "--param", "Epoch=3"]) == 1
    begun = "composing the pipeline to compare it with what is deployed\n" if command == ["plan"] else ""
    assert capsys.readouterr().err == f"{begun}error: there is no parameter Epoch\nhint: did you mean Epochs?\n"


def test_a_setting_may_be_spelt_with_hyphens(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["plan", "--set", "security-groups=sg-1"]) == 1
    assert capsys.readouterr().err.splitlines()[1].startswith("error: subnets and security_groups go together")


def test_a_setting_that_is_taken_for_a_parameter_is_pointed_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["plan", "--param", "region=eu-west-1"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "composing the pipeline to compare it with what is deployed",
        "error: there is no parameter region",
        "hint: region is a setting: give it by --set region=VALUE",
    ]
