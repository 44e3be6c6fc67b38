"""What tests of the engineer's side share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.compose import composed_cache


@pytest.fixture(scope="module")
def code_as_loaded() -> Iterator[None]:
    """Let the code count as loaded now, so that who edits it while the tests run gets no failures of the memo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composed_cache, "_LOADED", composed_cache._digest(composed_cache._code()))
        yield
