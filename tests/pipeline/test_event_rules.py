"""The names of the rules that go with the pipeline."""

from __future__ import annotations

from pipeline import event_rules


def test_a_long_name_is_cut_to_what_eventbridge_takes_and_stays_its_own() -> None:
    names = {event_rules.rule_name("x" * 62 + end, "release") for end in "ab"}
    assert len(names) == 2 and {len(name) for name in names} == {64}
