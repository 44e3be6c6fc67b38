from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.api.tracking.metric_points import _summed, batch_get
from tests.support.service import LocalService, local_service
from tests.support.stores import empty


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture
def service(running: LocalService) -> LocalService:
    empty(running.service.store)
    sm = running.sagemaker
    sm.create_experiment(ExperimentName="e", Description="d")
    sm.create_trial(TrialName="t", ExperimentName="e")
    sm.create_trial_component(TrialComponentName="c", Parameters={"lr": {"NumberValue": 0.1}})
    sm.associate_trial_component(TrialName="t", TrialComponentName="c")
    return running


def refused(call: Any, code: str, text: str, **arguments: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code
    assert text in caught.value.response["Error"]["Message"]


def test_what_was_made_is_described(service: LocalService) -> None:
    sm = service.sagemaker
    found = sm.describe_experiment(ExperimentName="e")
    assert (found["Description"], found["DisplayName"]) == ("d", "e")
    assert sm.describe_trial(TrialName="t")["ExperimentName"] == "e"
    component = sm.describe_trial_component(TrialComponentName="c")
    assert component["Parameters"] == {"lr": {"NumberValue": 0.1}}
    assert sm.describe_trial_component(TrialComponentName=component["TrialComponentArn"])["TrialComponentName"] == "c"


def test_names_are_there_once(service: LocalService) -> None:
    sm = service.sagemaker
    text = "Experiment names must be unique within an AWS account and region. Experiment with name (e) already exists."
    refused(sm.create_experiment, "ValidationException", text, ExperimentName="e")
    refused(sm.create_trial, "ValidationException", "already exists", TrialName="t", ExperimentName="e")
    refused(sm.create_trial_component, "ValidationException", "already exists", TrialComponentName="c")


def test_what_is_absent_is_resource_not_found(service: LocalService) -> None:
    sm = service.sagemaker
    absent = "ResourceNotFound"
    refused(sm.describe_experiment, absent, "Experiment 'x' does not exist.", ExperimentName="x")
    refused(sm.create_trial, absent, "Experiment 'x'", TrialName="y", ExperimentName="x")
    refused(sm.associate_trial_component, absent, "Trial 'x'", TrialName="x", TrialComponentName="c")
    refused(sm.list_trials, absent, "Experiment 'x'", ExperimentName="x")
    refused(sm.delete_trial_component, absent, "TrialComponent 'x'", TrialComponentName="x")


def test_updates_change_what_they_name(service: LocalService) -> None:
    sm = service.sagemaker
    sm.update_experiment(ExperimentName="e", DisplayName="New")
    assert sm.describe_experiment(ExperimentName="e")["Description"] == "d"
    sm.update_trial(TrialName="t", DisplayName="New")
    assert sm.describe_trial(TrialName="t")["DisplayName"] == "New"
    sm.update_trial_component(
        TrialComponentName="c",
        Status={"PrimaryStatus": "Completed"},
        Parameters={"epochs": {"NumberValue": 3}},
        ParametersToRemove=["lr"],
        OutputArtifacts={"model": {"Value": "s3://b/m"}},
    )
    found = sm.describe_trial_component(TrialComponentName="c")
    assert found["Parameters"] == {"epochs": {"NumberValue": 3.0}}
    assert (found["Status"], found["OutputArtifacts"]) == (
        {"PrimaryStatus": "Completed"},
        {"model": {"Value": "s3://b/m"}},
    )


def test_components_are_found_by_trial_experiment_and_source(service: LocalService) -> None:
    sm = service.sagemaker
    sm.create_trial_component(TrialComponentName="lonely")
    source = {
        "SourceArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/j",
        "SourceType": "SageMakerTrainingJob",
    }
    service.service.store.merge("experiment-trial-component", "lonely", Source=source)

    def names(**arguments: str) -> list[str]:
        found = sm.list_trial_components(**arguments)["TrialComponentSummaries"]
        return [item["TrialComponentName"] for item in found]

    assert names(TrialName="t") == names(ExperimentName="e") == ["c"]
    assert names(SourceArn=source["SourceArn"]) == ["lonely"]
    assert names() == ["lonely", "c"]
    assert [t["TrialName"] for t in sm.list_trials(TrialComponentName="c")["TrialSummaries"]] == ["t"]
    assert sm.list_trials(TrialComponentName="lonely")["TrialSummaries"] == []
    refused(sm.list_trial_components, "ValidationException", "SourceArn", SourceArn=source["SourceArn"], TrialName="t")
    refused(sm.list_trial_components, "ValidationException", "Only one of", ExperimentName="e", TrialName="t")


def test_deleting_goes_from_the_inside_out(service: LocalService) -> None:
    sm = service.sagemaker
    refused(sm.delete_experiment, "ValidationException", "trials", ExperimentName="e")
    refused(sm.delete_trial, "ValidationException", "trial components", TrialName="t")
    refused(sm.delete_trial_component, "ValidationException", "part of the trial t", TrialComponentName="c")
    sm.disassociate_trial_component(TrialName="t", TrialComponentName="c")
    sm.delete_trial_component(TrialComponentName="c")
    sm.delete_trial(TrialName="t")
    sm.delete_experiment(ExperimentName="e")
    assert sm.list_experiments()["ExperimentSummaries"] == []


def test_metrics_are_put_summed_up_and_read_back_as_series(service: LocalService) -> None:
    sm, metrics = service.sagemaker, service.client("sagemaker-metrics")
    points = [
        {"MetricName": "loss", "Timestamp": 1_700_000_000 + 60 * n, "Step": n, "Value": 1 / (n + 1)} for n in range(8)
    ]
    assert metrics.batch_put_metrics(TrialComponentName="c", MetricData=points)["Errors"] == []
    component = sm.describe_trial_component(TrialComponentName="c")
    summary = component["Metrics"][0]
    assert (summary["MetricName"], summary["Count"], summary["Last"], summary["Max"]) == ("loss", 8, 1 / 8, 1.0)
    query = {
        "MetricName": "loss",
        "ResourceArn": component["TrialComponentArn"],
        "MetricStat": "Avg",
        "Period": "IterationNumber",
        "XAxisType": "IterationNumber",
        "Start": 2,
        "End": 4,
    }
    bad = query | {"ResourceArn": f"{component['TrialComponentArn']}x"}
    found, failed = metrics.batch_get_metrics(MetricQueries=[query, bad])["MetricQueryResults"]
    assert (found["Status"], found["XAxisValues"]) == ("Complete", [2, 3, 4])
    assert found["MetricValues"] == [1 / 3, 1 / 4, 1 / 5]
    assert (failed["Status"], failed["XAxisValues"]) == ("ValidationError", [])
    absent = {"TrialComponentName": "absent", "MetricData": points[:1]}
    refused(metrics.batch_put_metrics, "ResourceNotFound", "absent", **absent)


@pytest.mark.parametrize("wrong", [{"ResourceArn": 5}, {"MetricStat": []}, {"Start": "x"}, {"End": None}, "x", None])
def test_a_query_of_metrics_that_cannot_be_is_answered_as_such(service: LocalService, wrong: Any) -> None:
    arn = service.sagemaker.describe_trial_component(TrialComponentName="c")["TrialComponentArn"]
    query = {
        "MetricName": "loss",
        "ResourceArn": arn,
        "MetricStat": "Avg",
        "Period": "OneHour",
        "XAxisType": "Timestamp",
    }
    request = {"MetricQueries": [query | wrong if isinstance(wrong, dict) else wrong, query]}
    failed, found = batch_get(service.service, request)["MetricQueryResults"]
    assert (failed["Status"], found["Status"]) == ("ValidationError", "Complete")


def test_the_component_of_a_training_job_tells_of_it(service: LocalService) -> None:
    sm, store = service.sagemaker, service.service.store
    arn = service.service.arns.of("training-job", "j")
    job = {
        "TrainingJobArn": arn,
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "TrainingStartTime": 10.0,
        "HyperParameters": {"epochs": "15", "loss": "logistic"},
        "AlgorithmSpecification": {"TrainingImage": "image:1"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/train"}}}],
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
        "FinalMetricDataList": [{"MetricName": "test:recall", "Value": 0.9, "Timestamp": 20.0}],
    }
    store.insert("training-job", "j", job, arn=arn)
    store.merge("experiment-trial-component", "c", Source={"SourceArn": arn, "SourceType": "SageMakerTrainingJob"})
    found = sm.describe_trial_component(TrialComponentName="c")
    parameters = found["Parameters"]
    assert (parameters["epochs"], parameters["loss"]) == ({"NumberValue": 15.0}, {"StringValue": "logistic"})
    assert parameters["lr"] == {"NumberValue": 0.1}
    assert parameters["SageMaker.InstanceType"] == {"StringValue": "ml.m5.large"}
    assert found["InputArtifacts"] == {
        "train": {"Value": "s3://b/train"},
        "SageMaker.ImageUri": {"Value": "image:1"},
    }
    assert found["OutputArtifacts"] == {"SageMaker.ModelArtifact": {"Value": "s3://b/model.tar.gz"}}
    assert found["Status"]["PrimaryStatus"] == "Completed"
    (metric,) = found["Metrics"]
    assert (metric["MetricName"], metric["Last"], metric["SourceArn"]) == ("test:recall", 0.9, arn)
    expression = {"Filters": [{"Name": "Metrics.test:recall.last", "Operator": "GreaterThan", "Value": "0.8"}]}
    results = sm.search(Resource="ExperimentTrialComponent", SearchExpression=expression)["Results"]
    assert [item["TrialComponent"]["TrialComponentName"] for item in results] == ["c"]


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), cut=st.integers(0, 30))
def test_running_sums_are_those_of_all_points_at_once(values: list[float], cut: int) -> None:
    points = [{"MetricName": "m", "Value": value, "Timestamp": float(n)} for n, value in enumerate(values)]
    component: dict[str, Any] = {}
    for batch in (points[:cut], points[cut:]):
        component |= _summed(component, batch)
    (summary,) = component["Metrics"]
    assert (summary["Min"], summary["Max"], summary["Last"]) == (min(values), max(values), values[-1])
    assert math.isclose(summary["Avg"], statistics.fmean(values), rel_tol=1e-9, abs_tol=1e-6)
    assert math.isclose(summary["StdDev"], statistics.pstdev(values), rel_tol=1e-6, abs_tol=1e-3)
