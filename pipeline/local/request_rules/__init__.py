"""Rules between the members of a request, which botocore's model cannot express: tables, a row each with its source.

They are looked at after the model and before the action, so an action may take them for granted. Only what AWS is known
to refuse is here: what its documentation forbids in so many words, or what somebody saw it refuse.
"""

from __future__ import annotations

from typing import Final

from pipeline.local.api_errors import ValidationException
from pipeline.local.kinds import Body
from pipeline.local.request_rules import job_rules, serving_rules, tuning_rules
from pipeline.local.request_rules.rule_type import Around

RULES: Final = (*job_rules.RULES, *tuning_rules.RULES, *serving_rules.RULES)


def check(operation: str, request: Body, around: Around) -> None:
    """Raise ValidationException for the first rule that a request breaks."""
    if problem := first_problem(operation, request, around):
        raise ValidationException(problem)


def first_problem(operation: str, request: Body, around: Around) -> str:
    """What the first rule says that a request breaks; else an empty text."""
    broken = (rule.problems(request, around) for rule in RULES if rule.operation == operation)
    return next((problem for problems in broken for problem in problems), "")
