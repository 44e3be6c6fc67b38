"""What a processing container finds, and what becomes of what it leaves: section 1 of the facts, over HTTP."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.local import images
from tests.support.remote_jobs import BUCKET, IMAGE, Remote, error_of, given, made, status
from tests.support.service import ROLE, LocalService
from tests.support.waiting import until

IN = "/opt/ml/processing/input"
OUT = "/opt/ml/processing/output"
SHOW_CONFIG = (
    "import json, os\n"
    "folder = '/opt/ml/config'\n"
    "print(json.dumps({name: json.load(open(f'{folder}/{name}')) for name in os.listdir(folder)}))\n"
)
SHOW_FILES = (
    "import json, os, sys\n"
    "top = sys.argv[1]\n"
    "found = [os.path.join(folder, name) for folder, ds, fs in os.walk(top) for name in ds + fs]\n"
    "print(json.dumps(sorted(os.path.relpath(path, top) for path in found)))\n"
)


@pytest.fixture(scope="module")
def remote(local: LocalService) -> Remote:
    return Remote(local)


@pytest.mark.long
def test_what_was_not_given_is_null_in_the_configuration(remote: Remote) -> None:
    """A job with nothing but what is required, so that every optional member is unset."""
    name = "process-bare"
    command = "import json; print(json.dumps(json.load(open('/opt/ml/config/processingjobconfig.json'))))"
    remote.client.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-c", command]},
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 30}
        },
    )
    shown = remote.told(name)
    assert list(shown) == [
        "ProcessingJobArn",
        "ProcessingJobName",
        "AppSpecification",
        "Environment",
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "RoleArn",
        "StoppingCondition",
    ]
    assert shown["AppSpecification"] == {
        "ImageUri": IMAGE,
        "ContainerEntrypoint": ["python3", "-c", command],
        "ContainerArguments": None,
    }
    assert shown["Environment"] is None
    assert not shown["ProcessingInputs"] and not shown["ProcessingOutputConfig"]["Outputs"]
    assert shown["ProcessingOutputConfig"]["KmsKeyId"] is None
    assert shown["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] is None
    assert shown["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    described = remote.describe(name)
    for absent in ("Environment", "ProcessingInputs", "ProcessingOutputConfig", "FailureReason", "ExitMessage"):
        assert absent not in described


@pytest.mark.long
def test_all_that_was_given_is_in_the_configuration_of_every_instance(remote: Remote) -> None:
    remote.put(**{"full/a": "a", "full/b": "b"})
    cluster = {"InstanceCount": 2, "InstanceType": "ml.m5.2xlarge", "VolumeSizeInGB": 7, "VolumeKmsKeyId": "alias/v"}
    name = remote.process(
        SHOW_CONFIG,
        "--flag",
        "a b",
        inputs=[given("data", "full/", f"{IN}/data", S3DataDistributionType="ShardedByS3Key")],
        ProcessingOutputConfig={"Outputs": [made("o", "full-out", f"{OUT}/o", "Continuous")], "KmsKeyId": "alias/o"},
        ProcessingResources={"ClusterConfig": cluster},
        Environment={"A": "1", "B": "x=y z"},
        StoppingCondition={"MaxRuntimeInSeconds": 77},
    )
    shown = [remote.told(name, host) for host in ("algo-1", "algo-2")]
    for files, host in zip(shown, ("algo-1", "algo-2"), strict=True):
        assert set(files) == {"processingjobconfig.json", "resourceconfig.json"}
        resources = files["resourceconfig.json"]
        assert (resources["current_host"], resources["hosts"]) == (host, ["algo-1", "algo-2"])
        assert resources["current_instance_type"] == "ml.m5.2xlarge"
        assert resources["network_interface_name"] == "eth0"
    job = shown[1]["processingjobconfig.json"]
    assert job == shown[0]["processingjobconfig.json"]
    assert job["AppSpecification"]["ContainerArguments"] == ["--flag", "a b"]
    assert job["Environment"] == {"A": "1", "B": "x=y z"}
    assert job["ProcessingInputs"][1]["S3Input"]["S3DataDistributionType"] == "ShardedByS3Key"
    assert job["ProcessingOutputConfig"] == {
        "Outputs": [
            {
                "OutputName": "o",
                "S3Output": {
                    "LocalPath": f"{OUT}/o",
                    "S3Uri": f"s3://{BUCKET}/full-out",
                    "S3UploadMode": "Continuous",
                },
            }
        ],
        "KmsKeyId": "alias/o",
    }
    assert job["ProcessingResources"] == {"ClusterConfig": cluster}
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 77}


def test_arguments_arrive_as_they_were_given(remote: Remote) -> None:
    words = ["--name", "", "two words", "quo\"te'", "$HOME", "*", "ä€😀", "back\\slash", "-", "x" * 256]
    name = remote.process("import json, sys\nprint(json.dumps(sys.argv[1:]))", *words)
    assert remote.told(name) == words


@pytest.mark.long
def test_the_environment_is_the_jobs_own_and_says_nothing_of_training(remote: Remote) -> None:
    values = {"EMPTY": "", "_under": "ä€", "Quote": "\"'$HOME\\", "PATH_LIKE": "/opt/ml/processing/input"}
    name = remote.process("import json, os\nprint(json.dumps(dict(os.environ)))", Environment=values)
    found = remote.told(name)
    assert {key: found[key] for key in values} == values
    unwanted = ("TRAINING_JOB", "TRANSFORM_JOB", "SM_", "SAGEMAKER_BATCH", "PROCESSING_JOB")
    assert not [key for key in found if key.startswith(unwanted)]
    assert found["AWS_REGION"] == "us-east-1"


BASE: dict[str, Any] = {
    "ProcessingJobName": "process-refused",
    "RoleArn": ROLE,
    "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"ProcessingJobName": "x" * 64}, "processingJobName"),
        ({"ProcessingJobName": "under_score"}, "processingJobName"),
        ({"AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["x" * 257]}}, "containerEntrypoint"),
        ({"AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["x"] * 101}}, "containerEntrypoint"),
        (
            {"AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["x"], "ContainerArguments": ["x" * 257]}},
            "containerArguments",
        ),
        ({"Environment": {"1A": "x"}}, "environment"),
        ({"Environment": {"A": "x" * 257}}, "environment"),
        ({"Environment": {f"K{number}": "" for number in range(101)}}, "environment"),
        ({"ProcessingInputs": [given(f"i{n}", "x", f"{IN}/{n}") for n in range(11)]}, "processingInputs"),
        ({"ProcessingOutputConfig": {"Outputs": [made(f"o{n}", "x", f"{OUT}/{n}") for n in range(11)]}}, "outputs"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 777_601}}, "maxRuntimeInSeconds"),
        ({"ProcessingInputs": [given("i", "code/", "input/data")]}, "LocalPath"),
        ({"ProcessingInputs": [given("i", "code/", "/opt/ml/processing/../model")]}, "LocalPath"),
        ({"ProcessingOutputConfig": {"Outputs": [made("o", "x", "/opt/ml/output")]}}, "LocalPath"),
        ({"ProcessingInputs": [given("i", "code/", f"{IN}/i", S3CompressionType="Gzip")]}, "Pipe"),
    ],
)
def test_what_is_beyond_the_documented_limits_is_refused(remote: Remote, changes: dict[str, Any], word: str) -> None:
    remote.put(**{"code/x": ""})
    code, message = error_of(remote.client.create_processing_job, **BASE | changes)
    assert code == "ValidationException" and word in message
    assert error_of(remote.client.describe_processing_job, ProcessingJobName="process-refused")[0]


def test_an_input_without_objects_is_refused_with_the_words_of_aws(remote: Remote) -> None:
    request = BASE | {"ProcessingInputs": [given("i", "nothing/here", f"{IN}/i")]}
    assert error_of(remote.client.create_processing_job, **request) == (
        "ValidationException",
        f'No S3 objects found under S3 URL "s3://{BUCKET}/nothing/here" given in input data source. Please ensure '
        "that the bucket exists in the selected region (us-east-1), that objects exist under that S3 prefix, and that "
        f'the role "{ROLE}" has "s3:ListBucket" permissions on bucket "{BUCKET}".',
    )


def test_names_of_all_kinds_come_in_and_go_out_unchanged(remote: Remote) -> None:
    names = ["plain", "with space", "ä€😀", "deep/er/file", "deep/.hidden", "plus+and%41", "a=b&c"]
    remote.put(**{f"names/{name}": name for name in names} | {"names/folder/": ""})
    script = "import shutil\nshutil.copytree('/opt/ml/processing/input/in', '/opt/ml/processing/output/out/copy')\n"
    name = remote.process(
        script, inputs=[given("in", "names/", f"{IN}/in")], outputs=[made("out", "names-out/", f"{OUT}/out")]
    )
    assert status(remote.ended(name)) == "Completed", remote.log(name)
    assert sorted(remote.keys("names-out/")) == sorted(f"copy/{name}" for name in names)
    assert all(remote.get(f"names-out/copy/{name}").decode() == name for name in names)


@pytest.mark.long
def test_a_whole_bucket_is_an_input(remote: Remote) -> None:
    remote.local.s3.create_bucket(Bucket="whole")
    for key in ("a", "b/c"):
        remote.local.s3.put_object(Bucket="whole", Key=key, Body=b"x")
    name = remote.process(
        SHOW_FILES,
        f"{IN}/a",
        inputs=[given("a", "", f"{IN}/a", S3Uri="s3://whole"), given("b", "", f"{IN}/b", S3Uri="s3://whole/")],
    )
    assert remote.told(name) == ["a", "b", "b/c"]


def test_writing_to_an_input_does_not_change_the_object(remote: Remote) -> None:
    remote.put(**{"kept/a": "original"})
    script = (
        "import os\n"
        "path = '/opt/ml/processing/input/in/a'\n"
        "open(path, 'a').write('+'); open(path, 'r+').write('X'); os.chmod(path, 0o600)\n"
        "os.rename(path, path + '2'); open(path + '2', 'w').write('gone')\n"
    )
    name = remote.process(script, inputs=[given("in", "kept/a", f"{IN}/in")])
    assert status(remote.ended(name)) == "Completed", remote.log(name)
    assert remote.get("kept/a") == b"original"


@pytest.mark.long
def test_more_instances_than_objects_leave_some_with_an_empty_folder(remote: Remote) -> None:
    remote.put(**{f"few/{n}": str(n) for n in range(2)})
    remote.put(**{"few.manifest": json.dumps([{"prefix": f"s3://{BUCKET}/few/"}, "0", "1"])})
    sharded = {"S3DataDistributionType": "ShardedByS3Key"}
    script = (
        "import json, os\n"
        "print(json.dumps([sorted(os.listdir(f'/opt/ml/processing/input/{n}')) for n in ('prefix', 'list')]))\n"
    )
    name = remote.process(
        script,
        inputs=[
            given("prefix", "few/", f"{IN}/prefix", **sharded),
            given("list", "few.manifest", f"{IN}/list", S3DataType="ManifestFile", **sharded),
        ],
        count=3,
    )
    found = [remote.told(name, f"algo-{n}") for n in (1, 2, 3)]
    for part in (0, 1):
        assert sorted(names[part] for names in found) == [[], ["0"], ["1"]]


def test_output_folders_are_there_and_only_files_are_uploaded_without_the_jobs_name(remote: Remote) -> None:
    script = (
        "import os\n"
        "for name in ('one', 'deep/two', 'none'):\n"
        "    assert os.listdir(f'/opt/ml/processing/{name}') == [], name\n"
        "open('/opt/ml/processing/one/empty', 'w').close()\n"
        "os.makedirs('/opt/ml/processing/one/a/b'); os.makedirs('/opt/ml/processing/one/hollow')\n"
        "open('/opt/ml/processing/one/a/b/c.json', 'w').write('{}')\n"
        "os.mkfifo('/opt/ml/processing/one/pipe')\n"
        "os.symlink('a/b/c.json', '/opt/ml/processing/one/link')\n"
        "open('/opt/ml/processing/deep/two/t', 'w').write('new')\n"
    )
    remote.put(**{"outs/two/t": "old", "outs/two/other": "stays"})
    outputs = [
        made("one", "outs/one", "/opt/ml/processing/one"),
        made("two", "outs/two/", "/opt/ml/processing/deep/two"),
        made("none", "outs/none", "/opt/ml/processing/none"),
    ]
    name = remote.process(script, outputs=outputs)
    assert status(remote.ended(name)) == "Completed", remote.log(name)
    assert remote.keys("outs/") == ["one/a/b/c.json", "one/empty", "two/other", "two/t"]
    assert remote.get("outs/two/t") == b"new" and remote.get("outs/one/empty") == b""


@pytest.mark.long
def test_outputs_at_the_end_of_the_job_are_not_there_before(remote: Remote) -> None:
    script = "import time\nopen('/opt/ml/processing/output/o/f', 'w').write('f')\nprint('up')\ntime.sleep(60)\n"
    name = remote.process(script, outputs=[made("o", "late", f"{OUT}/o")])
    remote.until_logged(name, "up")
    running = remote.describe(name)
    assert status(running) == "InProgress" and "ProcessingStartTime" in running and "ProcessingEndTime" not in running
    assert remote.keys("late") == []
    remote.client.stop_processing_job(ProcessingJobName=name)
    assert status(remote.ended(name)) == "Stopped"
    assert remote.keys("late/") == ["f"]


MESSAGE = "import sys\nopen('/opt/ml/output/message', 'wb').write({content!r})\nsys.exit({code})\n"


@pytest.mark.parametrize(
    ("content", "code", "expected"),
    [
        (b"x" * 1024, 0, "x" * 1024),
        (b"x" * 1025, 3, "x" * 1024),
        (b"line\nnext\n", 0, "line\nnext\n"),
        (b"x" + "€".encode() * 400, 1, "x" + "€" * 341),
    ],
)
def test_the_first_kilobyte_of_the_message_is_kept_however_the_job_ends(
    remote: Remote, content: bytes, code: int, expected: str
) -> None:
    name = remote.process(MESSAGE.format(content=content, code=code))
    job = remote.ended(name)
    assert job["ExitMessage"] == expected
    assert job.get("FailureReason") == (f"AlgorithmError: , exit code: {code}" if code else None)
    listed = remote.client.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    assert listed[0]["ExitMessage"] == expected


@pytest.mark.long
def test_messages_of_several_instances_are_put_together_and_then_cut(remote: Remote) -> None:
    script = (
        "import json\n"
        "host = json.load(open('/opt/ml/config/resourceconfig.json'))['current_host']\n"
        "open('/opt/ml/output/message', 'w').write(host[-1] * 700)\n"
    )
    job = remote.ended(remote.process(script, count=2))
    assert job["ExitMessage"] == "1" * 700 + "2" * 324


@pytest.mark.long
def test_a_stopped_job_has_its_message(remote: Remote) -> None:
    script = "import time\nopen('/opt/ml/output/message', 'w').write('so far')\nprint('up')\ntime.sleep(60)\n"
    name = remote.process(script)
    remote.until_logged(name, "up")
    remote.client.stop_processing_job(ProcessingJobName=name)
    job = remote.ended(name)
    assert (status(job), job["ExitMessage"]) == ("Stopped", "so far")
    assert "FailureReason" not in job
    code, message = error_of(remote.client.stop_processing_job, ProcessingJobName=name)
    assert code == "ValidationException" and "is in status Stopped" in message


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
        ("import os, signal; signal.signal(11, signal.SIG_DFL); os.kill(os.getpid(), 11)", 139),
        ("raise SystemExit(300)", 44),
        ("raise SystemExit('in words')", 1),
        ("import os; os.abort()", 134),
    ],
)
def test_every_end_but_zero_is_a_failure_with_its_code(remote: Remote, line: str, code: int) -> None:
    job = remote.ended(remote.process(line))
    assert (status(job), job["FailureReason"]) == ("Failed", f"AlgorithmError: , exit code: {code}")


@pytest.mark.long
def test_what_a_job_leaves_running_ends_with_it(remote: Remote) -> None:
    script = (
        "import subprocess\n"
        "subprocess.Popen(['sh', '-c', 'sleep 1000; echo late > /opt/ml/processing/output/o/late'])\n"
        "open('/opt/ml/processing/output/o/now', 'w').write('n')\n"
    )
    name = remote.process(script, outputs=[made("o", "left", f"{OUT}/o")])
    job = remote.ended(name)
    assert status(job) == "Completed"
    assert remote.keys("left/") == ["now"]


@pytest.mark.long
def test_a_stop_reaches_the_first_process_and_then_kills_the_whole_group(remote: Remote) -> None:
    script = (
        "import signal, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal, time\\n"
        'signal.signal(signal.SIGTERM, lambda *_: print("child was told", flush=True))\\n'
        'print("child up", flush=True)\\ntime.sleep(60)\'])\n'
        "signal.signal(signal.SIGTERM, lambda *_: print('first was told', flush=True))\n"
        "while True: time.sleep(0.05)\n"
    )
    name = remote.process(script)
    remote.until_logged(name, "child up")
    remote.client.stop_processing_job(ProcessingJobName=name)
    assert status(remote.describe(name)) in ("Stopping", "Stopped")
    assert status(remote.ended(name)) == "Stopped"
    assert remote.log(name) == ["child up", "first was told"]


@pytest.mark.long
def test_the_end_of_the_time_uploads_what_is_there(remote: Remote) -> None:
    script = (
        "import time\n"
        "open('/opt/ml/processing/output/o/f', 'w').write('f')\n"
        "open('/opt/ml/output/message', 'w').write('part')\n"
        "time.sleep(60)\n"
    )
    name = remote.process(
        script, outputs=[made("o", "timed", f"{OUT}/o")], StoppingCondition={"MaxRuntimeInSeconds": 1}
    )
    job = remote.ended(name)
    assert (status(job), job["ExitMessage"]) == ("Stopped", "part")
    assert remote.keys("timed/") == ["f"]


@pytest.mark.long
def test_each_instance_has_one_stream_with_all_it_says(remote: Remote) -> None:
    script = (
        "import os, sys\n"
        "print('to stdout', flush=True); print('to stderr', file=sys.stderr, flush=True)\n"
        "os.write(1, b'not utf-8: \\xff\\n'); os.write(1, b'\\n'); os.write(2, b'no newline at the end')\n"
    )
    name = remote.process(script, count=2)
    job = remote.ended(name)
    expected = ["to stdout", "to stderr", "not utf-8: \ufffd", "", "no newline at the end"]
    # CloudWatch takes no empty message.
    for host in ("algo-1", "algo-2"):
        assert [line.strip() for line in remote.log(name, host) if line.strip()] == [line for line in expected if line]
    streams = remote.local.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix=f"{name}/"
    )["logStreams"]
    names = [stream["logStreamName"] for stream in streams]
    assert all(re.fullmatch(rf"{name}/algo-[12]-\d{{10}}", stream) for stream in names) and len(names) == 2
    begin, end = job["CreationTime"].timestamp() * 1000 - 1, job["ProcessingEndTime"].timestamp() * 1000 + 1
    assert all(begin <= s["firstEventTimestamp"] <= s["lastEventTimestamp"] <= end for s in streams)
    (group,) = remote.local.logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/ProcessingJobs")["logGroups"]
    assert "retentionInDays" not in group


def test_the_folders_that_a_job_finds(remote: Remote) -> None:
    name = remote.process(SHOW_FILES, "/opt/ml", outputs=[made("o", "unused", f"{OUT}/o")])
    assert remote.told(name) == [
        "config",
        "config/processingjobconfig.json",
        "config/resourceconfig.json",
        "output",
        "processing",
        "processing/input",
        "processing/input/code",
        "processing/input/code/script.py",
        "processing/output",
        "processing/output/o",
    ]


# A program in the style of AWS's own examples: every path is written into it, and it knows nothing of this machine.
EXAMPLE = """
import argparse, json, os
import numpy as np

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--train-test-split-ratio", type=float, default=0.3)
    args, _ = parser.parse_known_args()
    base_dir = "/opt/ml/processing"
    rows = np.loadtxt(os.path.join(base_dir, "input", "abalone.csv"), delimiter=",")
    cut = int(round(len(rows) * (1 - args.train_test_split_ratio)))
    for name, part in (("train", rows[:cut]), ("test", rows[cut:])):
        np.savetxt(f"{base_dir}/{name}/{name}.csv", part, delimiter=",", fmt="%g")
    with open("/opt/ml/config/resourceconfig.json") as file:
        print("on", json.load(file)["current_host"])
    with open("/opt/ml/output/message", "w") as file:
        file.write(f"{len(rows)} rows")
"""


def test_an_example_in_the_style_of_aws_runs_unchanged(remote: Remote) -> None:
    remote.put(**{"abalone/abalone.csv": "".join(f"{n},{n * n}\n" for n in range(10))})
    name = remote.process(
        EXAMPLE,
        "--train-test-split-ratio",
        "0.2",
        inputs=[given("raw", "abalone/abalone.csv", IN)],
        outputs=[made(part, f"abalone-out/{part}", f"/opt/ml/processing/{part}") for part in ("train", "test")],
    )
    job = remote.ended(name)
    assert (status(job), job["ExitMessage"]) == ("Completed", "10 rows"), remote.log(name)
    assert remote.log(name) == ["on algo-1"]
    assert remote.get("abalone-out/test/test.csv") == b"8,64\n9,81\n"
    assert len(remote.get("abalone-out/train/train.csv").splitlines()) == 8


@pytest.mark.long
def test_a_continuous_output_is_there_before_the_end_and_follows_changes(remote: Remote) -> None:
    script = (
        "import time\n"
        "path = '/opt/ml/processing/output/o/progress'\n"
        "for number in range(200):\n"
        "    open(path, 'w').write(str(number)); time.sleep(0.1)\n"
    )
    name = remote.process(script, outputs=[made("o", "ticks", f"{OUT}/o", "Continuous")])
    first = until(lambda: remote.keys("ticks/") and remote.get("ticks/progress"), bool)
    until(lambda: remote.get("ticks/progress"), lambda now: now != first)
    assert status(remote.describe(name)) == "InProgress"
    remote.client.stop_processing_job(ProcessingJobName=name)
    assert status(remote.ended(name)) == "Stopped"


@pytest.mark.long
def test_what_the_program_manages_itself_is_neither_brought_nor_taken(remote: Remote) -> None:
    remote.put(**{"managed/in/a": "a"})
    script = (
        "import boto3, os\n"
        "assert not os.path.exists('/opt/ml/processing/input/mine'), os.listdir('/opt/ml/processing/input')\n"
        "os.makedirs('/opt/ml/processing/output/mine', exist_ok=True)\n"
        "open('/opt/ml/processing/output/mine/f', 'w').write('left')\n"
        f"boto3.client('s3').put_object(Bucket='{BUCKET}', Key='managed/out/own', Body=b'own')\n"
    )
    inputs = [given("mine", "managed/in/", f"{IN}/mine") | {"AppManaged": True}]
    bare = {"S3Uri": f"s3://{BUCKET}/managed/in/", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    inputs.append({"InputName": "bare", "AppManaged": True, "S3Input": bare})
    outputs = [made("mine-out", "managed/out", f"{OUT}/mine") | {"AppManaged": True}]
    outputs.append(
        {
            "OutputName": "bare-out",
            "AppManaged": True,
            "S3Output": {"S3Uri": f"s3://{BUCKET}/managed/out", "S3UploadMode": "EndOfJob"},
        }
    )
    name = remote.process(script, inputs=inputs, outputs=outputs)
    job = remote.ended(name)
    assert status(job) == "Completed", (job, remote.log(name))
    assert remote.keys("managed/out/") == ["own"]
    assert [one["AppManaged"] for one in job["ProcessingInputs"]] == [False, True, True]


@pytest.mark.parametrize(
    ("given_too", "expected"),
    [
        ({}, "image:"),
        ({"ContainerArguments": ["a", "b c"]}, "image:a,b c"),
        ({"ContainerEntrypoint": ["sh", "-c", "echo entry:$#"]}, "entry:0"),
        ({"ContainerEntrypoint": ["sh", "-c", "echo entry:$0,$1"], "ContainerArguments": ["a", "b c"]}, "entry:a,b c"),
    ],
)
def test_entry_point_and_arguments_override_the_image_as_in_docker(
    remote: Remote, tmp_path: Path, given_too: dict[str, list[str]], expected: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys\nprint('image:' + ','.join(sys.argv[1:]))\n")
    images.register(images.Image("team/entry", (sys.executable, str(program))))
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/entry:7"
    name = remote.process("", AppSpecification={"ImageUri": image} | given_too)
    assert status(remote.ended(name)) == "Completed"
    assert remote.log(name) == [expected]
