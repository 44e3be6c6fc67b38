from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.jobs import LINEAR_LEARNER
from tests.support.service import LocalService, local_service
from tests.support.stores import empty


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture
def service(running: LocalService) -> LocalService:
    empty(running.service.store)
    return running


def test_search_finds_tags_sorts_and_pages(service: LocalService) -> None:
    sm = service.sagemaker
    for number in range(5):
        tags = [{"Key": "odd", "Value": str(number % 2)}]
        sm.create_experiment(ExperimentName=f"e{number}", Tags=tags)
    expression = {"Filters": [{"Name": "Tags.odd", "Operator": "Equals", "Value": "0"}]}
    answer = sm.search(
        Resource="Experiment", SearchExpression=expression, SortBy="ExperimentName", SortOrder="Ascending"
    )
    assert [found["Experiment"]["ExperimentName"] for found in answer["Results"]] == ["e0", "e2", "e4"]
    assert answer["Results"][0]["Experiment"]["Tags"] == [{"Key": "odd", "Value": "0"}]
    assert answer["TotalHits"] == {"Value": 3, "Relation": "EqualTo"}
    pages = sm.get_paginator("search").paginate(Resource="Experiment", PaginationConfig={"PageSize": 2})
    assert [len(page["Results"]) for page in pages] == [2, 2, 1]
    first = sm.search(Resource="Experiment", MaxResults=1)["Results"][0]["Experiment"]["ExperimentName"]
    assert first == "e4"


def test_search_of_each_kind_answers_with_its_own_member_and_tags(service: LocalService) -> None:
    sm, store = service.sagemaker, service.service.store
    for kind, member, resource in (
        ("training-job", "TrainingJob", "TrainingJob"),
        ("hyper-parameter-tuning-job", "HyperParameterTuningJob", "HyperParameterTuningJob"),
        ("experiment", "Experiment", "Experiment"),
        ("pipeline", "Pipeline", "Pipeline"),
        ("endpoint", "Endpoint", "Endpoint"),
        ("experiment-trial", "Trial", "ExperimentTrial"),
        ("experiment-trial-component", "TrialComponent", "ExperimentTrialComponent"),
        ("model-package", "ModelPackage", "ModelPackage"),
        ("model-package-group", "ModelPackageGroup", "ModelPackageGroup"),
    ):
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:{kind}/n"
        store.insert(kind, "n", {f"{member}Arn": arn, "CreationTime": 1.5, "_own": 1, "Unknown": 2}, arn=arn)
        tags = [{"Key": "kind", "Value": kind}]
        sm.add_tags(ResourceArn=arn, Tags=tags)
        (found,) = sm.search(Resource=resource)["Results"]
        assert (found[member][f"{member}Arn"], found[member]["Tags"]) == (arn, tags)
    assert sm.search(Resource="FeatureGroup")["Results"] == []
    assert sm.search(Resource="Endpoint", CrossAccountFilterOption="CrossAccount")["Results"] == []


def test_the_tags_of_an_execution_are_not_those_of_its_pipeline(service: LocalService) -> None:
    sm, store, arns = service.sagemaker, service.service.store, service.service.arns
    pipeline, execution = arns.of("pipeline", "p"), arns.execution("p", "abcdefghijkl")
    body = {"PipelineArn": pipeline, "PipelineExecutionArn": execution}
    store.insert("pipeline", "p", {"PipelineArn": pipeline}, arn=pipeline)
    store.insert("pipeline-execution", execution, body, arn=execution)
    sm.add_tags(ResourceArn=pipeline, Tags=[{"Key": "of", "Value": "pipeline"}])
    (record,) = sm.search(Resource="PipelineExecution")["Results"]
    assert record["PipelineExecution"]["PipelineExecutionArn"] == execution
    found = [{"Name": "Tags.of", "Operator": "Exists"}]
    assert sm.search(Resource="PipelineExecution", SearchExpression={"Filters": found})["Results"] == []
    assert len(sm.search(Resource="Pipeline", SearchExpression={"Filters": found})["Results"]) == 1


def test_suggestions_are_names_of_properties(service: LocalService) -> None:
    sm = service.sagemaker
    sm.create_experiment(ExperimentName="e", Tags=[{"Key": "team", "Value": "x"}])
    for hint, wanted in (("Exper", "ExperimentName"), ("tags.", "Tags.team")):
        query = {"PropertyNameQuery": {"PropertyNameHint": hint}}
        found = sm.get_search_suggestions(Resource="Experiment", SuggestionQuery=query)["PropertyNameSuggestions"]
        assert wanted in [name["PropertyName"] for name in found]


def chain(sm: Any) -> list[str]:
    """data -> train -> model -> deployment, as ARNs."""
    uri = {"SourceUri": "s3://b/data"}
    data = sm.create_artifact(ArtifactName="data", Source=uri, ArtifactType="DataSet")["ArtifactArn"]
    train = sm.create_action(ActionName="train", Source={"SourceUri": "job"}, ActionType="Training")["ActionArn"]
    model = sm.create_artifact(Source={"SourceUri": "s3://b/model"}, ArtifactType="Model")["ArtifactArn"]
    context = sm.create_context(ContextName="prod", Source={"SourceUri": "ep"}, ContextType="Endpoint")["ContextArn"]
    for source, destination, kind in (
        (data, train, "ContributedTo"),
        (train, model, "Produced"),
        (model, context, "AssociatedWith"),
    ):
        sm.add_association(SourceArn=source, DestinationArn=destination, AssociationType=kind)
    return [data, train, model, context]


def test_lineage_is_walked_up_and_down(service: LocalService) -> None:
    sm = service.sagemaker
    data, train, model, context = chain(sm)

    def reached(start: str, **arguments: Any) -> list[str]:
        answer = sm.query_lineage(StartArns=[start], **arguments)
        return [vertex["Arn"] for vertex in answer["Vertices"]]

    assert reached(model, Direction="Ascendants") == [train, data]
    assert reached(model, Direction="Ascendants", MaxDepth=1) == [train]
    assert reached(data, Direction="Descendants") == [train, model, context]
    assert set(reached(train)) == {data, model, context}
    assert reached(data, Filters={"LineageTypes": ["Artifact"]}) == [model]
    assert reached(data, Filters={"Types": ["Endpoint"]}) == [context]
    answer = sm.query_lineage(StartArns=[model], Direction="Ascendants", IncludeEdges=True)
    assert [edge["AssociationType"] for edge in answer["Edges"]] == ["ContributedTo", "Produced"]
    assert {vertex["LineageType"] for vertex in answer["Vertices"]} == {"Action", "Artifact"}


def test_associations_are_listed_and_ended(service: LocalService) -> None:
    sm = service.sagemaker
    data, train, model, _ = chain(sm)
    found = sm.list_associations(SourceArn=train)["AssociationSummaries"]
    assert [(item["DestinationArn"], item["SourceName"], item["DestinationType"]) for item in found] == [
        (model, "train", "Model")
    ]
    assert len(sm.list_associations(AssociationType="ContributedTo")["AssociationSummaries"]) == 1
    with pytest.raises(ClientError, match="associations"):
        sm.delete_artifact(ArtifactArn=data)
    with pytest.raises(ClientError, match="already exists"):
        sm.add_association(SourceArn=data, DestinationArn=train)
    with pytest.raises(ClientError, match="Either ArtifactArn or Source must be given"):
        sm.delete_artifact()
    with pytest.raises(ClientError, match="Artifact with source 's3://b/none' does not exist"):
        sm.delete_artifact(Source={"SourceUri": "s3://b/none"})
    sm.delete_association(SourceArn=data, DestinationArn=train)
    sm.delete_artifact(Source={"SourceUri": "s3://b/data"})
    for call, arguments in (
        (sm.describe_artifact, {"ArtifactArn": data}),
        (sm.delete_association, {"SourceArn": data, "DestinationArn": train}),
        (sm.add_association, {"SourceArn": data, "DestinationArn": train}),
        (sm.query_lineage, {"StartArns": [data]}),
    ):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


def test_lineage_entities_are_described_listed_and_updated(service: LocalService) -> None:
    sm = service.sagemaker
    data, train, _, context = chain(sm)
    sm.update_artifact(ArtifactArn=data, Properties={"a": "1", "b": "2"})
    sm.update_artifact(ArtifactArn=data, PropertiesToRemove=["a"], ArtifactName="renamed")
    found = sm.describe_artifact(ArtifactArn=data)
    assert (found["Properties"], found["ArtifactName"], found["Source"]) == (
        {"b": "2"},
        "renamed",
        {"SourceUri": "s3://b/data"},
    )
    sm.update_action(ActionName="train", Status="Completed")
    assert sm.describe_action(ActionName=train)["Status"] == "Completed"
    sm.update_context(ContextName="prod", Description="d")
    assert sm.describe_context(ContextName=context)["Description"] == "d"
    listed = sm.list_artifacts(ArtifactType="Model")["ArtifactSummaries"]
    assert [item["Source"]["SourceUri"] for item in listed] == ["s3://b/model"]
    assert len(sm.list_actions(SourceUri="job")["ActionSummaries"]) == 1
    assert len(sm.list_contexts(ContextType="Endpoint")["ContextSummaries"]) == 1
    with pytest.raises(ClientError, match="already exists"):
        sm.create_context(ContextName="prod", Source={"SourceUri": "ep"}, ContextType="Endpoint")


def test_associations_are_sorted_by_types_that_not_all_ends_have(service: LocalService) -> None:
    sm = service.sagemaker
    data = sm.create_artifact(Source={"SourceUri": "s3://b/data"}, ArtifactType="DataSet")["ArtifactArn"]
    component = sm.create_trial_component(TrialComponentName="c")["TrialComponentArn"]
    experiment = sm.create_experiment(ExperimentName="e")["ExperimentArn"]
    source = {"SourceArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/j", "SourceType": "SageMakerJob"}
    service.service.store.merge("experiment-trial-component", "c", Source=source)
    for start in (component, experiment):
        sm.add_association(SourceArn=start, DestinationArn=data)
    sm.add_association(SourceArn=data, DestinationArn=component)

    def types(**arguments: str) -> list[str | None]:
        return [found.get("SourceType") for found in sm.list_associations(**arguments)["AssociationSummaries"]]

    assert types(SortBy="SourceType", SortOrder="Ascending") == [None, "DataSet", "SageMakerJob"]
    assert types(SortBy="SourceType", SortOrder="Descending") == ["SageMakerJob", "DataSet", None]
    assert len(types(SortBy="DestinationType")) == 3
    assert types(SourceType="SageMakerJob") == ["SageMakerJob"]


def test_an_arn_of_another_region_or_kind_is_another_resource(service: LocalService) -> None:
    sm = service.sagemaker
    arn = sm.create_context(ContextName="c", Source={"SourceUri": "s3://b/c"}, ContextType="t")["ContextArn"]
    assert sm.describe_context(ContextName=arn)["ContextName"] == "c"
    component = sm.create_trial_component(TrialComponentName="c")["TrialComponentArn"]
    experiment = sm.create_experiment(ExperimentName="c")["ExperimentArn"]
    assert sm.describe_trial_component(TrialComponentName=component)["TrialComponentName"] == "c"
    for call, name in (
        (sm.describe_context, {"ContextName": arn.replace("us-east-1", "eu-west-1")}),
        (sm.describe_context, {"ContextName": arn.replace("123456789012", "210987654321")}),
        (sm.describe_trial_component, {"TrialComponentName": experiment}),
    ):
        with pytest.raises(ClientError) as caught:
            call(**name)
        assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


@pytest.mark.parametrize(
    ("action", "arguments", "inclusive"),
    [
        ("ListContexts", {"after": "CreatedAfter", "before": "CreatedBefore"}, ("after", "before")),
        ("ListExperiments", {"after": "CreatedAfter", "before": "CreatedBefore"}, ()),
        ("ListModels", {"after": "CreationTimeAfter", "before": "CreationTimeBefore"}, ("after",)),
    ],
)
def test_a_bound_of_time_counts_where_it_is_documented_to(
    service: LocalService, action: str, arguments: dict[str, str], inclusive: tuple[str, ...]
) -> None:
    call = service.service.call
    call("CreateContext", {"ContextName": "c", "Source": {"SourceUri": "s3://b/c"}, "ContextType": "t"})
    call("CreateExperiment", {"ExperimentName": "e"})
    call("CreateModel", {"ModelName": "m", "PrimaryContainer": {"Image": LINEAR_LEARNER}})
    (found,) = next(iter(call(action, {}).values()))
    for side, member in arguments.items():
        listed = next(iter(call(action, {member: found["CreationTime"]}).values()))
        assert listed == ([found] if side in inclusive else []), member
