"""RolloutEndpoint: a new configuration, then the endpoint moved to it by a rollout, watched until it has ended.

Its alarms are made here: more 5XX answers, or slower ones, than wished turn the rollout back, which fails the step with
SageMaker's reason. Asked a second time, as after a job that was lost, it goes on where the first was.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.endpoints import scaling
from scripts.endpoints.endpoint import Deployment, open_clients, reason_of
from scripts.endpoints.scaling import VARIANT, Scaling
from scripts.errors import ScriptError, conclude, end
from scripts.outputs import Outputs

KINDS: Final = {"all-at-once": "ALL_AT_ONCE", "canary": "CANARY", "linear": "LINEAR"}
_SIZES: Final = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
_ALARM_SECONDS: Final = 60


@dataclass(frozen=True)
class Wishes:
    """The rollout that is wished for, as the command line has it."""

    kind: str
    percent: int
    wait_seconds: int
    limit_seconds: int
    max_error_percent: float | None
    max_latency_ms: float | None
    alarms: tuple[str, ...]


def deployment_config(wishes: Wishes, alarms: Sequence[str]) -> dict[str, Any]:
    """SageMaker's DeploymentConfig; `alarms` are all that turn it back."""
    kind = KINDS[wishes.kind]
    routing: dict[str, Any] = {"Type": kind, "WaitIntervalInSeconds": wishes.wait_seconds}
    if kind in _SIZES:
        routing[_SIZES[kind]] = {"Type": "CAPACITY_PERCENT", "Value": wishes.percent}
    policy = {
        "TrafficRoutingConfiguration": routing,
        "MaximumExecutionTimeoutInSeconds": min(28800, max(600, wishes.limit_seconds)),
    }
    config: dict[str, Any] = {"BlueGreenUpdatePolicy": policy}
    if alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return config


def alarms_of(wishes: Wishes, endpoint: str) -> list[dict[str, Any]]:
    """The requests of PutMetricAlarm for the bounds that are given: a minute over one is enough."""
    common = {
        "Namespace": "AWS/SageMaker",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": VARIANT}],
        "Period": _ALARM_SECONDS,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    made: list[dict[str, Any]] = []
    if wishes.max_error_percent is not None:
        made.append(
            common
            | {
                "AlarmName": f"{endpoint}-errors",
                "AlarmDescription": "Requests that the model answered 5XX.",
                "MetricName": "Invocation5XXErrors",
                "Statistic": "Average",
                "Threshold": wishes.max_error_percent / 100,
            }
        )
    if wishes.max_latency_ms is not None:
        made.append(
            common
            | {
                "AlarmName": f"{endpoint}-latency",
                "AlarmDescription": "The slowest hundredth of the model's answers.",
                "MetricName": "ModelLatency",
                "ExtendedStatistic": "p99",
                "Threshold": wishes.max_latency_ms * 1000,
            }
        )
    return made


def configure(control: Any, name: str, request: dict[str, Any]) -> None:
    """Create the configuration, or find the one that an earlier attempt made. Raises `ScriptError`."""
    from botocore.exceptions import ClientError

    try:
        control.create_endpoint_config(EndpointConfigName=name, **request)
    except ClientError as error:
        if "already existing" not in error.response["Error"].get("Message", ""):
            raise
        there = control.describe_endpoint_config(EndpointConfigName=name)["ProductionVariants"][0]["ModelName"]
        wanted = request["ProductionVariants"][0]["ModelName"]
        if there != wanted:
            raise ScriptError(f"endpoint configuration {name} is there for the model {there}, not {wanted}") from None


def roll_out(
    deployment: Deployment, control: Any, config: str, deploying: Mapping[str, Any], tags: list[dict[str, str]]
) -> str:
    """Begin the rollout to `config` unless it is under way; what serves now, or nothing.

    `deploying` is what UpdateEndpoint is told besides.
    """
    found = deployment.find()
    if found is None:
        control.create_endpoint(EndpointName=deployment.name, EndpointConfigName=config, Tags=tags)
        return ""
    serves = str(found["EndpointConfigName"])
    pending = found.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
    if config not in (serves, pending):
        if found["EndpointStatus"] != "InService":
            deployment.wait_in_service()
        control.update_endpoint(EndpointName=deployment.name, EndpointConfigName=config, **deploying)
    return serves


def stage_of(found: dict[str, Any]) -> str:
    """What DescribeEndpoint tells of a rollout, in a few words."""
    variants = found.get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
    stages = [
        f"{status['Status']} ({variant.get('CurrentInstanceCount', 0)} of {variant.get('DesiredInstanceCount', 0)}"
        " new instances)"
        for variant in variants
        for status in variant.get("VariantStatus", [])
    ]
    return ", ".join([str(found["EndpointStatus"]), *stages])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts.rollout_endpoint", description="Move an endpoint to a new model.")
    for name in ("endpoint-name", "config-name", "model-name", "instance-type", "capture-uri"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--kind", choices=[*KINDS], required=True)
    for name in ("instance-count", "percent", "wait-seconds", "limit-seconds", "capture-percent"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("max-error-percent", "max-latency-ms"):
        parser.add_argument(f"--{name}", type=float)
    scaling.add_options(parser)
    parser.add_argument("--kms-key")
    parser.add_argument("--alarm", action="append", default=[])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--message", type=Path, help="file for the exit message")
    options = parser.parse_args(argv)

    def work() -> str:
        with reason_of(f"endpoint {options.endpoint_name}"):
            return _moved(options, *open_clients(), sleep=time.sleep)

    return conclude(options.message, work)


def _moved(options: argparse.Namespace, control: Any, runtime: Any, *, sleep: Callable[[float], None]) -> str:
    wishes = Wishes(
        options.kind,
        options.percent,
        options.wait_seconds,
        options.limit_seconds,
        options.max_error_percent,
        options.max_latency_ms,
        tuple(options.alarm),
    )
    name, config = options.endpoint_name, options.config_name
    tags = [{"Key": key, "Value": value} for key, _, value in (text.partition("=") for text in options.tag)]
    deployment = Deployment(name, control, runtime, sleep=sleep)
    made = _put_alarms(alarms_of(wishes, name), tags)
    configure(control, config, _configuration(options, tags))
    deploying = {"DeploymentConfig": deployment_config(wishes, [*made, *wishes.alarms])}
    stages: list[dict[str, Any]] = []
    began = time.monotonic()

    def on_stage(found: dict[str, Any]) -> None:
        stage = stage_of(found)
        if not stages or stages[-1]["stage"] != stage:
            stages.append({"seconds": round(time.monotonic() - began, 1), "stage": stage})
            print(f"{name}: {stage}", flush=True)

    wished = scaling.of_options(options)
    with scaling.kept(scaling.open_scaling(wished), name, wished) as retained:
        before = roll_out(deployment, control, config, {**deploying, **retained}, tags)
        served = deployment.wait_in_service(seconds=float(options.limit_seconds), seen=on_stage)
    found = deployment.find() or {}
    result = {
        "endpoint": name,
        "kind": wishes.kind,
        "from": before,
        "to": config,
        "serves": served,
        "reason": found.get("FailureReason", "") if served != config else "",
        "seconds": round(time.monotonic() - began, 1),
        "stages": stages,
    }
    with Outputs() as outputs:
        outputs.write_json(options.output / "rollout.json", result)
    if served != config:
        raise ScriptError(f"endpoint {name} was put back to {served}: {result['reason'] or 'no reason is given'}")
    return f"endpoint {name} serves {config} ({wishes.kind}, {result['seconds']:g} s){_scales(wished)}"


def _scales(wished: Scaling | None) -> str:
    if wished is None:
        return ""
    return f" and scales from {wished.least} to {wished.most} instances"


def _configuration(options: argparse.Namespace, tags: list[dict[str, str]]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "ProductionVariants": [
            {
                "VariantName": VARIANT,
                "ModelName": options.model_name,
                "InstanceType": options.instance_type,
                "InitialInstanceCount": options.instance_count,
                "InitialVariantWeight": 1.0,
            }
        ],
        "Tags": tags,
    }
    if options.kms_key:
        request["KmsKeyId"] = options.kms_key
    if options.capture_percent:
        request["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": options.capture_percent,
            "DestinationS3Uri": options.capture_uri,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        }
    return request


def _put_alarms(alarms: Sequence[dict[str, Any]], tags: list[dict[str, str]]) -> list[str]:
    if alarms:
        import boto3

        cloudwatch = boto3.client("cloudwatch")
        for alarm in alarms:
            cloudwatch.put_metric_alarm(**alarm, Tags=tags)
    return [alarm["AlarmName"] for alarm in alarms]


if __name__ == "__main__":
    end(main())
