"""Pipelines, versions and parameters over HTTP, as a client of SageMaker sees them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.executions import check, create, definition, run, start, steps, token, wait, work
from tests.support.service import ROLE, LocalService, local_service
from tests.support.waiting import PATIENCE

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("pipelines")
    with local_service(folder) as running:
        running.s3.create_bucket(Bucket="bucket")
        running.service.jobs.grace = 0.2
        yield running


def loop(**more: Any) -> str:
    """The text of a definition with one ForEach step."""
    arguments = {"IterableItems": [1], "MaxConcurrency": 1, "ForEachBody": [work("W")]} | more
    return definition({"Name": "Each", "Type": "ForEach", "Arguments": arguments})


def refused(call: Any, **request: Any) -> tuple[str, str]:
    """The code and the message that a call is refused with."""
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_pipeline_is_described_as_it_was_created(local: LocalService) -> None:
    text = definition(check("A", 1, 1, []))
    request = {
        "PipelineName": "Described",
        "PipelineDisplayName": "Shown",
        "PipelineDescription": "What it is",
        "RoleArn": ROLE,
        "PipelineDefinition": text,
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 4},
    }
    tags = [{"Key": "team", "Value": "blue"}]
    answer = local.sagemaker.create_pipeline(**request, Tags=tags, ClientRequestToken=token())
    assert answer["PipelineArn"] == ARN + "Described"
    for name in ("Described", ARN + "Described", "described"):
        found = local.sagemaker.describe_pipeline(PipelineName=name)
        assert {member: found[member] for member in request} == request
    assert found["PipelineStatus"] == "Active" and found["CreationTime"] == found["LastModifiedTime"]
    assert "LastRunTime" not in found
    assert local.sagemaker.list_tags(ResourceArn=answer["PipelineArn"])["Tags"] == tags
    run(local, "Described")
    assert local.sagemaker.describe_pipeline(PipelineName="Described")["LastRunTime"] >= found["CreationTime"]


def test_a_pipeline_that_does_not_exist_is_not_found(local: LocalService) -> None:
    name = {"PipelineName": "no-such-pipeline"}
    for call, more in (
        ("describe_pipeline", {}),
        ("update_pipeline", {"PipelineDisplayName": "x"}),
        ("delete_pipeline", {}),
        ("start_pipeline_execution", {}),
        ("list_pipeline_executions", {}),
        ("list_pipeline_versions", {}),
    ):
        code, message = refused(getattr(local.sagemaker, call), **name, **more)
        assert code == "ResourceNotFound" and "no-such-pipeline" in message, call
    other = "arn:aws:sagemaker:us-east-1:999999999999:pipeline/" + create(local, check("A", 1, 1, []))
    assert refused(local.sagemaker.describe_pipeline, PipelineName=other)[0] == "ResourceNotFound"


def test_a_name_is_taken_once_in_any_case(local: LocalService) -> None:
    name = create(local, check("A", 1, 1, []), name="Taken")
    for again in (name, "TAKEN"):
        request = {"PipelineName": again, "RoleArn": ROLE, "PipelineDefinition": definition(check("A", 1, 1, []))}
        code, message = refused(local.sagemaker.create_pipeline, **request)
        assert code == "ValidationException"
        assert message == (
            "Pipeline names must be unique within an AWS account and region. "
            f"Pipeline with name ({again}) already exists."
        )


def test_a_token_makes_a_request_happen_once(local: LocalService) -> None:
    request = {
        "PipelineName": "Once",
        "RoleArn": ROLE,
        "PipelineDefinition": definition(check("A", 1, 1, [])),
        "ClientRequestToken": token(),
    }
    first = local.sagemaker.create_pipeline(**request)
    assert local.sagemaker.create_pipeline(**request)["PipelineArn"] == first["PipelineArn"]
    code, _ = refused(local.sagemaker.create_pipeline, **request | {"PipelineName": "Twice"})
    assert code == "ConflictException"
    request = {"PipelineName": "Once", "ClientRequestToken": token()}
    arns = {local.sagemaker.start_pipeline_execution(**request)["PipelineExecutionArn"] for _ in range(3)}
    assert len(arns) == 1
    assert len(local.sagemaker.list_pipeline_executions(PipelineName="Once")["PipelineExecutionSummaries"]) == 1
    wait(local, arns.pop())
    local.sagemaker.start_pipeline_execution(**request)
    assert refused(local.sagemaker.start_pipeline_execution, **request, PipelineExecutionDescription="other")[0] == (
        "ConflictException"
    )
    other = local.sagemaker.start_pipeline_execution(PipelineName="Once", ClientRequestToken=token())
    wait(local, other["PipelineExecutionArn"])


def test_a_token_ends_with_what_it_made(local: LocalService) -> None:
    request = {
        "PipelineName": "Again",
        "RoleArn": ROLE,
        "PipelineDefinition": definition(check("A", 1, 1, [])),
        "ClientRequestToken": token(),
    }
    started = {"PipelineName": "Again", "ClientRequestToken": token()}
    ended = []
    for _ in range(2):
        arn = local.sagemaker.create_pipeline(**request)["PipelineArn"]
        assert local.sagemaker.describe_pipeline(PipelineName="Again")["PipelineArn"] == arn
        ended.append(wait(local, local.sagemaker.start_pipeline_execution(**started)["PipelineExecutionArn"]))
        local.sagemaker.delete_pipeline(PipelineName="Again", ClientRequestToken=token())
    assert ended[0]["PipelineExecutionArn"] != ended[1]["PipelineExecutionArn"]


def test_a_definition_may_lie_in_s3(local: LocalService) -> None:
    text = definition(check("A", 1, 1, []))
    local.s3.put_object(Bucket="bucket", Key="pipelines/x.json", Body=text.encode())
    location = {"Bucket": "bucket", "ObjectKey": "pipelines/x.json"}
    local.sagemaker.create_pipeline(PipelineName="FromS3", RoleArn=ROLE, PipelineDefinitionS3Location=location)
    assert local.sagemaker.describe_pipeline(PipelineName="FromS3")["PipelineDefinition"] == text
    local.s3.put_object(Bucket="bucket", Key="pipelines/x.json", Body=definition(check("B", 1, 1, [])).encode())
    answer = local.sagemaker.update_pipeline(PipelineName="FromS3", PipelineDefinitionS3Location=location)
    assert answer["PipelineVersionId"] == 2
    create_it = local.sagemaker.create_pipeline
    both = {"PipelineDefinition": text, "PipelineDefinitionS3Location": location}
    assert refused(create_it, PipelineName="Both", RoleArn=ROLE, **both) == (
        "ValidationException",
        "Both Pipeline Definition and Pipeline Definition S3 Location shouldn't be present",
    )
    assert refused(create_it, PipelineName="Neither", RoleArn=ROLE) == (
        "ValidationException",
        "Either Pipeline Definition or Pipeline Definition S3 location should be provided",
    )
    missing = {"PipelineDefinitionS3Location": location | {"ObjectKey": "none"}}
    code, message = refused(create_it, PipelineName="Missing", RoleArn=ROLE, **missing)
    assert code == "ValidationException" and "s3://bucket/none" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "Unable to parse pipeline definition."),
        ("[" * 100_000, "Unable to parse pipeline definition."),
        ('{"Steps": ' + "9" * 10_000 + "}", "Unable to parse pipeline definition."),
        ('{"Steps": {}}', "Unable to parse pipeline definition. Expecting start of Json Array."),
        (definition(check("A", 1, 1, []) | {"Arguments": True}), "Expecting start of Json Object."),
        (definition({"Name": "L", "Type": "Lambda", "FunctionArn": "f", "OutputParameters": "x"}), "Json Array."),
        (definition({"Name": "L", "Type": "Lambda", "FunctionArn": "f", "OutputParameters": [1]}), "not whole"),
        (definition({"Name": "L", "Type": "Lambda", "FunctionArn": 7}), "type [String]"),
        (loop(MaxConcurrency=0), "'MaxConcurrency' is a whole number from 1 to 50."),
        (loop(MaxConcurrency={}), "'MaxConcurrency'"),
        (loop(IterableItems="[1]"), "Expecting start of Json Array."),
        (loop(IterableItems=[]), "'IterableItems' has from 1 to 100 items."),
        (loop(IterableItems=[None]), "An item is"),
        (loop(ForEachBody=[]), "'ForEachBody'"),
        (loop(Selector=1), "Expecting start of Json Object."),
        (loop(Selector={"Pick": "Best", "Field": {"Get": "IterationOutput.W.A"}}), "Unknown 'Pick'"),
        (loop(Selector={"Pick": "MaxBy", "Field": {"Get": "IterationOutput.Other.A"}}), "'Field'"),
        (loop(Other=1), "Unknown Argument member 'Other'"),
        (
            definition(work("A", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "BackoffRate": "2"}])),
            "BackoffRate",
        ),
        (definition(work("A"), work("A")), "A"),
        (definition(work("A", DependsOn=["B"]), work("B", DependsOn=["A"])), ""),
    ],
)
def test_a_definition_that_cannot_be_is_refused_and_nothing_is_stored(
    local: LocalService, text: str, message: str
) -> None:
    code, found = refused(local.sagemaker.create_pipeline, PipelineName="Bad", RoleArn=ROLE, PipelineDefinition=text)
    assert code == "ValidationException" and message in found
    assert refused(local.sagemaker.describe_pipeline, PipelineName="Bad")[0] == "ResourceNotFound"


@pytest.mark.parametrize("where", ["by itself", "in a loop"])
def test_step_types_without_an_engine_are_taken_at_create_and_refused_at_start(local: LocalService, where: str) -> None:
    step: dict[str, Any] = {
        "Name": "Big",
        "Type": "EMR",
        "Arguments": {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "s3://b/j"}}},
    }
    if where == "in a loop":
        loop = {"IterableItems": ["1"], "MaxConcurrency": 1, "ForEachBody": [step]}
        step = {"Name": "Each", "Type": "ForEach", "Arguments": loop}
    name = create(local, step)
    code, message = refused(local.sagemaker.start_pipeline_execution, PipelineName=name)
    assert code == "ValidationException" and "Step Big is of type EMR" in message


def test_each_changed_definition_is_a_new_version(local: LocalService) -> None:
    texts = [definition(check(name, 1, 1, [])) for name in "ABC"]
    update, describe = local.sagemaker.update_pipeline, local.sagemaker.describe_pipeline
    local.sagemaker.create_pipeline(
        PipelineName="Versions", RoleArn=ROLE, PipelineDefinition=texts[0], PipelineVersionAliases=["first", "live"]
    )
    before = describe(PipelineName="Versions")
    assert before["PipelineVersionAliases"] == ["first", "live"]
    time.sleep(0.005)
    assert update(PipelineName="Versions", PipelineDescription="new")["PipelineVersionId"] == 1
    spaced = json.dumps(json.loads(texts[0]), indent=3)
    assert update(PipelineName="Versions", PipelineDefinition=spaced)["PipelineVersionId"] == 1
    assert describe(PipelineName="Versions")["LastModifiedTime"] > before["LastModifiedTime"]
    answer = update(PipelineName="Versions", PipelineDefinition=texts[1], PipelineVersionAliases=["second"])
    assert answer == answer | {"PipelineArn": ARN + "Versions", "PipelineVersionId": 2}
    assert update(PipelineName="Versions", PipelineDefinition=texts[2])["PipelineVersionId"] == 3
    assert describe(PipelineName="Versions")["PipelineDefinition"] == texts[2]
    assert describe(PipelineName="Versions", PipelineVersionId=1)["PipelineDefinition"] == texts[0]
    assert describe(PipelineName="Versions", PipelineVersionAlias="second")["PipelineDefinition"] == texts[1]
    for request in ({"PipelineVersionId": 9}, {"PipelineVersionAlias": "none"}):
        assert refused(describe, PipelineName="Versions", **request)[0] == "ResourceNotFound"
    both = {"PipelineVersionId": 1, "PipelineVersionAlias": "live"}
    assert refused(describe, PipelineName="Versions", **both)[0] == "ValidationException"
    for aliases, code in ((["12"], "ValidationException"), (["live"], "ConflictException")):
        again = {"PipelineDefinition": texts[0], "PipelineVersionAliases": aliases}
        assert refused(update, PipelineName="Versions", **again)[0] == code
    unchanged = {"PipelineDefinition": texts[2], "PipelineVersionAliases": ["third"]}
    assert refused(update, PipelineName="Versions", **unchanged)[0] == "ValidationException"
    listed = local.sagemaker.list_pipeline_versions(PipelineName="Versions")["PipelineVersionSummaries"]
    assert [version["PipelineVersionId"] for version in listed] == [3, 2, 1]


def test_a_value_of_another_kind_is_a_new_version(local: LocalService) -> None:
    texts = [definition(check("A", value, value, [])) for value in (1, True, 1.0)]
    local.sagemaker.create_pipeline(PipelineName="Kinds", RoleArn=ROLE, PipelineDefinition=texts[0])
    for number, text in enumerate(texts[1:], start=2):
        answer = local.sagemaker.update_pipeline(PipelineName="Kinds", PipelineDefinition=text)
        assert answer["PipelineVersionId"] == number
        assert local.sagemaker.describe_pipeline(PipelineName="Kinds")["PipelineDefinition"] == text


def test_an_execution_runs_the_version_it_was_started_with(local: LocalService) -> None:
    name = create(local, check("A", 1, 1, []))
    local.sagemaker.update_pipeline_version(
        PipelineArn=ARN + name,
        PipelineVersionId=1,
        PipelineVersionDisplayName="one",
        PipelineVersionAliasOperations={"Add": ["live"]},
    )
    local.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=definition(check("B", 1, 1, [])))
    newest, live = run(local, name), run(local, name, PipelineVersionAlias="live")
    first = run(local, name, PipelineVersionId=1)
    assert [one["PipelineVersionId"] for one in (newest, live, first)] == [2, 1, 1]
    assert [list(steps(local, one["PipelineExecutionArn"])) for one in (newest, live)] == [["B"], ["A"]]
    assert live["PipelineVersionAliases"] == ["live"]
    described = local.sagemaker.describe_pipeline_definition_for_execution(
        PipelineExecutionArn=live["PipelineExecutionArn"]
    )
    assert json.loads(described["PipelineDefinition"])["Steps"][0]["Name"] == "A"
    listed = local.sagemaker.list_pipeline_executions(PipelineName=name, PipelineVersionAlias="live")
    assert {one["PipelineExecutionArn"] for one in listed["PipelineExecutionSummaries"]} == {
        live["PipelineExecutionArn"],
        first["PipelineExecutionArn"],
    }
    versions = local.sagemaker.list_pipeline_versions(PipelineName=name, SortOrder="Ascending")
    summary = versions["PipelineVersionSummaries"][0]
    assert summary["PipelineVersionDisplayName"] == "one"
    assert summary["LastExecutionPipelineExecutionArn"] == first["PipelineExecutionArn"]
    local.sagemaker.update_pipeline_version(
        PipelineArn=ARN + name, PipelineVersionId=1, PipelineVersionAliasOperations={"Remove": ["live"]}
    )
    assert refused(start, local=local, name=name, PipelineVersionAlias="live")[0] == "ResourceNotFound"


PARAMETERS: list[dict[str, Any]] = [
    {"Name": "S", "Type": "String", "DefaultValue": "x", "EnumValues": ["x", "y"]},
    {"Name": "Untyped", "DefaultValue": "u"},
    {"Name": "I", "Type": "Integer", "DefaultValue": 1},
    {"Name": "F", "Type": "Float", "DefaultValue": 1},
    {"Name": "B", "Type": "Boolean", "DefaultValue": False},
    {"Name": "Needed", "Type": "Integer"},
]


def test_parameters_are_typed_at_start(local: LocalService) -> None:
    values = [{"Get": f"Parameters.{one['Name']}"} for one in PARAMETERS]
    conditions = {"Type": "LessThan", "LeftValue": {"Get": "Parameters.I"}, "RightValue": {"Get": "Parameters.Needed"}}
    gate = check("Gate", 1, 1, [], [])
    gate["Arguments"]["Conditions"] = [
        conditions,
        {"Type": "Equals", "LeftValue": {"Get": "Parameters.B"}, "RightValue": True},
    ]
    bad = {"Name": "Show", "Type": "Fail", "Arguments": {"ErrorMessage": {"Std:Join": {"On": ",", "Values": values}}}}
    name = create(local, gate, bad | {"DependsOn": []}, parameters=PARAMETERS)
    arn = start(local, name, given={"I": "9", "Needed": "10", "B": "True", "F": "1e-3", "S": "y"})
    wait(local, arn)
    found = steps(local, arn)
    assert found["Show"]["FailureReason"] == "y,u,9,0.001,true,10"
    assert found["Gate"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    arn = start(local, name, given={"Needed": "10"})
    wait(local, arn)
    assert steps(local, arn)["Show"]["FailureReason"] == "x,u,1,1.0,false,10"
    arn = start(local, name, given={"I": "9", "Needed": "10", "B": "True", "F": "1e-3", "S": "y"})
    wait(local, arn)
    listed = local.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert {one["Name"]: one["Value"] for one in listed} == {
        "I": "9",
        "Needed": "10",
        "B": "True",
        "F": "1e-3",
        "S": "y",
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Needed"),
        ({"Needed": "1", "Other": "2"}, "Other"),
        ({"Needed": "x"}, "Integer"),
        ({"Needed": "1.5"}, "Integer"),
        ({"Needed": "\N{ARABIC-INDIC DIGIT THREE}"}, "Integer"),
        ({"Needed": "1", "F": "nan"}, "Float"),
        ({"Needed": "1", "B": "yes"}, "Boolean"),
        ({"Needed": "1", "S": "z"}, "[x, y]"),
        ({"Needed": ""}, '[string "" is too short (length: 0, required minimum: 1)]'),
    ],
)
def test_parameters_that_cannot_be_are_refused(local: LocalService, given: dict[str, str], words: str) -> None:
    name = create(local, check("A", 1, 1, []), parameters=PARAMETERS)
    code, message = refused(start, local=local, name=name, given=given)
    assert code == "ValidationException" and words in message
    assert not local.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]


def test_a_parameter_given_twice_is_refused(local: LocalService) -> None:
    name = create(local, check("A", 1, 1, []), parameters=[{"Name": "P", "DefaultValue": "p"}])
    twice = [{"Name": "P", "Value": "a"}, {"Name": "P", "Value": "b"}]
    code, _ = refused(local.sagemaker.start_pipeline_execution, PipelineName=name, PipelineParameters=twice)
    assert code == "ValidationException"


def test_pipelines_are_listed_by_prefix_in_pages(local: LocalService) -> None:
    for number in range(5):
        create(local, check("A", 1, 1, []), name=f"Listed-{number}")
    call = local.sagemaker.list_pipelines
    names = []
    request: dict[str, Any] = {"PipelineNamePrefix": "Listed", "MaxResults": 2}
    while True:
        answer = call(**request)
        names += [one["PipelineName"] for one in answer["PipelineSummaries"]]
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    assert names == [f"Listed-{number}" for number in (4, 3, 2, 1, 0)]
    ascending = call(PipelineNamePrefix="Listed", SortBy="Name", SortOrder="Ascending")["PipelineSummaries"]
    assert [one["PipelineName"] for one in ascending] == sorted(names)
    assert "LastExecutionTime" not in ascending[0]
    assert refused(call, PipelineNamePrefix="Other", NextToken=request["NextToken"])[0] == "ValidationException"


def test_executions_are_listed_newest_first_with_what_describes_them(local: LocalService) -> None:
    name = create(local, check("A", 1, 1, []))
    arns = [run(local, name, PipelineExecutionDisplayName=f"run-{n}")["PipelineExecutionArn"] for n in range(3)]
    local.sagemaker.update_pipeline_execution(
        PipelineExecutionArn=arns[0], PipelineExecutionDescription="first", PipelineExecutionDisplayName="renamed"
    )
    listed = local.sagemaker.list_pipeline_executions(PipelineName=ARN + name)["PipelineExecutionSummaries"]
    assert [one["PipelineExecutionArn"] for one in listed] == arns[::-1]
    assert listed[2]["PipelineExecutionDisplayName"] == "renamed"
    assert listed[2]["PipelineExecutionDescription"] == "first"
    assert {one["PipelineExecutionStatus"] for one in listed} == {"Succeeded"}
    page = local.sagemaker.list_pipeline_executions(PipelineName=name, MaxResults=2)
    rest = local.sagemaker.list_pipeline_executions(PipelineName=name, MaxResults=2, NextToken=page["NextToken"])
    assert len(page["PipelineExecutionSummaries"]) == 2 and len(rest["PipelineExecutionSummaries"]) == 1
    later = local.sagemaker.list_pipeline_executions(PipelineName=name, CreatedAfter=listed[1]["StartTime"])
    assert [one["PipelineExecutionArn"] for one in later["PipelineExecutionSummaries"]] == [arns[2]]


def test_an_execution_has_the_names_that_aws_gives(local: LocalService) -> None:
    done = run(local, create(local, check("A", 1, 1, []), name="Named"))
    prefix, identifier = done["PipelineExecutionArn"].split("/execution/")
    assert prefix == ARN + "Named" and len(identifier) == 12 and identifier.isalnum() and identifier.islower()
    created = int(done["CreationTime"].timestamp() * 1000)
    assert done["PipelineExecutionDisplayName"].startswith("execution-")
    assert abs(int(done["PipelineExecutionDisplayName"].removeprefix("execution-")) - created) < 3


def test_a_pipeline_is_deleted_with_its_executions_but_not_while_one_runs(local: LocalService) -> None:
    name = create(local, work("A", "sleep 300"))
    arn = start(local, name)
    assert refused(local.sagemaker.delete_pipeline, PipelineName=name)[0] == "ConflictException"
    local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    wait(local, arn)
    assert local.sagemaker.delete_pipeline(PipelineName=name)["PipelineArn"] == ARN + name
    assert refused(local.sagemaker.describe_pipeline_execution, PipelineExecutionArn=arn)[0] == "ResourceNotFound"
    assert refused(local.sagemaker.describe_pipeline, PipelineName=name)[0] == "ResourceNotFound"
    create(local, check("A", 1, 1, []), name=name)
    assert local.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []


@pytest.mark.long
def test_at_most_twenty_executions_run_at_once(local: LocalService) -> None:
    name = create(local, work("A", "sleep 60"))
    arns = [start(local, name, ParallelismConfiguration={"MaxParallelExecutionSteps": 1}) for _ in range(20)]
    code, message = refused(start, local=local, name=name)
    assert code == "ResourceLimitExceeded" and "20" in message
    for arn in arns:
        local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert {wait(local, arn, seconds=PATIENCE)["PipelineExecutionStatus"] for arn in arns} == {"Stopped"}


def test_a_definition_in_s3_that_is_too_large_or_no_text_is_refused(local: LocalService) -> None:
    for key, body, reason in [
        ("large", b" " * 1_048_577, "is larger than 1048576 bytes"),
        ("no", b"\xff", "not UTF-8"),
    ]:
        local.s3.put_object(Bucket="bucket", Key=key, Body=body)
        location = {"Bucket": "bucket", "ObjectKey": key}
        code, message = refused(
            local.sagemaker.create_pipeline, PipelineName="Bad", RoleArn=ROLE, PipelineDefinitionS3Location=location
        )
        assert code == "ValidationException" and f"s3://bucket/{key}" in message and reason in message


def test_a_version_has_ten_aliases_at_most_and_loses_none_that_it_has_not(local: LocalService) -> None:
    name = create(local, check("A", 1, 1, []))
    update = local.sagemaker.update_pipeline_version
    version: dict[str, Any] = {"PipelineArn": ARN + name, "PipelineVersionId": 1}

    def aliases() -> list[str]:
        return list(local.sagemaker.describe_pipeline(PipelineName=name).get("PipelineVersionAliases", []))

    ten = [f"a{number}" for number in range(10)]
    update(**version, PipelineVersionAliasOperations={"Add": ten})
    code, message = refused(update, **version, PipelineVersionAliasOperations={"Add": ["eleventh"]})
    assert (code, message) == ("ValidationException", "A pipeline version can have up to 10 aliases.")
    code, message = refused(update, **version, PipelineVersionAliasOperations={"Remove": ["a0", "none"]})
    assert code == "ResourceNotFound" and "[none]" in message
    assert aliases() == ten
    update(**version, PipelineVersionAliasOperations={"Remove": ["a0"], "Add": ["eleventh"]})
    assert aliases() == [*ten[1:], "eleventh"]
