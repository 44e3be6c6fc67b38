"""One SageMaker endpoint, as its validation sees it: asked, waited for, tagged, put back.

The tag `validated-config` names the configuration that passed last, so that a later one which fails can be replaced
by it; `released` and `released-before` name the versions of the registry that it serves and served. Throttling and
passing faults are retried by botocore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from scripts.endpoints.scaling import Scaling, kept
from scripts.errors import ScriptError

VALIDATED_TAG: Final = "validated-config"
RELEASED_TAG: Final = "released"
BEFORE_TAG: Final = "released-before"
VALIDATION: Final = "validation"
"""The inference id of what the validation asks, by which a watch tells it from what clients ask."""

_WAIT_SECONDS: Final = 1800.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 15.0


def open_clients() -> tuple[Any, Any]:
    """boto3's clients for the control plane and for invocations, as the environment configures them."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=10, read_timeout=70)
    return boto3.client("sagemaker", config=config), boto3.client("sagemaker-runtime", config=config)


@contextmanager
def reason_of(what: str) -> Iterator[None]:
    """AWS's errors within the block become a `ScriptError` about `what`."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        details = error.response["Error"]
        code, text = details.get("Code", "?"), details.get("Message", "")
        raise ScriptError(f"{what}: {error.operation_name}: {code}: {text}") from None
    except BotoCoreError as error:
        raise ScriptError(f"{what}: {error}; check the region, the credentials and the network") from None


class Deployment:
    """The endpoint `name`, through a `sagemaker` and a `sagemaker-runtime` client.

    `scaling` is how it scales, with a client of Application Auto Scaling, which then must not stand in the way.
    """

    def __init__(
        self,
        name: str,
        control: Any,
        runtime: Any,
        *,
        sleep: Callable[[float], None],
        scaling: tuple[Any, Scaling | None] = (None, None),
    ) -> None:
        self.name = name
        self._control = control
        self._runtime = runtime
        self._sleep = sleep
        self._scaling, self._scales = scaling

    def invoke(self, body: bytes, what: str, content_type: str) -> bytes:
        """The endpoint's JSON Lines for some rows; a `ScriptError` names `what` was refused."""
        with reason_of(f"endpoint {self.name}: {what} was not answered"):
            response = self._runtime.invoke_endpoint(
                EndpointName=self.name,
                ContentType=content_type,
                Accept="application/jsonlines",
                InferenceId=VALIDATION,
                Body=body,
            )
            answer: bytes = response["Body"].read()
        return answer

    def find(self) -> dict[str, Any] | None:
        """What DescribeEndpoint tells, or None where there is no such endpoint."""
        from botocore.exceptions import ClientError

        try:
            found: dict[str, Any] = self._control.describe_endpoint(EndpointName=self.name)
        except ClientError as error:
            if "Could not find" in error.response["Error"].get("Message", ""):
                return None
            raise
        return found

    def wait_in_service(
        self, *, seconds: float = _WAIT_SECONDS, seen: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> str:
        """The name of the configuration that the endpoint serves, once it serves; `seen` gets each description."""
        waited, pause = 0.0, _FIRST_PAUSE
        while True:
            found = self._control.describe_endpoint(EndpointName=self.name)
            seen(found)
            status = found["EndpointStatus"]
            if status == "InService":
                return str(found["EndpointConfigName"])
            if status in ("Failed", "OutOfService", "Deleting", "UpdateRollbackFailed"):
                reason = found.get("FailureReason", "no reason is given")
                raise ScriptError(f"endpoint {self.name} is {status}: {reason}")
            if waited >= seconds:
                raise ScriptError(f"endpoint {self.name} is still {status} after {seconds / 60:.0f} minutes")
            self._sleep(pause)
            waited, pause = waited + pause, min(_LONGEST_PAUSE, 1.5 * pause)

    def mark_validated(self, config: str, version: str = "") -> None:
        """Remember on the endpoint itself that `config` passed, and which version of the registry it serves."""
        tags = {VALIDATED_TAG: config}
        if version and (before := self._tags().get(RELEASED_TAG)) != version:
            tags |= {RELEASED_TAG: version} | ({BEFORE_TAG: before} if before else {})
        self._control.add_tags(
            ResourceArn=self._arn(), Tags=[{"Key": name, "Value": value} for name, value in tags.items()]
        )

    def released(self) -> str:
        """The ARN of the version that the last release put into service; empty where none did."""
        return self._tags().get(RELEASED_TAG, "")

    def put_back(self, failed: str) -> str:
        """Serve the configuration validated last instead of `failed`; what came of it, as the end of a sentence."""
        try:
            with reason_of("the endpoint could not be put back"):
                previous = self._tags().get(VALIDATED_TAG)
                if previous is None:
                    return "no configuration was validated before, so it stays as it is"
                if previous == failed:
                    return "the same configuration was validated before, so it stays as it is"
                with kept(self._scaling, self.name, self._scales) as retained:
                    self._control.update_endpoint(EndpointName=self.name, EndpointConfigName=previous, **retained)
                    served = self.wait_in_service()
        except ScriptError as error:
            return str(error)
        if served != previous:
            return f"putting it back to {previous} failed, it serves {served}"
        return f"the endpoint was put back to {previous}"

    def _tags(self) -> dict[str, str]:
        pages = self._control.get_paginator("list_tags").paginate(ResourceArn=self._arn())
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}

    def _arn(self) -> str:
        return str(self._control.describe_endpoint(EndpointName=self.name)["EndpointArn"])
