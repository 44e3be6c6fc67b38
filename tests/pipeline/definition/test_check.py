"""A definition as a whole: its text, its top, its parameters, and whatever else may come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.definition.check import check
from tests.support.definitions import (
    PARAMETERS,
    definition,
    of,
    only_problem,
    processing,
    with_arguments,
)


def test_sound_definitions_have_no_problems() -> None:
    assert check(of(processing())) == []
    assert check(with_arguments({"Get": "Parameters.Text"}, {"Get": "Execution.PipelineName"})) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Unable to parse pipeline definition. Expecting value at line 1, column 1 (character 0)."),
        ('{"Steps":[}', "Unable to parse pipeline definition. Expecting value at line 1, column 11 (character 10)."),
        ("[]", "Unable to parse pipeline definition. Expecting start of Json Object."),
        ('{"Steps":[NaN]}', "Unable to parse pipeline definition. NaN is no JSON value."),
        ("[" * 100_000, "Unable to parse pipeline definition. It is nested too deeply."),
        (" " * 1_048_577, "Unable to parse pipeline definition. It has 1048577 characters, the most is 1048576."),
    ],
)
def test_text_that_is_no_definition(text: str, message: str) -> None:
    assert only_problem(text) == ("error", "", message)


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"Name": "bad name"}, "Parameter name 'bad name' is not 1 to 64 letters, digits, hyphens and underscores."),
        ({"Type": "String"}, "Parameter name None is not 1 to 64 letters, digits, hyphens and underscores."),
        ({"Name": "A", "Type": "Int"}, "Unable to parse pipeline definition. Unknown parameter type 'Int'."),
        (
            {"Name": "A", "Type": "Integer", "DefaultValue": "1"},
            "The default value '1' of parameter [A] is not of type [Integer].",
        ),
        (
            {"Name": "A", "Type": "Integer", "DefaultValue": True},
            "The default value True of parameter [A] is not of type [Integer].",
        ),
        (
            {"Name": "A", "Type": "Boolean", "DefaultValue": "true"},
            "The default value 'true' of parameter [A] is not of type [Boolean].",
        ),
        ({"Name": "A", "DefaultValue": "x", "EnumValues": ["a"]}, "The default value 'x' is not one of ['a']."),
        ({"Name": "A", "EnumValues": "a"}, "Unable to parse pipeline definition. Expecting start of Json Array."),
        ({"Name": "A", "Description": 1}, "Unable to parse pipeline definition. Expecting a value of type [String]."),
        ({"Name": "A", "Description": "x" * 4097}, "'Description' has 4097 characters, the most is 4096."),
        ({"Name": "A", "DefaultValue": "x" * 4097}, "'DefaultValue' has 4097 characters, the most is 4096."),
        (
            {"Name": "A", "Default": "x"},
            "Unable to parse pipeline definition. Cannot parse object, unknown property 'Default'.",
        ),
        ({"Name": "Text"}, "Duplicate parameter name [Text]."),
        ([], "Unable to parse pipeline definition. Expecting start of Json Object."),
    ],
)
def test_parameters_that_cannot_be(parameter: Any, message: str) -> None:
    assert only_problem(of(processing(), parameters=[*PARAMETERS, parameter]))[::2] == ("error", message)


def test_integer_is_a_float_too() -> None:
    assert check(of(processing(), parameters=[{"Name": "A", "Type": "Float", "DefaultValue": 1}])) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"Stpes": []}, "Unable to parse pipeline definition. Cannot parse object, unknown property 'Stpes'."),
        ({"Version": "2021"}, "Unable to parse pipeline definition. Unknown version '2021'."),
        ({"Steps": {}}, "Unable to parse pipeline definition. Expecting start of Json Array."),
        ({"Steps": [1]}, "Unable to parse pipeline definition. Expecting start of Json Object."),
        ({"Parameters": 1}, "Unable to parse pipeline definition. Expecting start of Json Array."),
        ({"Metadata": {"a": 1}}, "Unable to parse pipeline definition. Expecting a value of type [String]."),
        ({"Metadata": {"a": "x" * 1025}}, "'a' has 1025 characters, the most is 1024."),
        ({"Metadata": {"a b": "x"}}, "Metadata name 'a b' is not 1 to 128 letters, digits, hyphens and underscores."),
        (
            {"PipelineExperimentConfig": {"ExperimentName": {"Get": "Parameters.No"}}},
            "Parameter [No] is referenced but not defined.",
        ),
        (
            {"MlflowConfig": {"MlflowExperimentName": {"Std:Join": {"Values": [{"Get": "Execution.Nmae"}]}}}},
            "Unknown execution variable [Execution.Nmae].",
        ),
        (
            {"PipelineExperimentConfig": {"TrialName": {"Get": "Steps.Work.ProcessingJobName"}}},
            "Cannot resolve property reference [Steps.Work.ProcessingJobName].",
        ),
    ],
)
def test_top_of_the_definition(more: dict[str, Any], message: str) -> None:
    assert only_problem({**of(processing()), **more})[::2] == ("error", message)


def test_an_experiment_is_named_by_parameters_and_the_execution() -> None:
    names = {"ExperimentName": {"Get": "Parameters.Text"}, "TrialName": {"Get": "Execution.PipelineExecutionId"}}
    assert check({**of(processing(), parameters=PARAMETERS), "PipelineExperimentConfig": names}) == []


def test_definition_without_steps() -> None:
    assert only_problem({})[2] == "Unable to parse pipeline definition. Missing required property 'Steps'."


def test_loop_over_items() -> None:
    body = processing("Body", arguments={"AppSpecification": {"ImageUri": {"Get": "ForEach.CurrentItem.image"}}})
    arguments = {
        "IterableItems": ["a", "b"],
        "MaxConcurrency": 2,
        "Selector": {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.Body.ExitMessage"}},
        "ForEachBody": [body],
    }
    each = {"Name": "Each", "Type": "ForEach", "Arguments": arguments}
    after = processing(
        "After", arguments={"AppSpecification": {"ImageUri": {"Get": "Steps.Each.Selected.ExitMessage"}}}
    )
    assert check(of(each, after)) == []
    body["Type"] = "Condition"
    body["Arguments"] = {"Conditions": [], "IfSteps": [], "ElseSteps": []}
    assert only_problem(of(each))[2] == "A Condition step cannot stand in the body of a ForEach step."


@pytest.mark.parametrize(
    "step",
    [
        {
            "Type": "Callback",
            "SqsQueueUrl": "https://q",
            "Arguments": {"n": 5},
            "OutputParameters": [{"OutputName": "o", "OutputType": "String"}],
        },
        {"Type": "Lambda", "FunctionArn": "arn", "Arguments": None, "OutputParameters": []},
        {"Type": "EMR", "Arguments": {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "s3://b/j.jar"}}}},
        {"Type": "Cleanup", "Arguments": {"Resources": {"S3": [{"StepName": "Work"}]}}},
        {"Type": "Lineage", "Arguments": {"Actions": []}},
        {
            "Type": "Model",
            "Arguments": {"PrimaryContainer": {"Image": "i", "ModelDataUrl": {"Get": "Parameters.Text"}}},
        },
        {
            "Type": "InferenceComponent",
            "Arguments": {"InferenceComponentName": "c", "EndpointName": {"Get": "Parameters.Text"}},
        },
        {
            "Type": "QualityCheck",
            "CheckType": "DATA_QUALITY",
            "SkipCheck": None,
            "FailOnViolation": {"Get": "Parameters.Flag"},
            "SuppliedBaselineStatistics": None,
            "Arguments": processing()["Arguments"],
        },
        {"Type": "BedrockModelImport", "Arguments": {"JobName": "j"}},
    ],
)
def test_step_types_of_others_are_taken(step: dict[str, Any]) -> None:
    assert check(of({"Name": "S", **step}, processing(), parameters=PARAMETERS)) == []


def test_thousands_of_steps_in_a_row_are_checked() -> None:
    chain = [processing(f"S{index}", DependsOn=[f"S{index - 1}"] if index else []) for index in range(2000)]
    assert check(of(*chain)) == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Get", "Std:Join", "Std:JsonGet", "Values", "Name", "Type", "Arguments", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
_TYPES = ["Processing", "Training", "Condition", "Fail", "Lambda", "ForEach", "Model", "Nothing"]
_MEMBERS = ["Arguments", "DependsOn", "CacheConfig", "RetryPolicies", "PropertyFiles", "OutputParameters"]


@given(
    st.lists(
        st.builds(
            lambda kind, name, more: {"Name": name, "Type": kind, **more},
            st.sampled_from(_TYPES),
            st.sampled_from(["A", "B", "C"]),
            st.dictionaries(st.sampled_from(_MEMBERS), _JSON, max_size=4),
        )
        | _JSON,
        max_size=4,
    ),
    _JSON,
)
def test_any_json_is_answered_and_never_crashes(given_steps: list[Any], more: Any) -> None:
    given: dict[str, Any] = {"Version": "2020-12-01", "Steps": given_steps, "Parameters": more}
    found = check(json.dumps(given))
    assert all(problem.message for problem in found)


@given(st.data())
def test_damage_to_a_sound_definition_never_crashes(data: st.DataObject) -> None:
    given = definition()
    place: Any = given
    for _ in range(data.draw(st.integers(1, 8))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], (dict, list)) and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = data.draw(_JSON)
        break
    check(given)
