"""Step caching and selective execution, with real jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.clock import Clock
from tests.support.executions import check, create, definition, run, start, steps, wait, work, writes
from tests.support.service import ROLE, LocalService, local_service

CACHED = {"Enabled": True, "ExpireAfter": "P30D"}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("caching")
    with local_service(folder, clock=Ahead()) as running:
        running.s3.create_bucket(Bucket="bucket")
        yield running


class Ahead(Clock):
    """A clock that a test can set forward."""

    seconds = 0.0

    def now(self) -> float:
        return super().now() + self.seconds


def cached(step: dict[str, Any]) -> bool:
    return "CacheHitResult" in step


def test_a_second_run_with_the_same_arguments_is_a_hit_on_the_old_job(local: LocalService) -> None:
    name = create(local, work("A", CacheConfig=CACHED), check("B", 1, 1, []) | {"DependsOn": ["A"]})
    first = run(local, name)["PipelineExecutionArn"]
    second = run(local, name)["PipelineExecutionArn"]
    third = run(local, name)["PipelineExecutionArn"]
    job = steps(local, first)["A"]["Metadata"]
    for arn in (second, third):
        step = steps(local, arn)["A"]
        assert step["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
        assert step["Metadata"] == job and step["StepStatus"] == "Succeeded"
        assert not cached(steps(local, arn)["B"])
    assert not cached(steps(local, first)["A"])


def test_only_documented_attributes_decide(local: LocalService) -> None:
    parameters = [{"Name": "Env", "DefaultValue": "1"}, {"Name": "Type", "DefaultValue": "ml.m5.large"}]
    cluster = {"InstanceCount": 1, "InstanceType": {"Get": "Parameters.Type"}, "VolumeSizeInGB": 30}
    arguments = {
        "Environment": {"X": {"Get": "Parameters.Env"}},
        "ProcessingResources": {"ClusterConfig": cluster},
    }
    name = create(local, work("A", CacheConfig=CACHED, arguments=arguments), parameters=parameters)
    run(local, name)
    other = run(local, name, given={"Type": "ml.m5.xlarge"})["PipelineExecutionArn"]
    assert cached(steps(local, other)["A"])
    other = run(local, name, given={"Env": "2"})["PipelineExecutionArn"]
    assert not cached(steps(local, other)["A"])


def test_caching_needs_to_be_enabled_and_not_to_be_expired(local: LocalService) -> None:
    name = create(local, work("Off"), work("Short", CacheConfig={"Enabled": True, "ExpireAfter": "T1H"}))
    run(local, name)
    found = steps(local, run(local, name)["PipelineExecutionArn"])
    assert not cached(found["Off"]) and cached(found["Short"])
    assert isinstance(local.service.clock, Ahead)
    local.service.clock.seconds += 3601
    assert not cached(steps(local, run(local, name)["PipelineExecutionArn"])["Short"])


def test_a_failed_run_is_no_hit_but_a_good_step_of_a_failed_execution_is(local: LocalService) -> None:
    name = create(local, work("Good", CacheConfig=CACHED), work("Bad", "exit 1", CacheConfig=CACHED))
    run(local, name)
    found = steps(local, run(local, name)["PipelineExecutionArn"])
    assert cached(found["Good"]) and not cached(found["Bad"])


def test_another_pipeline_has_a_cache_of_its_own_and_a_new_one_of_the_same_name_too(local: LocalService) -> None:
    name = create(local, work("A", CacheConfig=CACHED))
    run(local, name)
    assert not cached(
        steps(local, run(local, create(local, work("A", CacheConfig=CACHED)))["PipelineExecutionArn"])["A"]
    )
    local.sagemaker.delete_pipeline(PipelineName=name)
    create(local, work("A", CacheConfig=CACHED), name=name)
    assert not cached(steps(local, run(local, name)["PipelineExecutionArn"])["A"])


def test_a_property_file_is_read_from_the_cached_job(local: LocalService) -> None:
    value = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.A.PropertyFiles.Report"}, "Path": "v"}}
    name = create(local, writes("A", "r.json", '{"v": 7}', CacheConfig=CACHED), check("C", value, 7, [work("Yes")]))
    run(local, name)
    found = steps(local, run(local, name)["PipelineExecutionArn"])
    assert cached(found["A"]) and "Yes" in found


@pytest.mark.long
def test_a_cached_pipeline_of_twelve_steps_waits_at_none_of_them(local: LocalService) -> None:
    chain = [
        work(
            f"S{n}", CacheConfig=CACHED, DependsOn=[f"S{n - 1}"] if n else [], arguments={"Environment": {"N": str(n)}}
        )
        for n in range(12)
    ]
    name = create(local, *chain)
    run(local, name)
    durations = []
    for _ in range(3):
        done = run(local, name)
        durations.append((done["LastModifiedTime"] - done["CreationTime"]).total_seconds())
    assert len(steps(local, done["PipelineExecutionArn"])) == 12
    assert min(durations) < 5  # half a second at each would be more


def select(*names: str, source: str = "") -> dict[str, Any]:
    config: dict[str, Any] = {"SelectedSteps": [{"StepName": name} for name in names]}
    return {"SelectiveExecutionConfig": config | ({"SourcePipelineExecutionArn": source} if source else {})}


@pytest.mark.long
def test_selected_steps_run_on_what_an_earlier_execution_made(local: LocalService) -> None:
    uri = {"Get": "Steps.A.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
    environment = {"Environment": {"URI": uri}}
    name = create(
        local,
        writes("A", "a.txt", "x"),
        work("B", arguments=environment),
        work("C", DependsOn=["B"]),
        work("D", DependsOn=["C"]),
        work("Beside"),
    )
    source = run(local, name)["PipelineExecutionArn"]
    done = run(local, name, **select("B", "C", source=source))
    assert done["PipelineExecutionStatus"] == "Succeeded"
    assert done["SelectiveExecutionConfig"] == select("B", "C", source=source)["SelectiveExecutionConfig"]
    found = steps(local, done["PipelineExecutionArn"])
    assert set(found) == {"A", "B", "C"}
    assert found["A"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
    assert (
        "SelectiveExecutionResult" not in found["B"] and found["B"]["Metadata"] != steps(local, source)["B"]["Metadata"]
    )
    newest = local.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=done["PipelineExecutionArn"])
    assert newest["PipelineExecutionSteps"][0]["StepName"] == "C"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["B"], r"Invalid SourcePipelineExecutionArn: null\. The selected steps \[B\] have dependencies on \[A\]"),
        (["A", "C"], r"the steps \[B\] lie between selected steps"),
        (["X"], r"has no steps \[X\]"),
    ],
)
def test_a_selection_that_cannot_run_is_refused(local: LocalService, names: list[str], message: str) -> None:
    name = create(local, work("A"), work("B", DependsOn=["A"]), work("C", DependsOn=["B"]))
    with pytest.raises(ClientError, match=message) as raised:
        start(local, name, **select(*names))
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_a_source_must_have_ended_and_have_what_is_needed(local: LocalService) -> None:
    name = create(local, work("A", "exit 1"), work("B", DependsOn=["A"]))
    failed = run(local, name)["PipelineExecutionArn"]
    with pytest.raises(ClientError, match="did not succeed in it"):
        start(local, name, **select("B", source=failed))
    with pytest.raises(ClientError, match="ResourceNotFound"):
        start(local, name, **select("B", source=failed[:-12] + "0" * 12))
    assert run(local, name, **select("A"))["PipelineExecutionStatus"] == "Failed"


def test_a_failed_source_gives_what_it_has_to_a_newer_definition(local: LocalService) -> None:
    name = create(local, work("A"), work("B", "exit 1", DependsOn=["A"]))
    source = run(local, name)["PipelineExecutionArn"]
    text = definition(work("A"), check("Gate", 1, 2, [work("B", DependsOn=["A"])]))
    local.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=text, RoleArn=ROLE)
    done = wait(local, start(local, name, **select("B", source=source)))
    assert done["PipelineExecutionStatus"] == "Succeeded" and done["PipelineVersionId"] == 2
    assert set(steps(local, done["PipelineExecutionArn"])) == {"A", "B"}
