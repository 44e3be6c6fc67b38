"""Composing: the same bytes everywhere, nothing read or reached, nothing left behind."""

from __future__ import annotations

import gc
import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from pipeline.compose.definition_text import compose
from pipeline.definition.canonical_text import canonical
from pipeline.definition.check import check
from pipeline.errors import DefinitionError, SettingsError
from tests.support.definitions import CASES, CODE, GOLDEN, composed, settings
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("code_as_loaded")

_COMPOSE_WITH_SOCKETS_SHUT = """
import json, socket, sys
from pathlib import Path

import urllib3  # tries at import, with a socket that goes nowhere, whether the machine has IPv6

def shut(*args, **kwargs):
    raise SystemExit("a socket was opened")

socket.socket.__init__ = shut
socket.getaddrinfo = shut

from pipeline.compose.definition_text import compose
from pipeline.config.settings_sources import load

settings = load(environment="full", flags={"task": "binary"}, variables={}, file=Path(sys.argv[1]))
sys.stdout.write(compose(settings, code=json.loads(sys.argv[2])))
"""


@pytest.mark.parametrize("case", CASES)
def test_definition_is_the_golden_one(case: str) -> None:
    golden = json.loads((GOLDEN / f"{case}.json").read_text())
    assert json.loads(composed(case)) == golden
    assert composed(case) == canonical(golden)


@pytest.mark.parametrize("case", CASES)
def test_service_would_take_the_definition_and_say_nothing(case: str) -> None:
    assert check(composed(case)) == []


def test_composing_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def shut(*_: object, **__: object) -> NoReturn:
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket.socket, "__init__", shut)
    monkeypatch.setattr(socket, "getaddrinfo", shut)
    assert compose(settings("binary"), code=CODE) == composed("binary")


@pytest.mark.long
def test_same_bytes_on_another_machine(tmp_path: Path) -> None:
    """Another hash seed, home, folder and profile; a Studio project, SDK and AWS configuration that would tell."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "config").write_text("[default]\nregion = ap-south-1\nretry_mode = none such\n")
    for place in (".sagemaker", ".config/sagemaker"):
        (home / place).mkdir(parents=True)
        (home / place / "config.yaml").write_text("SchemaVersion: '9.9'\nSageMaker: [broken\n")
    (home / ".sagemaker-code-config").write_text('{"additionalTags": {"sagemaker:project-name": "p"}}')
    root = Path(__file__).parents[3]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(root),
        "PYTHONHASHSEED": "4321",
        "LANG": "C",
        "TZ": "Asia/Tokyo",
        "AWS_PROFILE": "there-is-none",
        "AWS_REGION": "eu-south-1",
        "AWS_DEFAULT_REGION": "eu-south-2",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(home / ".sagemaker" / "config.yaml"),
    }
    command = [sys.executable, "-c", _COMPOSE_WITH_SOCKETS_SHUT, str(GOLDEN / "pipeline.toml"), json.dumps(CODE)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home, timeout=PATIENCE)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == composed("full")


def test_environment_logging_and_collector_are_as_they_were(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    root = logging.getLogger()
    before = (dict(os.environ), list(root.handlers), root.level, root.manager.disable, gc.isenabled())
    compose(settings("binary"), code=CODE)
    assert (dict(os.environ), list(root.handlers), root.level, root.manager.disable, gc.isenabled()) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("image", "message", "hint"),
    [
        ("xgboost:9.9", "there is no image of xgboost:9.9 in us-east-1", "3.2-0"),
        ("nothing:1", "AWS has no image of nothing", "xgboost:3.2-0"),
    ],
)
def test_image_that_aws_does_not_have_is_an_error(image: str, message: str, hint: str) -> None:
    wrong = settings("binary").model_copy(update={"processing_image": image})
    with pytest.raises(SettingsError) as caught:
        compose(wrong, code=CODE)
    assert caught.value.message == message
    assert hint in caught.value.hint


def test_image_of_ones_own_is_taken_as_it_is() -> None:
    own = settings("binary").model_copy(update={"processing_image": "registry.example/team/scripts:7"})
    assert '"ImageUri":"registry.example/team/scripts:7"' in compose(own, code=CODE)


def test_second_composition_comes_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compose(settings("binary"), code=CODE, cache=tmp_path)
    assert first == composed("binary")
    monkeypatch.setattr("pipeline.compose.definition_text._composed", lambda *_: pytest.fail("composed again"))
    assert compose(settings("binary"), code=CODE, cache=tmp_path) == first


def test_nothing_is_kept_that_was_composed_while_code_was_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edited_meanwhile(*_: object) -> str:
        monkeypatch.setattr("pipeline.compose.composed_cache._LOADED", "other code")
        return "text"

    monkeypatch.setattr("pipeline.compose.definition_text._composed", edited_meanwhile)
    assert compose(settings("binary"), code=CODE, cache=tmp_path) == "text"
    assert list(tmp_path.iterdir()) == []


def test_a_step_whose_script_is_not_there_is_refused() -> None:
    code = {script: uri for script, uri in CODE.items() if script != "evaluate"}
    with pytest.raises(DefinitionError, match=r"a step runs scripts/evaluate\.py, which does not exist"):
        compose(settings("binary"), code=code)


def test_cache_tells_settings_and_code_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pipeline.compose.definition_text._composed", lambda given, code, release: f"{given.task} {given.tags} {code}"
    )
    binary = settings("binary")
    variants = [
        (binary, CODE),
        (binary, CODE | {"convert": "s3://bucket/prefix/code/0"}),
        (settings("multiclass"), CODE),
        (binary.model_copy(update={"tags": {"a": "b"}}), CODE),
    ]
    for _ in range(2):
        for given, code in variants:
            expected = f"{given.task} {given.tags} {code}"
            assert compose(given, code=code, cache=tmp_path) == expected
    assert len(list(tmp_path.iterdir())) == len(variants)
