"""Jobs that the SageMaker SDK v3 starts run as they are: its processors' shell scripts, its trainer's drivers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.jobs import BUCKET, IMAGE, Bench
from tests.support.service import ROLE, local_service
from tests.support.waiting import PATIENCE

_SESSION = """
import sys
import boto3
from sagemaker.core.helper.session_helper import Session

image, role, bucket, source = sys.argv[1:]
session = Session(boto3.Session(), default_bucket=bucket)
"""
_PROCESSOR = """
from sagemaker.core.processing import FrameworkProcessor
from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

place = "/opt/ml/processing/output/o"
target = ProcessingS3Output(s3_uri=f"s3://{bucket}/made", local_path=place, s3_upload_mode="EndOfJob")
FrameworkProcessor(
    image_uri=image, role=role, command=["python3"], instance_type="ml.m5.large", instance_count=1,
    sagemaker_session=session, base_job_name="sdk",
).run(
    code="process.py", source_dir=source, arguments=["--x", "1"], wait=False,
    outputs=[ProcessingOutput(output_name="o", s3_output=target)],
)
"""
_TRAINER = """
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.train import ModelTrainer

ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir=source, entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=2),
    role=role, sagemaker_session=session, base_job_name="sdk", hyperparameters={"epochs": 3},
).train(input_data_config=[InputData(channel_name="train", data_source=f"s3://{bucket}/train/")], wait=False)
"""
_TRAIN = """
import argparse, os
parser = argparse.ArgumentParser(); parser.add_argument('--epochs', type=int)
given = parser.parse_args()
names = os.listdir(os.environ['SM_CHANNEL_TRAIN'])
open(os.path.join(os.environ['SM_MODEL_DIR'], 'model'), 'w').write(f'{given.epochs} {names}')
"""
_PROCESS = "import sys\nopen('/opt/ml/processing/output/o/arguments', 'w').write(' '.join(sys.argv[1:]))\n"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with local_service(tmp_path_factory.mktemp("sdk")) as local:
        yield Bench(local)


@pytest.mark.long
def test_what_the_sdk_starts_runs_unchanged(bench: Bench, tmp_path: Path) -> None:
    bench.put("train/a.csv", "1,2")
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text(_TRAIN)
    (source / "process.py").write_text(_PROCESS)
    (source / "requirements.txt").touch()
    environment = bench.local.service.jobs.environment(tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-c", _SESSION + _PROCESSOR + _TRAINER, IMAGE, ROLE, BUCKET, str(source)],
        env={**environment, "PYTHONPATH": ""},
        timeout=PATIENCE,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (processing,) = bench.local.service.call("ListProcessingJobs", {})["ProcessingJobSummaries"]
    processed = bench.ended("Processing", processing["ProcessingJobName"])
    assert processed["ProcessingJobStatus"] == "Completed", bench.log("Processing", processing["ProcessingJobName"])
    assert bench.get("made/arguments") == b"--x 1"
    for training in bench.local.service.call("ListTrainingJobs", {})["TrainingJobSummaries"]:
        trained = bench.ended("Training", training["TrainingJobName"])
        assert trained["TrainingJobStatus"] == "Completed", bench.log("Training", training["TrainingJobName"])
        assert json.loads(trained["HyperParameters"]["epochs"]) == 3
