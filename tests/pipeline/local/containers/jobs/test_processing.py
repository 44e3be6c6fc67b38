"""Processing jobs as a script sees them, and as a client sees them."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import os
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.containers.sandbox.confinement import Isolation
from pipeline.local.containers.sandbox.container import best_isolation
from tests.support.jobs import BUCKET, CODE, IMAGE, Bench, output, prefix
from tests.support.service import ROLE, local_service
from tests.support.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with local_service(tmp_path_factory.mktemp("processing")) as local:
        yield Bench(local)


def tree(folder: str) -> str:
    return (
        "import json, os\n"
        f"top = {folder!r}\n"
        "found = {os.path.relpath(os.path.join(d, f), top): open(os.path.join(d, f)).read()"
        " for d, _, fs in os.walk(top) for f in fs}\n"
        "print(json.dumps(found))\n"
    )


def test_a_script_with_fixed_paths_runs_unchanged(bench: Bench) -> None:
    bench.put("raw/a.csv", "1,2\n")
    job = bench.process(
        "import sys\n"
        "text = open('/opt/ml/processing/input/data/a.csv').read()\n"
        "open('/opt/ml/processing/output/train/b.csv', 'w').write(text + sys.argv[1])\n"
        "open('/opt/ml/output/message', 'w').write('1 row')\n",
        "3,4",
        inputs=[prefix("data", "raw/", "input/data")],
        outputs=[output("train", "made", "output/train")],
    )
    assert job["ProcessingJobStatus"] == "Completed", job
    assert job["ExitMessage"] == "1 row"
    assert "FailureReason" not in job
    assert bench.get("made/b.csv") == b"1,2\n3,4"
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"] == job["LastModifiedTime"]


@pytest.mark.parametrize("kind", sorted({best_isolation(), Isolation.NONE}))
def test_paths_given_as_arguments_and_environment_work_with_and_without_namespaces(
    bench: Bench, kind: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.local.containers.jobs.job_runner.best_isolation", lambda: kind)
    bench.put("raw2/a.csv", "x")
    job = bench.process(
        "import json, os, sys\n"
        "config = json.load(open(os.environ['CONFIG']))\n"
        "folder = config['ProcessingInputs'][1]['S3Input']['LocalPath']\n"
        "text = open(folder + '/a.csv').read()\n"
        "open(sys.argv[1] + '/copy', 'w').write(text)\n",
        "/opt/ml/processing/output/o",
        env={"CONFIG": "/opt/ml/config/processingjobconfig.json"},
        inputs=[prefix("data", "raw2", "input/data")],
        outputs=[output("o", f"made-{kind.value or 'none'}", "output/o")],
    )
    assert job["ProcessingJobStatus"] == "Completed", bench.log("Processing", job["ProcessingJobName"])
    assert bench.get(f"made-{kind.value or 'none'}/copy") == b"x"
    first = bench.log("Processing", job["ProcessingJobName"])[:1]
    assert [line.startswith("[localhost] this system allows no mount namespace") for line in first] == (
        [True] if kind is Isolation.NONE else []
    )


def test_the_configuration_files_are_those_of_the_service(bench: Bench) -> None:
    bench.put("cfg/x", "x")
    job = bench.process(
        "import json\n"
        "names = ('processingjobconfig', 'resourceconfig')\n"
        "print(json.dumps({name: json.load(open(f'/opt/ml/config/{name}.json')) for name in names}))\n",
        inputs=[prefix("data", "cfg/x", "input/data")],
        outputs=[output("o", "o", "output/o")],
        env={"KEY": "VALUE"},
    )
    name = job["ProcessingJobName"]
    shown = bench.json("Processing", name)
    assert shown["processingjobconfig"] == {
        "ProcessingJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:processing-job/{name}",
        "ProcessingJobName": name,
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
            "ContainerArguments": None,
        },
        "Environment": {"KEY": "VALUE"},
        "ProcessingInputs": [
            {
                "InputName": input_name,
                "S3Input": {
                    "LocalPath": f"/opt/ml/processing/input/{input_name}",
                    "S3Uri": uri,
                    "S3DataDistributionType": "FullyReplicated",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3CompressionType": "None",
                    "S3DownloadMode": "StartOfJob",
                },
            }
            for input_name, uri in (("code", f"s3://{BUCKET}/code/{name}/"), ("data", f"s3://{BUCKET}/cfg/x"))
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "o",
                    "S3Output": {
                        "LocalPath": "/opt/ml/processing/output/o",
                        "S3Uri": f"s3://{BUCKET}/o",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
            "KmsKeyId": None,
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.xlarge",
                "VolumeSizeInGB": 1,
                "VolumeKmsKeyId": None,
            }
        },
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    }
    assert shown["resourceconfig"]["current_host"] == "algo-1"
    assert shown["resourceconfig"]["hosts"] == ["algo-1"]


def test_the_environment_is_made_from_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-real-one")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    job = bench.process(
        "import json, os\nprint(json.dumps(dict(os.environ)))\n",
        env={
            "MINE": "1",
            "AWS_PROFILE": "prod",
            "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
            "AWS_DEFAULT_REGION": "eu-west-1",
        },
    )
    shown: dict[str, str] = bench.json("Processing", job["ProcessingJobName"])
    key = bench.local.service.configuration.key
    assert shown["MINE"] == "1"
    assert {name: value for name, value in shown.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": bench.local.url,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(bench.local.service.state.egress / "aws-config"),
        "AWS_CA_BUNDLE": str(bench.local.service.state.egress / "ca-bundle.pem"),
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    assert "HTTP_PROXY" not in shown and "TRAINING_JOB_ARN" not in shown
    assert shown["HOME"].startswith(str(bench.local.service.state.jobs))


def test_boto3_in_a_script_reaches_the_service(bench: Bench) -> None:
    job = bench.process(
        "import boto3\n"
        f"boto3.client('s3').put_object(Bucket={BUCKET!r}, Key='from-script', Body=b'yes')\n"
        "sts = boto3.client('sts', endpoint_url='https://sts.amazonaws.com')\n"
        "assert sts.get_caller_identity()['Account'] == '123456789012'\n"
        "print(boto3.client('sagemaker').list_processing_jobs(MaxResults=1)['ResponseMetadata']['HTTPStatusCode'])\n"
    )
    assert bench.log("Processing", job["ProcessingJobName"]) == ["200"]
    assert bench.get("from-script") == b"yes"


def test_a_prefix_is_a_prefix_of_keys(bench: Bench) -> None:
    for key in ("p/test/a", "p/test/sub/b", "p/test_small/c", "p/other"):
        bench.put(key, key)
    job = bench.process(tree("/opt/ml/processing/input/data"), inputs=[prefix("data", "p/test", "input/data")])
    assert bench.json("Processing", job["ProcessingJobName"]) == {
        "a": "p/test/a",
        "sub/b": "p/test/sub/b",
        "test_small/c": "p/test_small/c",
    }


def test_a_single_object_gets_its_own_name(bench: Bench) -> None:
    bench.put("single/deep/data.csv", "1")
    job = bench.process(
        tree("/opt/ml/processing/input/data"), inputs=[prefix("data", "single/deep/data.csv", "input/data")]
    )
    assert bench.json("Processing", job["ProcessingJobName"]) == {"data.csv": "1"}


def test_a_manifest_names_objects(bench: Bench) -> None:
    for name in ("a", "sub/b", "c"):
        bench.put(f"m/{name}", name)
    bench.put("lists/some", json.dumps([{"prefix": f"s3://{BUCKET}/m/"}, "a", "sub/b"]))
    job = bench.process(
        tree("/opt/ml/processing/input/data"),
        inputs=[prefix("data", "lists/some", "input/data", S3DataType="ManifestFile")],
    )
    assert bench.json("Processing", job["ProcessingJobName"]) == {"a": "a", "sub/b": "sub/b"}


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("no json", "is no JSON"),
        ('["a"]', "must be"),
        (f'[{{"prefix": "s3://{BUCKET}/m/"}}, "absent"]', f"s3://{BUCKET}/m/absent is gone"),
        (f'[{{"prefix": "s3://{BUCKET}/m/"}}, "../../../escape"]', "leaves the folder"),
    ],
)
def test_a_manifest_that_cannot_be_followed_fails_the_job(bench: Bench, manifest: str, reason: str) -> None:
    bench.put("lists/bad", manifest)
    bench.put("m/../../../escape", "x")
    job = bench.process("", inputs=[prefix("data", "lists/bad", "input/data", S3DataType="ManifestFile")])
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:")
    assert reason in job["FailureReason"]


def test_objects_are_sharded_over_instances_that_run_side_by_side(bench: Bench) -> None:
    for index in range(5):
        bench.put(f"shards/{index}", str(index))
    script = (
        "import json, os, time\n"
        "config = json.load(open('/opt/ml/config/resourceconfig.json'))\n"
        "host = config['current_host']\n"
        "names = sorted(os.listdir('/opt/ml/processing/input/data'))\n"
        "both = sorted(os.listdir('/opt/ml/processing/input/both'))\n"
        "open('/opt/ml/output/message', 'w').write(host + ';')\n"
        "print('up', flush=True)\n"
        "go = '/opt/ml/processing/output/o/go'\n"
        "while not os.path.exists(go): time.sleep(0.02)\n"
        "os.remove(go)\n"
        "open(f'/opt/ml/processing/output/o/{host}.json', 'w').write(json.dumps([names, both, config['hosts']]))\n"
    )
    job = bench.process(
        script,
        inputs=[
            prefix("data", "shards/", "input/data", S3DataDistributionType="ShardedByS3Key"),
            prefix("both", "shards/", "input/both"),
        ],
        outputs=[output("o", "sharded", "output/o")],
        count=3,
        wait=False,
    )
    name, hosts = job["ProcessingJobName"], ("algo-1", "algo-2", "algo-3")
    for host in hosts:
        until(lambda host=host: "up" in bench.log("Processing", name, host))  # type: ignore[misc]
    for host in hosts:
        (bench.local.service.state.jobs / "processing-job" / name / host / "ml/processing/output/o/go").touch()
    job = bench.ended("Processing", name)
    assert job["ProcessingJobStatus"] == "Completed", job
    made = {key: json.loads(bench.get(key)) for key in bench.keys("sharded/")}
    assert sorted(made) == [f"sharded/algo-{n}.json" for n in (1, 2, 3)]
    assert sorted(name for names, *_ in made.values() for name in names) == list("01234")
    assert all(names and both == list("01234") for names, both, *_ in made.values())
    assert made["sharded/algo-1.json"][2] == ["algo-1", "algo-2", "algo-3"]
    assert job["ExitMessage"] == "algo-1;algo-2;algo-3;"


def test_one_instance_that_fails_fails_the_job_and_ends_the_others(bench: Bench) -> None:
    script = (
        "import json, sys, time\n"
        "if json.load(open('/opt/ml/config/resourceconfig.json'))['current_host'] == 'algo-2': sys.exit(9)\n"
        "time.sleep(60)\n"
    )
    job = bench.process(script, count=2)
    assert (job["ProcessingJobStatus"], job["FailureReason"]) == ("Failed", "AlgorithmError: , exit code: 9")


def test_gzip_is_unpacked_in_pipe_mode(bench: Bench) -> None:
    bench.put("zipped/a.csv.gz", gzip.compress(b"1,2"))
    given = prefix("data", "zipped/", "input/data", S3CompressionType="Gzip", S3InputMode="Pipe")
    job = bench.process(tree("/opt/ml/processing/input/data"), inputs=[given])
    assert bench.json("Processing", job["ProcessingJobName"]) == {"a.csv": "1,2"}


def test_a_continuous_output_arrives_while_the_job_runs(bench: Bench) -> None:
    script = (
        "import os, time\n"
        "open('/opt/ml/processing/output/o/first', 'w').write('1')\n"
        "while not os.path.exists('/opt/ml/processing/output/o/go'): time.sleep(0.02)\n"
        "open('/opt/ml/processing/output/o/last', 'w').write('2')\n"
    )
    job = bench.process(script, outputs=[output("o", "live", "output/o", "Continuous")], wait=False)
    until(lambda: bench.keys("live/") == ["live/first"])
    name = job["ProcessingJobName"]
    assert bench.local.service.call("DescribeProcessingJob", job)["ProcessingJobStatus"] == "InProgress"
    (bench.local.service.state.jobs / "processing-job" / name / "algo-1/ml/processing/output/o/go").touch()
    assert bench.ended("Processing", name)["ProcessingJobStatus"] == "Completed"
    assert bench.keys("live/") == ["live/first", "live/go", "live/last"]


def test_links_in_outputs_are_not_followed(bench: Bench) -> None:
    script = (
        "import os\n"
        "os.symlink('/etc/passwd', '/opt/ml/processing/output/o/link')\n"
        "os.symlink('/etc', '/opt/ml/processing/output/o/folder')\n"
        "open('/opt/ml/processing/output/o/file', 'w').write('f')\n"
        "os.symlink('/etc/passwd', '/opt/ml/output/message')\n"
        "os.rmdir('/opt/ml/processing/output/whole')\n"
        "os.symlink('/etc', '/opt/ml/processing/output/whole')\n"
    )
    outputs = [output("o", "links", "output/o"), output("whole", "links/whole", "output/whole")]
    job = bench.process(script, outputs=outputs)
    assert bench.keys("links/") == ["links/file"]
    assert "ExitMessage" not in job


def test_the_outputs_of_a_failed_job_are_uploaded(bench: Bench) -> None:
    script = "open('/opt/ml/processing/output/o/partial', 'w').write('p'); raise SystemExit(3)"
    job = bench.process(script, outputs=[output("o", "failed", "output/o")])
    assert job["ProcessingJobStatus"] == "Failed"
    assert bench.get("failed/partial") == b"p"


def test_an_output_to_no_bucket_fails_the_job(bench: Bench) -> None:
    target = output("o", "x", "output/o")
    target["S3Output"]["S3Uri"] = "s3://no-such-bucket/x"
    job = bench.process("open('/opt/ml/processing/output/o/f', 'w').write('p')", outputs=[target])
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed:s3://no-such-bucket/x/f: ")


@pytest.mark.parametrize("code", [1, 3, 42])
def test_the_reason_of_a_failure_is_its_exit_code(bench: Bench, code: int) -> None:
    job = bench.process(f"raise SystemExit({code})")
    assert (job["ProcessingJobStatus"], job["FailureReason"]) == ("Failed", f"AlgorithmError: , exit code: {code}")


def test_an_entry_point_that_is_not_there_is_code_127(bench: Bench) -> None:
    application = {"ImageUri": IMAGE, "ContainerEntrypoint": ["no-such-program"]}
    job = bench.process("", AppSpecification=application)
    assert job["FailureReason"] == "AlgorithmError: , exit code: 127"


def test_an_exit_message_is_cut_to_one_kilobyte_of_whole_characters(bench: Bench) -> None:
    job = bench.process("open('/opt/ml/output/message', 'w', encoding='utf-8').write('ä' * 2000); raise SystemExit(1)")
    assert job["ExitMessage"] == "ä" * 512
    assert job["FailureReason"] == "AlgorithmError: , exit code: 1"


def test_a_large_exit_message_is_no_error(bench: Bench) -> None:
    job = bench.process("open('/opt/ml/output/message', 'w', encoding='utf-8').write('x' + 'ä' * 1_000_000)")
    assert (job["ProcessingJobStatus"], len(job["ExitMessage"].encode())) == ("Completed", 1023)


def test_an_exit_message_that_is_not_utf8_fails_the_job(bench: Bench) -> None:
    job = bench.process("open('/opt/ml/output/message', 'wb').write(b'\\xff\\xfe')")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert "ExitMessage" not in job


def test_stop_lets_the_job_end_and_uploads_what_is_there(bench: Bench) -> None:
    script = (
        "import signal, sys, time\n"
        "def bye(*_):\n"
        "    open('/opt/ml/processing/output/o/bye', 'w').write('b')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, bye)\n"
        "print('up')\n"
        "while True: time.sleep(0.05)\n"
    )
    job = bench.process(script, outputs=[output("o", "stopped", "output/o")], wait=False)
    name = job["ProcessingJobName"]
    bench.until_logged("Processing", name, "up")
    bench.local.sagemaker.stop_processing_job(ProcessingJobName=name)
    ended = bench.ended("Processing", name)
    assert ended["ProcessingJobStatus"] == "Stopped" and "FailureReason" not in ended
    assert bench.get("stopped/bye") == b"b"


def test_a_job_that_will_not_stop_is_killed_after_the_grace(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.local.service.jobs, "grace", 0.3)
    script = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\ntime.sleep(60)\n"
    name = bench.process(script, wait=False)["ProcessingJobName"]
    bench.until_logged("Processing", name, "up")
    bench.local.service.call("StopProcessingJob", {"ProcessingJobName": name})
    body = bench.local.service.call("DescribeProcessingJob", {"ProcessingJobName": name})
    assert body["ProcessingJobStatus"] == "Stopping"
    assert bench.ended("Processing", name)["ProcessingJobStatus"] == "Stopped"


def test_max_runtime_stops_a_job(bench: Bench) -> None:
    job = bench.process(f"import time; time.sleep({PATIENCE})", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert job["ProcessingJobStatus"] == "Stopped"
    assert 1.0 <= job["ProcessingEndTime"] - job["ProcessingStartTime"] < PATIENCE


def test_the_log_of_a_job_tells_which_libraries_its_image_has_otherwise(bench: Bench) -> None:
    tagged = {"ImageUri": IMAGE.partition(":")[0] + ":1.2-1-cpu-py3", "ContainerEntrypoint": ["echo", "hello"]}
    job = bench.process("", AppSpecification=tagged)
    told, printed = bench.log("Processing", job["ProcessingJobName"])
    assert told.startswith("[localhost] on AWS sagemaker-scikit-learn:1.2-1-cpu-py3 has numpy 1.24.1 (here ")
    assert printed == "hello"


def test_the_output_is_in_cloudwatch_while_the_job_runs_and_in_a_file(bench: Bench) -> None:
    script = "import sys, time\nprint('one\\ttwo')\nprint('err', file=sys.stderr)\ntime.sleep(60)\n"
    job = bench.process(script, wait=False)
    name = job["ProcessingJobName"]
    bench.until_logged("Processing", name, "err")
    group = "/aws/sagemaker/ProcessingJobs"
    streams = bench.local.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    created = int(bench.local.service.call("DescribeProcessingJob", job)["CreationTime"])
    assert [stream["logStreamName"] for stream in streams] == [f"{name}/algo-1-{created}"]
    events = bench.local.logs.get_log_events(
        logGroupName=group, logStreamName=f"{name}/algo-1-{created}", startFromHead=True
    )["events"]
    assert [event["message"] for event in events] == ["one#011two", "err"]
    assert all(abs(event["timestamp"] / 1000 - time.time()) < PATIENCE for event in events)
    assert "one#011two" in (bench.local.service.state.jobs / "processing-job" / name / "log").read_text()
    bench.local.service.call("StopProcessingJob", job)
    bench.ended("Processing", name)


def test_keys_that_would_leave_the_job_folder_are_refused(bench: Bench) -> None:
    bench.put("evil/../../../../../../escaped", "x")
    job = bench.process("", inputs=[prefix("data", "evil/", "input/data")])
    assert job["ProcessingJobStatus"] == "Failed"
    assert "leaves the folder that it is downloaded to" in job["FailureReason"]
    assert not list(Path(bench.local.service.state.root).rglob("escaped"))


def test_keys_that_are_both_file_and_folder_fail_the_job_with_the_key(bench: Bench) -> None:
    bench.put("both/a", "1")
    bench.put("both/a/b", "2")
    job = bench.process("", inputs=[prefix("data", "both/", "input/data")])
    assert job["FailureReason"].startswith(f"ClientError: Data download failed:s3://{BUCKET}/both/a")


def test_a_job_runs_the_code_from_s3_not_the_checkout(bench: Bench) -> None:
    """The checkout has a module of this name that reads otherwise, as if it had been edited after the upload."""
    assert (Path(__file__).parents[5] / "scripts" / "convert.py").exists()
    bench.put("bundle/scripts/__init__.py", "")
    bench.put("bundle/scripts/convert.py", "print('uploaded')")
    given: dict[str, Any] = {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-m", "scripts.convert"]}
    inputs = [prefix("bundle", "bundle/scripts/", "input/code/scripts")]
    env = {"PYTHONPATH": "/opt/ml/processing/input/code"}
    job = bench.process("", AppSpecification=given, ProcessingInputs=inputs, env=env)
    assert bench.log("Processing", job["ProcessingJobName"]) == ["uploaded"]
    gone = bench.process("", AppSpecification=given, env=env)
    assert gone["ProcessingJobStatus"] == "Failed"
    assert "No module named 'scripts'" in bench.log("Processing", gone["ProcessingJobName"])[-1]


def test_the_names_of_the_instances_are_this_machine(bench: Bench) -> None:
    script = "import socket\nprint([socket.gethostbyname(host) for host in ('algo-1', 'algo-2')])\n"
    job = bench.process(script, count=2)
    assert bench.log("Processing", job["ProcessingJobName"]) == ["['127.0.0.1', '127.0.0.1']"]


@pytest.mark.parametrize("isolated", [True, False])
def test_network_isolation_leaves_a_job_its_own_loopback_only(bench: Bench, isolated: bool) -> None:
    script = (
        "import os, socket\n"
        "own = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(own.getsockname()).close()\n"
        "host, _, port = os.environ['AWS_ENDPOINT_URL'].removeprefix('http://').partition(':')\n"
        "try: socket.create_connection((host, int(port)), 2).close(); print('reached')\n"
        "except OSError: print('alone')\n"
    )
    job = bench.process(script, NetworkConfig={"EnableNetworkIsolation": isolated})
    expected = "alone" if isolated and best_isolation() else "reached"
    assert bench.log("Processing", job["ProcessingJobName"]) == [expected]


def test_a_job_dies_before_the_service_when_memory_runs_out(bench: Bench) -> None:
    job = bench.process("print(open('/proc/self/oom_score_adj').read().strip())")
    assert bench.log("Processing", job["ProcessingJobName"]) == ["900"]


def test_a_script_is_told_that_xgboost_is_not_here(bench: Bench) -> None:
    assert importlib.util.find_spec("xgboost") is None, "a library that this project does not need"
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
    application = {"ImageUri": image, "ContainerEntrypoint": ["python3", f"{CODE}/script.py"]}
    bench.put("code/asks/script.py", "import xgboost")
    job = bench.process("", AppSpecification=application, ProcessingInputs=[prefix("code", "code/asks/", "input/code")])
    assert job["ProcessingJobStatus"] == "Failed"
    assert (
        "has xgboost, the interpreter of SageMaker on localhost has not"
        in bench.log("Processing", job["ProcessingJobName"])[-1]
    )


@pytest.mark.long
def test_pip_installs_into_the_job_only(bench: Bench) -> None:
    """By a subprocess, for the very process that asks for it: also what the interpreter has itself, and sources."""
    bench.put("wheels/tiny_thing-1.0-py3-none-any.whl", wheel("tiny_thing"))
    bench.put("wheels/mlxtend-1.0-py3-none-any.whl", wheel("mlxtend"))
    bench.put("wheels/tiny_backend-1.0-py3-none-any.whl", wheel("tiny_backend", _BACKEND))
    bench.put("wheels/from_source-1.0.tar.gz", source("from_source"))
    script = (
        "import subprocess, sys\n"
        "wheels = '/opt/ml/processing/input/wheels'\n"
        "command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-index', '--find-links', wheels]\n"
        "names = ['tiny_thing', 'mlxtend==1.0', 'from_source']\n"
        "subprocess.run([*command, *names], check=True)\n"
        "import tiny_thing, mlxtend, from_source\n"
        "for module in (tiny_thing, mlxtend, from_source): print(module.__file__)\n"
    )
    job = bench.process(script, inputs=[prefix("wheels", "wheels/", "input/wheels")])
    log = bench.log("Processing", job["ProcessingJobName"])
    assert len(log) == 3 and all(line.startswith(str(bench.local.service.state.jobs)) for line in log), log
    assert importlib.util.find_spec("tiny_thing") is None


_BACKEND = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "from_source-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as archive:
        archive.writestr("from_source/__init__.py", "")
        info = "from_source-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: from_source\\nVersion: 1.0\\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{info}/RECORD", "")
    return name
"""


def source(name: str) -> bytes:
    """A source distribution that pip builds in an environment of its own, with what it installs there by itself."""
    buffer = io.BytesIO()
    files = {
        "pyproject.toml": '[build-system]\nrequires = ["tiny_backend"]\nbuild-backend = "tiny_backend"\n',
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
    }
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"{name}-1.0/{file}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def wheel(name: str, code: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{name}/__init__.py", code)
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return buffer.getvalue()


@pytest.mark.long
def test_ten_jobs_run_at_once(bench: Bench) -> None:
    script = f"import time; print('up'); time.sleep({PATIENCE})"
    names = [bench.process(script, wait=False)["ProcessingJobName"] for _ in range(10)]
    for name in names:
        bench.until_logged("Processing", name, "up")
    for name in names:
        bench.local.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert {bench.ended("Processing", name)["ProcessingJobStatus"] for name in names} == {"Stopped"}


def test_what_a_job_leaves_on_the_disk_is_its_log(bench: Bench) -> None:
    job = bench.process("print('x')")
    assert [
        path.name for path in (bench.local.service.state.jobs / "processing-job" / job["ProcessingJobName"]).iterdir()
    ] == ["log"]


@pytest.mark.long
def test_no_descriptor_is_left_open(bench: Bench) -> None:
    bench.process("")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        bench.process("")
    until(lambda: len(os.listdir("/proc/self/fd")) <= before + 1)
