"""The definition that a request brings: inline or in S3, and checked as the service does; nothing of it is run."""

from __future__ import annotations

from typing import Final

from pipeline.definition import check
from pipeline.limits import Row
from pipeline.local.api_errors import ValidationException
from pipeline.local.kinds import Body
from pipeline.local.service import Service

PARITY: Final = (
    *check.PARITY,
    Row(
        area="pipelines",
        subject="several errors in one definition",
        here="the first in the order of the text",
        aws="one error an answer; which comes first is not established",
    ),
)

_LIMIT: Final = 1_048_576


def given_definition(service: Service, request: Body) -> str | None:
    """The text of the definition of a Create or Update request, None without one. Raises ValidationException."""
    inline, location = request.get("PipelineDefinition"), request.get("PipelineDefinitionS3Location")
    if inline is not None and location is not None:
        raise ValidationException("Both Pipeline Definition and Pipeline Definition S3 Location shouldn't be present")
    text = _from_s3(service, location) if location is not None else inline
    if text is not None:
        for problem in check.check(text):
            if problem.level == "error":
                raise ValidationException(problem.answer)
    return text


def _from_s3(service: Service, location: Body) -> str:
    from pipeline.local.s3.store import S3Error

    bucket, key = location["Bucket"], location["ObjectKey"]
    try:
        with service.objects.reading(bucket, key, location.get("VersionId")) as stored:
            if stored.size > _LIMIT:
                raise ValidationException(f"The pipeline definition s3://{bucket}/{key} is larger than {_LIMIT} bytes.")
            data = b"".join(service.objects.blobs.read(stored.blobs, 0, stored.size))
    except S3Error as error:
        raise ValidationException(
            f"The pipeline definition s3://{bucket}/{key} cannot be read: {error.code}: {error.message}"
        ) from error
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ValidationException(f"The pipeline definition s3://{bucket}/{key} is not UTF-8 text.") from error
