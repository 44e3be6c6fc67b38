"""The errors of S3, each with the code, the HTTP status and the wording that S3 gives it."""

from __future__ import annotations


class S3Error(Exception):
    """An answer other than success. `details` become further elements of the XML error, such as `BucketName`."""

    code = "InternalError"
    status = 500
    text = "We encountered an internal error. Please try again."

    def __init_subclass__(cls, *, code: str = "", status: int = 400, text: str = "") -> None:
        """The code is the class's name unless it is given."""
        cls.code, cls.status, cls.text = code or cls.__name__, status, text

    def __init__(self, message: str = "", **details: str) -> None:
        self.message = message or self.text
        self.details = details
        super().__init__(f"{self.code}: {self.message} {' '.join(details.values())}".rstrip())


class NoSuchBucket(S3Error, status=404, text="The specified bucket does not exist"):
    """No bucket of that name."""


class Damaged(S3Error, code="InternalError", status=500):
    """The files below an object have gone, or have another length than was acknowledged; the text names the object."""

    def __init__(self, bucket: str, key: str, found: str) -> None:
        super().__init__(
            f"The body of s3://{bucket}/{key} is damaged on the disk of SageMaker on localhost: {found}. "
            "Upload the object again."
        )


class NoSuchKey(S3Error, status=404, text="The specified key does not exist."):
    """No object of that key."""


class NoSuchVersion(S3Error, status=404, text="The specified version does not exist."):
    """The key is there, that version of it is not."""


class NoSuchUpload(
    S3Error,
    status=404,
    text="The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted "
    "or completed.",
):
    """No multipart upload of that id, or it has been completed or aborted."""


class BucketAlreadyOwnedByYou(
    S3Error, status=409, text="Your previous request to create the named bucket succeeded and you already own it."
):
    """The bucket exists, and everything here belongs to one account."""


class BucketNotEmpty(S3Error, status=409, text="The bucket you tried to delete is not empty"):
    """A bucket goes only when all its objects and versions have gone."""


class InvalidBucketName(S3Error, text="The specified bucket is not valid."):
    """Not a name that S3 gives to buckets."""


class KeyTooLong(S3Error, code="KeyTooLongError", text="Your key is too long"):
    """More than 1024 bytes of UTF-8."""


class InvalidPart(
    S3Error,
    text="One or more of the specified parts could not be found. The part may not have been uploaded, or the "
    "specified entity tag may not match the part's entity tag.",
):
    """CompleteMultipartUpload names a part that was not uploaded, or another ETag."""


class InvalidPartOrder(
    S3Error, text="The list of parts was not in ascending order. Parts must be ordered by part number."
):
    """CompleteMultipartUpload must name the parts in ascending order."""


class EntityTooSmall(S3Error, text="Your proposed upload is smaller than the minimum allowed size"):
    """Every part but the last has at least 5 MiB."""


class MethodNotAllowed(S3Error, status=405, text="The specified method is not allowed against this resource."):
    """The version asked for is a delete marker, or the method means nothing here."""
