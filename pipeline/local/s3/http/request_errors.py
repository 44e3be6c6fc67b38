"""The errors of S3 that only a request over HTTP can meet; those of the data itself are in `store.s3_errors`."""

from __future__ import annotations

from pipeline.local.s3.store.s3_errors import S3Error


class InvalidRequest(S3Error, text="Invalid Request"):
    """A combination of headers or parameters that cannot be."""


class InvalidArgument(S3Error, text="Invalid Argument"):
    """A parameter or header whose value cannot be."""


class InvalidURI(S3Error, text="Couldn't parse the specified URI."):
    """A path that is no UTF-8."""


class MalformedXML(
    S3Error, text="The XML you provided was not well-formed or did not validate against our published schema"
):
    """A body that is no XML, or not the XML of this action."""


class EntityTooLarge(S3Error, text="Your proposed upload exceeds the maximum allowed size"):
    """A document larger than any that S3 takes."""


class IncompleteBody(
    S3Error, text="You did not provide the number of bytes specified by the Content-Length HTTP header"
):
    """Fewer bytes than Content-Length said."""


class MissingContentLength(S3Error, status=411, text="You must provide the Content-Length HTTP header."):
    """A body of unknown length."""


class BadDigest(S3Error, text="The Content-MD5 you specified did not match what we received."):
    """The body is not the one that the checksum was made of."""


class InvalidDigest(S3Error, text="The Content-MD5 you specified was invalid."):
    """A Content-MD5 that is no MD5."""


class MalformedTrailer(
    S3Error,
    code="MalformedTrailerError",
    text="The request contained trailing data that was not well-formed or did not conform to our published schema.",
):
    """Trailers other than those that were announced."""


class PreconditionFailed(S3Error, status=412, text="At least one of the pre-conditions you specified did not hold"):
    """An If-Match, If-None-Match or If-Unmodified-Since that does not hold."""


class NotModified(S3Error, status=304, text="Not Modified"):
    """An If-None-Match or If-Modified-Since that does not hold for a read: no body, status 304."""


class InvalidRange(S3Error, status=416, text="The requested range is not satisfiable"):
    """A range that begins after the end."""


class InvalidPartNumber(S3Error, status=416, text="The requested partnumber is not satisfiable"):
    """A partNumber that the object does not have."""


class MetadataTooLarge(S3Error, text="Your metadata headers exceed the maximum allowed metadata size"):
    """More than 2 KB of metadata."""


class TooManyTags(S3Error, code="BadRequest", text="Object tags cannot be greater than 10"):
    """More than ten tags."""


class InvalidTag(S3Error, text="The TagValue you have provided is invalid"):
    """Tags that S3 does not take."""


class InvalidStorageClass(S3Error, text="The storage class you specified is not valid"):
    """A storage class that S3 does not have."""


class AccessDenied(S3Error, status=403, text="Access Denied"):
    """The expected bucket owner is another account."""


class IllegalLocationConstraint(
    S3Error,
    code="IllegalLocationConstraintException",
    text="The location constraint is incompatible for the region specific endpoint this request was sent to.",
):
    """A bucket for another region than the one asked."""


class InvalidLocationConstraint(S3Error, text="The specified location-constraint is not valid"):
    """us-east-1 is the one region that may not be named."""


class UnknownAction(S3Error, code="NotImplemented", text="SageMaker on localhost has no such S3 action."):
    """An action of S3 that localhost does not have; the message names it."""


class NoSuchDocument(S3Error, status=404):
    """A bucket without the sub-resource asked for; the code is that of the sub-resource."""

    def __init__(self, code: str, message: str, bucket: str) -> None:
        super().__init__(message, BucketName=bucket)
        self.code = code
