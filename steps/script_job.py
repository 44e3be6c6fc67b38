"""One of our scripts as a processing job: how the code gets in, how it is called, what it reads and writes.

A script with what it imports of `scripts` is one S3 prefix mounted as a package, and `python3 -m scripts.<name>` runs
from the folder above it: the same import name in the container, on a laptop and in the tests. Every path is an
argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sagemaker.core.processing import Processor
from sagemaker.core.shapes import (
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join

from steps.step_context import Context
from steps.step_names import SCRIPT_TAG

CODE: Final = "/opt/ml/processing/input/code"
MESSAGE: Final = "/opt/ml/output/message"
CONFIGURATION: Final = "/opt/ml/config/processingjobconfig.json"
RESOURCES: Final = "/opt/ml/config/resourceconfig.json"
"""Where the service tells each instance which one it is."""

Options = Sequence[tuple[str, Any]]
"""Long options in their order, without the dashes, and their values."""


def input_folder(name: str) -> str:
    """The folder in the container that the input is mounted at."""
    return f"/opt/ml/processing/input/{name}"


def output_folder(name: str) -> str:
    """The folder in the container that the output is uploaded from."""
    return f"/opt/ml/processing/output/{name}"


def tags_of(context: Context) -> Options:
    """The options that tell a script the tags of what it makes."""
    made_by = Join(on="=", values=[SCRIPT_TAG, ExecutionVariables.PIPELINE_EXECUTION_ARN])
    return [*(("tag", f"{key}={value}") for key, value in context.tags), ("tag", made_by)]


@dataclass(frozen=True)
class Job:
    """One call of a script: `options` are its long options in order, without the dashes.

    Each instance has all of an input, but its share of the objects of those that are `sharded`.
    """

    step: str
    script: str
    options: Options
    inputs: Mapping[str, Any]
    outputs: Sequence[str]
    environment: Mapping[str, Any]
    max_runtime_seconds: int
    sharded: Sequence[str] = ()


def step_arguments(context: Context, job: Job, *, instance_type: Any, instance_count: Any) -> Any:
    """What a ProcessingStep takes for the job."""
    processor = Processor(
        role=context.role,
        image_uri=context.image,
        entrypoint=["python3", "-m", f"scripts.{job.script}"],
        instance_type=instance_type,
        instance_count=instance_count,
        volume_size_in_gb=30,
        volume_kms_key=context.kms_key,
        output_kms_key=context.kms_key,
        max_runtime_in_seconds=job.max_runtime_seconds,
        env={"PYTHONPATH": CODE, **job.environment},
        network_config=context.network,
        tags=context.tag_list,
        sagemaker_session=context.session,
    )
    code = _input("code", context.code_of(job.script), f"{CODE}/scripts")
    given = [_input(name, uri, input_folder(name), sharded=name in job.sharded) for name, uri in job.inputs.items()]
    return processor.run(
        inputs=[code, *given],
        outputs=[_output(name, context.output(job.step, name)) for name in job.outputs],
        arguments=[word for option, value in job.options for word in (f"--{option}", value)],
    )


def _input(name: str, uri: Any, folder: str, *, sharded: bool = False) -> ProcessingInput:
    source = ProcessingS3Input(
        s3_uri=uri,
        local_path=folder,
        s3_data_type="S3Prefix",
        s3_input_mode="File",
        s3_data_distribution_type="ShardedByS3Key" if sharded else "FullyReplicated",
    )
    return ProcessingInput(input_name=name, s3_input=source)


def _output(name: str, uri: Any) -> ProcessingOutput:
    target = ProcessingS3Output(s3_uri=uri, local_path=output_folder(name), s3_upload_mode="EndOfJob")
    return ProcessingOutput(output_name=name, s3_output=target)
