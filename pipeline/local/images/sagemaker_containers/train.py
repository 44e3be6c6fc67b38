"""The command `train` of the managed scikit-learn and XGBoost images: runs a user's script as their toolkit does.

Hyperparameters named `sagemaker_...` speak to it, the others become `--name value`; the script finds its
folders in SM_ variables. What goes wrong is said in /opt/ml/output/failure, in the toolkit's words.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .source import SourceError, fetch, installation

_OURS: Final = "sagemaker_"
_OF_EVERY_JOB: Final = (
    "sagemaker_program",
    "sagemaker_submit_directory",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_region",
    "sagemaker_s3_output",
)
"""What the SDK sends with every job; the others that begin so are the framework's."""
_ONLY_IN_TRAINING_ENV: Final = (
    "additional_framework_parameters",
    "channel_input_dirs",
    "is_master",
    "job_name",
    "master_hostname",
)
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
        program = os.environ.get("SAGEMAKER_PROGRAM") or str(given.get("sagemaker_program", ""))
        if not program:
            raise Failure(
                "framework error: \nlocalhost runs this image in script mode only, and the hyperparameter"
                " sagemaker_program is not set."
            )
        code = base / "code"
        try:
            fetch(str(given.get("sagemaker_submit_directory", "")), code)
        except SourceError as error:
            raise Failure(f"framework error: \n{error}") from None
        if install := installation(code):
            _run(install, code, os.environ)
        user = {name: value for name, value in given.items() if not name.startswith(_OURS)}
        if not program.endswith(".py") and (code / program).is_file():
            (code / program).chmod(0o777)
        _run(command(program, user, code), code, os.environ | variables(base, program, given, user))
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


def arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Hyperparameters as a script's arguments: `--name value ...`, by their names."""
    pairs = [(f"{'-' if len(name) == 1 else '--'}{name}", value) for name, value in sorted(hyperparameters.items())]
    return [text for name, value in pairs for text in (name, _argument(value))]


def command(program: str, hyperparameters: Mapping[str, Any], code: Path) -> list[str]:
    """The command line of the script: `python train.py --name value ...`.

    Beside a setup.py it is run as a module; what is no Python file is a command of its own.
    """
    if (code / "setup.py").exists():
        return [sys.executable, "-m", program.removesuffix(".py"), *arguments(hyperparameters)]
    if program.endswith(".py"):
        return [sys.executable, program, *arguments(hyperparameters)]
    return ["/bin/sh", "-c", shlex.join([f"./{program}", *arguments(hyperparameters)])]


def variables(base: Path, program: str, given: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> dict[str, str]:
    """The SM_ variables that a script finds."""
    whole = training_env(base, program, given)
    values = {name: value for name, value in whole.items() if name not in _ONLY_IN_TRAINING_ENV}
    folders = whole["channel_input_dirs"]
    values |= {
        "hps": hyperparameters,
        "framework_params": whole["additional_framework_parameters"],
        "channels": sorted(folders),
        "training_env": whole | {"hyperparameters": hyperparameters},
        "user_args": arguments(hyperparameters),
    }
    values |= {f"channel_{name}": folder for name, folder in folders.items()}
    values |= {f"hp_{name}": value for name, value in hyperparameters.items()}
    return {f"SM_{name.upper()}": _variable(value) for name, value in values.items()}


def training_env(base: Path, program: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the toolkit knows of the job, by the toolkit's names."""
    config, output = base / "input/config", base / "output"
    resources = json.loads((config / "resourceconfig.json").read_text())
    channels = json.loads((config / "inputdataconfig.json").read_text())
    hosts, group = resources["hosts"], resources["current_group_name"]
    groups = {one["instance_group_name"]: one for one in resources["instance_groups"]}
    return {
        "additional_framework_parameters": {
            name: value for name, value in given.items() if name.startswith(_OURS) and name not in _OF_EVERY_JOB
        },
        "channel_input_dirs": {name: str(base / "input/data" / name) for name in channels},
        "current_host": resources["current_host"],
        "current_instance_group": group,
        "current_instance_group_hosts": groups[group]["hosts"],
        "current_instance_type": resources["current_instance_type"],
        "distribution_instance_groups": [],
        "framework_module": os.environ.get("SAGEMAKER_TRAINING_MODULE", ""),
        "hosts": hosts,
        "input_config_dir": str(config),
        "input_data_config": channels,
        "input_dir": str(base / "input"),
        "instance_groups": list(groups),
        "instance_groups_dict": groups,
        "is_hetero": len(groups) > 1,
        "is_master": resources["current_host"] == hosts[0],
        "job_name": os.environ.get("TRAINING_JOB_NAME", ""),
        "log_level": given.get("sagemaker_container_log_level", 20),
        "master_hostname": hosts[0],
        "model_dir": str(base / "model"),
        "module_dir": given.get("sagemaker_submit_directory", ""),
        "module_name": program.removesuffix(".py"),
        "network_interface_name": resources["network_interface_name"],
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": 0,
        "num_neurons": 0,
        "output_data_dir": str(output / "data"),
        "output_dir": str(output),
        "output_intermediate_dir": str(output / "intermediate"),
        "resource_config": resources,
        "user_entry_point": program,
    }


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


def _argument(value: Any) -> str:
    """A value as the toolkit writes it on a command line."""
    if isinstance(value, dict):
        return ",".join(f"{name}={one}" for name, one in sorted(value.items()))
    return "" if value is None else str(value)


def _variable(value: Any) -> str:
    """A value as the toolkit writes it into a variable: text as it is, all else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


if __name__ == "__main__":
    sys.exit(main(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))))
