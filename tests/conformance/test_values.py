"""What expressions become: in the arguments of steps, in messages, in conditions; and where conditions lead.

Model steps show their environment as it was evaluated, and make no process, so that one execution answers many
questions.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.executions import check, create, fail, run, start, steps, wait, work, writes
from tests.support.service import LocalService
from tests.support.serving import IMAGE as SERVING

Body = dict[str, Any]
PARAMETERS: list[Body] = [
    {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
    {"Name": "Rate", "Type": "Float", "DefaultValue": 0.1},
    {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
    {"Name": "Word", "DefaultValue": "one"},
    {"Name": "Big", "Type": "Integer", "DefaultValue": 9007199254740993},
]
DOCUMENT = {
    "metrics": {"auc": {"value": 0.75}, "per.class": {"a b": 1}, "n": None},
    "rows": [{"value": 1}, {"value": True}, {"value": "text"}],
    "whole": 2,
    "half": 2.0,
}


def get(path: str) -> Body:
    return {"Get": path}


def join(*values: Any, on: str = "") -> Body:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def json_get(path: str) -> Body:
    return {"Std:JsonGet": {"PropertyFile": get("Steps.Make.PropertyFiles.Report"), "Path": path}}


def model(name: str, environment: Body) -> Body:
    return {
        "Name": name,
        "Type": "Model",
        "Arguments": {"PrimaryContainer": {"Image": SERVING, "Environment": environment}},
    }


def environment_of(local: LocalService, step: Body) -> dict[str, str]:
    name = step["Metadata"]["Model"]["Arn"].rsplit("/", 1)[-1]
    found: dict[str, str] = local.sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["Environment"]
    return found


ENVIRONMENT: dict[str, tuple[Any, str]] = {
    "STRING": (get("Parameters.Word"), "one"),
    "INTEGER": (join(get("Parameters.Count")), "3"),
    "FLOAT": (join(get("Parameters.Rate")), "0.1"),
    "BOOLEAN": (join(get("Parameters.Flag")), "false"),
    "PRECISE": (join(get("Parameters.Big")), "9007199254740993"),
    "LITERALS": (join("a", 1, 2.5, True, False, on=","), "a,1,2.5,true,false"),
    "NESTED": (join("s3:/", join("b", get("Parameters.Count"), on="-"), "k", on="/"), "s3://b-3/k"),
    "NO_ON": ({"Std:Join": {"Values": ["a", "b"]}}, "ab"),
    "NOTHING": (join(on="/"), ""),
    "TWICE": (join(get("Parameters.Word"), get("Parameters.Word"), on="+"), "one+one"),
    "LOOKS_LIKE_GET": (join("{'Get': 'Parameters.Word'}"), "{'Get': 'Parameters.Word'}"),
    "BY_KEY": (get("Steps.Make.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"), "s3://bucket/Make"),
    "BY_INDEX": (get("Steps.Make.ProcessingOutputConfig.Outputs[0].OutputName"), "out"),
    "IN_LIST": (get("Steps.Make.AppSpecification.ContainerEntrypoint[0]"), "/bin/sh"),
    "IN_MAP": (get("Steps.Make.Environment['MADE']"), "here"),
    "NUMBER": (join(get("Steps.Make.ProcessingResources.ClusterConfig.VolumeSizeInGB")), "30"),
    "STATUS": (get("Steps.Make.ProcessingJobStatus"), "Completed"),
    "OUTCOME": (join(get("Steps.Yes.Outcome"), get("Steps.No.Outcome"), on="/"), "true/false"),
    "JSON_FLOAT": (join(json_get("metrics.auc.value")), "0.75"),
    "JSON_DOLLAR": (join(json_get("$.metrics.auc.value")), "0.75"),
    "JSON_QUOTED": (join(json_get("metrics['per.class']['a b']")), "1"),
    "JSON_INDEX": (join(json_get("rows[0].value"), json_get("rows[1].value"), json_get("rows[2].value")), "1truetext"),
    "JSON_TEXT": (json_get("rows[2].value"), "text"),
    "JSON_S3": (
        join({"Std:JsonGet": {"S3Uri": join("s3://bucket", "Make", "made.json", on="/"), "Path": "whole"}}),
        "2",
    ),
}


@pytest.fixture(scope="module")
def evaluated(local: LocalService) -> Body:
    """The environment of a model step with all expressions, and the execution."""
    made = writes("Make", "made.json", json.dumps(DOCUMENT))
    made["Arguments"]["Environment"] = {"MADE": "here"}
    variables = ("PipelineName", "PipelineArn", "PipelineExecutionId", "PipelineExecutionArn")
    more = {name: get(f"Execution.{name}") for name in (*variables, "StartDateTime", "CurrentDateTime")}
    name = create(
        local,
        made,
        check("Yes", 1, 1, []),
        check("No", 1, 2, []),
        model("Model", {key: expression for key, (expression, _) in ENVIRONMENT.items()} | more),
        name="Values-Pipeline",
        parameters=PARAMETERS,
    )
    done = run(local, name)
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Succeeded", json.dumps(found, default=str)
    return {"environment": environment_of(local, found["Model"]), "execution": done}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_expressions_in_arguments(evaluated: Body, name: str) -> None:
    assert evaluated["environment"][name] == ENVIRONMENT[name][1]


def test_execution_variables(evaluated: Body) -> None:
    found, execution = evaluated["environment"], evaluated["execution"]
    assert found["PipelineName"] == "Values-Pipeline"
    assert found["PipelineArn"] == execution["PipelineArn"]
    assert found["PipelineExecutionArn"] == execution["PipelineExecutionArn"]
    assert found["PipelineExecutionId"] == execution["PipelineExecutionArn"].rsplit("/", 1)[-1]
    assert re.fullmatch(r"[a-z0-9]{12}", found["PipelineExecutionId"])
    for name in ("StartDateTime", "CurrentDateTime"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found[name])
    assert found["StartDateTime"] < found["CurrentDateTime"]


def test_the_name_of_the_job_that_a_step_creates_is_known_in_its_arguments(local: LocalService) -> None:
    done = run(local, create(local, work("Own", arguments={"Environment": {"J": get("Execution.ProcessingJobName")}})))
    job = steps(local, done["PipelineExecutionArn"])["Own"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    assert local.sagemaker.describe_processing_job(ProcessingJobName=job)["Environment"] == {"J": job}


def compare(kind: str, left: Any, right: Any) -> Body:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


TRUE, FALSE = compare("Equals", 1, 1), compare("Equals", 1, 2)
CONDITIONS: dict[str, tuple[list[Body], bool]] = {
    "equal-numbers": ([compare("Equals", 1, 1.0)], True),
    "equal-strings": ([compare("Equals", "a", "A")], False),
    "equal-booleans": ([compare("Equals", get("Parameters.Flag"), False)], True),
    "not-equal": ([compare("NotEquals", get("Parameters.Count"), 4)], True),
    "greater": ([compare("GreaterThan", get("Parameters.Count"), 3)], False),
    "greater-or-equal": ([compare("GreaterThanOrEqualTo", get("Parameters.Count"), 3.0)], True),
    "less": ([compare("LessThan", get("Parameters.Rate"), 0.1)], False),
    "less-or-equal": ([compare("LessThanOrEqualTo", 0.1, get("Parameters.Rate"))], True),
    "text-is-compared-by-character": ([compare("LessThan", "10", "9")], True),
    "the-integration-test": ([compare("GreaterThan", join("1"), "3")], False),
    "its-other-half": ([compare("GreaterThan", "1", join("0"))], True),
    "in": ([{"Type": "In", "QueryValue": get("Parameters.Word"), "Values": ["none", "one"]}], True),
    "in-expressions": ([{"Type": "In", "QueryValue": 3, "Values": [get("Parameters.Count")]}], True),
    "not-in": ([{"Type": "NotIn", "QueryValue": 3, "Values": [1, 2]}], True),
    "not": ([{"Type": "Not", "Condition": TRUE}], False),
    "not-not": ([{"Type": "Not", "Condition": {"Type": "Not", "Condition": TRUE}}], True),
    "or": ([{"Type": "Or", "Conditions": [FALSE, TRUE]}], True),
    "or-of-none": ([{"Type": "Or", "Conditions": [FALSE, {"Type": "Not", "Condition": TRUE}]}], False),
    "all-must-hold": ([TRUE, FALSE], False),
    "none-hold": ([], True),
    "json": ([compare("GreaterThanOrEqualTo", json_get("metrics.auc.value"), 0.75)], True),
    "json-whole-and-half": ([compare("Equals", json_get("whole"), json_get("half"))], True),
    "json-boolean": ([compare("Equals", json_get("rows[1].value"), True)], True),
    "outcome-of-another": ([compare("Equals", get("Steps.not.Outcome"), False)], True),
}
# Neither kind can be compared with the other, or there is nothing there.
BROKEN: dict[str, tuple[list[Body], str]] = {
    "text-and-number": ([compare("LessThan", "1", 2)], "not of the same type"),
    "number-and-boolean": ([compare("Equals", 1, True)], "not of the same type"),
    "order-of-booleans": ([compare("GreaterThan", True, False)], "not supported"),
    "no-such-path": ([compare("Equals", json_get("metrics.f1.value"), 1)], "Invalid json path 'metrics.f1.value'"),
    "index-beyond": ([compare("Equals", json_get("rows[3].value"), 1)], "Invalid json path 'rows[3].value'"),
    "a-null": ([compare("Equals", json_get("metrics.n"), 1)], "not of the same type"),
    "an-object": ([compare("Equals", json_get("metrics"), 1)], "not of the same type"),
    "no-such-object": (
        [compare("Equals", {"Std:JsonGet": {"S3Uri": "s3://bucket/none.json", "Path": "a"}}, 1)],
        "Received an error while reading file s3://bucket/none.json from S3: NoSuchKey",
    ),
    "no-json": (
        [compare("Equals", {"Std:JsonGet": {"S3Uri": "s3://bucket/text", "Path": "a"}}, 1)],
        "Contents of file s3://bucket/text are not in valid JSON format.",
    ),
}


@pytest.fixture(scope="module")
def decided(local: LocalService) -> dict[str, Body]:
    """All conditions in one execution; those that break fail by themselves."""
    local.s3.put_object(Bucket="bucket", Key="text", Body=b"no json")
    gates = [
        {"Name": name, "Type": "Condition", "Arguments": {"Conditions": conditions, "IfSteps": [], "ElseSteps": []}}
        for name, (conditions, _) in (CONDITIONS | BROKEN).items()
    ]
    made = writes("Make", "made.json", json.dumps(DOCUMENT))
    done = run(local, create(local, made, *gates, parameters=PARAMETERS))
    assert done["PipelineExecutionStatus"] == "Failed"
    return steps(local, done["PipelineExecutionArn"])


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(decided: dict[str, Body], name: str) -> None:
    found = decided[name]
    assert (found["StepStatus"], found["Metadata"]) == (
        "Succeeded",
        {"Condition": {"Outcome": str(CONDITIONS[name][1])}},
    )


@pytest.mark.parametrize("name", BROKEN)
def test_conditions_that_have_no_answer_fail_their_step(decided: dict[str, Body], name: str) -> None:
    assert decided[name]["StepStatus"] == "Failed"
    assert BROKEN[name][1] in decided[name]["FailureReason"]


@pytest.mark.parametrize(
    "message, shown",
    [
        (join("xxx", "==", "yyy", "returns:", get("Steps.Gate.Outcome"), on=" "), "xxx == yyy returns: false"),
        (get("Parameters.Count"), "3"),
        (join(get("Parameters.Flag"), get("Parameters.Rate"), on="|"), "false|0.1"),
        ("x" * 5000, "x" * 3072),
        ("", ""),
        (None, ""),
        (join(on="/"), ""),
    ],
    ids=["outcome", "integer", "joined", "long", "empty", "null", "joined-empty"],
)
def test_messages_of_fail_steps(local: LocalService, message: Any, shown: str) -> None:
    name = create(local, check("Gate", "xxx", "yyy", []), fail("End", message), parameters=PARAMETERS)
    done = run(local, name)
    found = steps(local, done["PipelineExecutionArn"])["End"]
    assert done["FailureReason"] == "Step failure: One or multiple steps failed."
    assert found["Metadata"] == {"Fail": {"ErrorMessage": shown}}
    assert found.get("FailureReason") == (shown[:1024] or None)


def test_executions_are_found_by_what_they_were_given(local: LocalService) -> None:
    name = create(local, check("Gate", get("Parameters.Word"), "yes", [], [fail("No")]), parameters=PARAMETERS)
    arns = [start(local, name, given={"Word": word}) for word in ("yes", "no")]
    for arn in arns:
        wait(local, arn)
    filters = [
        {"Name": "PipelineArn", "Operator": "Contains", "Value": name},
        {"Name": "PipelineExecutionStatus", "Operator": "Equals", "Value": "Failed"},
    ]
    (found,) = local.sagemaker.search(Resource="PipelineExecution", SearchExpression={"Filters": filters})["Results"]
    assert found["PipelineExecution"]["PipelineExecutionArn"] == arns[1]
    assert found["PipelineExecution"]["PipelineParameters"] == [{"Name": "Word", "Value": "no"}]
