"""What waits for what, and what never runs; random graphs always come to an end."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.engine.readiness import NEVER, Branch, Decision, ExecutionGraph


def step(name: str, *after: Any, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Processing", "Arguments": {}, "DependsOn": list(after)} | more


def condition(name: str, then: list[Any], otherwise: list[Any], left: Any = 1) -> dict[str, Any]:
    conditions = [{"Type": "Equals", "LeftValue": left, "RightValue": 1}]
    arguments = {"Conditions": conditions, "IfSteps": then, "ElseSteps": otherwise}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def graph(*steps: dict[str, Any]) -> ExecutionGraph:
    return ExecutionGraph.of({"Steps": list(steps)})


def test_references_and_depends_on_make_dependencies() -> None:
    found = graph(
        step("A"),
        step("B"),
        step("C", "A", Arguments={"X": {"Std:Join": {"Values": [{"Get": "Steps.B.P.Q"}, {"Get": "Parameters.A"}]}}}),
    )
    assert found.nodes["C"].waits == {"A": "Completed", "B": "Completed"}
    assert found.decide("C", {"A": "Succeeded"}, {}) is Decision.WAIT
    assert found.decide("C", {"A": "Succeeded", "B": "Succeeded"}, {}) is Decision.RUN
    assert found.decide("C", {"A": "Failed"}, {}) is Decision.NEVER


def test_a_condition_does_not_wait_for_what_its_branches_refer_to() -> None:
    inner = step("In", Arguments={"X": {"Get": "Steps.A.P"}})
    found = graph(step("A"), condition("C", [inner], [], left={"Get": "Steps.B.P"}), step("B"))
    assert set(found.nodes["C"].waits) == {"B"}
    assert found.nodes["In"].branch == Branch("C", True)
    assert found.nodes["In"].upstream == {"A", "C"}


def test_only_the_taken_branch_runs() -> None:
    found = graph(condition("C", [step("Yes")], [step("No")]), step("After", "No"))
    settled, outcomes = {"C": "Succeeded"}, {"C": True}
    assert found.decide("Yes", settled, outcomes) is Decision.RUN
    assert found.decide("No", settled, outcomes) is Decision.NEVER
    assert found.decide("After", settled | {"No": NEVER}, outcomes) is Decision.NEVER
    assert found.decide("Yes", {"C": "Failed"}, {}) is Decision.NEVER


def test_triggers_run_on_what_they_name() -> None:
    found = graph(
        step("A"),
        step("OnFailed", {"Step": "A", "Trigger": "Failed"}),
        step("OnStopped", {"Step": "A", "Trigger": "Stopped"}),
        step("OnAny", {"Step": "A", "Trigger": "Any"}),
    )

    def decisions(ended: str) -> list[str]:
        return [name for name in found.nodes if name != "A" and found.decide(name, {"A": ended}, {}) is Decision.RUN]

    assert decisions("Failed") == ["OnFailed", "OnAny"]
    assert decisions("Stopped") == ["OnStopped", "OnAny"]
    assert decisions("Succeeded") == ["OnAny"]
    assert decisions(NEVER) == []


def test_conditions_nest_31_deep() -> None:
    nested: list[Any] = [step("Bottom")]
    for depth in range(31):
        nested = [condition(f"C{depth}", nested, [])]
    found = graph(*nested)
    assert len(found.nodes) == 32 and len(found.above("Bottom")) == 31


@given(st.data())
def test_every_acyclic_graph_comes_to_an_end_and_runs_nothing_twice_or_too_early(data: st.DataObject) -> None:
    names = [f"S{number}" for number in range(data.draw(st.integers(1, 8)))]
    steps = []
    for number, name in enumerate(names):
        after = data.draw(st.lists(st.sampled_from(names[:number]), max_size=3, unique=True)) if number else []
        triggers = [data.draw(st.sampled_from(["Completed", "Failed", "Stopped", "Any"])) for _ in after]
        entries = [{"Step": one, "Trigger": trigger} for one, trigger in zip(after, triggers, strict=True)]
        steps.append(step(name, *entries))
    found, settled = graph(*data.draw(st.permutations(steps))), dict[str, str]()
    while len(settled) < len(names):
        before = len(settled)
        for name in names:
            if name not in settled and (decision := found.decide(name, settled, {})) is not Decision.WAIT:
                assert all(one in settled for one in found.nodes[name].waits) or decision is Decision.NEVER
                ends = st.sampled_from(["Succeeded", "Failed", "Stopped"])
                settled[name] = NEVER if decision is Decision.NEVER else data.draw(ends)
        assert len(settled) > before
