"""What one upsert deploys: three pipelines, the rules between them, and the code of each."""

from __future__ import annotations

import re
from collections import Counter

from pipeline.config.settings_sources import load
from pipeline.deploy import delivery
from pipeline.deploy.plan import UploadCode
from tests.support.clients import aws_alone

SETTINGS = load(
    flags={
        "name": "demo",
        "bucket": "bucket",
        "role": "arn:aws:iam::123456789012:role/pipeline",
        "rollout": {"kind": "all-at-once", "capture_percent": 10},
        "watch": {"retrain": True},
    },
    variables={},
)


def test_the_code_that_each_pipeline_names_goes_up_once() -> None:
    with aws_alone() as clients:
        clients.s3.create_bucket(Bucket="bucket")
        plan = delivery.plan(clients, SETTINGS, cache=None)
    plans = (plan.training, *plan.others)
    named = {uri for one in plans for uri in re.findall(r'"(s3://bucket/demo/code/[0-9a-f]{64})"', one.definition)}
    uploads = [item for one in plans for item in one.instructions if isinstance(item, UploadCode)]
    assert Counter(item.bundle.uri("bucket", "demo") for item in uploads) == Counter(named)
    assert {item.bundle.script for item in uploads} >= {"convert", "validate_endpoint", "rollout_endpoint", "watch"}
