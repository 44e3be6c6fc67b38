"""What was made in EventBridge, Scheduler, CloudWatch and Application Auto Scaling is there after a kill and a restart.

The service is a process of its own, since moto's state is one for all services of a process.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.other_aws.persistence import SET_ASIDE, STATE, KeptState
from pipeline.local.process.discover import RunningService
from pipeline.local.store import Store
from tests.pipeline.local.other_aws.test_events import FAILING
from tests.support.service import ROLE, boto_client_of
from tests.support.waiting import until
from tests.torture.test_kill import process

ACCOUNT, REGION = "123456789012", "us-east-1"
PIPELINE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/demo"
APPROVED = {"source": ["aws.sagemaker"], "detail": {"ModelApprovalStatus": ["Approved"]}}
SCALED: Any = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/demo/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
PACKAGE: Any = {
    "Containers": [{"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/x:1", "ModelDataUrl": "s3://b/m.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


def made(found: RunningService) -> None:
    """One of each kind, some of them changed or removed again."""
    sagemaker, events = boto_client_of(found, "sagemaker"), boto_client_of(found, "events")
    sagemaker.create_pipeline(
        PipelineName="demo", PipelineDefinition=FAILING, RoleArn=ROLE, ClientRequestToken="x" * 32
    )
    sagemaker.create_model_package_group(ModelPackageGroupName="demo")
    sagemaker.create_model_package(ModelPackageGroupName="demo", InferenceSpecification=PACKAGE)
    for name in ("release", "gone"):
        events.put_rule(Name=name, EventPattern=json.dumps(APPROVED), Tags=[{"Key": "team", "Value": "vision"}])
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": PIPELINE, "RoleArn": ROLE}])
    events.remove_targets(Rule="gone", Ids=["1"])
    events.delete_rule(Name="gone")
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}}
    arn = events.create_connection(Name="hook", AuthorizationType="API_KEY", AuthParameters=key)["ConnectionArn"]
    events.create_api_destination(
        Name="hook", ConnectionArn=arn, InvocationEndpoint="https://hooks.example.com/x", HttpMethod="POST"
    )
    boto_client_of(found, "scheduler").create_schedule(
        Name="nightly",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": PIPELINE, "RoleArn": ROLE, "SageMakerPipelineParameters": {"PipelineParameterList": []}},
    )
    boto_client_of(found, "cloudwatch").put_metric_alarm(
        AlarmName="demo-errors", EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", Threshold=1.0,
        MetricName="x", Namespace="y", Period=60, Statistic="Sum",
    )  # fmt: skip
    scaling = boto_client_of(found, "application-autoscaling")
    scaling.register_scalable_target(**SCALED, MinCapacity=2, MaxCapacity=6)
    scaling.put_scaling_policy(
        **SCALED,
        PolicyName="demo",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 700,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    )


def listed(found: RunningService) -> dict[str, Any]:
    """What AWS's own listings and descriptions say, whole."""
    events, cloudwatch = boto_client_of(found, "events"), boto_client_of(found, "cloudwatch")
    scheduler, scaling = boto_client_of(found, "scheduler"), boto_client_of(found, "application-autoscaling")
    rules = events.list_rules()["Rules"]
    answers = {
        "targets": events.list_targets_by_rule(Rule="release")["Targets"],
        "tags": events.list_tags_for_resource(ResourceARN=rules[0]["Arn"])["Tags"],
        "connections": events.list_connections()["Connections"],
        "destinations": events.list_api_destinations()["ApiDestinations"],
        "schedule": scheduler.get_schedule(Name="nightly"),
        "alarms": cloudwatch.describe_alarms()["MetricAlarms"],
        "scales": scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"],
        "policies": scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"],
    }
    answers["schedule"].pop("ResponseMetadata")
    assert all(answers.values()), answers
    return {"rules": rules, **answers}


def executions(found: RunningService) -> list[str]:
    sagemaker = boto_client_of(found, "sagemaker")
    summaries = sagemaker.list_pipeline_executions(PipelineName="demo")["PipelineExecutionSummaries"]
    return [item["PipelineExecutionArn"] for item in summaries]


@pytest.mark.long
def test_after_a_kill_all_is_as_it_was_an_approval_starts_and_what_was_due_is_not_due_again(tmp_path: Path) -> None:
    with process(tmp_path / "state") as (found, child):
        made(found)
        before = listed(found)
        until(lambda: len(executions(found)) == 1)  # a rate is due at once, and counted from then
        child.kill()
        child.wait()
    with process(tmp_path / "state") as (found, _):
        (package,) = boto_client_of(found, "sagemaker").list_model_packages(ModelPackageGroupName="demo")[
            "ModelPackageSummaryList"
        ]
        boto_client_of(found, "sagemaker").update_model_package(
            ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus="Approved"
        )
        until(lambda: len(executions(found)) > 1)
        assert listed(found) == before
        boto_client_of(found, "events").disable_rule(Name="release")
        assert len(executions(found)) == 2


def test_what_another_version_cannot_read_is_set_aside_with_a_message_and_never_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    store = Store(tmp_path / "db")
    text = base64.b64encode(pickle.dumps({"event_buses": Evil()})).decode()
    store.insert(STATE, "events", {"Tables": text})
    with caplog.at_level(logging.ERROR):
        KeptState(store, ACCOUNT, REGION).restore()
    assert "what was made in events before cannot be read" in caplog.text
    assert "pipeline upsert" in caplog.text
    assert not (tmp_path / "ran").exists()
    assert store.get(STATE, "events") is None
    assert store.get(SET_ASIDE, "events") == {"Tables": text}
    store.close()
