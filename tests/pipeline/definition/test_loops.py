"""ForEach steps: what their bodies and others may refer to, and which names they take."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.definition.check import check
from pipeline.definition.graph import upstream
from tests.support.definitions import PARAMETERS, of, only_problem, processing


def job(name: str, image: Any, **more: Any) -> dict[str, Any]:
    return processing(name, arguments={"AppSpecification": {"ImageUri": image}}, **more)


def get(path: str) -> dict[str, Any]:
    return {"Get": path}


def each(*body: dict[str, Any], name: str = "Each", **arguments: Any) -> dict[str, Any]:
    own = {"IterableItems": ["a", "b"], "MaxConcurrency": 2, "ForEachBody": list(body)}
    return {"Name": name, "Type": "ForEach", "Arguments": own | arguments}


def selecting(field: Any) -> dict[str, Any]:
    return {"Pick": "MaxBy", "Field": field}


def test_a_body_may_refer_to_the_item_to_its_own_steps_and_to_steps_outside() -> None:
    body = (
        job("Body", get("ForEach.CurrentItem.image")),
        job("Then", get("ForEach.CurrentItem['a'][0]"), DependsOn=["Body", "First"]),
        job("Last", get("Steps.Body.ProcessingJobName")),
    )
    assert check(of(processing("First"), each(*body))) == []


@pytest.mark.parametrize(
    "path",
    [
        "IterationOutputs[0].Body.ProcessingJobName",
        "IterationOutputs[1].Body.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri",
        "Selected.ProcessingJobName",
        "Status",
    ],
)
def test_what_steps_outside_may_refer_to(path: str) -> None:
    loop = each(job("Body", "image"), Selector=selecting(get("IterationOutput.Body.ExitMessage")))
    assert check(of(loop, job("After", get(f"Steps.Each.{path}")))) == []


@pytest.mark.parametrize(
    "path",
    [
        "IterationOutputs.Body.ProcessingJobName",
        "IterationOutputs[0].ProcessingJobName",
        "IterationOutputs[0].Body",
        "IterationOutputs[0].Body.ModelName",
        "IterationOutputs['Body'].ProcessingJobName",
        "Selected.ProcessingJobName",
        "Outcome",
    ],
)
def test_what_a_loop_does_not_have(path: str) -> None:
    after = job("After", get(f"Steps.Each.{path}"))
    message = f"Cannot resolve property reference [Steps.Each.{path}]."
    assert only_problem(of(each(job("Body", "image")), after))[::2] == ("error", message)


def test_counts_of_a_loop_are_numbers() -> None:
    after = job("After", get("Steps.Each.FailedStepCount"))
    message = "Cannot assign property reference [Steps.Each.FailedStepCount] to argument of type [String]."
    assert only_problem(of(each(job("Body", "image")), after))[2] == message


@pytest.mark.parametrize(
    "outside",
    [
        job("After", get("Steps.Body.ProcessingJobName")),
        processing("After", DependsOn=["Body"]),
        job("After", {"Std:JsonGet": {"PropertyFile": get("Steps.Body.PropertyFiles.F"), "Path": "a"}}),
    ],
)
def test_steps_outside_cannot_name_a_step_of_the_body(outside: dict[str, Any]) -> None:
    files = [{"PropertyFileName": "F", "OutputName": "out", "FilePath": "f.json"}]
    found = check(of(each(job("Body", "image", PropertyFiles=files)), outside))
    assert [problem.message for problem in found] == ["Step [Body] is referenced but not defined."]
    assert "Steps.Each.IterationOutputs[0].Body" in found[0].hint


@pytest.mark.parametrize(
    ("loop", "reference"),
    [
        (each(job("Body", "image"), IterableItems=[get("ForEach.CurrentItem")]), "ForEach.CurrentItem"),
        (each(job("Body", get("IterationOutput.Body.ExitMessage"))), "IterationOutput.Body.ExitMessage"),
        (each(job("Body", get("ForEach.CurrentItems"))), "ForEach.CurrentItems"),
        (each(job("Body", get("ForEach.Item"))), "ForEach.Item"),
    ],
)
def test_references_to_iterations_where_there_are_none(loop: dict[str, Any], reference: str) -> None:
    assert only_problem(of(loop))[::2] == ("error", f"Unknown reference [{reference}].")


def test_items_are_no_number() -> None:
    loop = each(job("Body", "image"), IterableItems=get("Parameters.Count"))
    message = "Cannot assign property reference [Parameters.Count] to argument of type [String]."
    assert only_problem(of(loop, parameters=PARAMETERS))[2] == message
    assert check(of(each(job("Body", "image"), IterableItems=get("Parameters.Text")), parameters=PARAMETERS)) == []


@pytest.mark.parametrize(("name", "taken"), [("Body-0", True), ("Body-12", True), ("Body-x", False), ("Body", False)])
def test_names_that_the_iterations_take(name: str, taken: bool) -> None:
    body = job("Body" if name != "Body" else "Other", "image")
    found = [problem.message for problem in check(of(each(body), processing(name)))]
    assert found == ([f"Duplicate step name [{name}]."] if taken else [])


def test_a_loop_waits_for_what_its_body_needs_and_that_can_be_a_cycle() -> None:
    loop = each(job("Body", get("Steps.First.ProcessingJobName")), job("Then", "image", DependsOn=["Second", "Body"]))
    given = of(processing("First"), processing("Second"), loop)
    assert upstream(given)["Each"] == ["First", "Second"]
    given["Steps"][0]["DependsOn"] = ["Each"]
    assert only_problem(given)[2] == "Cyclic dependency: First -> Each -> First"
