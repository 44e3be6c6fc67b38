"""The printed IAM policies: as narrow as the definition, and within IAM's limits."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.errors import UsageError
from pipeline.operate import policy
from tests.support.authorization import allows

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"


def settings(**members: Any) -> Settings:
    return Settings(name="Demo", bucket="demo-bucket", prefix="demo", **members)


def step(kind: str, **arguments: Any) -> dict[str, Any]:
    return {"Name": kind, "Type": kind, "Arguments": arguments}


EVERY_TYPE = {
    "Steps": [
        step("Processing"),
        step("Training", AlgorithmSpecification={"TrainingImage": IMAGE}),
        step("Transform"),
        step("Model"),
        step("Condition", IfSteps=[step("RegisterModel"), step("EndpointConfig"), step("Endpoint")]),
    ]
}


def sagemaker(resource: str) -> str:
    return f"arn:aws:sagemaker:us-east-1:123456789012:{resource}"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:CreateProcessingJob", sagemaker("processing-job/pipelines-ztefwbnlgoif-ConvertData-xw869y8C4a")),
        ("sagemaker:CreateTrainingJob", sagemaker("training-job/pipelines-ztefwbnlgoif-TrainModel-xw869y8C4a")),
        ("sagemaker:CreateTransformJob", sagemaker("transform-job/pipelines-ztefwbnlgoif-PredictTest-xw869y8C4a")),
        ("sagemaker:CreateModel", sagemaker("model/pipelines-ztefwbnlgoif-CreateModel-xw869y8C4a")),
        ("sagemaker:CreateModelPackage", sagemaker("model-package/demo/3")),
        ("sagemaker:CreateModelPackageGroup", sagemaker("model-package-group/Demo")),
        ("sagemaker:UpdateEndpoint", sagemaker("endpoint/demo")),
        ("sagemaker:AddTags", sagemaker("training-job/pipelines-ztefwbnlgoif-TrainModel-xw869y8C4a")),
        ("s3:PutObject", "arn:aws:s3:::demo-bucket/demo/executions/ztefwbnlgoif/ConvertData/train/part-00000"),
        ("s3:ListBucket", "arn:aws:s3:::demo-bucket"),
        ("s3:GetObject", "arn:aws:s3:::sagemaker-example-files-prod-us-east-1/datasets/image/MNIST/mnist.pkl.gz"),
        ("ecr:BatchGetImage", "arn:aws:ecr:us-east-1:382416733822:repository/linear-learner"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/pipeline"),
    ],
)
def test_the_pipeline_role_may_do_what_its_steps_do(action: str, resource: str) -> None:
    assert allows(policy.policy("pipeline", settings(), EVERY_TYPE), action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:CreateTrainingJob", sagemaker("training-job/somebody-elses")),
        ("sagemaker:DeleteEndpoint", sagemaker("endpoint/demo")),
        ("sagemaker:UpdateEndpoint", sagemaker("endpoint/another")),
        ("s3:PutObject", "arn:aws:s3:::demo-bucket/other/key"),
        ("s3:DeleteObject", "arn:aws:s3:::demo-bucket/demo/key"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/admin"),
    ],
)
def test_the_pipeline_role_may_do_nothing_else(action: str, resource: str) -> None:
    assert not allows(policy.policy("pipeline", settings(), EVERY_TYPE), action, resource)


def test_a_definition_without_an_endpoint_needs_no_permission_for_one() -> None:
    document = policy.policy("pipeline", settings(), {"Steps": [step("Processing")]})
    assert "Endpoint" not in json.dumps([statement["Action"] for statement in document["Statement"]])


def test_the_role_may_be_passed_to_sagemaker_only() -> None:
    for of in ("pipeline", "ci"):
        statements = policy.policy(of, settings(), EVERY_TYPE)["Statement"]
        passing = next(statement for statement in statements if statement["Sid"] == "PassRole")
        assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_ci_may_start_this_pipeline_and_no_other() -> None:
    document = policy.policy("ci", settings(), EVERY_TYPE)
    assert allows(document, "sagemaker:StartPipelineExecution", sagemaker("pipeline/demo"))
    assert not allows(document, "sagemaker:StartPipelineExecution", sagemaker("pipeline/other"))
    assert not allows(document, "sagemaker:CreateTrainingJob", sagemaker("training-job/pipelines-x"))


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:StartPipelineExecution", sagemaker("pipeline/demo")),
        ("sagemaker:UpdateModelPackage", sagemaker("model-package/demo/3")),
        ("sagemaker:InvokeEndpoint", sagemaker("endpoint/demo")),
        ("sagemaker:DeleteEndpoint", sagemaker("endpoint/demo")),
        ("sagemaker:DeleteModel", sagemaker("model/pipelines-ztefwbnlgoif-CreateModel-xw869y8C4a")),
        ("s3:DeleteObject", "arn:aws:s3:::demo-bucket/demo/executions/ztefwbnlgoif/ConvertData/train/part-00000"),
        ("scheduler:UpdateSchedule", "arn:aws:scheduler:us-east-1:123456789012:schedule/default/Demo-nightly"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/pipeline-scheduler"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/pipeline-events"),
        ("events:DeleteRule", "arn:aws:events:us-east-1:123456789012:rule/Demo-release"),
        ("sagemaker:StartPipelineExecution", sagemaker("pipeline/Demo-release")),
        ("sagemaker:DeletePipeline", sagemaker("pipeline/Demo")),
        ("sagemaker:DeleteModelPackageGroup", sagemaker("model-package-group/Demo")),
    ],
)
def test_an_engineer_may_do_what_the_commands_do(action: str, resource: str) -> None:
    assert allows(policy.policy("engineer", settings(), EVERY_TYPE), action, resource)


def test_who_has_an_endpoint_scale_may_do_what_application_auto_scaling_asks_of_its_caller() -> None:
    target = "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/0a1b"
    alarm = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:TargetTracking-endpoint/{}/variant/AllTraffic-AlarmHigh-1"
    for of in ("pipeline", "ci", "engineer"):
        document = policy.policy(of, settings(**EVERYTHING), EVERY_TYPE)
        for verb in ("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy"):
            assert allows(document, f"application-autoscaling:{verb}", target)
        assert allows(document, "application-autoscaling:DescribeScalingPolicies", "*")
        assert allows(document, "sagemaker:UpdateEndpointWeightsAndCapacities", sagemaker("endpoint/demo"))
        assert not allows(document, "sagemaker:UpdateEndpointWeightsAndCapacities", sagemaker("endpoint/another"))
        assert allows(document, "cloudwatch:DeleteAlarms", alarm.format("Demo"))
        assert not allows(document, "cloudwatch:DeleteAlarms", alarm.format("another"))
    assert not allows(
        policy.policy("pipeline", settings(), EVERY_TYPE), "application-autoscaling:PutScalingPolicy", target
    )


def test_what_says_no_namespace_and_the_first_webhooks_role_stand_under_no_condition_that_never_holds() -> None:
    target = "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/0a1b"
    linked = "apidestinations.events.amazonaws.com"
    role = f"arn:aws:iam::123456789012:role/aws-service-role/{linked}/AWSServiceRoleForAmazonEventBridgeApiDestinations"
    for of in ("pipeline", "ci", "engineer"):
        document = policy.policy(of, settings(**EVERYTHING), EVERY_TYPE)
        assert allows(document, "application-autoscaling:TagResource", target, frozenset())
        own = frozenset({("iam:AWSServiceName", linked)})
        assert allows(document, "iam:CreateServiceLinkedRole", role, own) is (of != "pipeline")
        assert not allows(document, "iam:CreateServiceLinkedRole", role, frozenset())


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:DeleteEndpoint", sagemaker("endpoint/another")),
        ("sagemaker:DeleteModel", sagemaker("model/somebody-elses")),
        ("s3:DeleteObject", "arn:aws:s3:::demo-bucket/another/code/abc/scripts/convert.py"),
        ("sagemaker:UpdateModelPackage", sagemaker("model-package/another/1")),
    ],
)
def test_an_engineer_may_remove_and_decide_nothing_of_others(action: str, resource: str) -> None:
    assert not allows(policy.policy("engineer", settings(), EVERY_TYPE), action, resource)


def test_ci_may_remove_nothing() -> None:
    actions = [
        action
        for statement in policy.policy("ci", settings(), EVERY_TYPE)["Statement"]
        for action in statement["Action"]
    ]
    deletes = {action for action in actions if "Delete" in action}
    webhook = {"events:DeleteApiDestination", "events:DeleteConnection"}
    assert deletes == {"sagemaker:DeleteTags", "sagemaker:DeletePipeline", "events:DeleteRule"} | webhook
    document = policy.policy("ci", settings(), EVERY_TYPE)
    assert not allows(document, "sagemaker:DeletePipeline", sagemaker("pipeline/Demo"))
    assert allows(document, "sagemaker:DeletePipeline", sagemaker("pipeline/Demo-release"))
    assert not allows(document, "events:DeleteRule", "arn:aws:events:us-east-1:123456789012:rule/other-release")
    assert not allows(document, "events:DeleteConnection", "arn:aws:events:us-east-1:123456789012:connection/other/1")


def test_eventbridge_may_start_the_release_and_publish_to_the_topics_and_nothing_else() -> None:
    start = policy.policy("events", settings(), EVERY_TYPE)
    assert allows(start, "sagemaker:StartPipelineExecution", sagemaker("pipeline/demo-release"))
    assert not allows(start, "sagemaker:StartPipelineExecution", sagemaker("pipeline/demo"))
    trust = policy.trust("events", settings())["Statement"][0]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    topic = "arn:aws:sns:us-east-1:123456789012:people"
    (publish,) = policy.policy("topic", settings(notify={"topics": [topic]}), EVERY_TYPE)["Statement"]
    assert (publish["Principal"], publish["Resource"]) == (trust["Principal"], [topic])
    assert "rule/Demo-tell-rejected" in str(publish["Condition"])
    with pytest.raises(UsageError, match="the settings name no topics"):
        policy.policy("topic", settings(), EVERY_TYPE)


@pytest.mark.parametrize(
    ("key", "resource", "condition"),
    [
        ("arn:aws:kms:us-east-1:123456789012:key/1", "arn:aws:kms:us-east-1:123456789012:key/1", None),
        ("1234abcd", "arn:aws:kms:us-east-1:123456789012:key/1234abcd", None),
        ("alias/data", "arn:aws:kms:us-east-1:123456789012:key/*", {"kms:ResourceAliases": "alias/data"}),
        (
            "arn:aws:kms:us-east-1:123456789012:alias/data",
            "arn:aws:kms:us-east-1:123456789012:key/*",
            {"kms:ResourceAliases": "alias/data"},
        ),
    ],
)
def test_a_key_is_named_as_iam_names_keys(key: str, resource: str, condition: dict[str, str] | None) -> None:
    for of in ("pipeline", "ci"):
        statements = policy.policy(of, settings(kms_key=key), EVERY_TYPE)["Statement"]
        statement = next(statement for statement in statements if statement["Sid"] == "Key")
        assert statement["Resource"] == [resource]
        assert statement.get("Condition", {}).get("ForAnyValue:StringEquals") == condition


def test_the_scheduler_may_start_and_nothing_more() -> None:
    document = policy.policy("scheduler", settings(), EVERY_TYPE)
    assert [statement["Action"] for statement in document["Statement"]] == [["sagemaker:StartPipelineExecution"]]


EVERYTHING: dict[str, Any] = {
    "kms_key": "arn:aws:kms:us-east-1:123456789012:key/1",
    "subnets": ("s-1",),
    "security_groups": ("sg-1",),
    "rollout": {
        "kind": "canary",
        "max_error_percent": 1,
        "capture_percent": 10,
        "min_instances": 2,
        "max_instances": 6,
        "invocations_per_instance": 700,
    },
    "parameters": {"EndpointInstanceCount": 2},
    "watch": {"labels": "s3://bucket/labels", "retrain": True},
    "notify": {"topics": ["arn:aws:sns:us-east-1:123456789012:people"], "webhook": "slack"},
}


@pytest.mark.parametrize("of", policy.ROLES)
def test_policies_fit_iams_limits(of: str) -> None:
    document = policy.policy(of, settings(**EVERYTHING), EVERY_TYPE)
    parts = policy.parts(document)
    assert all(len(re.sub(r"\s", "", policy.text(part))) <= 6144 for part in parts) and len(parts) <= 2
    assert [statement for part in parts for statement in part["Statement"]] == document["Statement"]
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)


@pytest.mark.parametrize(
    ("of", "service"), [("pipeline", "sagemaker.amazonaws.com"), ("scheduler", "scheduler.amazonaws.com")]
)
def test_a_role_is_assumed_by_its_own_service_for_this_account_alone(of: str, service: str) -> None:
    (statement,) = policy.trust(of, settings())["Statement"]
    assert statement["Principal"] == {"Service": service}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_only_jobs_in_subnets_may_make_network_interfaces() -> None:
    subnets: dict[str, Any] = {"subnets": ("s-1",), "security_groups": ("sg-1",)}
    for members, expected in (({}, False), (subnets, True)):
        document = policy.policy("pipeline", settings(**members), EVERY_TYPE)
        assert allows(document, "ec2:CreateNetworkInterface", "*") is expected


def test_github_may_assume_the_ci_role_from_one_branch_of_one_repository() -> None:
    document = policy.trust("ci", settings(), repository="owner/name", branch="main")
    subject = document["Statement"][0]["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject == "repo:owner/name:ref:refs/heads/main"


def test_what_is_no_repository_is_refused() -> None:
    with pytest.raises(UsageError, match="is not a repository"):
        policy.trust("ci", settings(), repository="*")
