"""What a service refuses, as one line and its remedy.

`translated` turns whatever boto3 raises into an error of ours, so that no command ends in a traceback for a missing
permission or an expired token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipeline.errors import PipelineError, ServiceError, SettingsError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_SIGN_IN: Final = "the credentials have expired: sign in again (`aws sso login`), then repeat the command"
_NOT_VALID: Final = (
    'the credentials are not valid here: check AWS_PROFILE and the region; for localhost, eval "$(pipeline local env)"'
)
_PERMISSION: Final = "ask for the permission: `pipeline policy engineer` prints what the commands need at least"
_BUSY: Final = "the service is busy: wait a moment and repeat the command, it is safe to run twice"
_FAILED: Final = "the service has trouble of its own: wait a moment and repeat the command"
_ROLE: Final = (
    "create the role, with the trust that `pipeline policy pipeline --trust` prints, "
    "or set another `role` in pipeline.toml"
)

_REMEDIES: Final = {
    "ExpiredToken": _SIGN_IN,
    "ExpiredTokenException": _SIGN_IN,
    "RequestExpired": "the clock of this machine is wrong, or the credentials have expired: sign in again",
    "UnrecognizedClientException": _NOT_VALID,
    "InvalidClientTokenId": _NOT_VALID,
    "SignatureDoesNotMatch": _NOT_VALID,
    "AuthFailure": _NOT_VALID,
    "InvalidAccessKeyId": 'the key is not known here: for localhost, eval "$(pipeline local env)"',
    "AccessDenied": _PERMISSION,
    "AccessDeniedException": _PERMISSION,
    "403": _PERMISSION,
    "NoSuchBucket": "create the bucket (`aws s3 mb s3://BUCKET`), or set another `bucket` in pipeline.toml",
    "ThrottlingException": _BUSY,
    "Throttling": _BUSY,
    "TooManyRequestsException": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "SlowDown": _BUSY,
    "InternalFailure": _FAILED,
    "InternalServerError": _FAILED,
    "ServiceUnavailable": _FAILED,
    "500": _FAILED,
    "502": _FAILED,
    "503": _FAILED,
    "ConflictException": "somebody else is changing it: wait a moment and repeat the command, it is safe to run twice",
    "ResourceLimitExceeded": "raise the quota in Service Quotas, or remove what is no longer used (`pipeline clean`)",
    "ResourceNotFound": "`pipeline upsert` creates the pipeline; `pipeline executions` lists what has run",
}

_TAG: Final = re.compile(r"<[^>]*>")

# Where the code says little, the message does: the codes, a pattern of the message, the remedy.
_BY_MESSAGE: Final = (
    (
        ("AccessDenied", "AccessDeniedException"),
        re.compile(r"iam:PassRole"),
        "let who deploys pass the pipeline's role: `pipeline policy ci` prints what is needed",
    ),
    (
        ("ConflictException", "ValidationException"),
        re.compile(r"ClientRequestToken|idempoten", re.I),
        "the token belongs to a start with other parameters: give another --token",
    ),
    (
        ("ValidationError", "ValidationException"),
        re.compile(r"Endpoint .* not found|Could not find endpoint ", re.S),
        "`pipeline start --param Deploy=true` deploys a model to it; --endpoint names another",
    ),
    (
        ("ValidationException",),
        re.compile(r"\brole\b.*(assume|not exist|not found|invalid)|(assume|not exist).*\brole\b", re.I | re.S),
        _ROLE,
    ),
)


# botocore's own exceptions, what they become, in which words ({} are botocore's), and the remedy.
_NOT_SENT: Final[tuple[tuple[tuple[str, ...], type[PipelineError], str, str], ...]] = (
    (
        ("NoCredentialsError", "PartialCredentialsError"),
        ServiceError,
        "no AWS credentials were found",
        "sign in (`aws configure`, `aws sso login`), or use --local for the service on this machine",
    ),
    (
        ("NoRegionError",),
        SettingsError,
        "no region is set",
        "set region in pipeline.toml, or give --set region=REGION",
    ),
    (
        ("ProfileNotFound",),
        SettingsError,
        "{}",
        "set AWS_PROFILE to a profile of ~/.aws/config, or unset it",
    ),
    (("TokenRetrievalError", "SSOError"), ServiceError, "{}", "sign in again: `aws sso login`"),
    (("WaiterError",), ServiceError, "{}", "repeat the command: it goes on where this one ended"),
    (
        ("HTTPClientError", "EndpointConnectionError"),
        ServiceError,
        "the service cannot be reached: {}",
        "check the network and the region; for localhost, `pipeline local status`",
    ),
    (("ParamValidationError",), SettingsError, "a value cannot be sent: {}", ""),
    (("BotoCoreError",), ServiceError, "{}", "check ~/.aws/config and the AWS_* variables"),
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn boto3's exceptions into ServiceError or SettingsError, with what to do next."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _refused(error) from error
    except BotoCoreError as error:
        raise _not_sent(error) from error
    except ValueError as error:
        if not str(error).startswith("Invalid endpoint"):
            raise
        hint = "set AWS_ENDPOINT_URL to an address such as http://HOST:PORT, or unset it"
        raise SettingsError(str(error), hint=hint) from error


def error_code(error: ClientError) -> str:
    """The code of a service's answer, e.g. `ValidationException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_absent(error: ClientError) -> bool:
    """Whether the answer says that there is no such thing; SageMaker has two codes for it."""
    return error_code(error) in ("ResourceNotFound", "ValidationException")


def error_message(error: ClientError) -> str:
    """The message of a service's answer."""
    return str(error.response.get("Error", {}).get("Message", "")) or str(error)


def _refused(error: ClientError) -> ServiceError:
    code, message = error_code(error), _in_a_line(error_message(error))
    special = [remedy for codes, pattern, remedy in _BY_MESSAGE if code in codes and pattern.search(message)]
    remedy = special[0] if special else _REMEDIES.get(code, "")
    bucket = error.response.get("Error", {}).get("BucketName")
    hint = remedy.replace("BUCKET", str(bucket)) if bucket else remedy
    return ServiceError(f"{error.operation_name} was refused ({code}): {message}", hint=hint)


def _not_sent(error: Exception) -> PipelineError:
    """What never reached a service, by the first of the exception's classes that is known."""
    classes = {kind.__name__ for kind in type(error).__mro__}
    kind, words, hint = next((kind, words, hint) for names, kind, words, hint in _NOT_SENT if classes & set(names))
    return kind(words.format(" ".join(str(error).split())), hint=hint)


def _in_a_line(message: str) -> str:
    """A message without line breaks, and without the tags of a page that a proxy or a load balancer sent."""
    return " ".join(_TAG.sub(" ", message).split()) if message.lstrip().startswith("<") else " ".join(message.split())
