"""The form of steps and conditions."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.definition.check import check
from tests.support.definitions import (
    PARAMETERS,
    condition,
    equals,
    fail,
    of,
    only_problem,
    processing,
)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (processing("bad name!"), "Step name 'bad name!' is not 1 to 64 letters, digits, hyphens and underscores."),
        (processing("x" * 65), f"Step name '{'x' * 65}' is not 1 to 64 letters, digits, hyphens and underscores."),
        ({"Name": "A", "Arguments": {}}, "Unable to parse pipeline definition. A step has no 'Type'."),
        (
            processing(Argumnets={}),
            "Unable to parse pipeline definition. Cannot parse object, unknown property 'Argumnets'.",
        ),
        (
            fail("A", PropertyFiles=[]),
            "Unable to parse pipeline definition. Cannot parse object, unknown property 'PropertyFiles'.",
        ),
        (processing(PropertyFiles=[{}]), "Unable to parse pipeline definition. A property file is not whole."),
        (processing(DependsOn="Other"), "Unable to parse pipeline definition. Expecting start of Json Array."),
        (processing(DependsOn=["Other"]), "Step [Other] is referenced but not defined."),
        (processing(DependsOn=[{"Step": "Other", "Trigger": "Failed"}]), "Step [Other] is referenced but not defined."),
        (processing(DependsOn=[1]), "Unable to parse pipeline definition. Expecting the name of a step."),
        (
            processing(CacheConfig={"ExpireAfter": "P1D"}),
            "Unable to parse pipeline definition. Expecting a value of type [Boolean].",
        ),
        (
            processing(CacheConfig={"Enabled": True, "ExpireAfter": "a month"}),
            "Unable to parse pipeline definition. 'ExpireAfter' is no ISO 8601 duration: 'a month'.",
        ),
        (
            processing(CacheConfig={"Enabled": True, "Expires": "P1D"}),
            "Unable to parse pipeline definition. Cannot parse object, unknown property 'Expires'.",
        ),
        (
            processing(RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "Attempts": 1}]),
            "Unable to parse pipeline definition. Cannot parse object, unknown property 'Attempts'.",
        ),
        (
            processing(
                PropertyFiles=[{"PropertyFileName": "a", "OutputName": "out", "FilePath": "a.json", "Format": "json"}]
            ),
            "Unable to parse pipeline definition. Cannot parse object, unknown property 'Format'.",
        ),
        (
            {
                **fail("A"),
                "Type": "Lambda",
                "FunctionArn": "f",
                "OutputParameters": [{"OutputName": "a", "OutputKind": "String"}],
            },
            "Unable to parse pipeline definition. Cannot parse object, unknown property 'OutputKind'.",
        ),
        (processing(RetryPolicies={}), "Unable to parse pipeline definition. Expecting start of Json Array."),
        (
            processing(RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 1, "ExpireAfterMin": 1}]),
            "A retry policy has either 'MaxAttempts' or 'ExpireAfterMin', not both.",
        ),
        (
            processing(RetryPolicies=[{"ExceptionType": ["Step.BAD_LUCK"]}]),
            "Unknown exception type 'Step.BAD_LUCK'.",
        ),
        (
            processing(RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 21}]),
            "'MaxAttempts' of a retry policy is a whole number from 0 to 20, not 21.",
        ),
        (
            processing(RetryPolicies=[{"ExceptionType": "Step.THROTTLING"}]),
            "Unable to parse pipeline definition. Expecting start of Json Array.",
        ),
    ],
)
def test_steps_that_cannot_be(step: dict[str, Any], message: str) -> None:
    assert only_problem(of(step))[::2] == ("error", message)


@pytest.mark.parametrize(
    "duration", ["30d", "5y", "T16m", "30dT5h", "PT1H", "p30d", "P4DT12H", "T12H", "P1Y2M3DT4H5M6S"]
)
def test_durations_of_the_documentation_are_taken(duration: str) -> None:
    assert check(of(processing(CacheConfig={"Enabled": True, "ExpireAfter": duration}))) == []


@pytest.mark.parametrize("duration", ["", "P", "PT", "T", "1", "30", "d30", "P1D1D", "PT1"])
def test_what_is_no_duration_is_not(duration: str) -> None:
    found = check(of(processing(CacheConfig={"Enabled": True, "ExpireAfter": duration})))
    assert "error" in [problem.level for problem in found]


def test_a_duration_does_not_matter_where_caching_is_off() -> None:
    assert check(of(processing(CacheConfig={"Enabled": False, "ExpireAfter": "never"}))) == []


def test_policies_where_they_have_no_effect_are_warned_of() -> None:
    step = fail("End", CacheConfig={"Enabled": True}, RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"]}])
    assert [(p.level, p.message) for p in check(of(step))] == [
        ("warning", "A Fail step is never cached."),
        ("warning", "A Fail step is never retried."),
    ]


def test_an_unknown_step_type_is_refused() -> None:
    level, _, message = only_problem(
        of({"Name": "A", "Type": "Teleport", "Arguments": {"x": {"Get": "Parameters.Text"}}}, parameters=PARAMETERS)
    )
    assert (level, message) == ("error", "Unable to parse pipeline definition. Unknown step type 'Teleport'.")


@pytest.mark.parametrize(
    "given",
    [
        equals({"Get": "Parameters.Text"}, "x"),
        {"Type": "In", "QueryValue": {"Get": "Parameters.Text"}, "Values": ["a", {"Get": "Parameters.Text"}]},
        {"Type": "Not", "Condition": {"Type": "Or", "Conditions": [equals(1, 2), equals(True, False)]}},
    ],
)
def test_conditions_that_can_be(given: Any) -> None:
    assert check(of(condition("Gate", [given], [fail("End")]), parameters=PARAMETERS)) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Type": "Like"}, "Unable to parse pipeline definition. Unknown condition type 'Like'."),
        (
            {"Type": "Equals", "LeftValue": 1},
            "Unable to parse pipeline definition. Missing required property 'RightValue'.",
        ),
        (equals({"a": 1}, 2), "Unable to parse pipeline definition. Expecting a primitive value or a function."),
        (equals({"Get": "Parameters.No"}, 2), "Parameter [No] is referenced but not defined."),
        (
            {"Type": "In", "QueryValue": 1, "Values": 1},
            "Unable to parse pipeline definition. Expecting start of Json Array.",
        ),
        ({"Type": "Or", "Conditions": [1]}, "Unable to parse pipeline definition. Expecting start of Json Object."),
        (1, "Unable to parse pipeline definition. Expecting start of Json Object."),
    ],
)
def test_conditions_that_cannot_be(given: Any, message: str) -> None:
    assert only_problem(of(condition("Gate", [given], [])))[::2] == ("error", message)


def test_outcome_of_a_condition_may_be_referred_to_and_nothing_else_of_it() -> None:
    gate = condition("Gate", [], [])
    joined = {"Std:Join": {"On": "", "Values": [{"Get": "Steps.Gate.Outcome"}]}}
    assert check(of(gate, processing(arguments={"AppSpecification": {"ImageUri": joined}}))) == []
    other = processing(arguments={"AppSpecification": {"ImageUri": {"Get": "Steps.Gate.Conditions"}}})
    assert only_problem(of(gate, other))[2] == "Cannot resolve property reference [Steps.Gate.Conditions]."


def test_nested_conditions_are_warned_of_at_any_depth() -> None:
    inner = condition("C0", [], [fail("End")])
    for depth in range(1, 31):
        inner = condition(f"C{depth}", [], [inner])
    found = check(of(inner))
    assert {(problem.level, problem.message) for problem in found} == {("warning", "Condition steps are nested.")}
    assert len(found) == 30
