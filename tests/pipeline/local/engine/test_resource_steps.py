"""Models, packages, endpoints and experiments that steps make, and the names that they get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.executions import check, create, run, start, steps, wait, work
from tests.support.service import ROLE, LocalService, local_service
from tests.support.serving import BUCKET, IMAGE, Deployer
from tests.support.waiting import until

URL = f"s3://{BUCKET}/golden/model.tar.gz"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("resources")
    with local_service(folder) as running:
        Deployer(running).model("golden")
        yield running


def model(name: str = "Model", **more: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "Model",
        "Arguments": {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": URL}} | more,
    }


def configuration(name: str = "Model_EndpointConfig", **more: Any) -> dict[str, Any]:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Get": "Steps.Model.ModelName"},
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    return {"Name": name, "Type": "EndpointConfig", "Arguments": {"ProductionVariants": [variant]} | more}


def endpoint(config: str = "Model_EndpointConfig", **more: Any) -> dict[str, Any]:
    arguments = {"EndpointConfigName": {"Get": f"Steps.{config}.EndpointConfigName"}} | more
    return {"Name": "Deploy", "Type": "Endpoint", "Arguments": arguments}


def test_an_endpoint_is_created_then_updated_and_serves_the_new_configuration(local: LocalService) -> None:
    name = create(local, model(), configuration(), endpoint(EndpointName="live"))
    arns = []
    for _ in range(2):
        done = run(local, name)
        found = steps(local, done["PipelineExecutionArn"])
        assert done["PipelineExecutionStatus"] == "Succeeded", json.dumps(found, default=str)
        assert list(found) == ["Model", "Model_EndpointConfig", "Deploy"]
        live = local.sagemaker.describe_endpoint(EndpointName="live")
        assert live["EndpointStatus"] == "InService"
        assert live["EndpointArn"] == found["Deploy"]["Metadata"]["Endpoint"]["Arn"]
        arn = found["Model_EndpointConfig"]["Metadata"]["EndpointConfig"]["Arn"]
        assert arn.endswith(f"/{live['EndpointConfigName']}")
        identifier = done["PipelineExecutionArn"].rsplit("/", 1)[1]
        assert live["EndpointConfigName"].startswith(f"pipelines-{identifier}-Model-EndpointConfig-")
        tags = local.sagemaker.list_tags(ResourceArn=live["EndpointArn"])["Tags"]
        assert {"Key": "sagemaker:pipeline-execution-arn", "Value": done["PipelineExecutionArn"]} in tags
        arns.append(arn)
    assert arns[0] != arns[1]


def test_literal_names_are_replaced_and_a_configuration_keeps_its_name_as_a_beginning(local: LocalService) -> None:
    name = create(local, model(ModelName="literal"), configuration("Cfg", EndpointConfigName="c" * 60))
    done = run(local, name)
    found = steps(local, done["PipelineExecutionArn"])
    identifier = done["PipelineExecutionArn"].rsplit("/", 1)[1]
    assert f":model/pipelines-{identifier}-Model-" in found["Model"]["Metadata"]["Model"]["Arn"]
    named = found["Cfg"]["Metadata"]["EndpointConfig"]["Arn"].rsplit("/", 1)[1]
    assert named.startswith("ccc") and f"c-{identifier}-" in named and len(named) == 63


def test_an_endpoint_that_cannot_serve_fails_the_step(local: LocalService) -> None:
    local.s3.put_object(Bucket=BUCKET, Key="broken/model.tar.gz", Body=b"no archive")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/broken/model.tar.gz"}
    broken = [model(PrimaryContainer=container), configuration(), endpoint(EndpointName="broken")]
    done = run(local, create(local, *broken))
    found = steps(local, done["PipelineExecutionArn"])["Deploy"]
    assert done["PipelineExecutionStatus"] == "Failed" and found["StepStatus"] == "Failed" and found["FailureReason"]


def register(**more: Any) -> dict[str, Any]:
    container = {"Image": IMAGE, "ModelDataUrl": URL}
    specification = {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    arguments = {"ModelPackageGroupName": "digits", "InferenceSpecification": specification} | more
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


def test_a_package_gets_its_group_its_version_and_its_execution(local: LocalService) -> None:
    arn = {"Get": "Steps.Register.ModelPackageArn"}
    name = create(local, register(), check("After", arn, "x", []))
    for version in (1, 2):
        done = run(local, name)
        found = steps(local, done["PipelineExecutionArn"])
        assert done["PipelineExecutionStatus"] == "Succeeded", json.dumps(found, default=str)
        package = found["Register"]["Metadata"]["RegisterModel"]["Arn"]
        assert package.endswith(f":model-package/digits/{version}")
        described = local.sagemaker.describe_model_package(ModelPackageName=package)
        assert described["MetadataProperties"]["GeneratedBy"] == done["PipelineExecutionArn"]
        assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert local.sagemaker.describe_model_package_group(ModelPackageGroupName="digits")


def test_a_package_made_just_before_a_kill_is_not_made_again(tmp_path: Path) -> None:
    """Its description holds the time, so the second request is not the same."""
    now = {"Std:Join": {"On": " ", "Values": ["at", {"Get": "Execution.CurrentDateTime"}]}}
    with local_service(tmp_path) as local:
        arn = run(local, create(local, register(ModelPackageDescription=now)))["PipelineExecutionArn"]
        package = steps(local, arn)["Register"]["Metadata"]
        store = local.service.store
        store.merge("execution-step", f"{arn}/Register", StepStatus="Starting", EndTime=None, Metadata={})
        store.merge("pipeline-execution", arn, PipelineExecutionStatus="Executing", _end=None)
    with local_service(tmp_path) as local:
        assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
        assert steps(local, arn)["Register"]["Metadata"] == package
        listed = local.sagemaker.list_model_packages(ModelPackageGroupName="digits")["ModelPackageSummaryList"]
        assert len(listed) == 1


@pytest.mark.long
def test_a_training_job_sees_its_own_name_and_later_steps_its_artefact(local: LocalService) -> None:
    lines = "".join(f"{n % 2},{n % 2}.5,{n % 7}\n" for n in range(300))
    local.s3.put_object(Bucket=BUCKET, Key="train/data.csv", Body=lines.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train", "S3DataDistributionType": "FullyReplicated"}
    arguments = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {
            "predictor_type": "binary_classifier",
            "mini_batch_size": {"Std:Join": {"Values": [{"Get": "Parameters.Batch"}]}},
            "epochs": "1",
            "num_models": "1",
        },
        "Environment": {"JOB": {"Get": "Execution.TrainingJobName"}},
        "InputDataConfig": [
            {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
        ],
        "OutputDataConfig": {"S3OutputPath": {"Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}", "models"]}}},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    train = {"Name": "Train", "Type": "Training", "Arguments": arguments}
    container = {"Image": IMAGE, "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}}
    parameters = [{"Name": "Batch", "Type": "Integer", "DefaultValue": 100}]
    done = run(local, create(local, train, model(PrimaryContainer=container), parameters=parameters))
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Succeeded", json.dumps(found, default=str)
    job = found["Train"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[1]
    described = local.sagemaker.describe_training_job(TrainingJobName=job)
    assert described["Environment"] == {"JOB": job} and described["HyperParameters"]["mini_batch_size"] == "100"
    made = local.sagemaker.describe_model(ModelName=found["Model"]["Metadata"]["Model"]["Arn"].rsplit("/", 1)[1])
    assert made["PrimaryContainer"]["ModelDataUrl"] == f"s3://{BUCKET}/models/{job}/output/model.tar.gz"


@pytest.mark.long
def test_a_tuning_step_gives_its_best_job_and_all_jobs_in_order(local: LocalService) -> None:
    lines = "".join(f"{n % 2},{n % 2}.5,{n % 7}\n" for n in range(300))
    for channel in ("train", "validation"):
        local.s3.put_object(Bucket=BUCKET, Key=f"tune/{channel}/data.csv", Body=lines.encode())
    channels = [
        {
            "ChannelName": channel,
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/tune/{channel}"}},
        }
        for channel in ("train", "validation")
    ]
    fixed = {"predictor_type": "binary_classifier", "mini_batch_size": "100", "epochs": "1", "num_models": "1"}
    arguments = {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {
                "Type": "Minimize",
                "MetricName": "validation:objective_loss",
            },
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.1"}]
            },
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "StaticHyperParameters": fixed,
            "InputDataConfig": channels,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuned"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        },
    }
    tune = {"Name": "Tune", "Type": "Tuning", "Arguments": arguments}
    best = {"Get": "Steps.Tune.BestTrainingJob.TrainingJobName"}
    first = {"Get": "Steps.Tune.TrainingJobSummaries[0].TrainingJobName"}
    second = {"Get": "Steps.Tune.TrainingJobSummaries[1].TrainingJobName"}
    done = run(local, create(local, tune, check("Best", best, first, []), check("Other", second, first, [])))
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Succeeded", json.dumps(found, default=str)
    outcomes = {name: found[name]["Metadata"]["Condition"]["Outcome"] for name in ("Best", "Other")}
    assert outcomes == {"Best": "True", "Other": "False"}
    job = found["Tune"]["Metadata"]["TuningJob"]["Arn"].rsplit("/", 1)[1]
    assert job.startswith(f"{done['PipelineExecutionArn'].rsplit('/', 1)[1]}-Tune-") and len(job) <= 32
    assert local.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)


def test_an_execution_has_an_experiment_a_trial_and_a_component_for_each_job(local: LocalService) -> None:
    config = {
        "ExperimentName": {"Get": "Execution.PipelineName"},
        "TrialName": {"Get": "Execution.PipelineExecutionId"},
    }
    step = work("Job", arguments={"ExperimentConfig": {"TrialComponentDisplayName": "Shown"}})
    name = create(local, step, name="WithExperiment", PipelineExperimentConfig=config)
    done = run(local, name)
    identifier = done["PipelineExecutionArn"].rsplit("/", 1)[1]
    assert done["PipelineExperimentConfig"] == {"ExperimentName": "withexperiment", "TrialName": identifier}
    assert local.sagemaker.describe_experiment(ExperimentName="withexperiment")
    assert local.sagemaker.describe_trial(TrialName=identifier)["ExperimentName"] == "withexperiment"
    listed = local.sagemaker.list_trial_components(TrialName=identifier)["TrialComponentSummaries"]
    job = steps(local, done["PipelineExecutionArn"])["Job"]["Metadata"]["ProcessingJob"]["Arn"]
    assert [(one["DisplayName"], one["TrialComponentSource"]["SourceArn"]) for one in listed] == [("Shown", job)]
    described = local.sagemaker.describe_processing_job(ProcessingJobName=job.rsplit("/", 1)[1])
    assert described["ExperimentConfig"]["ExperimentName"] == "withexperiment"
    assert "PipelineExperimentConfig" not in run(local, create(local, work("Job"), PipelineExperimentConfig=None))


def test_a_lineage_step_records_entities_and_how_they_belong_together(local: LocalService) -> None:
    source = {"SourceUri": {"Get": "Steps.Job.ProcessingJobArn"}}
    arguments = {
        "Actions": [{"ActionName": "run-it", "ActionType": "Training", "Source": source}],
        "Artifacts": [{"ArtifactName": "made", "ArtifactType": "Model", "Source": {"SourceUri": "s3://bucket/m"}}],
        "Associations": [
            {
                "Source": {"Name": "run-it", "Type": "Action"},
                "Destination": {"Name": "made", "Type": "Artifact"},
                "AssociationType": "Produced",
            }
        ],
    }
    record = {"Name": "Record", "Type": "Lineage", "Arguments": arguments}
    gate = check("Gate", {"Get": "Steps.Record.ActionArns['run-it']"}, "x", [])
    name = create(local, work("Job"), record, gate)
    done = run(local, name)
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Succeeded", json.dumps(found, default=str)
    made = found["Record"]["Metadata"]["Lineage"]
    action, artifact = made["ActionArns"]["run-it"], made["ArtifactArns"]["made"]
    assert made["Associations"] == [{"SourceArn": action, "DestinationArn": artifact}]
    described = local.sagemaker.describe_action(ActionName="run-it")
    assert described["Source"]["SourceUri"] == found["Job"]["Metadata"]["ProcessingJob"]["Arn"]
    listed = local.sagemaker.list_associations(SourceArn=action)["AssociationSummaries"]
    assert [one["AssociationType"] for one in listed] == ["Produced"]
    again = run(local, name)
    step = steps(local, again["PipelineExecutionArn"])["Record"]
    assert step["FailureReason"].startswith("ClientError: Failed to invoke sagemaker:CreateAction. Error Details: ")


def test_a_lineage_step_that_fails_in_the_middle_shows_what_it_made(local: LocalService) -> None:
    arguments = {
        "Contexts": [{"ContextName": "kept", "ContextType": "Team", "Source": {"SourceUri": "s3://bucket/kept"}}],
        "Associations": [
            {"Source": {"Name": "kept", "Type": "Context"}, "Destination": {"Name": "lost", "Type": "Action"}}
        ],
    }
    done = run(local, create(local, {"Name": "Record", "Type": "Lineage", "Arguments": arguments}))
    step = steps(local, done["PipelineExecutionArn"])["Record"]
    assert step["StepStatus"] == "Failed" and "no entity of this step" in step["FailureReason"]
    assert list(step["Metadata"]["Lineage"]["ContextArns"]) == ["kept"]


def test_an_artifact_without_a_name_is_recorded_by_its_own_id(local: LocalService) -> None:
    artifact = {"ArtifactType": "Model", "Source": {"SourceUri": "s3://bucket/nameless"}}
    record = {"Name": "Record", "Type": "Lineage", "Arguments": {"Artifacts": [artifact]}}
    done = run(local, create(local, record))
    made = steps(local, done["PipelineExecutionArn"])["Record"]["Metadata"]["Lineage"]["ArtifactArns"]
    ((name, arn),) = made.items()
    assert arn.endswith(f":artifact/{name}")
    assert local.sagemaker.describe_artifact(ArtifactArn=arn)["Source"]["SourceUri"] == "s3://bucket/nameless"


def test_a_lineage_step_whose_entities_are_no_list_fails_with_the_reason(local: LocalService) -> None:
    record = {"Name": "Record", "Type": "Lineage", "Arguments": {"Contexts": {"Get": "Execution.PipelineName"}}}
    done = run(local, create(local, record))
    step = steps(local, done["PipelineExecutionArn"])["Record"]
    assert (step["StepStatus"], "is not a list of objects" in step["FailureReason"]) == ("Failed", True)


def test_changes_of_status_reach_eventbridge(local: LocalService) -> None:
    events, queues = local.client("events"), local.client("sqs")
    url = queues.create_queue(QueueName="status")["QueueUrl"]
    queue = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": [{"prefix": "SageMaker Model Building Pipeline Execution"}]}
    events.put_rule(Name="all", EventPattern=json.dumps(pattern), State="ENABLED")
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": queue}])
    arn = start(local, create(local, check("A", 1, 1, [])))
    wait(local, arn)
    seen: list[dict[str, Any]] = []

    def received() -> int:
        for message in queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            seen.append(json.loads(message["Body"]))
        return len(seen)

    until(received, lambda count: count >= 5)
    assert all(event["resources"] == [arn.split("/execution/")[0], arn] for event in seen)
    statuses = [
        event["detail"].get("currentPipelineExecutionStatus") for event in seen if "Step" not in event["detail-type"]
    ]
    assert sorted(status for status in statuses if status) == ["Executing", "Succeeded"]
    changes = [
        (event["detail"].get("previousStepStatus"), event["detail"]["currentStepStatus"], event["detail"]["stepType"])
        for event in seen
        if event["detail-type"].endswith("Step Status Change")
    ]
    assert changes == [
        (None, "Starting", "Condition"),
        ("Starting", "Executing", "Condition"),
        ("Executing", "Succeeded", "Condition"),
    ]
