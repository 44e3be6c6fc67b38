"""The printed policies of every role cover what the role really does, and little else: one life of an endpoint.

Trained by CI, approved, released by the rule, scaled, rolled out by canary, put back by an alarm, rolled back by hand,
watched, retrained for its drift, scheduled, promoted to another environment, deleted and cleaned. Each call is held
against the policy of the one who made it, and each grant against the calls.
"""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest
from botocore.exceptions import ClientError

from pipeline.cli import execute
from pipeline.config.settings import Settings
from pipeline.config.settings_sources import load
from pipeline.deploy.desired import desired
from pipeline.local.containers.hosting import capture
from pipeline.operate import policy, promotion_policy
from pipeline.operate.resource_inventory import inventory
from tests.e2e.test_policy_of_a_run import PARAMETERS
from tests.support.authorization import Access, acting, record, refused, unused
from tests.support.clients import clients_of, environment_of
from tests.support.commands import Said
from tests.support.evaluated import BUCKET
from tests.support.raw_table import customers
from tests.support.service import LocalService, local_service
from tests.support.serving import FOREIGN_IMAGE, archive, register_foreign
from tests.support.waiting import until

pytestmark = pytest.mark.long

NAME: Final = "churn"
TOPIC: Final = "arn:aws:sns:us-east-1:123456789012:people"
ACCOUNT_ROLE: Final = "arn:aws:iam::123456789012:role/"
TOML: Final = f"""
name = "{NAME}"
bucket = "{BUCKET}"
features = "table"
parameters = {{ EndpointInstanceCount = 2 }}
tags = {{ team = "vision" }}

[watch]
hours = 1
labels = "s3://{BUCKET}/labels"
retrain = true

[rollout]
kind = "canary"
percent = 50
wait_seconds = 60
max_error_percent = 1
max_latency_ms = 9000
capture_percent = 100
min_instances = 2
max_instances = 4
invocations_per_instance = 700

[notify]
topics = ["{TOPIC}"]
webhook = "hook"

[env.prod]
name = "live"
bucket = "production"
"""
ROWS: Final = 400
HOOK: Final = ("ApiDestination", "Connection")
FAILS: Final = json.dumps({"fails": True}).encode()


@dataclass(frozen=True)
class Lived:
    """What was done, and the settings and the definition that the policies are of."""

    accesses: set[Access]
    settings: Settings
    production: Settings
    definition: dict[str, Any]

    def by(self, role: str) -> set[Access]:
        return {one for one in self.accesses if one.role == role}

    def policy(self, role: str) -> policy.Document:
        return policy.policy(role, self.settings, self.definition)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("policies")
    register_foreign(folder)
    with (
        local_service(folder, wait_factor=0.01) as local,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(capture, "INTERVAL", 0.1)
        patch.chdir(folder)
        (folder / "pipeline.toml").write_text(TOML)
        for bucket in (BUCKET, "production"):
            local.s3.create_bucket(Bucket=bucket)
        local.client("sns").create_topic(Name="people")
        local.client("secretsmanager").create_secret(Name="hook", SecretString="https://hooks.example.com/x")
        roles = {f"{ACCOUNT_ROLE}pipeline-events": "events", f"{ACCOUNT_ROLE}pipeline-scheduler": "scheduler"}
        accesses = record(local, patch, roles=roles)
        for variable, value in environment_of(local).items():
            patch.setenv(variable, value)
        _Life(local, folder).live()
        settings = load(variables={})
        definition = json.loads(desired(settings, cache=None).definition)
        yield Lived(set(accesses), settings, load(environment="prod", variables={}), definition)


class _Life:
    def __init__(self, local: LocalService, folder: Path) -> None:
        self._local, self._folder = local, folder

    def live(self) -> None:
        with acting("ci"):
            self._deployed()
        with acting("engineer"):
            self._released()
            self._watched()
            self._scheduled()
        with acting("promoter"):
            self._said("promote", "1", "--to", "prod")
        with acting("engineer"):
            self._removed()

    def _run(self, *words: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = execute(list(words))
        return Said(code, out.getvalue(), err.getvalue())

    def _said(self, *words: str, code: int = 0) -> Said:
        said = self._run(*words)
        assert said.code == code, (words, said)
        return said

    def _deployed(self) -> None:
        customers(1500, 1).to_csv(self._folder / "customers.csv", index=False)
        self._said("upsert")
        self._said("plan", "--detailed-exitcode")
        given = {"LabelColumn": "churn", "PositiveClass": "yes", "NumModels": "1", "Epochs": "2", **PARAMETERS}
        words = [word for name, value in given.items() for word in ("--param", f"{name}={value}")]
        self._said("start", "--data", "customers.csv", *words, "--follow", "--logs")
        for words_of in (("steps",), ("logs", "TrainModel"), ("executions",), ("report",), ("models", "list")):
            self._said(*words_of)
        self._said("upsert", "--set", "tags=team=vision,since=2026")

    def _released(self) -> None:
        self._said("models", "approve", "1", "--follow")
        self._version_like_the_first()
        self._said("models", "approve", "2", "--follow")
        self._local.s3.put_object(Bucket=BUCKET, Key=f"{NAME}/bad.tar.gz", Body=archive({"model.json": FAILS}))
        self._version_like_the_first({"Image": FOREIGN_IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{NAME}/bad.tar.gz"})
        with self._asked():
            wrong = self._said("models", "approve", "3", "--follow", code=4)
        assert "put back to" in wrong.err
        self._said("models", "rollback", "--follow")
        (self._folder / "rows.csv").write_bytes(_csv(customers(5, 6), header=True))
        self._said("predict", "rows.csv")
        self._said("endpoint", "status")

    def _watched(self) -> None:
        table = customers(ROWS, 3)
        table["income"] *= 3
        for at in range(0, ROWS, 40):
            body = _csv(table.iloc[at : at + 40])
            self._local.runtime.invoke_endpoint(
                EndpointName=NAME,
                Body=body,
                ContentType="text/csv",
                Accept="application/jsonlines",
                InferenceId=f"{at}",
            )
        label = {"groundTruthData": {"data": "yes", "encoding": "CSV"}, "eventMetadata": {"eventId": "0"}}
        self._local.s3.put_object(
            Bucket=BUCKET, Key="labels/0.jsonl", Body=json.dumps(label | {"eventVersion": "0"}).encode()
        )
        captured = f"{NAME}/captured/"
        until(lambda: self._local.s3.list_objects_v2(Bucket=BUCKET, Prefix=captured).get("KeyCount"))
        before = self._executions(NAME)
        started = self._local.sagemaker.start_pipeline_execution(
            PipelineName=f"{NAME}-watch", ClientRequestToken="w" * 32
        )
        self._said("follow", started["PipelineExecutionArn"].rpartition("/")[2], code=3)
        (retraining,) = until(lambda: self._executions(NAME) - before)
        self._run("stop", retraining.rpartition("/")[2])
        self._run("retry", retraining.rpartition("/")[2], "--follow")

    def _scheduled(self) -> None:
        before = self._executions(NAME)
        self._said("schedule", "set", f"{NAME}-nightly", "rate(1 day)")
        until(lambda: self._executions(NAME) - before)
        self._said("schedule", "set", f"{NAME}-nightly", "rate(2 days)", "--off")
        self._said("schedule", "list")
        until(lambda: all(self._ended(arn) for arn in self._executions(NAME)))

    def _removed(self) -> None:
        self._said("models", "list")
        self._said("endpoint", "delete", "--yes")
        for package in self._local.sagemaker.list_model_packages(ModelPackageGroupName=NAME)["ModelPackageSummaryList"]:
            self._said("models", "reject", str(package["ModelPackageVersion"]), "--reason", "over")
        items = inventory(clients_of(self._local), load(variables={}))
        self._said("clean", *(f"{item.kind.title}:{item.name}" for item in items if item.own), "--yes")
        assert inventory(clients_of(self._local), load(variables={})) == ()

    def _version_like_the_first(self, *containers: dict[str, str]) -> None:
        """Another version, which says that it is the first, with the same model or another."""
        first = self._local.sagemaker.describe_model_package(ModelPackageName=f"{NAME}/1")
        specification = first["InferenceSpecification"]
        kept = ("ContainerHostname", "Image", "Environment", "ModelDataUrl")
        specification["Containers"] = list(containers) or [
            {name: found[name] for name in kept if name in found} for found in specification["Containers"]
        ]
        rest = {member: first[member] for member in ("ModelMetrics", "CustomerMetadataProperties")}
        self._local.sagemaker.create_model_package(
            ModelPackageGroupName=NAME, InferenceSpecification=specification, **rest
        )

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Requests to the endpoint within the block."""
        over, body = threading.Event(), _csv(customers(1, 5))

        def ask() -> None:
            while not over.wait(0.05):
                with contextlib.suppress(ClientError):  # the bad model's own answers
                    self._local.runtime.invoke_endpoint(EndpointName=NAME, Body=body, ContentType="text/csv")

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _executions(self, name: str) -> set[str]:
        found = self._local.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
        return {item["PipelineExecutionArn"] for item in found}

    def _ended(self, arn: str) -> bool:
        found = self._local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return str(found["PipelineExecutionStatus"]) not in ("Executing", "Stopping")


def _csv(table: pd.DataFrame, header: bool = False) -> bytes:
    return bytes(table.drop(columns="churn").to_csv(index=False, header=header).encode())


# Reason -> role -> statement -> actions: what no part of this life needs, and why it is granted all the same.
UNUSED: Final[dict[str, dict[str, dict[str, tuple[str, ...]]]]] = {
    "the containers' agent does it on AWS, which localhost does not need": {
        "pipeline": {
            "WriteLogs": tuple(f"logs:{verb}" for verb in ("CreateLogGroup", "CreateLogStream", "PutLogEvents"))
            + ("logs:DescribeLogStreams",),
            "PullImages": (
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ),
            "PullToken": ("ecr:GetAuthorizationToken",),
        }
    },
    "AWS looks at it in the role's name, where localhost only looks it up": {
        "pipeline": {
            "Experiments": tuple(f"sagemaker:Describe{kind}" for kind in ("Experiment", "Trial", "TrialComponent"))
            + ("sagemaker:UpdateTrialComponent",),
            "RolloutAlarms": ("cloudwatch:DescribeAlarms",),
        }
    },
    "the default data are AWS's, those of the test its own": {"pipeline": {"ReadData": ("s3:GetObject",)}},
    "an upload in parts that fails": {"pipeline": {"ReadAndWrite": ("s3:AbortMultipartUpload",)}},
    "a rollout that is tried again": {"pipeline": {"RolloutConfigurations": ("sagemaker:DescribeEndpointConfig",)}},
    "an endpoint that does not say which version it serves": {
        "pipeline": {"WatchedVersions": ("sagemaker:ListModelPackages",)}
    },
    "costs are asked of AWS alone": {
        "ci": {"LookUp": ("pricing:GetProducts",)},
        "engineer": {"LookUp": ("pricing:GetProducts",)},
    },
    "a setting is taken back or changed, by an upsert": {
        "ci": {
            "LookUp": ("application-autoscaling:DescribeScalingPolicies",),
            "Pipeline": ("sagemaker:DeleteTags",),
            "Retire": ("sagemaker:DeletePipeline",),
            "Rules": ("events:DeleteRule", "events:RemoveTargets"),
            "Scaled": ("sagemaker:DescribeEndpointConfig", "sagemaker:UpdateEndpointWeightsAndCapacities"),
            "Scaling": ("application-autoscaling:*ScalableTarget", "application-autoscaling:*ScalingPolicy"),
            "ScalingAlarms": tuple(f"cloudwatch:{what}" for what in ("DeleteAlarms", "DescribeAlarms"))
            + ("cloudwatch:PutMetricAlarm",),
            "ScalingRole": ("iam:CreateServiceLinkedRole",),
            "ScalingTags": ("application-autoscaling:TagResource",),
            "Webhook": tuple(f"events:{verb}{kind}" for verb in ("Delete", "Update") for kind in HOOK),
            "WebhookKey": ("secretsmanager:DeleteSecret",),
        },
        "engineer": {
            "Pipeline": ("sagemaker:DeleteTags",),
            "Scaled": ("sagemaker:UpdateEndpointWeightsAndCapacities",),
            "ScalingAlarms": ("cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"),
            "ScalingRole": ("iam:CreateServiceLinkedRole",),
            "ScalingTags": ("application-autoscaling:TagResource",),
            "Webhook": tuple(f"events:Update{kind}" for kind in HOOK),
        },
    },
}
# A retraining may be over before it is stopped: these are needed or not.
TIMED: Final = {
    ("Pipeline", "sagemaker:StopPipelineExecution"),
    ("Pipeline", "sagemaker:RetryPipelineExecution"),
    ("ProcessingSteps", "sagemaker:StopProcessingJob"),
    ("TrainingSteps", "sagemaker:StopTrainingJob"),
    ("TransformSteps", "sagemaker:StopTransformJob"),
}


def reasons(role: str) -> set[tuple[str, str]]:
    """The grants of a role that have a reason beside the run."""
    by_role = [roles.get(role, {}) for roles in UNUSED.values()]
    return {(sid, action) for sids in by_role for sid, actions in sids.items() for action in actions}


def test_each_role_did_what_it_is_for(lived: Lived) -> None:
    assert {one.role for one in lived.accesses} == {*policy.ROLES, "topic", "promoter"}


@pytest.mark.parametrize("role", [*policy.ROLES, "topic"])
def test_the_policy_of_a_role_allows_every_call_of_that_role(lived: Lived, role: str) -> None:
    assert refused(lived.policy(role), lived.by(role)) == []


def test_the_two_policies_of_a_promotion_allow_every_call_of_it(lived: Lived) -> None:
    documents = promotion_policy.policies(lived.settings, lived.production).values()
    both = {"Statement": [statement for document in documents for statement in document["Statement"]]}
    # What IAM says beforehand is asked for where the caller may ask; else AWS's own refusal tells.
    done = {one for one in lived.by("promoter") if one.action != "iam:SimulatePrincipalPolicy"}
    assert done and refused(both, done) == []


@pytest.mark.parametrize("role", [*policy.ROLES, "topic"])
def test_what_no_run_needed_has_a_reason(lived: Lived, role: str) -> None:
    done = lived.by(role) | (lived.by("ci") if role == "engineer" else set())  # who may do what CI does
    found = unused(lived.policy(role), done) - TIMED
    assert found == reasons(role) - TIMED, sorted(found ^ reasons(role))
