"""Hyperparameter tuning: candidates, the best training job, and the actions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.containers.jobs.tuning import candidates, scaled
from pipeline.local.faults import InjectedFaults
from tests.support.jobs import BUCKET, IMAGE, Bench, channel
from tests.support.service import ROLE, local_service

Body = dict[str, Any]
SCRIPT = """
import json
given = json.load(open('/opt/ml/input/config/hyperparameters.json'))
if given.get('fail') == given['x']: raise SystemExit(1)
print('score=%r' % -abs(float(given['x']) - 3.0))
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with local_service(tmp_path_factory.mktemp("tuning")) as local:
        made = Bench(local)
        made.put("tune/train.py", SCRIPT)
        made.put("sleep/train.py", "import time; time.sleep(60)")
        yield made


def definition(code: str = "tune/", **static: str) -> Body:
    return {
        "StaticHyperParameters": static,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "score", "Regex": r"score=(\S+)"}],
        },
        "RoleArn": ROLE,
        "InputDataConfig": [channel("code", code)],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuned"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def config(strategy: str = "Grid", values: tuple[str, ...] = ("1", "2", "3", "4"), **more: Any) -> Body:
    return {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "x", "Values": list(values)}]},
    } | more


@pytest.fixture(scope="module", autouse=True)
def _python_program(bench: Bench) -> Iterator[None]:
    """Tuning has no ContainerEntrypoint, so the image gets a program of its own."""
    from pipeline.local.images import Image, catalog, register

    before = catalog()["sagemaker-scikit-learn"]
    register(Image("sagemaker-scikit-learn", ("python3", "/opt/ml/input/data/code/train.py")))
    yield
    register(before)


def run(bench: Bench, name: str, config: Body, **more: Any) -> Body:
    request = {"HyperParameterTuningJobName": name, "HyperParameterTuningJobConfig": config} | more
    bench.local.sagemaker.create_hyper_parameter_tuning_job(**request)
    return bench.ended("HyperParameterTuning", name)


def test_grid_search_tries_all_and_tells_the_best(bench: Bench) -> None:
    job = run(bench, "grid", config(), TrainingJobDefinition=definition())
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    assert job["TrainingJobStatusCounters"]["Completed"] == 4
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    best = job["BestTrainingJob"]
    assert best["TunedHyperParameters"] == {"x": "3"}
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {
        "Type": "Maximize",
        "MetricName": "score",
        "Value": 0,
    }
    jobs = bench.local.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="grid", SortBy="FinalObjectiveMetricValue", SortOrder="Descending"
    )["TrainingJobSummaries"]
    assert [entry["TunedHyperParameters"]["x"] for entry in jobs][0] == "3"
    assert sorted(entry["TunedHyperParameters"]["x"] for entry in jobs) == list("1234")
    described = bench.local.sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert described["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert described["HyperParameters"] == {"x": "3"}


@pytest.mark.long
def test_throttling_is_outlasted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    service, create = bench.local.service, bench.local.sagemaker.create_hyper_parameter_tuning_job
    create(
        HyperParameterTuningJobName="throttled",
        HyperParameterTuningJobConfig=config(),
        TrainingJobDefinition=definition(),
    )
    monkeypatch.setattr(service, "faults", InjectedFaults.parse(["throttle=0.4"]))
    kind = "hyper-parameter-tuning-job"

    def ended() -> Body | None:
        body = service.store.get(kind, "throttled") or {}
        return body if body["HyperParameterTuningJobStatus"] in ("Completed", "Failed") else None

    job = service.store.wait(ended, 60, of=(kind, "throttled")) or {}
    assert (job["HyperParameterTuningJobStatus"], job["TrainingJobStatusCounters"]["Completed"]) == ("Completed", 4)


def test_training_jobs_that_fail_are_counted(bench: Bench) -> None:
    job = run(bench, "some-fail", config(values=("1", "3")), TrainingJobDefinition=definition(fail="3"))
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"x": "1"}


def test_a_tuning_job_without_a_success_fails(bench: Bench) -> None:
    job = run(bench, "all-fail", config(values=("3",)), TrainingJobDefinition=definition(fail="3"))
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("No training job succeeded after 1 attempts.")
    assert "BestTrainingJob" not in job


def test_the_target_ends_the_search(bench: Bench) -> None:
    criteria = {"TargetObjectiveMetricValue": -1.5}
    limits = {"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 1}
    given = config(values=("2", "1", "4"), TuningJobCompletionCriteria=criteria, ResourceLimits=limits)
    job = run(bench, "target", given, TrainingJobDefinition=definition())
    assert job["TrainingJobStatusCounters"]["Completed"] == 1


def test_stop_ends_the_training_jobs(bench: Bench) -> None:
    sagemaker = bench.local.sagemaker
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="stopped",
        HyperParameterTuningJobConfig=config(),
        TrainingJobDefinition=definition("sleep/"),
    )
    bench.when("HyperParameterTuning", "stopped", lambda job: job["TrainingJobStatusCounters"]["InProgress"] >= 0)
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    job = bench.ended("HyperParameterTuning", "stopped")
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    assert {entry["TrainingJobStatus"] for entry in jobs["TrainingJobSummaries"]} <= {"Stopped"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"}}, "'auc' is not among"),
        ({"ParameterRanges": {}}, "at least one hyperparameter range"),
        (
            {"ParameterRanges": {"IntegerParameterRanges": [{"Name": "x", "MinValue": "1", "MaxValue": "3"}]}},
            "Grid search can only have categorical",
        ),
        (
            {
                "Strategy": "Random",
                "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "3", "MaxValue": "1"}]},
            },
            "is not valid",
        ),
    ],
)
def test_what_cannot_run_is_refused(bench: Bench, changes: Body, message: str) -> None:
    with pytest.raises(ClientError, match=message):
        run(bench, "bad", config() | changes, TrainingJobDefinition=definition())


def body(strategy: str, ranges: Body, **more: Any) -> Body:
    return {
        "HyperParameterTuningJobConfig": config(strategy, ParameterRanges=ranges, **more),
        "TrainingJobDefinition": {"StaticHyperParameters": {}},
    }


@pytest.mark.parametrize("action", ["describe", "stop"])
def test_an_unknown_name_is_not_found(bench: Bench, action: str) -> None:
    """By the code and the first words, clients tell that there is no such job."""
    ask = getattr(bench.local.sagemaker, f"{action}_hyper_parameter_tuning_job")
    with pytest.raises(ClientError, match="Amazon SageMaker can't find a tuning job called nobody") as caught:
        ask(HyperParameterTuningJobName="nobody")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


def test_candidates_lie_in_their_ranges_and_repeat_by_the_seed() -> None:
    ranges = {
        "IntegerParameterRanges": [{"Name": "i", "MinValue": "-2", "MaxValue": "2", "ScalingType": "Linear"}],
        "ContinuousParameterRanges": [
            {"Name": "log", "MinValue": "1e-6", "MaxValue": "1", "ScalingType": "Logarithmic"},
            {"Name": "rev", "MinValue": "0.5", "MaxValue": "0.999", "ScalingType": "ReverseLogarithmic"},
        ],
        "CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b"]}],
    }
    limits = {"MaxNumberOfTrainingJobs": 200, "MaxParallelTrainingJobs": 1}
    given = body("Random", ranges, RandomSeed=7, ResourceLimits=limits)
    drawn = [values for _, values in candidates(given)]
    assert len(drawn) == 200
    assert {int(values["i"]) for values in drawn} == {-2, -1, 0, 1, 2}
    assert all(1e-6 <= float(values["log"]) <= 1 and 0.5 <= float(values["rev"]) <= 0.999 for values in drawn)
    assert sum(float(values["log"]) < 1e-3 for values in drawn) > 60, "half of a logarithmic range is small"
    assert {values["c"] for values in drawn} == {"a", "b"}
    assert drawn == [values for _, values in candidates(given)]


def test_a_grid_is_the_product_of_its_values() -> None:
    values = [{"Name": "x", "Values": ["1", "2"]}, {"Name": "y", "Values": ["a", "b", "c"]}]
    found = [tuple(values.values()) for _, values in candidates(body("Grid", {"CategoricalParameterRanges": values}))]
    assert found == list(itertools.product("12", "abc"))


@pytest.mark.parametrize("scale", ["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"])
def test_scaling_keeps_the_ends(scale: str) -> None:
    assert scaled(0.0, 0.1, 0.9, scale) == pytest.approx(0.1)
    assert scaled(1.0, 0.1, 0.9, scale) == pytest.approx(0.9)
