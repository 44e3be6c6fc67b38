"""The errors of S3, each with the code, the HTTP status and the wording that S3 gives it."""

from __future__ import annotations

from typing import ClassVar


class S3Error(Exception):
    """An answer other than success. `details` become further elements of the XML error, such as `BucketName`."""

    code: str = "InternalError"
    status: ClassVar[int] = 500
    text: ClassVar[str] = "We encountered an internal error. Please try again."

    def __init__(self, message: str = "", **details: str) -> None:
        self.message = message or self.text
        self.details = details
        super().__init__(f"{self.code}: {self.message} {' '.join(details.values())}".rstrip())


class NoSuchBucket(S3Error):
    """No bucket of that name."""

    code = "NoSuchBucket"
    status = 404
    text = "The specified bucket does not exist"


class Damaged(S3Error):
    """The files below an object have gone, or have another length than was acknowledged; the text names the object."""

    def __init__(self, bucket: str, key: str, found: str) -> None:
        super().__init__(
            f"The body of s3://{bucket}/{key} is damaged on the disk of SageMaker on localhost: {found}. "
            "Upload the object again."
        )


class NoSuchKey(S3Error):
    """No object of that key."""

    code = "NoSuchKey"
    status = 404
    text = "The specified key does not exist."


class NoSuchVersion(S3Error):
    """The key is there, that version of it is not."""

    code = "NoSuchVersion"
    status = 404
    text = "The specified version does not exist."


class NoSuchUpload(S3Error):
    """No multipart upload of that id, or it has been completed or aborted."""

    code = "NoSuchUpload"
    status = 404
    text = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted "
        "or completed."
    )


class BucketAlreadyOwnedByYou(S3Error):
    """The bucket exists, and everything here belongs to one account."""

    code = "BucketAlreadyOwnedByYou"
    status = 409
    text = "Your previous request to create the named bucket succeeded and you already own it."


class BucketNotEmpty(S3Error):
    """A bucket goes only when all its objects and versions have gone."""

    code = "BucketNotEmpty"
    status = 409
    text = "The bucket you tried to delete is not empty"


class InvalidBucketName(S3Error):
    """Not a name that S3 gives to buckets."""

    code = "InvalidBucketName"
    status = 400
    text = "The specified bucket is not valid."


class KeyTooLong(S3Error):
    """More than 1024 bytes of UTF-8."""

    code = "KeyTooLongError"
    status = 400
    text = "Your key is too long"


class InvalidPart(S3Error):
    """CompleteMultipartUpload names a part that was not uploaded, or another ETag."""

    code = "InvalidPart"
    status = 400
    text = (
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the "
        "specified entity tag may not match the part's entity tag."
    )


class InvalidPartOrder(S3Error):
    """CompleteMultipartUpload must name the parts in ascending order."""

    code = "InvalidPartOrder"
    status = 400
    text = "The list of parts was not in ascending order. Parts must be ordered by part number."


class EntityTooSmall(S3Error):
    """Every part but the last has at least 5 MiB."""

    code = "EntityTooSmall"
    status = 400
    text = "Your proposed upload is smaller than the minimum allowed size"


class MethodNotAllowed(S3Error):
    """The version asked for is a delete marker, or the method means nothing here."""

    code = "MethodNotAllowed"
    status = 405
    text = "The specified method is not allowed against this resource."
