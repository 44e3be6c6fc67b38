"""The one text of a definition."""

from __future__ import annotations

import pytest

from pipeline.definition.canonical_text import canonical


def test_the_text_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": 1, "a": {"d": "é", "c": 2.0}}) == '{"a":{"c":2.0,"d":"\\u00e9"},"b":1}'


def test_what_is_no_json_has_no_text() -> None:
    with pytest.raises(ValueError):
        canonical({"a": float("nan")})
