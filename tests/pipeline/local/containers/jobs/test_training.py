"""Training jobs as an algorithm sees them, and as a client sees them."""

from __future__ import annotations

import errno
import gzip
import io
import struct
import tarfile
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.local.containers.jobs.training import failure_reason
from tests.support.damage import shorten
from tests.support.jobs import BUCKET, IMAGE, LINEAR_LEARNER, Bench, channel
from tests.support.service import local_service


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with local_service(tmp_path_factory.mktemp("training")) as local:
        yield Bench(local)


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def statuses(job: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["Status"], entry["StatusMessage"]) for entry in job["SecondaryStatusTransitions"]]


def test_a_script_with_fixed_paths_trains_and_its_model_is_in_s3(bench: Bench) -> None:
    bench.put("data/train/a", "1")
    bench.put("data/train/sub/b", "2")
    job = bench.train(
        "import os\n"
        "text = open('/opt/ml/input/data/train/a').read() + open('/opt/ml/input/data/train/sub/b').read()\n"
        "os.makedirs('/opt/ml/model/code')\n"
        "open('/opt/ml/model/weights', 'w').write(text)\n"
        "open('/opt/ml/model/code/inference.py', 'w').write('pass')\n"
        "os.symlink('/etc/passwd', '/opt/ml/model/link')\n"
        "open('/opt/ml/output/data/plot', 'w').write('plot')\n",
        channels=[channel("train", "data/train")],
    )
    name = job["TrainingJobName"]
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed", job
    uri = f"s3://{BUCKET}/models/{name}/output/model.tar.gz"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": uri}
    model = members(bench.get(f"models/{name}/output/model.tar.gz"))
    assert model == {"weights": b"12", "code/inference.py": b"pass"}
    assert members(bench.get(f"models/{name}/output/output.tar.gz")) == {"plot": b"plot"}


def test_the_transitions_and_times_read_as_those_of_a_real_job(bench: Bench) -> None:
    job = bench.train("")
    assert statuses(job) == [
        ("Starting", "Preparing the instances for training"),
        ("Downloading", "Downloading the training image"),
        ("Training", "Training image download completed. Training in progress."),
        ("Uploading", "Uploading generated training model"),
        ("Completed", "Training job completed"),
    ]
    steps = job["SecondaryStatusTransitions"]
    assert [step["EndTime"] for step in steps[:-1]] == [step["StartTime"] for step in steps[1:]]
    assert steps[-1]["StartTime"] == steps[-1]["EndTime"]
    assert job["CreationTime"] <= steps[0]["StartTime"]
    assert job["TrainingStartTime"] == pytest.approx(steps[1]["StartTime"], abs=0.1)
    assert job["TrainingEndTime"] == pytest.approx(steps[-1]["StartTime"], abs=0.1)
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] >= 1


def test_the_configuration_files_are_those_of_the_service(bench: Bench) -> None:
    bench.put("cfg/train/a", "1")
    job = bench.train(
        "import json, os\n"
        "names = ('hyperparameters', 'inputdataconfig', 'resourceconfig', 'checkpointconfig')\n"
        "shown = {name: json.load(open(f'/opt/ml/input/config/{name}.json')) for name in names}\n"
        "shown['env'] = {n: os.environ.get(n) for n in ('TRAINING_JOB_NAME', 'TRAINING_JOB_ARN', 'MINE')}\n"
        "print(json.dumps(shown))\n",
        channels=[channel("train", "cfg/train/", ContentType="text/csv")],
        HyperParameters={"epochs": "3", "name": '"text"'},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/ck-cfg"},
        Environment={"MINE": "1"},
    )
    name = job["TrainingJobName"]
    common = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    assert bench.json("Training", name) == {
        "hyperparameters": {"epochs": "3", "name": '"text"'},
        "inputdataconfig": {"code": common, "train": {"ContentType": "text/csv"} | common},
        "resourceconfig": {
            "current_group_name": "homogeneousCluster",
            "current_host": "algo-1",
            "current_instance_type": "ml.m5.xlarge",
            "hosts": ["algo-1"],
            "instance_groups": [
                {"hosts": ["algo-1"], "instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.xlarge"}
            ],
            "network_interface_name": "eth0",
            "topology": None,
        },
        "checkpointconfig": {"S3Uri": f"s3://{BUCKET}/ck-cfg", "LocalPath": "/opt/ml/checkpoints"},
        "env": {
            "TRAINING_JOB_NAME": name,
            "TRAINING_JOB_ARN": f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}",
            "MINE": "1",
        },
    }


def test_pipe_mode_gives_the_channel_once_an_epoch(bench: Bench) -> None:
    bench.put("piped/a", b"a" * 200_000)
    bench.put("piped/b.gz", gzip.compress(b"b" * 10) + gzip.compress(b"c"))
    job = bench.train(
        "import os\n"
        "for epoch in range(3):\n"
        "    print(len(open(f'/opt/ml/input/data/train_{epoch}').read()))\n"
        "with open('/opt/ml/input/data/train_3') as early: print(len(early.read(10)))\n"
        "print(len(open('/opt/ml/input/data/train_4').read()))\n"
        "print(open('/opt/ml/input/data/zipped_0').read())\n",
        channels=[
            channel("train", "piped/a", InputMode="Pipe"),
            channel("zipped", "piped/b", InputMode="Pipe", CompressionType="Gzip"),
        ],
    )
    assert job["TrainingJobStatus"] == "Completed", job
    log = bench.log("Training", job["TrainingJobName"])
    assert log == ["200000", "200000", "200000", "10", "200000", "b" * 10 + "c"]


def test_a_record_wrapper_makes_each_object_a_record(bench: Bench) -> None:
    bench.put("wrapped/1", b"abcde")
    job = bench.train(
        "import shutil\n"
        "with open('/opt/ml/input/data/train_0', 'rb') as src, open('/opt/ml/model/copy', 'wb') as dst:\n"
        "    shutil.copyfileobj(src, dst)\n",
        channels=[channel("train", "wrapped/", InputMode="Pipe", RecordWrapperType="RecordIO")],
    )
    model = members(bench.get(f"models/{job['TrainingJobName']}/output/model.tar.gz"))
    assert model["copy"] == struct.pack("<II", 0xCED7230A, 5) + b"abcde\0\0\0"


def test_pipes_that_nobody_reads_do_not_keep_a_job_alive(bench: Bench) -> None:
    bench.put("unread/a", b"a" * 1_000_000)
    script = "open('/opt/ml/input/data/train_0').read(5)\n"
    job = bench.train(script, channels=[channel(n, "unread/", InputMode="Pipe") for n in ("train", "never")])
    assert job["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize("mode", ["File", "Pipe"])
def test_an_object_that_is_damaged_on_disk_fails_the_job_and_is_named(bench: Bench, mode: str) -> None:
    """A program that reads to the end would learn from a part of the data, and never know."""
    bench.put(f"damaged-{mode}/a", b"a" * 100_000)
    shorten(bench.local.service.objects, BUCKET, f"damaged-{mode}/a", 40_000)
    script = "import glob\nfor name in glob.glob('/opt/ml/input/data/train_0'): open(name).read()\n"
    job = bench.train(script, channels=[channel("train", f"damaged-{mode}/", InputMode=mode)])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:")
    assert f"s3://{BUCKET}/damaged-{mode}/a is damaged" in job["FailureReason"]


def test_a_pipe_of_an_archive_that_is_cut_off_fails_the_job(bench: Bench) -> None:
    bench.put("cut/a.gz", gzip.compress(b"b" * 100_000)[:-20])
    job = bench.train(
        "open('/opt/ml/input/data/train_0').read()\n",
        channels=[channel("train", "cut/", InputMode="Pipe", CompressionType="Gzip")],
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert f"s3://{BUCKET}/cut/a.gz: the gzip file is cut off" in job["FailureReason"]


def test_pipes_that_cannot_all_be_made_leave_nobody_feeding_one(bench: Bench) -> None:
    """The pipe `train_0` of one channel has the name of another channel's folder."""
    bench.put("clash/a", b"a")
    given = [channel(name, "clash/", InputMode="Pipe") for name in ("fed", "train")]
    job = bench.train("", channels=[*given, channel("train_0", "clash/")])
    assert job["TrainingJobStatus"] == "Failed"
    assert not [thread.name for thread in threading.enumerate() if thread.name == "pipe-fed"]


def test_a_model_that_cannot_be_read_is_the_customers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job may take the right to read a file away, and the service is not always root."""

    def add(tar: tarfile.TarFile, name: str, *arguments: Any, **more: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", name)

    monkeypatch.setattr(tarfile.TarFile, "add", add)
    job = bench.train("open('/opt/ml/model/m', 'w').close()")
    assert (job["TrainingJobStatus"], "Artifact upload failed" in job["FailureReason"]) == ("Failed", True)
    assert job["FailureReason"].startswith("ClientError: ") and "Permission denied" in job["FailureReason"]


def test_metrics_are_the_last_values_that_the_log_mentions(bench: Bench) -> None:
    definitions = [
        {"Name": "validation:auc", "Regex": r".*\[[0-9]+\].*#011validation-auc:([-+]?[0-9]*\.?[0-9]+).*"},
        {"Name": "loss", "Regex": r"loss=(\S+)"},
        {"Name": "absent", "Regex": r"absent=(\S+)"},
        {"Name": "broken", "Regex": r"(("},
    ]
    script = (
        r"print('[0]\ttrain-auc:0.7\tvalidation-auc:0.61')" + "\n"
        r"print('[1]\ttrain-auc:0.9\tvalidation-auc:0.1')" + "\n"
        "print('loss=0.5'); print('loss=nan'); print('loss=word')\n"
    )
    job = bench.train(script, algorithm={"MetricDefinitions": definitions})
    found = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert found == {"validation:auc": 0.10000000149011612, "loss": 0.5}
    assert all(
        job["TrainingStartTime"] - 1 <= m["Timestamp"] <= job["TrainingEndTime"] for m in job["FinalMetricDataList"]
    )
    assert job["AlgorithmSpecification"]["MetricDefinitions"] == definitions


def test_the_failure_file_is_the_reason(bench: Bench) -> None:
    script = "open('/opt/ml/output/failure', 'w').write('it broke'); raise SystemExit(4)"
    job = bench.train(script)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: it broke, exit code: 4"
    assert statuses(job)[-2:] == [
        ("Uploading", "Uploading generated training model"),
        ("Failed", "Training job failed"),
    ]


@pytest.mark.parametrize(
    ("text", "code", "builtin", "reason"),
    [
        ("", 1, False, "AlgorithmError: , exit code: 1"),
        ("Customer Error: no", 2, True, "ClientError: no"),
        ("Customer Error: no", 2, False, "AlgorithmError: Customer Error: no, exit code: 2"),
        ("Algorithm Error: no", 1, True, "AlgorithmError: no"),
        ("Platform Error: no", 3, True, "InternalServerError: no"),
        ("x" * 5000, 1, False, "AlgorithmError: " + "x" * 1008),
    ],
)
def test_failure_reasons(text: str, code: int, builtin: bool, reason: str) -> None:
    assert failure_reason(text, code, builtin=builtin) == reason


def test_stop_uploads_the_model_that_is_there(bench: Bench) -> None:
    script = "import time\nopen('/opt/ml/model/m', 'w').write('1')\nprint('up')\ntime.sleep(60)\n"
    name = bench.train(script, wait=False)["TrainingJobName"]
    bench.until_logged("Training", name, "up")
    bench.local.sagemaker.stop_training_job(TrainingJobName=name)
    job = bench.ended("Training", name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [status for status, _ in statuses(job)][2:] == ["Training", "Stopping", "Uploading", "Stopped"]
    assert members(bench.get(f"models/{name}/output/model.tar.gz")) == {"m": b"1"}


def test_max_runtime_ends_as_stopped_with_its_own_secondary_status(bench: Bench) -> None:
    script = "import time\nopen('/opt/ml/model/m', 'w').write('1')\ntime.sleep(60)\n"
    job = bench.train(script, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert "FailureReason" not in job
    assert bench.keys(f"models/{job['TrainingJobName']}/") == [f"models/{job['TrainingJobName']}/output/model.tar.gz"]


def test_checkpoints_go_to_s3_and_come_back(bench: Bench) -> None:
    script = (
        "import os\n"
        "there = sorted(os.listdir('/opt/ml/checkpoints'))\n"
        "print(there)\n"
        "open(f'/opt/ml/checkpoints/{len(there)}', 'w').write('c')\n"
    )
    config = {"S3Uri": f"s3://{BUCKET}/checkpoints"}
    logs = [bench.log("Training", bench.train(script, CheckpointConfig=config)["TrainingJobName"]) for _ in range(2)]
    assert logs == [["[]"], ["['0']"]]
    assert bench.keys("checkpoints/") == ["checkpoints/0", "checkpoints/1"]


def test_the_files_of_several_instances_are_merged(bench: Bench) -> None:
    script = (
        "import json\n"
        "host = json.load(open('/opt/ml/input/config/resourceconfig.json'))['current_host']\n"
        "open(f'/opt/ml/model/{host}', 'w').write(host)\n"
        "open('/opt/ml/model/same', 'w').write(host)\n"
    )
    resources = {"InstanceCount": 2, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1}
    job = bench.train(script, ResourceConfig=resources)
    model = members(bench.get(f"models/{job['TrainingJobName']}/output/model.tar.gz"))
    assert model == {"algo-1": b"algo-1", "algo-2": b"algo-2", "same": b"algo-2"}


def test_an_uncompressed_model_lies_in_s3_as_files(bench: Bench) -> None:
    output = {"S3OutputPath": f"s3://{BUCKET}/plain/", "CompressionType": "NONE"}
    job = bench.train("open('/opt/ml/model/m', 'w').write('1')", OutputDataConfig=output)
    base = f"plain/{job['TrainingJobName']}/output/model/"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/{base}"
    assert bench.keys(base) == [f"{base}m"]


def test_arguments_and_entry_points_combine_as_in_docker(bench: Bench) -> None:
    script = "import sys\nprint(sys.argv[1:])\n"
    both = {"ContainerArguments": ["--a", "1"]}
    logs = [bench.log("Training", bench.train(script, algorithm=given)["TrainingJobName"]) for given in ({}, both)]
    assert logs == [["[]"], ["['--a', '1']"]]


@pytest.mark.long
def test_linear_learner_trains_with_its_own_metrics(bench: Bench) -> None:
    rows = "\n".join(f"{i % 2},{i % 2 + 0.01 * (i % 7)},{(i * 37) % 11 / 11}" for i in range(400))
    bench.put("ll/train/part.csv", rows)
    request = {
        "algorithm": {"TrainingImage": LINEAR_LEARNER, "ContainerEntrypoint": None},
        "HyperParameters": {"predictor_type": "binary_classifier", "mini_batch_size": "50", "epochs": "2"},
    }
    given = {key: value for key, value in request["algorithm"].items() if value}
    data = [channel(name, "ll/train/", ContentType="text/csv") for name in ("train", "validation")]
    name = "ll-job"
    bench.local.service.call(
        "CreateTrainingJob",
        {
            "TrainingJobName": name,
            "RoleArn": "arn:aws:iam::123456789012:role/pipeline",
            "AlgorithmSpecification": given | {"TrainingInputMode": "File"},
            "HyperParameters": request["HyperParameters"],
            "InputDataConfig": data,
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1},
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )
    job = bench.ended("Training", name)
    assert job["TrainingJobStatus"] == "Completed", (job, bench.log("Training", name))
    assert list(members(bench.get(f"models/{name}/output/model.tar.gz"))) == ["model_algo-1"]
    found = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert found["train:progress"] == 100.0
    assert found["validation:binary_classification_accuracy"] == 1.0
    names = {entry["Name"] for entry in job["AlgorithmSpecification"]["MetricDefinitions"]}
    assert set(found) <= names


def test_a_customer_error_of_linear_learner_is_a_client_error(bench: Bench) -> None:
    bench.put("ll2/train/part.csv", "1,2\n")
    request = {
        "TrainingJobName": "ll-bad",
        "RoleArn": "arn:aws:iam::123456789012:role/pipeline",
        "AlgorithmSpecification": {"TrainingImage": LINEAR_LEARNER, "TrainingInputMode": "File"},
        "HyperParameters": {"predictor_type": "nonsense"},
        "InputDataConfig": [channel("train", "ll2/train/", ContentType="text/csv")],
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    bench.local.service.call("CreateTrainingJob", request)
    job = bench.ended("Training", "ll-bad")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: The value 'nonsense' is not valid for the 'predictor_type'")


def test_the_image_of_a_job_is_shown_as_given(bench: Bench) -> None:
    assert bench.train("")["AlgorithmSpecification"]["TrainingImage"] == IMAGE
