"""Every List action pages, sorts and filters as its model says: one table, the same questions to each.

Three resources of each kind are made a moment apart, so that names, times of creation and order are known.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.executions import IMAGE, create, definition, fail, start, token, wait, work
from tests.support.service import ROLE, LocalService
from tests.support.serving import IMAGE as SERVING

Body = dict[str, Any]
NAMES = ("list-b", "list-a", "list-c")


@dataclass(frozen=True)
class Kind:
    """How one kind is made and listed: `result` and `name` are members of the answer."""

    action: str
    result: str
    name: str
    make: Callable[[LocalService, str], object]
    name_filter: str = "NameContains"
    after: str = "CreationTimeAfter"
    before: str = "CreationTimeBefore"
    created: str = "CreationTime"
    sort_by_name: str = "Name"
    sort_by_time: str = "CreationTime"


def processing(local: LocalService, name: str) -> object:
    arguments = work("W")["Arguments"]
    return local.sagemaker.create_processing_job(ProcessingJobName=name, RoleArn=ROLE, **arguments)


def training(local: LocalService, name: str) -> object:
    return local.sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/true"],
        },
        OutputDataConfig={"S3OutputPath": "s3://bucket/models"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )


def model(local: LocalService, name: str) -> object:
    return local.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": SERVING})


def configuration(local: LocalService, name: str) -> object:
    variant = {"VariantName": "v", "ModelName": "any", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    if not local.sagemaker.list_models(NameContains="any")["Models"]:
        model(local, "any")
    return local.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])


def group(local: LocalService, name: str) -> object:
    return local.sagemaker.create_model_package_group(ModelPackageGroupName=name)


def experiment(local: LocalService, name: str) -> object:
    return local.sagemaker.create_experiment(ExperimentName=name)


def trial(local: LocalService, name: str) -> object:
    if not [one for one in local.sagemaker.list_experiments()["ExperimentSummaries"] if one["ExperimentName"] == "e"]:
        experiment(local, "e")
    return local.sagemaker.create_trial(TrialName=name, ExperimentName="e")


def component(local: LocalService, name: str) -> object:
    return local.sagemaker.create_trial_component(TrialComponentName=name)


def pipeline(local: LocalService, name: str) -> object:
    return create(local, fail("F"), name=name)


def artifact(local: LocalService, name: str) -> object:
    return local.sagemaker.create_artifact(
        ArtifactName=name, ArtifactType="t", Source={"SourceUri": f"s3://bucket/{name}"}
    )


def context(local: LocalService, name: str) -> object:
    return local.sagemaker.create_context(ContextName=name, ContextType="t", Source={"SourceUri": "s3://bucket/c"})


def action(local: LocalService, name: str) -> object:
    return local.sagemaker.create_action(ActionName=name, ActionType="t", Source={"SourceUri": "s3://bucket/c"})


EXPERIMENTAL: Body = {"name_filter": "", "after": "CreatedAfter", "before": "CreatedBefore"}
KINDS = [
    Kind("list_processing_jobs", "ProcessingJobSummaries", "ProcessingJobName", processing),
    Kind("list_training_jobs", "TrainingJobSummaries", "TrainingJobName", training),
    Kind("list_models", "Models", "ModelName", model),
    Kind("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", configuration),
    Kind("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName", group),
    Kind(
        "list_pipelines",
        "PipelineSummaries",
        "PipelineName",
        pipeline,
        name_filter="PipelineNamePrefix",
        after="CreatedAfter",
        before="CreatedBefore",
    ),
    Kind("list_experiments", "ExperimentSummaries", "ExperimentName", experiment, **EXPERIMENTAL),
    Kind("list_trials", "TrialSummaries", "TrialName", trial, **EXPERIMENTAL),
    Kind("list_trial_components", "TrialComponentSummaries", "TrialComponentName", component, **EXPERIMENTAL),
    Kind("list_artifacts", "ArtifactSummaries", "ArtifactName", artifact, sort_by_name="", **EXPERIMENTAL),
    Kind("list_contexts", "ContextSummaries", "ContextName", context, **EXPERIMENTAL),
    Kind("list_actions", "ActionSummaries", "ActionName", action, **EXPERIMENTAL),
]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.action)
def kind(request: pytest.FixtureRequest, local: LocalService) -> Kind:
    wanted: Kind = request.param
    for name in NAMES:
        wanted.make(local, name)
        time.sleep(0.002)
    return wanted


def ask(local: LocalService, kind: Kind, **request: Any) -> Body:
    answer: Body = getattr(local.sagemaker, kind.action)(**{key: value for key, value in request.items() if key})
    return answer


def listed(local: LocalService, kind: Kind, **request: Any) -> list[str]:
    """The names of the test, of all pages."""
    names: list[str] = []
    more: Body = {}
    while True:
        answer = ask(local, kind, **request, **more)
        names += [found[kind.name] for found in answer[kind.result]]
        if "NextToken" not in answer:
            return [name for name in names if name in NAMES]
        more = {"NextToken": answer["NextToken"]}


def test_order_by_time_and_name(local: LocalService, kind: Kind) -> None:
    by_time = {"SortBy": kind.sort_by_time, "MaxResults": 100}
    assert listed(local, kind, SortOrder="Ascending", **by_time) == list(NAMES)
    assert listed(local, kind, SortOrder="Descending", **by_time) == list(reversed(NAMES))
    if kind.sort_by_name:
        by_name = {"SortBy": kind.sort_by_name, "MaxResults": 100}
        assert listed(local, kind, SortOrder="Ascending", **by_name) == sorted(NAMES)
        assert listed(local, kind, SortOrder="Descending", **by_name) == sorted(NAMES, reverse=True)


def test_pages_of_one_are_the_same_list(local: LocalService, kind: Kind) -> None:
    order = {"SortBy": kind.sort_by_time, "SortOrder": "Ascending"}
    answer = ask(local, kind, MaxResults=1, **order)
    assert len(answer[kind.result]) == 1 and answer["NextToken"]
    assert listed(local, kind, MaxResults=1, **order) == list(NAMES)


def test_what_is_made_between_two_pages_does_not_break_them(local: LocalService, kind: Kind) -> None:
    order = {"SortBy": kind.sort_by_time, "SortOrder": "Ascending"}
    first = ask(local, kind, MaxResults=1, **order)
    second = ask(local, kind, MaxResults=100, NextToken=first["NextToken"], **order)
    seen = [found[kind.name] for found in first[kind.result] + second[kind.result]]
    assert len(set(seen)) == len(seen) and set(NAMES) <= set(seen)


def test_filters_by_name_and_time(local: LocalService, kind: Kind) -> None:
    if kind.name_filter:
        assert listed(local, kind, **{kind.name_filter: "list-a"}) == ["list-a"]
        assert listed(local, kind, **{kind.name_filter: "LIST-A"}) == ["list-a"]
        assert listed(local, kind, **{kind.name_filter: "none-such"}) == []
    whole = ask(local, kind, SortBy=kind.sort_by_time, SortOrder="Ascending", MaxResults=100)[kind.result]
    times = {found[kind.name]: found[kind.created] for found in whole}
    wide = {"MaxResults": 100, "SortBy": kind.sort_by_time, "SortOrder": "Ascending"}
    day = timedelta(days=1)
    assert listed(local, kind, **{kind.after: times["list-b"] - day, kind.before: times["list-c"] + day}, **wide) == [
        *NAMES
    ]
    assert listed(local, kind, **{kind.after: times["list-c"] + day}, **wide) == []
    assert listed(local, kind, **{kind.before: times["list-b"] - day}, **wide) == []


def test_a_token_that_is_none_is_refused(local: LocalService, kind: Kind) -> None:
    with pytest.raises(ClientError) as caught:
        ask(local, kind, NextToken="bm90IG91cnM=")
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_sizes_of_pages_and_orders_have_bounds(local: LocalService, kind: Kind) -> None:
    for wrong, place in ({"MaxResults": 101}, "maxResults"), ({"SortOrder": "Up"}, "sortOrder"), ({"SortBy": "x"}, ""):
        with pytest.raises(ClientError) as caught:
            ask(local, kind, **wrong)
        error = caught.value.response["Error"]
        assert error["Code"] == "ValidationException"
        assert f"'{place or 'sortBy'}' failed to satisfy constraint" in error["Message"]


def test_executions_steps_and_versions_page_too(local: LocalService) -> None:
    sagemaker = local.sagemaker
    conditions: list[Body] = [
        {"Name": f"C{n}", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": [], "ElseSteps": []}}
        for n in range(5)
    ]
    name = create(local, *conditions)
    arns = []
    for _ in range(3):
        arns.append(start(local, name, ClientRequestToken=token()))
        wait(local, arns[-1])
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=name, PaginationConfig={"PageSize": 2}
    )
    found = [[one["PipelineExecutionArn"] for one in page["PipelineExecutionSummaries"]] for page in pages]
    assert found == [[arns[2], arns[1]], [arns[0]]]
    sorted_arns = sagemaker.list_pipeline_executions(
        PipelineName=name, SortBy="PipelineExecutionArn", SortOrder="Ascending"
    )["PipelineExecutionSummaries"]
    assert [one["PipelineExecutionArn"] for one in sorted_arns] == sorted(arns)

    steps = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arns[0], SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    assert [[one["StepName"] for one in page["PipelineExecutionSteps"]] for page in steps] == [
        ["C0", "C1"],
        ["C2", "C3"],
        ["C4"],
    ]
    for number in range(2):
        sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=definition(fail("F", f"{number}")))
    versions = sagemaker.list_pipeline_versions(PipelineName=name, MaxResults=2)
    assert [one["PipelineVersionId"] for one in versions["PipelineVersionSummaries"]] == [3, 2]
    rest = sagemaker.list_pipeline_versions(PipelineName=name, MaxResults=2, NextToken=versions["NextToken"])
    assert [one["PipelineVersionId"] for one in rest["PipelineVersionSummaries"]] == [1]
    assert rest["PipelineVersionSummaries"][0]["LastExecutionPipelineExecutionArn"] == arns[-1]
    oldest = sagemaker.list_pipeline_versions(PipelineName=name, SortOrder="Ascending")
    assert [one["PipelineVersionId"] for one in oldest["PipelineVersionSummaries"]] == [1, 2, 3]


def test_parameters_of_an_execution_page_in_the_order_given(local: LocalService) -> None:
    declared = [{"Name": f"P{n}", "DefaultValue": "d"} for n in range(200)]
    name = create(local, fail("F"), parameters=declared)
    given = {f"P{n}": str(n) for n in reversed(range(200))}
    arn = start(local, name, given=given)
    found: list[Body] = []
    more: Body = {}
    while True:
        page = local.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn, MaxResults=99, **more)
        found += page["PipelineParameters"]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert {one["Name"]: one["Value"] for one in found} == given
    with pytest.raises(ClientError, match="length less than or equal to 200"):
        start(local, name, given={f"Q{n}": "x" for n in range(201)})
