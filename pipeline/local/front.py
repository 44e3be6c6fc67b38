"""The HTTP front of the service: who may ask, who signed, which part answers.

SageMaker, its runtime and its metrics are answered here; S3 is handed to `pipeline.local.s3`, all else to moto. A
request passes the guard (Host, Origin), then the signature, then its route; what is refused never reaches
the parts behind.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pipeline.limits import Row
from pipeline.local import disk
from pipeline.local.api_errors import ApiError, InternalFailure, SerializationException, UnknownOperationException
from pipeline.local.console.access import PATH
from pipeline.local.console.pages import Console
from pipeline.local.containers.hosting.invocation import PAYLOAD_LIMIT
from pipeline.local.http import guard, protocols, signature_v2
from pipeline.local.http.listener import Listener, bind
from pipeline.local.http.messages import Disconnected, HttpAnswer, HttpRequest, MalformedRequest
from pipeline.local.http.payload_hash import SIGNED_CHUNKS, Mismatch, checked, read_all
from pipeline.local.http.protocols import Wire
from pipeline.local.http.signature_v4 import claim_of, scope_of
from pipeline.local.http.signed_requests import Credential, SignatureRefused, SignedRequest
from pipeline.local.http.wsgi import environ_of, run
from pipeline.local.identity import fingerprint
from pipeline.local.log_pages import log_events
from pipeline.local.other_aws import sts
from pipeline.local.other_aws.backend import Moto
from pipeline.local.service import Service

_log: Final = logging.getLogger(__name__)

PARITY: Final = (
    Row(
        area="requests",
        subject="region",
        here="one a service; requests to SageMaker that are signed for another are refused",
        aws="each region is a service of its own, at its own address",
    ),
    Row(
        area="requests",
        subject="actions of SageMaker that localhost does not have",
        here="400 UnknownOperationException, with the name of the action",
        aws="all of them exist",
    ),
)

_LARGEST_JSON: Final = 16 << 20
_GRACE_SECONDS: Final = 1.0
"""For the answers under way when the service ends."""
_TARGET: Final = "SageMaker."
_LOG_EVENTS: Final = "Logs_20140328.GetLogEvents"
_BROWSER: Final = "sec-fetch-dest"
_ENDPOINTS: Final = "/endpoints/"


class Front:
    """Answers requests for one service; `start` begins to listen."""

    def __init__(self, service: Service, port: int = 0, *, now: Callable[[], float] = time.time) -> None:
        """Bind 127.0.0.1 at once, so that the address is known. Raises OSError if the port is taken.

        `now` is the time that clients sign with, which is not that of the service where a test sets its clock.
        """
        self._now = now
        self._service = service
        self._key = service.configuration.key
        self._moto = Moto(service.configuration.account, service.kept)
        self._socket = bind(port)
        self._listener = Listener(self._socket, self.answer)
        bound = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{bound}"
        self._console = Console(service, bound)

    def start(self, *, warm: bool = True) -> None:
        """Accept requests; load moto in the background if `warm`, else with the first request that needs it."""
        self._listener.start()
        if warm:
            self._moto.warm()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close(_GRACE_SECONDS)

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The answer to any request; never raises but for a client that is gone."""
        reason = guard.refusal(request)
        if reason:
            return _forbidden(reason)
        if bucket := guard.bucket_of(request.headers["host"]):
            return self._answer(replace(request, bucket=bucket))
        if guard.is_aws(request.headers["host"]):
            return self._answer(request)
        if request.path == "/_health":
            return self._health()
        if request.path == PATH or request.path.startswith(PATH + "/"):
            return self._paged(request)
        return self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpAnswer:
        region, name = scope_of(_signed(request, ""))
        wire = Wire.S3 if request.bucket else protocols.wire_of(request, name)
        try:
            return self._signed_answer(request, wire, name)
        except SignatureRefused as error:
            host = request.headers["host"]
            if error.reason == "missing" and guard.is_aws(host):
                text = f"SageMaker on localhost answers for {host}, and only what is signed."
                return protocols.failure(wire, "AccessDenied", text, 403)
            return protocols.refused(wire, error)
        except ApiError as error:
            return protocols.api_error(wire, error)
        except Mismatch as error:
            return protocols.failure(wire, error.code, error.message, 400)
        except (MalformedRequest, Disconnected):
            raise
        except Exception as error:  # the last line of defence: a fault here is one answer, not the server's end
            _log.exception("%s %s", request.method, request.path)
            text = f"{type(error).__name__} in SageMaker on localhost; its log has the details."
            if disk.is_full(error):
                text = disk.FULL
            return protocols.api_error(wire, InternalFailure(text))

    def _signed_answer(self, request: HttpRequest, wire: Wire, name: str) -> HttpAnswer:
        if wire is Wire.S3:
            return self._s3(request)
        # Before the body is read, so that who has no key cannot hold a thread by sending it slowly.
        claim = claim_of(_signed(request, ""), self._secret, self._now())
        limit = PAYLOAD_LIMIT if request.path.startswith(_ENDPOINTS) else _LARGEST_JSON
        body = read_all(request, limit)
        digest = hashlib.sha256(body).hexdigest()
        credential = claim.verified(_signed(request, digest))
        if credential.payload_hash not in (digest, "UNSIGNED-PAYLOAD"):
            raise SignatureRefused("mismatch", "The body is not the one that was signed.")
        target = request.headers.get("x-amz-target", "")
        if target.startswith(_TARGET) or name == "sagemaker":
            self._check_scope(credential)
            return self._sagemaker(request, target, body)
        if credential.service == "s3":  # moto has an S3 of its own, where nothing of this one's is
            raise SignatureRefused("mismatch", "Credential should be scoped to correct service.")
        if credential.service == "logs":
            # Pages of logs come from their files; for all else moto's view is brought up to date when somebody looks.
            asked = parsed(body)
            path = self._service.logs.file_of(asked) if target == _LOG_EVENTS else None
            if path is not None:
                return protocols.success(log_events(path, asked))
            self._moto.load()
            self._service.logs.deliver(asked)
        if credential.service == "monitoring":
            self._moto.load()
            self._service.hosting.publish_metrics()
        if guard.is_aws(request.headers["host"]):  # moto makes addresses of it, which must lead here
            request = replace(request, headers={**request.headers, "host": urlsplit(self.url).netloc})
        own_key = credential.access_key_id == self._key.access_key_id
        if own_key and sts.asks_who(credential.service, body or request.query.encode()):
            return sts.answer(self._service.configuration.account)
        return self._moto.answer(request, credential.service, body, own_key=own_key)

    def _sagemaker(self, request: HttpRequest, target: str, body: bytes) -> HttpAnswer:
        if target:
            operation = target.removeprefix(_TARGET)
            region = self._service.configuration.region
            return protocols.success(self._service.call(operation, parsed(body), region=region))
        if request.path.startswith(_ENDPOINTS):
            return self._runtime(request, body)
        return self._metrics(request, body)

    def _runtime(self, request: HttpRequest, body: bytes) -> HttpAnswer:
        endpoint, _, action = unquote(request.path).removeprefix(_ENDPOINTS).partition("/")
        if action != "invocations" or request.method != "POST":
            raise UnknownOperationException(f"SageMaker on localhost has no {request.method} {request.path[:200]}.")
        answer = self._service.hosting.invoke(endpoint, body, request.headers)
        headers = [*answer.headers, ("x-amzn-RequestId", protocols.request_id())]
        return HttpAnswer(answer.status, headers, answer.body)

    def _metrics(self, request: HttpRequest, body: bytes) -> HttpAnswer:
        from pipeline.local.api.tracking import metric_points

        actions = {"/BatchPutMetrics": metric_points.batch_put, "/BatchGetMetrics": metric_points.batch_get}
        if request.path not in actions:
            raise UnknownOperationException(f"SageMaker on localhost has no {request.method} {request.path[:200]}.")
        result = actions[request.path](self._service, parsed(body))
        headers = [("Content-Type", "application/json"), ("x-amzn-RequestId", protocols.request_id())]
        return HttpAnswer(200, headers, json.dumps(result).encode())

    def _s3(self, request: HttpRequest) -> HttpAnswer:
        from pipeline.local.s3 import http
        from pipeline.local.s3.http.request import Plane

        signed = _signed(request, "")
        if request.bucket and signature_v2.is_presigned(request.query):
            signed = replace(signed, path=f"/{request.bucket}{request.path}")
        if signature_v2.is_presigned(request.query) and "authorization" not in request.headers:
            credential, chunks = signature_v2.verify(signed, self._secret, self._now()), None
        else:
            claim = claim_of(signed, self._secret, self._now())
            credential = claim.verified(signed)
            chunks = claim.chunks() if credential.payload_hash in SIGNED_CHUNKS else None
        environ = environ_of(request)
        environ["wsgi.input"] = checked(request.body, request.length, credential.payload_hash)
        environ["pipeline.chunks"] = chunks
        configuration = self._service.configuration
        plane = Plane(self._service.objects, configuration.account, configuration.region)
        answer = run(lambda given, start: http.handle(plane, given, start), environ)
        if _BROWSER in request.headers:
            # What somebody has put into a bucket must not act as a page of the console, which has the same address.
            answer.headers.append(("Content-Security-Policy", "sandbox"))
        return answer

    def _secret(self, access_key_id: str) -> str | None:
        if access_key_id == self._key.access_key_id:
            return self._key.secret_access_key
        return self._moto.secret_of(access_key_id)

    def _check_scope(self, credential: Credential) -> None:
        region = self._service.configuration.region
        if credential.service != "sagemaker":
            raise SignatureRefused("mismatch", "Credential should be scoped to correct service: 'sagemaker'.")
        if credential.region != region:
            raise SignatureRefused(
                "mismatch",
                f"Credential should be scoped to a valid region. SageMaker on localhost is in {region}, "
                f"the request was signed for {credential.region}.",
            )

    def _paged(self, request: HttpRequest) -> HttpAnswer:
        try:
            return self._console.answer(request)
        except Exception:  # a page that cannot be shown is one page, not the server's end
            _log.exception("%s", request.path)
            return HttpAnswer(
                500, [("Content-Type", "text/plain")], b"This page cannot be shown; server.log says why.\n"
            )

    def _health(self) -> HttpAnswer:
        body = {"service": "pipeline.local", "key": fingerprint(self._key.access_key_id)}
        return HttpAnswer(200, [("Content-Type", "application/json")], json.dumps(body).encode())


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises SerializationException."""
    if not body:
        return {}
    try:
        text = body.decode("utf-8")
        found = json.loads(text, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise SerializationException("The request is nested too deeply.") from None
    except ValueError as error:
        raise SerializationException(f"The request is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise SerializationException("The request must be a JSON object.")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _signed(request: HttpRequest, digest: str) -> SignedRequest:
    return SignedRequest(request.method, request.path, request.query, request.headers, digest)


def _forbidden(reason: str) -> HttpAnswer:
    headers = [("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff")]
    return HttpAnswer(403, headers, json.dumps({"__type": "AccessDeniedException", "message": reason}).encode())
