"""How steps hang together: names, cycles, branches."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.definition.check import check
from pipeline.definition.graph import upstream
from tests.support.definitions import (
    condition,
    definition,
    equals,
    of,
    only_problem,
    processing,
)


def test_same_name_twice_is_refused_wherever_it_stands() -> None:
    given = of(processing("A"), condition("Gate", [], [processing("A")]))
    assert only_problem(given) == ("error", "Steps[Gate].Arguments.IfSteps[A]", "Duplicate step name [A].")


def test_cycles_by_depends_on_and_by_reference() -> None:
    reference = {"AppSpecification": {"ImageUri": {"Get": "Steps.A.ProcessingJobName"}}}
    given = of(processing("A", DependsOn=["C"]), processing("B", arguments=reference), processing("C", DependsOn=["B"]))
    assert only_problem(given)[2] == "Cyclic dependency: A -> C -> B -> A"
    assert only_problem(of(processing("A", DependsOn=["A"])))[2] == "Cyclic dependency: A -> A"


def test_condition_that_waits_for_a_step_within_it_is_a_cycle() -> None:
    gate = condition("Gate", [equals({"Get": "Steps.A.ProcessingJobName"}, "x")], [processing("A")])
    assert only_problem(of(gate))[2] == "Cyclic dependency: Gate -> A -> Gate"


def test_step_that_waits_for_the_other_branch_will_never_run() -> None:
    gate = condition("Gate", [], [processing("A")], [processing("B", DependsOn=["A"])])
    assert only_problem(of(gate))[::2] == ("warning", "B waits for A and will never run.")


def test_depending_on_a_condition_is_warned_of() -> None:
    level, _, message = only_problem(of(condition("Gate", [], []), processing("A", DependsOn=["Gate"])))
    assert (level, message) == ("warning", "A depends on the Condition step Gate, which the service has refused.")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"Step": "A", "Trigger": "Any"}, None),
        ({"Step": "A", "Trigger": "Sometimes"}, "Unknown trigger 'Sometimes'."),
        (
            {"Step": "A", "When": "Any"},
            "Unable to parse pipeline definition. Cannot parse object, unknown property 'When'.",
        ),
    ],
)
def test_triggers_of_dependencies(entry: Any, message: str | None) -> None:
    found = check(of(processing("A"), processing("B", DependsOn=[entry])))
    assert [problem.message for problem in found] == ([message] if message else [])


def test_upstream_is_what_a_step_waits_for() -> None:
    found = upstream(definition())
    assert found["ConvertData"] == ["InspectData"]
    assert found["TrainModel"] == ["ConvertData"]
    assert found["EvaluateModel"] == ["PredictTest", "ConvertData", "TrainModel"]
    read = {"InspectData", "ConvertData", "PredictTest", "TrainModel", "EvaluateModel"}
    assert set(found["RegisterModel"]) == read | {"CheckMetrics"}
    assert found["CheckDeploy"] == ["RegisterModel"]
    answered = {"DeployEndpoint", "RegisterModel", "ConvertData", "PredictTest", "CheckDeploy"}
    assert set(found["ValidateEndpoint"]) == answered
