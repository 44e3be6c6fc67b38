"""Script mode: a definition made with the SDK's SKLearn estimator trains unchanged."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator

import pytest

from tests.support.jobs import BUCKET, Bench, channel
from tests.support.service import local_service

Body = dict[str, object]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with local_service(tmp_path_factory.mktemp("script-mode")) as local:
        made = Bench(local)
        made.put("data/train/a.csv", "1,2")
        yield made


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def train(bench: Bench, files: dict[str, str], program: str = "train.py", **hyperparameters: object) -> Body:
    bench.put("source/sourcedir.tar.gz", archive(**files))
    given = {
        "sagemaker_program": program,
        "sagemaker_submit_directory": f"s3://{BUCKET}/source/sourcedir.tar.gz",
        "sagemaker_region": "us-east-1",
    } | hyperparameters
    return bench.train(
        "",
        algorithm={"ContainerEntrypoint": ["train"]},
        channels=[channel("train", "data/train/")],
        HyperParameters={name: json.dumps(value) for name, value in given.items()},
    )


def test_the_script_gets_its_hyperparameters_and_folders(bench: Bench) -> None:
    script = (
        "import argparse, json, os, other\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--epochs', type=int); parser.add_argument('--name'); parser.add_argument('-a')\n"
        "parser.add_argument('--model-dir', default=os.environ['SM_MODEL_DIR'])\n"
        "args = parser.parse_args()\n"
        "text = open(os.path.join(os.environ['SM_CHANNEL_TRAIN'], 'a.csv')).read()\n"
        "open(os.path.join(args.model_dir, 'model'), 'w').write(text)\n"
        "print(json.dumps([args.epochs, args.name, args.a, os.environ['SM_HP_EPOCHS'],"
        " json.loads(os.environ['SM_CHANNELS']), os.environ['SM_CURRENT_HOST'], other.VALUE]))\n"
    )
    files = {"train.py": script, "other.py": "VALUE = 7\n"}
    job = train(bench, files, epochs=3, name="text", a="x y")
    log = bench.log("Training", str(job["TrainingJobName"]))
    assert job["TrainingJobStatus"] == "Completed", log
    assert json.loads(log[-1]) == [3, "text", "x y", "3", ["code", "train"], "algo-1", 7]
    assert bench.keys(f"models/{job['TrainingJobName']}/output/model.tar.gz")


@pytest.mark.long
def test_values_are_written_as_the_toolkit_writes_them(bench: Bench) -> None:
    script = (
        "import json, os, sys\n"
        "print(json.dumps(sys.argv[1:]))\n"
        "print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('SM_')}))\n"
    )
    given = {"flag": True, "list": [1, "a"], "map": {"b": 1, "a": 2}, "none": None, "sagemaker_mpi_enabled": False}
    job = train(bench, {"train.py": script}, **given)
    *_, arguments, variables = bench.log("Training", str(job["TrainingJobName"]))
    expected = ["--flag", "True", "--list", "[1, 'a']", "--map", "a=2,b=1", "--none", ""]
    assert json.loads(arguments) == expected
    found = json.loads(variables)
    shown = ("SM_HP_FLAG", "SM_HP_LIST", "SM_HP_MAP", "SM_HP_NONE")
    assert [found[name] for name in shown] == ["true", '[1,"a"]', '{"a":2,"b":1}', ""]
    assert found["SM_HPS"] == '{"flag":true,"list":[1,"a"],"map":{"a":2,"b":1},"none":null}'
    assert json.loads(found["SM_USER_ARGS"]) == expected
    assert found["SM_FRAMEWORK_PARAMS"] == '{"sagemaker_mpi_enabled":false}'
    assert found["SM_FRAMEWORK_MODULE"] == "sagemaker_sklearn_container.training:main"
    assert found["SM_INSTANCE_GROUPS"] == '["homogeneousCluster"]'
    assert json.loads(found["SM_INSTANCE_GROUPS_DICT"])["homogeneousCluster"]["hosts"] == ["algo-1"]
    assert (found["SM_CURRENT_INSTANCE_GROUP_HOSTS"], found["SM_IS_HETERO"]) == ('["algo-1"]', "false")
    whole = json.loads(found["SM_TRAINING_ENV"])
    assert whole["channel_input_dirs"]["train"] == "/opt/ml/input/data/train"
    assert (whole["job_name"], whole["is_master"]) == (job["TrainingJobName"], True)
    assert whole["hyperparameters"] == {name: value for name, value in given.items() if name != "sagemaker_mpi_enabled"}
    assert whole["resource_config"] == json.loads(found["SM_RESOURCE_CONFIG"])


@pytest.mark.long
def test_a_script_in_a_folder_and_one_beside_a_setup_file(bench: Bench) -> None:
    show = "import os, sys; print(__name__, os.environ['SM_MODULE_NAME'], os.path.relpath(sys.argv[0]), os.getcwd())"
    job = train(bench, {"code/deep.py": show}, "code/deep.py")
    assert bench.log("Training", str(job["TrainingJobName"]))[-1] == "__main__ code/deep code/deep.py /opt/ml/code"
    job = train(bench, {"module.py": show, "setup.py": ""}, "module.py")
    log = bench.log("Training", str(job["TrainingJobName"]))
    assert log[-1] == "__main__ module module.py /opt/ml/code"
    assert any(line.endswith(" -m module") for line in log)


@pytest.mark.long
def test_the_failure_of_a_script_is_told_as_the_toolkit_tells_it(bench: Bench) -> None:
    job = train(bench, {"train.py": "raise ValueError('no such column')"})
    reason = str(job["FailureReason"])
    assert reason.startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage ")
    assert "ValueError: no such column" in reason and reason.endswith("exit code: 1")


@pytest.mark.long
def test_a_shell_script_may_be_the_program(bench: Bench) -> None:
    script = '#!/bin/bash\nlist=($SM_MODEL_DIR "$@"); [[ ${#list[@]} == 3 ]] && echo "${list[@]}"; exit 6'
    job = train(bench, {"go.sh": script}, "go.sh", depth="a b")
    assert "/opt/ml/model --depth a b" in bench.log("Training", str(job["TrainingJobName"]))
    assert str(job["FailureReason"]).endswith("exit code: 6")


@pytest.mark.long
def test_an_archive_that_would_leave_its_folder_is_refused(bench: Bench) -> None:
    job = train(bench, {"../../escape.py": "x", "train.py": ""})
    assert "cannot be unpacked" in str(job["FailureReason"])


@pytest.mark.long
def test_a_source_that_is_not_there_is_said(bench: Bench) -> None:
    job = train(bench, {"train.py": ""}, sagemaker_submit_directory=f"s3://{BUCKET}/nowhere.tar.gz")
    assert f"s3://{BUCKET}/nowhere.tar.gz cannot be fetched" in str(job["FailureReason"])


def test_without_a_program_the_reason_says_so(bench: Bench) -> None:
    job = bench.train("", algorithm={"ContainerEntrypoint": ["train"]}, HyperParameters={"max_depth": "3"})
    assert "sagemaker_program is not set" in str(job["FailureReason"])
