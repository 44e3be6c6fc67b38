"""What is no request of SageMaker's API: arguments of Fail, Lambda, Callback, Lineage and Cleanup steps, checks."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.definition.check import check
from tests.support.definitions import PARAMETERS, of, only_problem, processing

UNPARSABLE = "Unable to parse pipeline definition."
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def step(kind: str, arguments: Any, **more: Any) -> dict[str, Any]:
    return {"Name": "S", "Type": kind, "Arguments": arguments} | more


@pytest.mark.parametrize(
    "message",
    ["no", "", None, {"Get": "Parameters.Text"}, {"Std:Join": {"Values": ["a", {"Get": "Parameters.Count"}]}}],
)
def test_messages_that_a_fail_step_may_have(message: Any) -> None:
    assert check(of(step("Fail", {"ErrorMessage": message}), parameters=PARAMETERS)) == []


def test_a_number_as_message_is_warned_of_where_a_parameter_has_it_and_refused_where_it_stands_there() -> None:
    given = of(step("Fail", {"ErrorMessage": {"Get": "Parameters.Count"}}), parameters=PARAMETERS)
    message = "Cannot assign property reference [Parameters.Count] to argument of type [String]."
    assert only_problem(given)[::2] == ("warning", message)
    for literal in (5, ["no"], {"a": "b"}, True):
        problem = only_problem(of(step("Fail", {"ErrorMessage": literal})))
        assert problem[::2] == ("error", f"{UNPARSABLE} Expecting a value of type [String].")


@pytest.mark.parametrize(
    ("kind", "more"), [("Lambda", {"FunctionArn": FUNCTION}), ("Callback", {"SqsQueueUrl": "https://queue"})]
)
def test_functions_and_queues_are_told_primitive_values(kind: str, more: dict[str, str]) -> None:
    values = {"text": "a", "number": 1, "real": 0.5, "flag": True, "none": None, "of": {"Get": "Parameters.Count"}}
    assert check(of(step(kind, values, **more), parameters=PARAMETERS)) == []
    for nested in ({"a": 1}, [1]):
        problem = only_problem(of(step(kind, {"x": nested}, **more)))
        message = f"{UNPARSABLE} Expecting a primitive value or a function."
        assert problem == ("error", "Steps[S].Arguments.x", message)


@pytest.mark.parametrize(("kind", "member"), [("Lambda", "FunctionArn"), ("Callback", "SqsQueueUrl")])
def test_who_is_told_must_be_named(kind: str, member: str) -> None:
    assert only_problem(of(step(kind, {})))[2] == f"{UNPARSABLE} Missing required property '{member}'."


@pytest.mark.parametrize(
    "queue",
    [
        {"Get": "Parameters.Text"},
        {"Std:Join": {"On": "/", "Values": ["https://sqs.us-east-1.amazonaws.com/1", {"Get": "Parameters.Text"}]}},
    ],
    ids=["get", "join"],
)
def test_the_queue_of_a_callback_may_be_known_at_run_time_only(queue: Any) -> None:
    assert check(of(step("Callback", {}, SqsQueueUrl=queue), parameters=PARAMETERS)) == []


@pytest.mark.parametrize("queue", [{"Get": "Parameters.Absent"}, {"Get": "Parameters.Count"}, 5], ids=str)
def test_the_queue_of_a_callback_is_text(queue: Any) -> None:
    assert only_problem(of(step("Callback", {}, SqsQueueUrl=queue), parameters=PARAMETERS))[0] == "error"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (step("Fail", {"Message": "no"}), f"{UNPARSABLE} Unknown Argument member 'Message'"),
        (step("Lineage", {"Actions": [], "Models": []}), f"{UNPARSABLE} Unknown Argument member 'Models'"),
        (step("Lineage", {}), "A Lineage step needs one of Actions, Artifacts, Contexts, Associations."),
        (step("Cleanup", {}), f"{UNPARSABLE} Expecting start of Json Object."),
        (step("Cleanup", {"Resources": {"S3": []}}), f"{UNPARSABLE} Expecting start of Json Array."),
        (
            step("Cleanup", {"Resources": {"S3": [{"S3Uris": ["s3://b/k"]}]}}),
            f"{UNPARSABLE} Missing required property 'StepName'.",
        ),
        (step("Cleanup", {"Resources": {"S3": [{"StepName": "No"}]}}), "Step [No] is referenced but not defined."),
        (
            step("Cleanup", {"Resources": {"S3": [{"StepName": "S", "S3Uris": [1]}]}}),
            f"{UNPARSABLE} Expecting a value of type [String].",
        ),
        (step("Condition", {"Get": "Parameters.Text"}), f"{UNPARSABLE} Expecting start of Json Object."),
    ],
)
def test_arguments_that_cannot_be(given: dict[str, Any], message: str) -> None:
    assert message in [problem.message for problem in check(of(given, parameters=PARAMETERS))]


def test_a_lineage_step_has_arns_of_what_it_made_and_nothing_else() -> None:
    record = step("Lineage", {"Contexts": [{"ContextName": "c"}]})
    for path, known in (("ContextArns['c']", True), ("Contexts", False)):
        word = {"Std:Join": {"Values": [{"Get": f"Steps.S.{path}"}]}}
        after = processing(arguments={"AppSpecification": {"ImageUri": word}})
        found = [problem.message for problem in check(of(record, after))]
        assert found == ([] if known else [f"Cannot resolve property reference [Steps.S.{path}]."])


def check_step(kind: str, **more: Any) -> dict[str, Any]:
    own = {"CheckType": "DATA_QUALITY" if kind == "QualityCheck" else "DATA_BIAS"}
    return step(kind, processing()["Arguments"], **own, **more)


def test_flags_of_a_check_are_booleans_or_parameters_of_that_type() -> None:
    flags = {"SkipCheck": True, "FailOnViolation": {"Get": "Parameters.Flag"}, "RegisterNewBaseline": None}
    assert check(of(check_step("QualityCheck", **flags), parameters=PARAMETERS)) == []
    given = of(check_step("QualityCheck", SkipCheck={"Get": "Parameters.Text"}), parameters=PARAMETERS)
    message = "Cannot assign property reference [Parameters.Text] to argument of type [Boolean]."
    assert only_problem(given) == ("error", "Steps[S].SkipCheck", message)
    problem = only_problem(of(check_step("ClarifyCheck", SkipCheck="true")))
    assert problem == ("error", "Steps[S].SkipCheck", f"{UNPARSABLE} Expecting a value of type [Boolean].")


@pytest.mark.parametrize("kind", ["QualityCheck", "ClarifyCheck"])
def test_what_is_checked_must_be_known(kind: str) -> None:
    assert only_problem(of(check_step(kind) | {"CheckType": "ALL"}))[2] == "Unknown check type 'ALL'."


@pytest.mark.parametrize(("kind", "known"), [("QualityCheck", True), ("ClarifyCheck", False)])
def test_only_checks_of_quality_have_statistics(kind: str, known: bool) -> None:
    for baseline in ("CalculatedBaseline", "BaselineUsedForDriftCheck"):
        for member, expected in (("Constraints", True), ("Statistics", known)):
            word = {"Std:Join": {"Values": [{"Get": f"Steps.S.{baseline}{member}"}]}}
            after = processing(arguments={"AppSpecification": {"ImageUri": word}})
            assert (check(of(check_step(kind), after)) == []) is expected
