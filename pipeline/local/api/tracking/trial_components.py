"""The job behind a trial component, as the component shows it: parameters, artifacts, metrics, status, times.

AWS copies these from the job as it runs; here they are looked up when they are asked for, so they are never behind.
What a client or a script has put into the component itself goes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from pipeline.limits import Row
from pipeline.local.api.tracking.lineage import kind_of
from pipeline.local.kinds import Body
from pipeline.local.service import Service

PARITY: Final = (
    Row(
        area="experiments",
        subject="names of parameters and artifacts in the trial component of a job",
        here="hyperparameters, channels, inputs and outputs by their own names, the rest as SageMaker.InstanceType, "
        "SageMaker.ImageUri, SageMaker.ModelArtifact and the like",
        aws="known for training jobs; those of processing and transform jobs are not established",
    ),
)

_MAPS: Final = ("Parameters", "InputArtifacts", "OutputArtifacts")


def described(service: Service, component: Body) -> Body:
    """The component with what its source job adds; unchanged if it has no source, or one that is gone."""
    source = component.get("Source", {}).get("SourceArn", "")
    derive = _SOURCES.get(kind_of(source)) if source else None
    job = service.store.by_arn(source) if derive else None
    if derive is None or job is None:
        return component
    derived = derive(job)
    merged = {**derived, **component}
    for name in _MAPS:
        both = derived.get(name, {}) | component.get(name, {})
        if both:
            merged[name] = both
    own = component.get("Metrics", [])
    names = {metric["MetricName"] for metric in own}
    added = [metric | {"SourceArn": source} for metric in derived["Metrics"] if metric["MetricName"] not in names]
    return merged | {"Metrics": [*own, *added]}


def _training(job: Body) -> Body:
    resources = job.get("ResourceConfig", {})
    inputs = {
        channel["ChannelName"]: _artifact(
            channel["DataSource"]["S3DataSource"]["S3Uri"], channel.get("ContentType", "")
        )
        for channel in job.get("InputDataConfig", [])
        if "S3DataSource" in channel.get("DataSource", {})
    }
    model = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    metrics = [
        {
            "MetricName": metric["MetricName"],
            "TimeStamp": metric["Timestamp"],
            **dict.fromkeys(("Min", "Max", "Avg", "Last"), metric["Value"]),
            "StdDev": 0.0,
            "Count": 1,
        }
        for metric in job.get("FinalMetricDataList", [])
    ]
    return {
        **_common(job, "TrainingJobStatus", "Training"),
        "Parameters": _parameters(job.get("HyperParameters", {})) | _instances(resources),
        "InputArtifacts": inputs | _image(job.get("AlgorithmSpecification", {}).get("TrainingImage")),
        "OutputArtifacts": {"SageMaker.ModelArtifact": _artifact(model)} if model else {},
        "Metrics": metrics,
    }


def _processing(job: Body) -> Body:
    resources = job.get("ProcessingResources", {}).get("ClusterConfig", {})
    inputs = {
        given["InputName"]: _artifact(given["S3Input"]["S3Uri"])
        for given in job.get("ProcessingInputs", [])
        if "S3Input" in given
    }
    outputs = {
        given["OutputName"]: _artifact(given["S3Output"]["S3Uri"])
        for given in job.get("ProcessingOutputConfig", {}).get("Outputs", [])
        if "S3Output" in given
    }
    return {
        **_common(job, "ProcessingJobStatus", "Processing"),
        "Parameters": _parameters(job.get("Environment", {})) | _instances(resources),
        "InputArtifacts": inputs | _image(job.get("AppSpecification", {}).get("ImageUri")),
        "OutputArtifacts": outputs,
        "Metrics": [],
    }


def _transform(job: Body) -> Body:
    resources = job.get("TransformResources", {})
    given, made = job.get("TransformInput", {}), job.get("TransformOutput", {})
    source = given.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri")
    target = made.get("S3OutputPath")
    return {
        **_common(job, "TransformJobStatus", "Transform"),
        "Parameters": _parameters({"SageMaker.ModelName": job.get("ModelName", "")}) | _instances(resources),
        "InputArtifacts": {"SageMaker.TransformInput": _artifact(source, given.get("ContentType", ""))}
        if source
        else {},
        "OutputArtifacts": {"SageMaker.TransformOutput": _artifact(target, made.get("Accept", ""))} if target else {},
        "Metrics": [],
    }


def _common(job: Body, status: str, word: str) -> Body:
    state = job.get(status, "InProgress")
    secondary = f"secondary status: {job['SecondaryStatus']}, " if "SecondaryStatus" in job else ""
    message = f"Status: {state}, {secondary}failure reason: {job.get('FailureReason', '')}."
    times = {name: job[f"{word}{name}"] for name in ("StartTime", "EndTime") if f"{word}{name}" in job}
    return {"Status": {"PrimaryStatus": state, "Message": message[:1024]}, **times}


def _instances(resources: Body) -> Body:
    known = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
    return _parameters({f"SageMaker.{name}": resources[name] for name in known if name in resources})


def _parameters(values: Body) -> Body:
    return {str(name)[:320]: _parameter(value) for name, value in values.items()}


def _parameter(value: str | float) -> Body:
    try:
        number = float(value)
    except ValueError:
        return {"StringValue": str(value)[:2500]}
    return {"NumberValue": number} if math.isfinite(number) else {"StringValue": str(value)}


def _artifact(value: str, media: str = "") -> Body:
    return {"Value": value[:2048], **({"MediaType": media} if media else {})}


def _image(uri: str | None) -> Body:
    return {"SageMaker.ImageUri": _artifact(uri)} if uri else {}


_SOURCES: Final[dict[str, Callable[[Body], Body]]] = {
    "training-job": _training,
    "processing-job": _processing,
    "transform-job": _transform,
}
