"""When a step is done again and when it is not done at all: retries and caching, the same for all steps.

Neither is part of a step's cache key.
"""

from __future__ import annotations

from typing import Final

from sagemaker.mlops.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig

# A run of the same work, no older than this, stands in for a new one.
CACHED: Final = CacheConfig(enable_caching=True, expire_after="P30D")

# Throttled calls and faults of the service pass by themselves, soon.
CALL_RETRIES: Final = [
    StepRetryPolicy(
        exception_types=[StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING],
        interval_seconds=5,
        backoff_rate=2.0,
        max_attempts=5,
    )
]

# A job that AWS itself broke is tried again soon; for instances to become free may take long. A quota does
# not grow by waiting, so SageMaker.RESOURCE_LIMIT is left to fail at once.
JOB_RETRIES: Final = [
    *CALL_RETRIES,
    SageMakerJobStepRetryPolicy(
        failure_reason_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR],
        interval_seconds=30,
        backoff_rate=2.0,
        max_attempts=3,
    ),
    SageMakerJobStepRetryPolicy(
        failure_reason_types=[SageMakerJobExceptionTypeEnum.CAPACITY_ERROR],
        interval_seconds=60,
        backoff_rate=1.5,
        expire_after_mins=120,
    ),
]
