"""The pipeline's parameters: one list of them, and what a value may be."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.pipeline_parameters import Bounds, Parameter, Task, Type, declared, parse
from pipeline.errors import UsageError


def _declared(task: Task = Task.BINARY, **overrides: str | int | float) -> tuple[Parameter, ...]:
    return declared(task, name="digits", region="eu-west-1", overrides=overrides)


def _parse(*assignments: str, task: Task = Task.BINARY) -> dict[str, str]:
    return parse(assignments, _declared(task), task)


@pytest.mark.parametrize("task", Task)
def test_every_parameter_has_a_name_a_meaning_a_group_and_a_default_that_it_takes(task: Task) -> None:
    parameters = _declared(task)
    names = [parameter.name for parameter in parameters]
    assert len(set(names)) == len(names)
    for parameter in parameters:
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", parameter.name)
        assert parameter.meaning.endswith(".") and parameter.group
        assert parameter.read(str(parameter.default)) == parameter.default
        assert "{" not in str(parameter.default)


def test_tasks_have_the_parameters_that_their_steps_read() -> None:
    names = {task: {parameter.name for parameter in _declared(task)} for task in Task}
    assert {"InputDataUrl", "Deploy", "EndpointName"} <= names[Task.BINARY] & names[Task.MULTICLASS] & names[
        Task.REGRESSION
    ]
    assert {task for task in Task if "PositiveClass" in names[task]} == {Task.BINARY}
    assert {task for task in Task if "MinAccuracy" in names[task]} == {Task.BINARY, Task.MULTICLASS}
    assert {task for task in Task if "MaxRelativeRmse" in names[task]} == {Task.REGRESSION}


def test_defaults_know_the_name_and_the_region() -> None:
    defaults = {parameter.name: parameter.default for parameter in _declared()}
    assert defaults["InputDataUrl"] == ("s3://sagemaker-example-files-prod-eu-west-1/datasets/image/MNIST/mnist.pkl.gz")
    assert defaults["EndpointName"] == defaults["ModelPackageGroupName"] == "digits"


def test_environment_has_defaults_of_its_own() -> None:
    defaults = {
        parameter.name: parameter.default for parameter in _declared(CacheGeneration="3", MinAuc=1, Deploy="true")
    }
    assert (defaults["CacheGeneration"], defaults["MinAuc"], defaults["Deploy"]) == (3, 1.0, "true")
    assert isinstance(defaults["MinAuc"], float), "the SDK refuses an int for a Float parameter"


def test_overrides_are_checked() -> None:
    with pytest.raises(UsageError, match="there is no parameter CacheGenerations"):
        _declared(CacheGenerations=3)
    with pytest.raises(UsageError, match="parameter CacheGeneration: '0' is not in range: at least 1"):
        _declared(CacheGeneration=0)


def test_defaults_of_other_tasks_are_left_alone() -> None:
    defaults = {parameter.name: parameter.default for parameter in _declared(MaxRelativeRmse=1.5, CacheGeneration=2)}
    assert defaults["CacheGeneration"] == 2 and "MaxRelativeRmse" not in defaults


def test_values_are_what_a_start_takes() -> None:
    assert _parse("SplitSeed=20", "MinAuc=.9", "PositiveClass=a=b", "SplitSeed=30") == {
        "SplitSeed": "30",
        "MinAuc": "0.9",
        "PositiveClass": "a=b",
    }


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("CacheGeneration", "'CacheGeneration' assigns nothing"),
        ("CacheGeneration=many", "parameter CacheGeneration: 'many' is not a whole number"),
        ("CacheGeneration=1.5", "parameter CacheGeneration: '1.5' is not a whole number"),
        ("CacheGeneration=0", "parameter CacheGeneration: '0' is not in range: at least 1"),
        ("MinAuc=1.1", "parameter MinAuc: '1.1' is not in range: at least 0 and at most 1"),
        ("MinAuc=nan", "parameter MinAuc: 'nan' is not in range: at least 0 and at most 1"),
        ("Deploy=yes", "parameter Deploy: 'yes' is not one of false, true"),
        ("InputDataUrl=data/mnist", "parameter InputDataUrl: 'data/mnist' is not an s3:// address"),
        ("TrainingInstanceType=m5.large", "parameter TrainingInstanceType: 'm5.large' is not an instance type"),
        ("EndpointName=-x", "parameter EndpointName: '-x' is not a name of letters, digits"),
        ("PositiveClass=", "parameter PositiveClass: '' is not between 1 and 1024 characters long"),
        ("PositiveClass=" + "x" * 1025, "is not between 1 and 1024 characters long"),
    ],
)
def test_values_that_cannot_be(assignment: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        _parse(assignment)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("deploy", "Deploy"),
        ("split_seed", "SplitSeed"),
        ("MinAcuracy", "MinAccuracy"),
        ("label-column", "LabelColumn"),
    ],
)
def test_wrong_name_is_answered_with_the_nearest_right_one(name: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=f"there is no parameter {name}") as caught:
        _parse(f"{name}=1")
    assert caught.value.hint == f"did you mean {nearest}?"


def test_name_that_resembles_nothing_is_answered_with_all() -> None:
    with pytest.raises(UsageError) as caught:
        _parse("Zzz=1")
    assert "SplitSeed" in caught.value.hint and "EndpointName" in caught.value.hint


def test_an_optional_parameter_is_off_until_the_settings_turn_it_on() -> None:
    for declared_ in (_declared(), _declared(MaxRegression="off")):
        assert "MaxRegression" not in {parameter.name for parameter in declared_}
    with pytest.raises(UsageError, match="the parameter MaxRegression is off: it adds a step") as caught:
        parse(["MaxRegression=0"], _declared(), Task.BINARY)
    assert "[env.NAME.parameters]" in caught.value.hint
    assert parse(["MaxRegression=0.1"], _declared(MaxRegression=0), Task.BINARY) == {"MaxRegression": "0.1"}


@pytest.mark.parametrize(
    ("name", "meant", "task"),
    [
        ("PositiveClass", "PositiveClass", Task.REGRESSION),
        ("positive_class", "PositiveClass", Task.MULTICLASS),
        ("positive-class", "PositiveClass", Task.MULTICLASS),
        ("MaxRelativeRmse", "MaxRelativeRmse", Task.BINARY),
        ("MinR2", "MinR2", Task.BINARY),
    ],
)
def test_parameter_of_another_task_is_refused_as_one_however_near_it_is_to_another(
    name: str, meant: str, task: Task
) -> None:
    with pytest.raises(UsageError, match=f"^there is no parameter {meant} when the task is {task}$"):
        _parse(f"{name}=1", task=task)


@given(st.floats(allow_nan=True), st.floats(-5, 5), st.floats(-5, 5), st.booleans(), st.booleans())
def test_bounds_admit_what_lies_between(number: float, low: float, high: float, left: bool, right: bool) -> None:
    inside = math.isfinite(number) and low <= number <= high
    if (left and number == low) or (right and number == high):
        inside = False
    assert Bounds(low, high, left, right).admits(number) == inside


@given(st.floats(0, 1), st.integers(1, 10**6))
def test_numbers_come_back_as_they_were(share: float, count: int) -> None:
    by_name = {parameter.name: parameter for parameter in _declared()}
    assert by_name["MinAuc"].read(_parse(f"MinAuc={share!r}")["MinAuc"]) == share
    assert by_name["CacheGeneration"].read(_parse(f"CacheGeneration={count}")["CacheGeneration"]) == count


def test_types_are_those_of_definitions() -> None:
    assert {parameter.type for task in Task for parameter in _declared(task)} == set(Type)
