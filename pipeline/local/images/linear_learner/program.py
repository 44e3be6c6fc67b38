"""`train` as the container runs it: read the configuration, read the channels, train, write the artefact.

Exit codes are the container's: 0, 1 for a fault of the algorithm, 2 for the customer's, 3 for the platform's. The
reason goes to the log and to output/failure, whose first 1024 characters become the job's FailureReason.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.images.linear_learner import hyperparameters
from pipeline.local.images.linear_learner.channels import Channel, read_channels, read_json
from pipeline.local.images.linear_learner.container_errors import AlgorithmError, CustomerError, LinearLearnerError
from pipeline.local.images.linear_learner.interruption import Interruption
from pipeline.local.images.linear_learner.log import Log

CHECKPOINTS: Final = "input/config/checkpointconfig.json"
PARITY: Final = (
    Row(
        area="linear-learner",
        subject="CheckpointConfig",
        here="no checkpoints are written or read: a training takes seconds",
        aws="managed spot training resumes from checkpoints",
    ),
)


def run(root: Path, log: Log | None = None, interruption: Interruption | None = None) -> int:
    """Run a training job whose /opt/ml lies at `root`; the exit code of the container."""
    log = log or Log(thread=threading.get_ident())
    try:
        _train(root, log, interruption or Interruption())
    except LinearLearnerError as error:
        return _fail(root, log, error)
    except MemoryError:
        return _fail(root, log, _out_of_memory())
    except Exception as error:
        log.line(_trace(error))
        return _fail(root, log, AlgorithmError(f"{type(error).__name__}: {error}"))
    finally:
        log.flush()
    return 0


def _train(root: Path, log: Log, interruption: Interruption) -> None:
    given = read_json(root, "hyperparameters.json")
    log.configuration(given, hyperparameters.DEFAULTS, hyperparameters.merge(given))
    parameters = hyperparameters.parse(given)
    channels = read_channels(root)
    _announce(channels, log, checkpoints=(root / CHECKPOINTS).exists())
    log.flush()
    # Only now is numpy needed: a bad hyperparameter or channel is refused without it.
    from pipeline.local.images.linear_learner import artifact, channel_reading, checks, training_job

    rows = channel_reading.load_all(channels, parameters)
    checks.check(rows, parameters)
    model = training_job.train(rows, parameters, log, interruption)
    target = root / "model" / artifact.FILE_NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    artifact.write(target, model)


def _announce(channels: dict[str, Channel], log: Log, *, checkpoints: bool) -> None:
    log.line("Process 1 is a worker.")
    log.info("Using default worker.")
    if not checkpoints:
        log.info("Checkpoint loading and saving are disabled.")
    for channel in channels.values():
        if channel.pipe:
            log.info(f"The channel '{channel.name}' is in pipe input mode under /opt/ml/input/data/{channel.name}.")
    for _ in range(len(channels) - 1):
        log.tensorio("warning", "TensorIO is already initialized; ignoring the initialization routine.")


def _fail(root: Path, log: Log, error: LinearLearnerError) -> int:
    text = str(error)
    log.record("ERROR", text)
    output = root / "output"
    output.mkdir(parents=True, exist_ok=True)
    (output / "failure").write_text(text, encoding="utf-8")
    return error.exit_code


def _out_of_memory() -> CustomerError:
    return CustomerError(
        "Out of Memory. Please use a larger instance type or reduce batch size. For additional hyper-parameters that "
        "may have an effect on memory usage, please check the algorithm documentation."
    )


def _trace(error: Any) -> str:
    import traceback

    return "".join(traceback.format_exception(error)).rstrip()
