"""Script mode: an inference script in the style of AWS's scikit-learn examples serves and predicts unchanged."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from pipeline.local.containers.hosting import serving_container
from tests.support.jobs import Bench, channel
from tests.support.service import ROLE, local_service
from tests.support.serving import BUCKET, Deployer, archive, told_to_strangers

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SOURCE = f"s3://{BUCKET}/source/sourcedir.tar.gz"
# One script for both, with paths as the images have them.
TRAIN_AND_SERVE = """
import argparse, os
import joblib, numpy as np
from sklearn.linear_model import LogisticRegression


def model_fn(model_dir):
    assert model_dir == "/opt/ml/model"
    return joblib.load(os.path.join(model_dir, "model.joblib"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--inverse-strength", type=float, default=1.0)
    parser.add_argument("--model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--train", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    args = parser.parse_args()
    data = np.loadtxt(os.path.join(args.train, "train.csv"), delimiter=",")
    model = LogisticRegression(C=args.inverse_strength).fit(data[:, 1:], data[:, 0])
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))
"""
SUM = "class Sum:\n    def predict(self, rows): return rows.sum(axis=-1)\ndef model_fn(folder): return Sum()\n"
ENCODED = """
from sagemaker_containers.beta.framework import content_types, encoders, env, modules, transformer, worker
def model_fn(folder): return None
def input_fn(text, content_type):
    if content_type != content_types.CSV: raise ValueError(f"{content_type} is not supported by this script!")
    return text.split(",")
def predict_fn(parts, model): return [len(part) for part in parts]
def output_fn(lengths, accept):
    if accept == "application/json": return worker.Response(encoders.encode(lengths, accept), mimetype=accept)
    return ";".join(map(str, lengths)), accept
"""
WHOLE = "def model_fn(folder): return 2\ndef transform_fn(*given): return repr(given), 'text/plain'\n"


@pytest.fixture(scope="module")
def deployer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    with local_service(tmp_path_factory.mktemp("serving-scripts")) as local:
        yield Deployer(local)


def model(deployer: Deployer, name: str, script: str, environment: Mapping[str, str] | None = None) -> str:
    """A model whose archive holds the code, as the SDK repacks it."""
    where = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    given = where if environment is None else environment
    return deployer.model(name, IMAGE, {"code/inference.py": script.encode()}, Environment=given)


def deployed(deployer: Deployer, name: str, script: str, environment: Mapping[str, str] | None = None) -> Any:
    return deployer.endpoint(name, deployer.configuration(name, model(deployer, name, script, environment)))


def log(deployer: Deployer, name: str) -> list[str]:
    events = deployer.local.logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
    return [event["message"] for event in events]


@pytest.mark.long
def test_one_script_trains_serves_and_predicts_in_batch(deployer: Deployer) -> None:
    bench = Bench(deployer.local)
    bench.put("train/train.csv", "".join(f"{int(x > 5)},{x},{-x}\n" for x in range(11)))
    source = archive({"train.py": TRAIN_AND_SERVE.encode()})
    deployer.local.s3.put_object(Bucket=BUCKET, Key="source/sourcedir.tar.gz", Body=source)
    given = {"sagemaker_program": "train.py", "sagemaker_submit_directory": SOURCE, "inverse-strength": 100.0}
    trained = bench.train(
        "",
        algorithm={"ContainerEntrypoint": ["train"]},
        channels=[channel("train", "train/")],
        HyperParameters={name: json.dumps(value) for name, value in given.items()},
    )
    assert trained["TrainingJobStatus"] == "Completed", bench.log("Training", trained["TrainingJobName"])
    container = {
        "Image": IMAGE,
        "ModelDataUrl": trained["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": SOURCE},
    }
    deployer.client.create_model(ModelName="both", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    found = deployer.endpoint("both", deployer.configuration("both", "both"))
    assert found["EndpointStatus"] == "InService", log(deployer, "both")
    assert 403 in told_to_strangers(deployer.local)
    answer = deployer.invoke("both", "1,-1\n9,-9\n", Accept="text/csv")
    assert (answer["Body"], answer["ContentType"]) == (b"0.0\n1.0\n", "text/csv; charset=utf-8")

    bench.put("batch/rows.csv", "a,1,-1\nb,9,-9\n")
    deployer.client.create_transform_job(
        TransformJobName="both",
        ModelName="both",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/batch/"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": "s3://bucket/predicted", "Accept": "text/csv", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
    )
    done = bench.ended("Transform", "both")
    assert done["TransformJobStatus"] == "Completed", done
    assert bench.get("predicted/rows.csv.out") == b"a,0.0\nb,1.0\n"


def test_requests_are_read_and_answered_in_the_default_types(deployer: Deployer) -> None:
    assert deployed(deployer, "sum", SUM)["EndpointStatus"] == "InService", log(deployer, "sum")
    array = io.BytesIO()
    np.save(array, np.array([[1, 2], [3, 4]]))
    requests = {"text/csv": b"1,2\n3,4\n", "application/json": b"[[1,2],[3,4]]", "application/x-npy": array.getvalue()}
    for content_type, body in requests.items():
        assert json.loads(deployer.invoke("sum", body, content_type)["Body"]) == [3, 7], "JSON is the default"
        assert float(deployer.invoke("sum", body, content_type, Accept="text/csv")["Body"].split()[1]) == 7
        answered = deployer.invoke("sum", body, content_type, Accept="application/x-npy")["Body"]
        assert np.load(io.BytesIO(answered)).tolist() == [3, 7]
    assert deployer.invoke("sum", b"1,2\n3,4", Accept="text/csv")["Body"] == b"3.0\n7.0\n"


@pytest.mark.long
def test_a_script_may_read_and_write_by_itself(deployer: Deployer) -> None:
    assert deployed(deployer, "encoded", ENCODED)["EndpointStatus"] == "InService", log(deployer, "encoded")
    as_json = deployer.invoke("encoded", "a,bb", Accept="application/json")
    assert (as_json["Body"], as_json["ContentType"]) == (b"[1, 2]", "application/json")
    as_other = deployer.invoke("encoded", "a,bb", Accept="application/x-own")
    assert (as_other["Body"], as_other["ContentType"]) == (b"1;2", "application/x-own")
    assert deployed(deployer, "whole", WHOLE)["EndpointStatus"] == "InService", log(deployer, "whole")
    answer = deployer.invoke("whole", b"\xff", "application/x-own", Accept="text/plain")
    assert answer["Body"] == b"(2, b'\\xff', 'application/x-own', 'text/plain')"


@pytest.mark.long
def test_an_error_of_the_script_is_a_server_error_with_its_traceback_in_the_log(deployer: Deployer) -> None:
    deployed(deployer, "picky", ENCODED)
    with pytest.raises(ClientError) as caught:
        deployer.invoke("picky", "x", "application/x-image")
    response: Any = caught.value.response
    assert response["OriginalStatusCode"] == 500 and "Internal Server Error" in response["OriginalMessage"]
    assert "ValueError: application/x-image is not supported by this script!" in log(deployer, "picky")
    assert deployer.invoke("picky", "abc", Accept="application/json")["Body"] == b"[3]", "it still serves"


@pytest.mark.parametrize(
    ("name", "script", "environment", "words"),
    [
        pytest.param(
            "raises",
            "def model_fn(folder): return open(folder + '/absent')",
            None,
            "No such file or directory",
            marks=pytest.mark.long,
        ),
        ("broken", "import absent_module", None, "No module named 'absent_module'"),
        pytest.param("without", "x = 1", None, "inference.py has no model_fn", marks=pytest.mark.long),
        pytest.param("unnamed", SUM, {}, "SAGEMAKER_PROGRAM is not set", marks=pytest.mark.long),
        pytest.param(
            "absent",
            SUM,
            {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{BUCKET}/absent.tar.gz"},
            "absent.tar.gz cannot be fetched",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_script_that_cannot_serve_fails_the_endpoint_and_the_log_says_why(
    deployer: Deployer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    script: str,
    environment: dict[str, str] | None,
    words: str,
) -> None:
    # That a container which ends is started again, and how often, is shown where endpoints are tested.
    monkeypatch.setattr(serving_container, "_STARTS", 1)
    found = deployed(deployer, name, script, environment)
    assert found["EndpointStatus"] == "Failed" and "did not pass the ping health check" in found["FailureReason"]
    assert any(words in line for line in log(deployer, name)), log(deployer, name)
