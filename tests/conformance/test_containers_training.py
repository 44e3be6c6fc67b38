"""What a training container finds, and what becomes of what it leaves: section 2 of the facts, over HTTP."""

from __future__ import annotations

import itertools
import json
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.local import images
from tests.support.remote_jobs import BUCKET, Remote, channel, error_of, status, unpacked
from tests.support.service import LocalService
from tests.support.waiting import until

CLUSTER = {"InstanceCount": 2, "InstanceType": "ml.c5.xlarge", "VolumeSizeInGB": 1}
SHARDED = {"S3DataDistributionType": "ShardedByS3Key"}
HOST = "import json\nhost = json.load(open('/opt/ml/input/config/resourceconfig.json'))['current_host']\n"


@pytest.fixture(scope="module")
def remote(local: LocalService) -> Remote:
    return Remote(local)


def transitions(job: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["Status"], entry["StatusMessage"]) for entry in job["SecondaryStatusTransitions"]]


def test_each_channel_is_described_as_it_was_given(remote: Remote) -> None:
    remote.put(**{"desc/a": "1\n", "desc/b": "2\n", "desc.manifest": json.dumps([{"prefix": f"s3://{BUCKET}/desc/"}])})
    script = "import json\nprint(open('/opt/ml/input/config/inputdataconfig.json').read())\n"
    name = remote.train(
        script,
        channels=[
            channel("plain", "desc/"),
            channel("typed", "desc/", ContentType="text/csv;label_size=1", InputMode="File"),
            channel("piped", "desc/", InputMode="Pipe", RecordWrapperType="RecordIO", source=SHARDED),
            channel("fast", "desc/", InputMode="FastFile"),
            channel("dotted.name-1_x", "desc/", CompressionType="None"),
        ],
    )
    whole = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    assert remote.told(name) == {
        "code": whole,
        "plain": whole,
        "typed": {"ContentType": "text/csv;label_size=1"} | whole,
        "piped": {
            "TrainingInputMode": "Pipe",
            "S3DistributionType": "ShardedByS3Key",
            "RecordWrapperType": "RecordIO",
        },
        "fast": whole | {"TrainingInputMode": "FastFile"},
        "dotted.name-1_x": whole,
    }


def test_hyperparameters_are_strings_to_the_character(remote: Remote) -> None:
    values = {"epochs": "3", "text": '"quoted"', "list": '["a", 1]', "none": "", "unicode": "ä€😀", "long": "x" * 2500}
    script = "print(open('/opt/ml/input/config/hyperparameters.json').read())"
    assert remote.told(remote.train(script, HyperParameters=values)) == values
    assert remote.told(remote.train(script)) == {}


def test_the_environment_holds_name_arn_and_what_was_given(remote: Remote) -> None:
    script = "import json, os\nprint(json.dumps(dict(os.environ)))"
    name = remote.train(script, Environment={"GIVEN": "x" * 512})
    found = remote.told(name)
    assert (found["TRAINING_JOB_NAME"], found["TRAINING_JOB_ARN"]) == (name, remote.describe(name)["TrainingJobArn"])
    assert found["GIVEN"] == "x" * 512 and found["AWS_REGION"] == "us-east-1"
    assert not [key for key in found if key.startswith("SM_")], "the toolkit makes these, not the service"


def test_what_is_beyond_the_documented_limits_is_refused(remote: Remote) -> None:
    remote.put(**{"limit/a": "1"})
    many = [channel(f"c{number}", "limit/") for number in range(20)]
    for changes, word in (
        ({"HyperParameters": {"a": "x" * 2501}}, "hyperParameters"),
        ({"HyperParameters": {"x" * 257: "a"}}, "hyperParameters"),
        ({"HyperParameters": {str(number): "a" for number in range(101)}}, "hyperParameters"),
        ({"Environment": {"A": "x" * 513}}, "environment"),
        ({"channels": many}, "inputDataConfig"),
        ({"channels": [channel("x" * 65, "limit/")]}, "channelName"),
        ({"channels": [channel("a/b", "limit/")]}, "channelName"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "axRuntimeInSeconds"),
        (
            {"algorithm": {"MetricDefinitions": [{"Name": f"m{n}", "Regex": "x"} for n in range(41)]}, "script": "x"},
            "metricDefinitions",
        ),
        (
            {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxRuntimeInSeconds": 9}},
            "MaxWaitTimeInSeconds",
        ),
    ):
        script = changes.pop("script", "pass")
        try:
            code, message = error_of(remote.train, script=script, **changes)
        except Exception as error:
            # botocore refuses some before it sends.
            assert type(error).__name__ == "ParamValidationError", changes
            continue
        assert code == "ValidationException" and word in message, (changes, message)


@pytest.mark.long
def test_instances_get_their_own_shards_whatever_the_mode(remote: Remote) -> None:
    remote.put(**{f"shards/{n}": f"{n}\n" for n in range(5)})
    remote.put(**{"shards.manifest": json.dumps([{"prefix": f"s3://{BUCKET}/shards/"}, "4", "2", "0"])})
    script = (
        HOST + "import os\n"
        "data = '/opt/ml/input/data'\n"
        "found = {'filed': sorted(os.listdir(data + '/filed')), 'all': sorted(os.listdir(data + '/all'))}\n"
        "found['listed'] = sorted(os.listdir(data + '/listed'))\n"
        "found['piped'] = open(data + '/piped_0').read().split()\n"
        "found['again'] = open(data + '/piped_1').read().split()\n"
        "print(json.dumps(found | {'host': host}))\n"
    )
    name = remote.train(
        script,
        channels=[
            channel("filed", "shards/", source=SHARDED),
            channel("all", "shards/"),
            channel("piped", "shards/", source=SHARDED, InputMode="Pipe"),
            channel("listed", "shards.manifest", source=SHARDED | {"S3DataType": "ManifestFile"}),
        ],
        ResourceConfig=CLUSTER,
    )
    one, two = remote.told(name, "algo-1"), remote.told(name, "algo-2")
    assert (one["host"], two["host"]) == ("algo-1", "algo-2")
    for mode in ("filed", "piped", "again"):
        assert sorted(one[mode] + two[mode]) == list("01234") and abs(len(one[mode]) - len(two[mode])) == 1
    assert one["piped"] == one["again"] and one["all"] == two["all"] == list("01234")
    assert sorted(one["listed"] + two["listed"]) == ["0", "2", "4"]


def test_the_folders_that_a_job_finds(remote: Remote) -> None:
    script = (
        "import json, os\n"
        "tree = [os.path.join(d, n) for d, ds, fs in os.walk('/opt/ml') for n in ds + fs]\n"
        "print(json.dumps(sorted(os.path.relpath(path, '/opt/ml') for path in tree)))\n"
    )
    found = remote.told(remote.train(script))
    assert {path for path in found if not path.startswith("input/data/code")} >= {
        "input",
        "input/config",
        "input/config/hyperparameters.json",
        "input/config/inputdataconfig.json",
        "input/config/resourceconfig.json",
        "input/data",
        "model",
        "output",
        "output/data",
    }
    assert not [path for path in found if "checkpoint" in path or path.startswith(("processing", "config"))]


FAILS = "import sys\nopen('/opt/ml/output/failure', 'wb').write({text!r})\nsys.exit({code})\n"


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        (b"no more rows", 1, "AlgorithmError: no more rows, exit code: 1"),
        (b"", 255, "AlgorithmError: , exit code: 255"),
        (
            b"framework error: \nTraceback (most recent call last):\n  x\nKeyError: 1",
            1,
            "AlgorithmError: framework error: \nTraceback (most recent call last):\n  x\nKeyError: 1, exit code: 1",
        ),
        ("ä".encode() * 3000, 2, "AlgorithmError: " + "ä" * 1008),
        (b"half \xff\xfe", 3, "AlgorithmError: half \ufffd\ufffd, exit code: 3"),
        (
            b"ClientError-like: Customer Error: no",
            4,
            "AlgorithmError: ClientError-like: Customer Error: no, exit code: 4",
        ),
    ],
)
def test_the_failure_file_is_the_reason(remote: Remote, text: bytes, code: int, reason: str) -> None:
    job = remote.ended(remote.train(FAILS.format(text=text, code=code)))
    assert (status(job), job["SecondaryStatus"], job["FailureReason"]) == ("Failed", "Failed", reason)
    assert transitions(job)[2:] == [
        ("Training", "Training image download completed. Training in progress."),
        ("Uploading", "Uploading generated training model"),
        ("Failed", "Training job failed"),
    ]


def test_a_failure_file_of_a_job_that_succeeds_means_nothing(remote: Remote) -> None:
    job = remote.ended(remote.train(FAILS.format(text=b"never mind", code=0)))
    assert status(job) == "Completed" and "FailureReason" not in job


@pytest.mark.long
def test_the_reason_may_come_from_any_instance(remote: Remote) -> None:
    script = HOST + (
        "import sys, time\n"
        "if host == 'algo-1': time.sleep(60)\n"
        "open('/opt/ml/output/failure', 'w').write('from ' + host); sys.exit(7)\n"
    )
    job = remote.ended(remote.train(script, ResourceConfig=CLUSTER))
    assert job["FailureReason"] == "AlgorithmError: from algo-2, exit code: 7"


@pytest.mark.long
def test_what_a_failed_job_has_made_is_uploaded(remote: Remote) -> None:
    script = (
        "open('/opt/ml/model/m', 'w').write('m')\n"
        "open('/opt/ml/output/data/why.txt', 'w').write('w')\n"
        "raise SystemExit(1)\n"
    )
    name = remote.train(script)
    assert status(remote.ended(name)) == "Failed"
    assert remote.model(name) == {"m": b"m"}
    assert unpacked(remote.get(f"models/{name}/output/output.tar.gz")) == {"why.txt": b"w"}


def test_archives_hold_files_at_their_root_owned_by_root(remote: Remote) -> None:
    script = (
        "import os\n"
        "os.makedirs('/opt/ml/model/deep/er'); os.makedirs('/opt/ml/output/data/plots')\n"
        "for path in ('model/m.bin', 'model/deep/er/x', 'output/data/plots/p.png', 'model/empty'):\n"
        "    open('/opt/ml/' + path, 'w').write(path * (path != 'model/empty'))\n"
        "os.chmod('/opt/ml/model/m.bin', 0o644)\n"
    )
    output = {"S3OutputPath": f"s3://{BUCKET}/slashed/"}
    name = remote.train(script, OutputDataConfig=output)
    job = remote.ended(name)
    base = f"slashed/{name}/output/"
    assert sorted(remote.keys(base)) == ["model.tar.gz", "output.tar.gz"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/{base}model.tar.gz"
    archive = remote.get(f"{base}model.tar.gz")
    assert archive[:2] == b"\x1f\x8b"
    files = unpacked(archive)
    assert {key: files[key] for key in sorted(files)} == {
        "deep/er/x": b"model/deep/er/x",
        "empty": b"",
        "m.bin": b"model/m.bin",
    }
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        assert {(entry.uid, entry.gid) for entry in tar} == {(0, 0)}
        assert tar.getmember("m.bin").mode == 0o644
    assert unpacked(remote.get(f"{base}output.tar.gz")) == {"plots/p.png": b"output/data/plots/p.png"}


def test_uncompressed_output_lies_in_s3_as_it_lay_in_the_container(remote: Remote) -> None:
    script = (
        "import os\nos.makedirs('/opt/ml/model/sub')\n"
        "open('/opt/ml/model/sub/m', 'w').write('m'); open('/opt/ml/output/data/d', 'w').write('d')\n"
    )
    output = {"S3OutputPath": f"s3://{BUCKET}/loose", "CompressionType": "NONE"}
    name = remote.train(script, OutputDataConfig=output)
    assert status(remote.ended(name)) == "Completed"
    assert not [key for key in remote.keys(f"loose/{name}/output/") if key.endswith(".tar.gz")]
    assert remote.get(f"loose/{name}/output/model/sub/m") == b"m"


@pytest.mark.long
def test_times_follow_the_transitions(remote: Remote) -> None:
    name = remote.train("import time\ntime.sleep(1.2)\n")
    job = remote.ended(name)
    steps = job["SecondaryStatusTransitions"]
    assert [step["Status"] for step in steps] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(before["EndTime"] == after["StartTime"] for before, after in itertools.pairwise(steps))
    assert steps[-1]["StartTime"] == steps[-1]["EndTime"]
    assert abs((job["TrainingStartTime"] - steps[1]["StartTime"]).total_seconds()) < 0.1
    assert abs((job["TrainingEndTime"] - steps[-1]["StartTime"]).total_seconds()) < 0.1
    seconds = (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds()
    assert (
        job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"]
        and abs(job["TrainingTimeInSeconds"] - seconds) <= 1
    )
    assert seconds >= 1.2 and job["LastModifiedTime"] >= job["TrainingEndTime"]


def test_a_job_that_runs_has_no_end_and_its_state_is_training(remote: Remote) -> None:
    name = remote.train("import time\nprint('up')\ntime.sleep(60)\n")
    remote.until_logged(name, "up")
    job = remote.describe(name)
    assert (status(job), job["SecondaryStatus"]) == ("InProgress", "Training")
    assert "EndTime" not in job["SecondaryStatusTransitions"][-1]
    assert not {"TrainingEndTime", "TrainingTimeInSeconds", "BillableTimeInSeconds", "FailureReason"} & set(job)
    remote.client.stop_training_job(TrainingJobName=name)
    job = remote.ended(name)
    assert transitions(job)[-3:] == [
        ("Stopping", "Stopping the training job"),
        ("Uploading", "Uploading generated training model"),
        ("Stopped", "Training job stopped"),
    ]
    assert error_of(remote.client.stop_training_job, TrainingJobName=name) == (
        "ValidationException",
        "The request was rejected because the training job is in status Stopped.",
    )


@pytest.mark.long
def test_a_stopped_job_may_save_its_model(remote: Remote) -> None:
    """A program that saves on SIGTERM and ends by itself, which takes it less than the grace."""
    remote.local.service.jobs.grace = 10
    script = (
        "import signal, sys, time\n"
        "def save(*_):\n"
        "    time.sleep(0.5); open('/opt/ml/model/saved', 'w').write('yes'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\nprint('up')\n"
        "while True: time.sleep(0.05)\n"
    )
    name = remote.train(script)
    remote.until_logged(name, "up")
    remote.client.stop_training_job(TrainingJobName=name)
    job = remote.ended(name)
    remote.local.service.jobs.grace = 0.3
    assert (status(job), job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert remote.model(name) == {"saved": b"yes"}


@pytest.mark.long
def test_the_end_of_the_time_is_a_stop_with_its_own_secondary_status(remote: Remote) -> None:
    script = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: open('/opt/ml/model/told', 'w').write('t'))\n"
        "while True: time.sleep(0.05)\n"
    )
    name = remote.train(script, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = remote.ended(name)
    assert (status(job), job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert [step for step, _ in transitions(job)][-2:] == ["Uploading", "MaxRuntimeExceeded"]
    assert "FailureReason" not in job and remote.model(name) == {"told": b"t"}
    assert job["TrainingTimeInSeconds"] >= 1


@pytest.mark.long
def test_checkpoints_are_brought_back_with_their_folders_and_sent_while_the_job_runs(remote: Remote) -> None:
    remote.put(**{"ck/here/epoch-1/state": "one", "ck/here2/other": "no"})
    script = (
        "import json, os, time\n"
        "base = '/opt/ml/state'\n"
        "assert open(base + '/epoch-1/state').read() == 'one' and os.listdir(base) == ['epoch-1']\n"
        "os.makedirs(base + '/epoch-2'); open(base + '/epoch-2/state', 'w').write('two')\n"
        "os.remove(base + '/epoch-1/state')\n"
        "print('up'); time.sleep(60)\n"
    )
    place = {"S3Uri": f"s3://{BUCKET}/ck/here", "LocalPath": "/opt/ml/state"}
    name = remote.train(script, CheckpointConfig=place)
    remote.until_logged(name, "up")
    until(lambda: remote.keys("ck/here/"), lambda keys: keys == ["epoch-1/state", "epoch-2/state"])
    assert status(remote.describe(name)) == "InProgress"
    remote.client.stop_training_job(TrainingJobName=name)
    assert remote.ended(name)["CheckpointConfig"] == place


@pytest.mark.long
def test_metrics_are_those_that_matched_with_their_last_value(remote: Remote) -> None:
    definitions = [
        {"Name": "validation:rmse", "Regex": r"validation-rmse:([0-9.]+)"},
        {"Name": "never", "Regex": r"never: (\d+)"},
        {"Name": "train:rmse", "Regex": r".*\[[0-9]+\].*#011train-rmse:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*"},
        {"Name": "sci", "Regex": r"sci=(\S+);"},
        {"Name": "no group", "Regex": r"train"},
    ]
    script = (
        "for n in range(3): print(f'[{n}]\\ttrain-rmse:{3 - n}.19876\\tvalidation-rmse:{9 - n}')\n"
        "import sys; print('sci=-1.5e-7; sci=2;', file=sys.stderr)\n"
    )
    name = remote.train(script, algorithm={"MetricDefinitions": definitions})
    job = remote.ended(name)
    found = [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]]
    assert sorted(found) == [
        ("sci", float(np.float32(-1.5e-7))),
        ("train:rmse", float(np.float32(1.19876))),
        ("validation:rmse", 7.0),
    ]
    assert remote.log(name)[0] == "[0]#011train-rmse:3.19876#011validation-rmse:9"


# AWS's "bring your own container" example as its users copy it, in the same style: one program for `train` and for
# `serve`, all paths below /opt/ml written into it, the failure file written by hand, exit code 255.
OWN_CONTAINER = """
import csv, json, os, pickle, sys, traceback

prefix = "/opt/ml/"
input_path = prefix + "input/data"
output_path = os.path.join(prefix, "output")
model_path = os.path.join(prefix, "model")
param_path = os.path.join(prefix, "input/config/hyperparameters.json")
training_path = os.path.join(input_path, "training")


def train():
    print("Starting the training.")
    try:
        with open(param_path) as tc:
            params = json.load(tc)
        files = [os.path.join(training_path, name) for name in sorted(os.listdir(training_path))]
        if len(files) == 0:
            raise ValueError("There are no files in {}.".format(training_path))
        rows = [row for name in files for row in csv.reader(open(name))]
        weight = float(params["weight"])
        table = {row[0]: weight * sum(map(float, row[1:])) for row in rows}
        with open(os.path.join(model_path, "table.pkl"), "wb") as out:
            pickle.dump(table, out)
        print("Training complete.")
    except Exception as e:
        trc = traceback.format_exc()
        with open(os.path.join(output_path, "failure"), "w") as s:
            s.write("Exception during training: " + str(e) + "\\n" + trc)
        print("Exception during training: " + str(e) + "\\n" + trc, file=sys.stderr)
        sys.exit(255)


if sys.argv[1:] == ["train"]:
    train()
    sys.exit(0)
print("arguments", sys.argv[1:])
"""


@pytest.fixture(scope="module")
def own_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = tmp_path_factory.mktemp("own") / "program.py"
    Path(program).write_text(OWN_CONTAINER)
    images.register(images.Image("team/decision-trees", (sys.executable, str(program))))
    yield "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/decision-trees:latest"


def test_a_container_of_ones_own_trains_unchanged(remote: Remote, own_image: str) -> None:
    remote.put(**{"own/a.csv": "a,1,2\nb,3,4\n", "own/b.csv": "c,5\n"})
    name = remote.train(
        algorithm={"TrainingImage": own_image}, channels=[channel("training", "own/")], HyperParameters={"weight": "2"}
    )
    assert status(remote.ended(name)) == "Completed", remote.log(name)
    assert remote.log(name) == ["Starting the training.", "Training complete."]
    assert list(remote.model(name)) == ["table.pkl"]
    failing = remote.train(algorithm={"TrainingImage": own_image}, channels=[channel("training", "own/")])
    reason = remote.ended(failing)["FailureReason"]
    assert reason.startswith("AlgorithmError: Exception during training: 'weight'\nTraceback (most recent call last):")
    assert reason.endswith(", exit code: 255")


@pytest.mark.long
def test_arguments_replace_the_command_train_and_an_entry_point_both(remote: Remote, own_image: str) -> None:
    remote.put(**{"own2/a.csv": "a,1\n"})
    data = [channel("training", "own2/")]
    only = remote.train(algorithm={"TrainingImage": own_image, "ContainerArguments": ["tune", "--x"]}, channels=data)
    assert remote.ended(only) and remote.log(only) == ["arguments ['tune', '--x']"]
    entry = {"TrainingImage": own_image, "ContainerEntrypoint": ["sh", "-c", 'echo "$0 $#"']}
    alone = remote.train(algorithm=entry, channels=data)
    assert remote.ended(alone) and remote.log(alone) == ["sh 0"]
    both = remote.train(algorithm=entry | {"ContainerArguments": ["zero", "one two"]}, channels=data)
    assert remote.ended(both) and remote.log(both) == ["zero 1"]


@pytest.mark.long
def test_script_mode_tells_a_script_what_the_toolkit_tells_it(remote: Remote) -> None:
    """The managed image's own `train`: source archive, hyperparameters as arguments, SM_ variables."""
    script = (
        "import json, os, sys\n"
        "sm = {key: value for key, value in os.environ.items() if key.startswith('SM_')}\n"
        "open(os.environ['SM_MODEL_DIR'] + '/told.json', 'w').write(json.dumps([sys.argv[1:], sm]))\n"
    )
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("train_it.py")
        member.size = len(script)
        tar.addfile(member, BytesIO(script.encode()))
    remote.put(**{"src/sourcedir.tar.gz": buffer.getvalue()})
    remote.put(**{"sm/train/a": "1"})
    name = remote.train(
        algorithm={},
        channels=[channel("train", "sm/train/"), channel("extra", "sm/")],
        HyperParameters={
            "sagemaker_program": '"train_it.py"',
            "sagemaker_submit_directory": f'"s3://{BUCKET}/src/sourcedir.tar.gz"',
            "max_depth": "5",
            "name": '"x y"',
        },
    )
    assert status(remote.ended(name)) == "Completed", (remote.ended(name), remote.log(name))
    arguments, told = json.loads(remote.model(name)["told.json"])
    assert arguments == ["--max_depth", "5", "--name", "x y"]
    assert json.loads(told["SM_CHANNELS"]) == ["extra", "train"]
    assert told["SM_CHANNEL_TRAIN"] == "/opt/ml/input/data/train" and told["SM_MODEL_DIR"] == "/opt/ml/model"
    assert json.loads(told["SM_HPS"]) == {"max_depth": 5, "name": "x y"} and told["SM_HP_MAX_DEPTH"] == "5"
    assert told["SM_OUTPUT_DATA_DIR"] == "/opt/ml/output/data" and told["SM_CURRENT_HOST"] == "algo-1"
    assert json.loads(told["SM_USER_ARGS"]) == arguments
    assert told["SM_USER_ENTRY_POINT"] == "train_it.py" and told["SM_MODULE_NAME"] == "train_it"
    assert json.loads(told["SM_HOSTS"]) == ["algo-1"] and told["SM_LOG_LEVEL"] == "20"


def test_data_that_cannot_be_downloaded_fail_the_job_before_it_trains(remote: Remote) -> None:
    remote.put(**{"gone.manifest": json.dumps([{"prefix": f"s3://{BUCKET}/nowhere/"}, "a"])})
    listed = {"S3DataType": "ManifestFile"}
    name = remote.train("print('ran')", channels=[channel("train", "gone.manifest", source=listed)])
    job = remote.ended(name)
    assert (status(job), job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("ClientError: Data download failed:")
    assert [step for step, _ in transitions(job)] == ["Starting", "Downloading", "Failed"]
    assert "TrainingEndTime" in job and remote.log(name) == []
    code, message = error_of(
        remote.train, channels=[channel("x", "gone.manifest", source=listed, InputMode="FastFile")]
    )
    assert code == "ValidationException" and "S3Prefix" in message


@pytest.mark.long
def test_a_model_that_cannot_be_uploaded_fails_the_job(remote: Remote) -> None:
    output = {"S3OutputPath": "s3://no-such-bucket-here/models"}
    job = remote.ended(remote.train("open('/opt/ml/model/m', 'w').write('m')", OutputDataConfig=output))
    assert status(job) == "Failed" and job["FailureReason"].startswith("ClientError: Artifact upload failed:")
    assert [step for step, _ in transitions(job)][-2:] == ["Uploading", "Failed"]


@pytest.mark.long
def test_a_large_failure_file_and_a_folder_in_its_place(remote: Remote) -> None:
    big = "open('/opt/ml/output/failure', 'w').write('x' * 5_000_000); raise SystemExit(1)"
    assert remote.ended(remote.train(big))["FailureReason"] == "AlgorithmError: " + "x" * 1008
    folder = "import os; os.mkdir('/opt/ml/output/failure'); raise SystemExit(1)"
    assert remote.ended(remote.train(folder))["FailureReason"] == "AlgorithmError: , exit code: 1"


def test_what_is_given_is_described_but_for_what_the_api_does_not_describe(remote: Remote) -> None:
    shown: dict[str, Any] = {
        "EnableInterContainerTrafficEncryption": True,
        "RetryStrategy": {"MaximumRetryAttempts": 2},
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        "ExperimentConfig": {"ExperimentName": "e"},
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90},
    }
    name = remote.train("", SessionChainingConfig={"EnableSessionTagChaining": True}, **shown)
    job = remote.ended(name)
    assert status(job) == "Completed" and {key: job[key] for key in shown} == shown
    assert "SessionChainingConfig" not in job and "Tags" not in job
