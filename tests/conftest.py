"""Every test runs with no network beyond loopback, and sees nothing of the AWS account of who runs it.

A running service is `tests.support.service.local_service`.
"""

from __future__ import annotations

import functools
import gc
import os
import random
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from tests.support.torture import length

# Other programs share the machine: how long an example takes says nothing. Every run tries the same examples, but one
# with a seed of its own (PIPELINE_TORTURE_SEED) looks for new ones.
settings.register_profile(
    "suite",
    deadline=None,
    max_examples=length(15, 300),
    derandomize="PIPELINE_TORTURE_SEED" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("suite")
# Examples drawn from the texts and numbers of all modules there are would be others in each worker and each order, and
# reading those modules takes both workers of a fresh clone ten seconds.
if length(brief=True, full=False):
    providers._get_local_constants = lambda: providers._local_constants

_LOOPBACK = ("127.", "::1", "localhost")

# The collector looks through the SDK, moto and botocore's models each time: by default a sixth of the tests' time.
gc.set_threshold(200_000, 50, 100)

_NOBODY = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
os.environ.update(_NOBODY)

# A shell that starts the tests in the background has them ignore SIGINT, and what they start would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A file stays on one worker, and a worker takes the next file in this order: what lasts longest must not come last.
_FIRST = ("e2e/", "pipeline/local/process/test_lifecycle.py", "conformance/")


# Longer text says less as an id than the name of its parameter.
_LONGEST_ID = 80
_LINE_ENDS = dict.fromkeys(map(ord, "\r\n\t"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shuffle", metavar="SEED", help="run the files, and the tests of each, in an order drawn from SEED"
    )


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """What is not short text is called by its parameter's name, which pytest numbers.

    The workers of one run must collect the same ids, so bytes that hold a time or an address may not enter them.
    """
    text = val.decode("latin-1") if isinstance(val, bytes) else val
    if not isinstance(text, str) or len(text) <= _LONGEST_ID and text.translate(_LINE_ENDS).isprintable():
        return None
    return argname


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    _leave_out_what_is_long(config, items)
    seed = config.getoption("--shuffle")
    if seed is not None:
        order = random.Random(seed)
        files = {item.path: order.random() for item in items}
        items.sort(key=lambda item: (files[item.path], item.path, order.random()))
        return
    tests = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        file = item.path.relative_to(tests).as_posix() if item.path.is_relative_to(tests) else ""
        return next((place for place, name in enumerate(_FIRST) if file.startswith(name)), len(_FIRST))

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """What is there now stays: no collection need look through it again."""
    gc.freeze()


def _leave_out_what_is_long(config: pytest.Config, items: list[pytest.Item]) -> None:
    """It runs at full length, and where its file is asked for by name."""
    if length(brief=False, full=True):
        return
    named = {Path(argument.partition("::")[0]).resolve() for argument in config.args}
    long = [item for item in items if item.get_closest_marker("long") and item.path not in named]
    items[:] = [item for item in items if item not in set(long)]
    config.hook.pytest_deselected(items=long)


@pytest.fixture(autouse=True, scope="module")
def _models_are_read_once() -> None:
    """All sessions of this process share botocore's models of the services, which take long to read."""
    session, loaders = sys.modules.get("botocore.session"), sys.modules.get("botocore.loaders")
    if session is not None and loaders is not None and session.create_loader is loaders.create_loader:
        session.create_loader = functools.cache(loaders.create_loader)


@pytest.fixture(autouse=True, scope="module")
def _own_images_end_with_their_module() -> Iterator[None]:
    yield
    catalog = sys.modules.get("pipeline.local.images.catalog")
    if catalog is not None:
        catalog._registered.clear()


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host and not str(host).startswith(_LOOPBACK):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    for name in before:
        if name.startswith(("AWS_", "PIPELINE_")) and not name.startswith("PIPELINE_TORTURE") and name not in _NOBODY:
            monkeypatch.delenv(name)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)
