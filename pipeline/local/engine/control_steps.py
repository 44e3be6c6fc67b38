"""Steps that decide: Condition takes a branch, Fail ends the execution with a message."""

from __future__ import annotations

from typing import Final

from pipeline.definition.expression_values import evaluate, render
from pipeline.local.engine.condition_outcomes import holds
from pipeline.local.engine.step_run import Ended, StepRun
from pipeline.local.kinds import StepChanges

_MESSAGE_LIMIT: Final = 3072


def run_condition(run: StepRun) -> Ended:
    """Evaluate the conditions. Metadata says "True" or "False", a reference to Outcome gets a boolean."""
    run.progress("Executing")
    outcome = holds(run.arguments.get("Conditions"), run.scope)
    members: StepChanges = {
        "Metadata": {"Condition": {"Outcome": "True" if outcome else "False"}},
        "_properties": {"Outcome": outcome},
    }
    return Ended("Succeeded", members=members)


def run_fail(run: StepRun) -> Ended:
    """End Failed with the message as it is; an empty message is no failure reason at all."""
    run.progress("Executing")
    message = render(evaluate(run.arguments.get("ErrorMessage", ""), run.scope))[:_MESSAGE_LIMIT]
    return Ended("Failed", message or None, members={"Metadata": {"Fail": {"ErrorMessage": message}}})
