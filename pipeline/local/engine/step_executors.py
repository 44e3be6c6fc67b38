"""The step types that run here, and the run of one step from its start to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from pipeline.definition.expression_values import EvaluationError
from pipeline.limits import Row
from pipeline.local import disk
from pipeline.local.engine.cleanup_steps import run_cleanup
from pipeline.local.engine.control_steps import run_condition, run_fail
from pipeline.local.engine.endpoint_steps import EndpointDeployment
from pipeline.local.engine.execution_records import Poisonous
from pipeline.local.engine.external_steps import run_callback, run_lambda
from pipeline.local.engine.for_each_steps import run_for_each
from pipeline.local.engine.lineage_steps import run_lineage
from pipeline.local.engine.resource_steps import Creation, Registration
from pipeline.local.engine.step_run import Closing, Ended, StepRun
from pipeline.local.kinds import StepChanges

_log: Final = logging.getLogger(__name__)

PARITY: Final = (
    Row(
        area="pipelines",
        subject="AutoML, QualityCheck, ClarifyCheck, EMR, Bedrock and other step types without an engine here",
        here="accepted at create, refused at start with the name of the step and its type",
        aws="run",
    ),
)

RUNNERS: Final[dict[str, Callable[[StepRun], Ended]]] = {
    "Processing": lambda run: Creation(run)(),
    "Training": lambda run: Creation(run)(),
    "Transform": lambda run: Creation(run)(),
    "Tuning": lambda run: Creation(run)(),
    "Model": lambda run: Creation(run)(),
    "EndpointConfig": lambda run: Creation(run)(),
    "RegisterModel": lambda run: Registration(run)(),
    "Endpoint": lambda run: EndpointDeployment(run)(),
    "Condition": run_condition,
    "Fail": run_fail,
    "ForEach": run_for_each,
    "Lineage": run_lineage,
    "Cleanup": run_cleanup,
    "Lambda": run_lambda,
    "Callback": run_callback,
}


def run_step(run: StepRun) -> str | None:
    """Run a step whose row is there, write how it ended, and answer its status; None if the service goes down."""
    try:
        if run.resumed:
            run.records.take_up_step(run.node.name)
        ended = RUNNERS[run.node.type](run)
    except Closing:
        run.survived()
        return None
    except Poisonous as error:
        ended = Ended("Failed", f"InternalServerError: {error}")
    except EvaluationError as error:
        ended = Ended("Failed", f"ClientError: {error}")
    except Exception as error:
        # A fault of ours must end the step, or the execution would hang in Executing.
        if run.halt.closing.is_set():
            return None
        _log.exception("step %s of %s", run.node.name, run.arn)
        ended = Ended("Failed", f"InternalServerError: {type(error).__name__}: {error}")
    members: StepChanges = {**ended.members, "FailureReason": ended.reason}
    disk.once_there_is_room(
        lambda: run.progress(ended.status, **members),
        closed=run.halt.closing.is_set,
    )
    return ended.status
