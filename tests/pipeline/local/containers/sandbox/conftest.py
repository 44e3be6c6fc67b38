"""Each kind of isolation that this machine allows."""

from __future__ import annotations

import pytest

from pipeline.local.containers.sandbox.confinement import Isolation
from tests.support.sandboxed import KINDS


@pytest.fixture(params=KINDS, ids=lambda kind: kind.value or "none")
def kind(request: pytest.FixtureRequest) -> Isolation:
    return Isolation(request.param)
