"""The errors of S3 that only a request over HTTP can meet; those of the data itself are in `objects.errors`."""

from __future__ import annotations

from pipeline.local.s3.store.errors import S3Error


class InvalidRequest(S3Error):
    """A combination of headers or parameters that cannot be."""

    code = "InvalidRequest"
    status = 400
    text = "Invalid Request"


class InvalidArgument(S3Error):
    """A parameter or header whose value cannot be."""

    code = "InvalidArgument"
    status = 400
    text = "Invalid Argument"


class InvalidURI(S3Error):
    """A path that is no UTF-8."""

    code = "InvalidURI"
    status = 400
    text = "Couldn't parse the specified URI."


class MalformedXML(S3Error):
    """A body that is no XML, or not the XML of this action."""

    code = "MalformedXML"
    status = 400
    text = "The XML you provided was not well-formed or did not validate against our published schema"


class EntityTooLarge(S3Error):
    """A document larger than any that S3 takes."""

    code = "EntityTooLarge"
    status = 400
    text = "Your proposed upload exceeds the maximum allowed size"


class IncompleteBody(S3Error):
    """Fewer bytes than Content-Length said."""

    code = "IncompleteBody"
    status = 400
    text = "You did not provide the number of bytes specified by the Content-Length HTTP header"


class MissingContentLength(S3Error):
    """A body of unknown length."""

    code = "MissingContentLength"
    status = 411
    text = "You must provide the Content-Length HTTP header."


class BadDigest(S3Error):
    """The body is not the one that the checksum was made of."""

    code = "BadDigest"
    status = 400
    text = "The Content-MD5 you specified did not match what we received."


class InvalidDigest(S3Error):
    """A Content-MD5 that is no MD5."""

    code = "InvalidDigest"
    status = 400
    text = "The Content-MD5 you specified was invalid."


class MalformedTrailer(S3Error):
    """Trailers other than those that were announced."""

    code = "MalformedTrailerError"
    status = 400
    text = "The request contained trailing data that was not well-formed or did not conform to our published schema."


class PreconditionFailed(S3Error):
    """An If-Match, If-None-Match or If-Unmodified-Since that does not hold."""

    code = "PreconditionFailed"
    status = 412
    text = "At least one of the pre-conditions you specified did not hold"


class NotModified(S3Error):
    """An If-None-Match or If-Modified-Since that does not hold for a read: no body, status 304."""

    code = "NotModified"
    status = 304
    text = "Not Modified"


class InvalidRange(S3Error):
    """A range that begins after the end."""

    code = "InvalidRange"
    status = 416
    text = "The requested range is not satisfiable"


class InvalidPartNumber(S3Error):
    """A partNumber that the object does not have."""

    code = "InvalidPartNumber"
    status = 416
    text = "The requested partnumber is not satisfiable"


class MetadataTooLarge(S3Error):
    """More than 2 KB of metadata."""

    code = "MetadataTooLarge"
    status = 400
    text = "Your metadata headers exceed the maximum allowed metadata size"


class TooManyTags(S3Error):
    """More than ten tags."""

    code = "BadRequest"
    status = 400
    text = "Object tags cannot be greater than 10"


class InvalidTag(S3Error):
    """Tags that S3 does not take."""

    code = "InvalidTag"
    status = 400
    text = "The TagValue you have provided is invalid"


class AccessDenied(S3Error):
    """The expected bucket owner is another account."""

    code = "AccessDenied"
    status = 403
    text = "Access Denied"


class IllegalLocationConstraint(S3Error):
    """A bucket for another region than the one asked."""

    code = "IllegalLocationConstraintException"
    status = 400
    text = "The location constraint is incompatible for the region specific endpoint this request was sent to."


class InvalidLocationConstraint(S3Error):
    """us-east-1 is the one region that may not be named."""

    code = "InvalidLocationConstraint"
    status = 400
    text = "The specified location-constraint is not valid"


class UnknownAction(S3Error):
    """An action of S3 that localhost does not have; the message names it."""

    code = "NotImplemented"
    status = 400
    text = "SageMaker on localhost has no such S3 action."


class NoSuchDocument(S3Error):
    """A bucket without the sub-resource asked for; the code is that of the sub-resource."""

    status = 404

    def __init__(self, code: str, message: str, bucket: str) -> None:
        super().__init__(message, BucketName=bucket)
        self.code = code
