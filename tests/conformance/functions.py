"""The Lambda functions that third-party definitions call here."""

from __future__ import annotations

from typing import Any


def start_job(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer as a function that starts a long job elsewhere: a status code and a name."""
    assert event["region"] == "us-east-1" and event["config"] == '{"a": 1}', event
    return {"statusCode": 200, "job_arn": f"arn:of:{event['name']}"}


def broken(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Leave out what the step declares."""
    return {"statusCode": 500}
