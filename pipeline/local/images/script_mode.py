"""The command `train` of the managed scikit-learn and XGBoost images: runs a user's script as their toolkit does.

It is copied into the container of a job and run there, so it uses the standard library only, and boto3 to fetch
the source archive. Hyperparameters named `sagemaker_...` speak to it, the others become `--name value`; the script
finds its folders in SM_ variables. What goes wrong is said in /opt/ml/output/failure, in the toolkit's words.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_OURS: Final = "sagemaker_"
_ERROR_LINES: Final = 20


class Failure(Exception):
    """The job fails with this text and exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def main(base: Path) -> int:
    """Run the script below `base` (/opt/ml); the exit code of the job."""
    try:
        given = decoded(json.loads((base / "input/config/hyperparameters.json").read_text()))
        program = given.get("sagemaker_program")
        if not program:
            raise Failure(
                "framework error: \nlocalhost runs this image in script mode only, and the hyperparameter"
                " sagemaker_program is not set."
            )
        code = base / "code"
        fetch(str(given.get("sagemaker_submit_directory", "")), code)
        requirements = code / "requirements.txt"
        if requirements.exists():
            _run([sys.executable, "-m", "pip", "install", "-r", str(requirements)], code, os.environ)
        user = {name: value for name, value in given.items() if not name.startswith(_OURS)}
        _run(command(str(program), user), code, os.environ | variables(base, str(program), given, user))
    except Failure as failure:
        (base / "output/failure").write_text(str(failure))
        print(failure, file=sys.stderr)
        return failure.code
    (base / "output/success").touch()
    return 0


def decoded(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Hyperparameters as the SDK wrote them: JSON in strings; a string that is no JSON stands for itself."""
    values: dict[str, Any] = {}
    for name, text in hyperparameters.items():
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def fetch(source: str, code: Path) -> None:
    """Unpack the source archive (in S3, or a folder or archive of the container). Raises Failure."""
    code.mkdir(parents=True, exist_ok=True)
    archive = Path(source)
    if source.startswith("s3://"):
        import boto3

        bucket, _, key = source.removeprefix("s3://").partition("/")
        archive = code / ".sourcedir.tar.gz"
        try:
            boto3.client("s3").download_file(bucket, key, str(archive))
        except Exception as error:
            raise Failure(f"framework error: \n{source} cannot be fetched: {error}") from None
    if not source or archive.is_dir():
        # The code lies there already; the program is found from its folder.
        for entry in archive.iterdir() if source else ():
            target = code / entry.name
            if not target.exists():
                target.symlink_to(entry)
        return
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(code, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise Failure(f"framework error: \n{source} cannot be unpacked: {error}") from None


def command(program: str, hyperparameters: Mapping[str, Any]) -> list[str]:
    """The command line of the script: `python train.py --name value ...`, by the hyperparameters' names."""
    interpreter = ["/bin/sh"] if program.endswith(".sh") else [sys.executable]
    arguments: list[str] = []
    for name, value in sorted(hyperparameters.items()):
        arguments += [f"{'-' if len(name) == 1 else '--'}{name}", _text(value)]
    return [*interpreter, program, *arguments]


def variables(base: Path, program: str, given: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> dict[str, str]:
    """The SM_ variables that a script finds."""
    config = base / "input/config"
    resources = json.loads((config / "resourceconfig.json").read_text())
    channels = json.loads((config / "inputdataconfig.json").read_text())
    values: dict[str, Any] = {
        "HOSTS": resources["hosts"],
        "CURRENT_HOST": resources["current_host"],
        "CURRENT_INSTANCE_TYPE": resources["current_instance_type"],
        "CURRENT_INSTANCE_GROUP": resources["current_group_name"],
        "INSTANCE_GROUPS": resources["instance_groups"],
        "NETWORK_INTERFACE_NAME": resources["network_interface_name"],
        "HPS": dict(hyperparameters),
        "USER_ENTRY_POINT": program,
        "MODULE_NAME": Path(program).stem,
        "MODULE_DIR": given.get("sagemaker_submit_directory", ""),
        "RESOURCE_CONFIG": resources,
        "INPUT_DATA_CONFIG": channels,
        "INPUT_DIR": str(base / "input"),
        "INPUT_CONFIG_DIR": str(config),
        "OUTPUT_DIR": str(base / "output"),
        "OUTPUT_DATA_DIR": str(base / "output/data"),
        "OUTPUT_INTERMEDIATE_DIR": str(base / "output/intermediate"),
        "MODEL_DIR": str(base / "model"),
        "CHANNELS": sorted(channels),
        "NUM_CPUS": os.cpu_count() or 1,
        "NUM_GPUS": 0,
        "NUM_NEURONS": 0,
        "LOG_LEVEL": given.get("sagemaker_container_log_level", 20),
        "FRAMEWORK_PARAMS": {name: value for name, value in given.items() if name.startswith(_OURS)},
        "USER_ARGS": command(program, hyperparameters)[2:],
    }
    values |= {f"CHANNEL_{name.upper()}": str(base / "input/data" / name) for name in channels}
    values |= {f"HP_{name.upper()}": value for name, value in hyperparameters.items()}
    shown = {f"SM_{name}": _text(value) for name, value in values.items()}
    shown["SM_TRAINING_ENV"] = json.dumps({name.lower(): value for name, value in values.items()})
    return shown


def _run(argv: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command with its output in the job's log. Raises Failure with its last lines."""
    (folder.parent / "output/intermediate").mkdir(parents=True, exist_ok=True)
    print(f"Invoking script with the following command:\n\n{' '.join(argv)}\n", flush=True)
    last: list[str] = []
    path = os.pathsep.join(filter(None, (str(folder), environment.get("PYTHONPATH"))))
    with subprocess.Popen(
        argv,
        cwd=folder,
        env={**environment, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = [*last[1 - _ERROR_LINES :], line]
    if process.returncode:
        code = process.returncode if process.returncode > 0 else 128 - process.returncode
        text = "".join(last).strip()
        raise Failure(
            f'ExecuteUserScriptError:\nExitCode {code}\nErrorMessage "{text}"\nCommand "{" ".join(argv)}"', code
        )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


if __name__ == "__main__":
    sys.exit(main(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))))
