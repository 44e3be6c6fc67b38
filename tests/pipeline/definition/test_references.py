"""Expressions: what they refer to, and where a value of their type may stand."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.definition.check import check
from tests.support.definitions import (
    PARAMETERS,
    condition,
    equals,
    of,
    only_problem,
    processing,
    with_arguments,
)

_JOINED = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Count"}]}}


@pytest.mark.parametrize("word", [{"Get": "Parameters.Rate"}, {"Get": "Parameters.Flag"}, {"Get": "Parameters.Count"}])
def test_only_strings_may_stand_for_strings(word: Any) -> None:
    level, _, message = only_problem(with_arguments(word))
    assert level == "error"
    assert message == f"Cannot assign property reference [{word['Get']}] to argument of type [String]."


@pytest.mark.parametrize("word", [{"Get": "Parameters.Text"}, _JOINED, {"Get": "Execution.PipelineName"}])
def test_what_is_known_to_be_a_string_may(word: Any) -> None:
    assert check(with_arguments(word)) == []


@pytest.mark.parametrize(
    ("count", "problem"),
    [
        (2, None),
        ({"Get": "Parameters.Count"}, None),
        ({"Std:JsonGet": {"S3Uri": "s3://b/f.json", "Path": "a"}}, None),
        ("2", "Unable to parse pipeline definition. Expecting a value of type [Integer]."),
        (True, "Unable to parse pipeline definition. Expecting a value of type [Integer]."),
        (
            {"Get": "Parameters.Text"},
            "Cannot assign property reference [Parameters.Text] to argument of type [Integer].",
        ),
        (
            {"Get": "Parameters.Rate"},
            "Cannot assign property reference [Parameters.Rate] to argument of type [Integer].",
        ),
        (_JOINED, "Cannot assign property reference [Std:Join] to argument of type [Integer]."),
    ],
)
def test_what_may_stand_for_an_integer(count: Any, problem: str | None) -> None:
    resources = {"ClusterConfig": {"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}}
    given = of(processing(arguments={"ProcessingResources": resources}), parameters=PARAMETERS)
    assert [found.message for found in check(given)] == ([problem] if problem else [])


def test_properties_have_the_types_of_the_describe_response() -> None:
    first = processing("First")
    second = processing(
        "Second", arguments={"AppSpecification": {"ImageUri": {"Get": "Steps.First.ProcessingJobName"}}}
    )
    assert check(of(first, second)) == []
    count = {"Get": "Steps.First.ProcessingResources.ClusterConfig.InstanceCount"}
    third = processing("Third", arguments={"AppSpecification": {"ImageUri": count}})
    assert only_problem(of(first, third))[2].endswith("to argument of type [String].")


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        ("Parameters.Txt", "Parameter [Txt] is referenced but not defined.", "did you mean Text?"),
        ("Execution.PipelineId", "Unknown execution variable [Execution.PipelineId].", "did you mean PipelineArn?"),
        ("Steps.Wrok.ProcessingJobName", "Step [Wrok] is referenced but not defined.", "did you mean Work?"),
        ("Nothing.Here", "Unknown reference [Nothing.Here].", "it begins with Parameters, Execution or Steps"),
        ("Steps.Other", "Cannot resolve property reference [Steps.Other].", "name a property of the step"),
        (
            "Steps.Other.ProcesingJobName",
            "Cannot resolve property reference [Steps.Other.ProcesingJobName].",
            "did you mean ProcessingJobName?",
        ),
        (
            "ForEach.CurrentItem",
            "Unknown reference [ForEach.CurrentItem].",
            "it begins with Parameters, Execution or Steps",
        ),
    ],
)
def test_references_to_nothing(reference: str, message: str, hint: str) -> None:
    given = with_arguments({"Get": reference})
    given["Steps"].append(processing("Other"))
    found = check(given)
    assert [(problem.level, problem.message) for problem in found] == [("error", message)]
    assert found[0].hint == hint


@pytest.mark.parametrize(
    "reference",
    [
        "Steps.First.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri",
        "Steps.First.ProcessingInputs['code'].S3Input.S3Uri",
        "Steps.First.ProcessingInputs[0].S3Input.S3Uri",
        "Steps.First.Environment['KEY']",
        "Steps.Fit.FinalMetricDataList['auc'].MetricName",
        "Steps.Fit.ModelArtifacts.S3ModelArtifacts",
        "Steps.Ask.OutputParameters['answer']",
    ],
)
def test_paths_by_member_index_key_and_natural_name(reference: str) -> None:
    training = {
        "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    }
    given = with_arguments({"Get": reference})
    given["Steps"] += [
        processing("First"),
        {"Name": "Fit", "Type": "Training", "Arguments": training},
        {
            "Name": "Ask",
            "Type": "Lambda",
            "FunctionArn": "arn",
            "Arguments": {"n": 5, "nothing": None},
            "OutputParameters": [{"OutputName": "answer", "OutputType": "String"}],
        },
    ]
    assert check(given) == []


def test_outputs_of_a_lambda_have_their_types_and_names() -> None:
    ask = {
        "Name": "Ask",
        "Type": "Lambda",
        "FunctionArn": "arn",
        "Arguments": {},
        "OutputParameters": [{"OutputName": "n", "OutputType": "Integer"}],
    }
    for name, message in [
        ("n", "Cannot assign property reference [Steps.Ask.OutputParameters['n']] to argument of type [String]."),
        ("m", "Cannot resolve property reference [Steps.Ask.OutputParameters['m']]."),
    ]:
        given = with_arguments({"Get": f"Steps.Ask.OutputParameters['{name}']"})
        given["Steps"].append(ask)
        assert only_problem(given)[2] == message


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("x", "Unable to parse pipeline definition. Expecting start of Json Object."),
        ({"On": 1, "Values": []}, "Unable to parse pipeline definition. Expecting a string for 'On'."),
        ({"On": "/"}, "Unable to parse pipeline definition. Expecting start of Json Array."),
        (
            {"Values": [["a"]]},
            "Unable to parse pipeline definition. Expecting a primitive value or a function in 'Values'.",
        ),
        (
            {"Values": [], "Sep": ""},
            "Unable to parse pipeline definition. Cannot parse object, unknown property 'Sep'.",
        ),
        ({"Values": [{"Get": "Parameters.No"}]}, "Parameter [No] is referenced but not defined."),
        (
            {"Values": [{"Get": "Steps.Other.Environment"}]},
            "Cannot join [Steps.Other.Environment], which is no single value.",
        ),
    ],
)
def test_joins_that_cannot_be(argument: Any, message: str) -> None:
    given = with_arguments({"Std:Join": argument})
    given["Steps"].append(processing("Other"))
    assert only_problem(given)[::2] == ("error", message)


_FILES = [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "r.json"}]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"PropertyFile": {"Get": "Steps.First.PropertyFiles.Report"}, "Path": "a.b"}, None),
        ({"S3Uri": {"Std:Join": {"On": "/", "Values": ["s3://b", "k"]}}, "Path": "a"}, None),
        (
            {"PropertyFile": {"Get": "Steps.First.PropertyFiles.Reprot"}, "Path": "a"},
            "Property file [Steps.First.PropertyFiles.Reprot] is not defined.",
        ),
        (
            {"PropertyFile": {"Get": "Steps.Frist.PropertyFiles.Report"}, "Path": "a"},
            "Step [Frist] is referenced but not defined.",
        ),
        (
            {"PropertyFile": {"Get": "Steps.End.PropertyFiles.Report"}, "Path": "a"},
            "Property file reference [Steps.End.PropertyFiles.Report] does not point at a Processing step.",
        ),
        (
            {"PropertyFile": "Report", "Path": "a"},
            "Unable to parse pipeline definition. 'PropertyFile' is no reference to a property file.",
        ),
        (
            {"PropertyFile": {"Get": "Steps.First.PropertyFiles.Report"}, "Path": {"Get": "Parameters.Text"}},
            "Unable to parse pipeline definition. Expecting a string for 'Path'.",
        ),
        ({"S3Uri": "s3://b/k.json", "Path": "a"}, None),
        ({"S3Uri": 1, "Path": "a"}, "Unable to parse pipeline definition. Expecting a value of type [String]."),
        (
            {"S3Uri": {"Get": "Parameters.Count"}, "Path": "a"},
            "Cannot assign property reference [Parameters.Count] to argument of type [String].",
        ),
        (
            {"S3Uri": "s3://b/f.json", "Path": "m[?(@.n =~ '(a+)+$')]"},
            "Cannot parse json path [m[?(@.n =~ '(a+)+$')]].",
        ),
        ({"Path": "a"}, "Unable to parse pipeline definition. Std:JsonGet needs either 'PropertyFile' or 'S3Uri'."),
    ],
)
def test_json_gets(argument: Any, message: str | None) -> None:
    gate = condition("Gate", [equals({"Std:JsonGet": argument}, 1)], [])
    given = of(processing("First", PropertyFiles=_FILES), gate, parameters=PARAMETERS)
    if message and "Steps.End" in message:
        given["Steps"].append({"Name": "End", "Type": "Lambda", "FunctionArn": "a", "Arguments": {}})
    assert [problem.message for problem in check(given)] == ([message] if message else [])


def test_property_file_of_an_output_that_there_is_not() -> None:
    files = [{"PropertyFileName": "Report", "OutputName": "uot", "FilePath": "r.json"}]
    message = "Output [uot] of property file [Report] is not defined."
    assert only_problem(of(processing(PropertyFiles=files)))[2] == message
