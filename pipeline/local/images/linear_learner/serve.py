"""The serving half of linear-learner: answers /ping, /invocations and /execution-parameters with a trained model.

One process loads the model and forks its workers, which share the listening socket; a worker that dies is
replaced. Only numpy is imported, so that the endpoint is ready in about a fifth of a second.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers are the parallelism; must be set before numpy

from pipeline.limits import Row  # noqa: E402
from pipeline.local.http.listener import Listener  # noqa: E402
from pipeline.local.http.messages import HttpAnswer, HttpRequest  # noqa: E402
from pipeline.local.http.payload_hash import read_all  # noqa: E402
from pipeline.local.images.linear_learner import artifact, requests, responses  # noqa: E402
from pipeline.local.images.linear_learner.container_errors import LinearLearnerError  # noqa: E402
from pipeline.local.images.linear_learner.model import Model  # noqa: E402
from pipeline.local.resource_names import CONTAINER_KEY, CONTAINER_KEY_HEADER  # noqa: E402

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="NaN or infinity in a request",
        here="400 `unable to evaluate payload provided`, the reason in the log",
        aws="not established: no answer to such a request is public",
    ),
    Row(
        area="linear-learner",
        subject="a model that cannot be loaded",
        here="the container ends with exit code 1 and says why in the log, so that the endpoint fails within a second",
        aws="the sibling's server answers 500 `unable to load model`",
    ),
    Row(
        area="linear-learner",
        subject="recordIO requests whose features are not float32",
        here="400, as training refuses them",
        aws="not established for requests: training is documented to take float32 only",
    ),
)

DEFAULT_PORT: Final = 8080
DEFAULT_LIMIT: Final = 6 * 1024**2
REFUSAL: Final = b"unable to evaluate payload provided"
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_AWAITED: Final = (*_SIGNALS, signal.SIGCHLD)
_LOOK_SECONDS: Final = 1.0
"""How often a worker looks whether its parent still lives."""
_GRACE_SECONDS: Final = 20.0
"""For the answers under way when it is told to end; who told it kills it after thirty."""

Log = Callable[[str, str], None]


def print_log(level: str, message: str) -> None:
    """One line in the container's style on stdout."""
    stamp = time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime())
    sys.stdout.write(f"[{stamp} {level} {threading.get_ident()}] {message}\n")
    sys.stdout.flush()


class Application:
    """What a request is answered with."""

    def __init__(self, model: Model, environ: Mapping[str, str], workers: int, log: Log) -> None:
        self._model = model
        self._key = environ.get(CONTAINER_KEY, "").encode()
        self._limit = body_limit(environ)
        self._lock = threading.Lock()
        self._accept = environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", responses.JSON)
        self._workers = workers
        self._log = log

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        """Answer one request. Raises BadRequest for a body that is too large, Disconnected."""
        given = request.headers.get(CONTAINER_KEY_HEADER, "").encode()
        if self._key and not hmac.compare_digest(given, self._key):
            return _text(403, b"only the service that started this container is answered")
        body = read_all(request, self._limit)
        with self._lock:  # one at a time: the workers are the parallelism, and clients who send slowly hold nobody
            return self._answer(request, body)

    def _answer(self, request: HttpRequest, body: bytes) -> HttpAnswer:
        method, path = request.method, request.path
        if path == "/invocations":
            return self._invoke(request.headers, body) if method == "POST" else HttpAnswer(405)
        if path == "/ping":
            return _text(200) if method == "GET" else HttpAnswer(405)
        if path == "/execution-parameters":
            return self._parameters() if method == "GET" else HttpAnswer(405)
        return HttpAnswer(404)

    def _invoke(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        if not body:
            return HttpAnswer(204)
        try:
            rows = requests.read_rows(headers.get("content-type", ""), body, self._model.feature_dim)
            kind, found = responses.encode(self._model.predict(rows), self._wanted(headers.get("accept", "")))
            return HttpAnswer(200, [("Content-Type", kind)], found)
        except requests.UnsupportedContentType as error:
            self._log("ERROR", f"Customer Error: Content-type {error} not supported")
            return _text(415, f"content-type {error} not supported".encode())
        except requests.BadRequest as error:
            self._log("ERROR", f"Customer Error: {error}")
            return _text(400, REFUSAL)
        except Exception as error:
            self._log("ERROR", f"Algorithm Error: {type(error).__name__}: {error}")
            return _text(500, b"Internal Server Error")

    def _wanted(self, accept: str) -> str:
        return self._accept if accept.strip() in ("", "*/*") else accept

    def _parameters(self) -> HttpAnswer:
        answer = {"MaxConcurrentTransforms": self._workers, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
        return HttpAnswer(200, [("Content-Type", responses.JSON)], json.dumps(answer).encode())


def _text(status: int, body: bytes = b"") -> HttpAnswer:
    return HttpAnswer(status, [("Content-Type", "text/html; charset=utf-8")], body)


def body_limit(environ: Mapping[str, str]) -> int:
    """The largest body in bytes: what a transform job says it sends, MAX_CONTENT_LENGTH, or 6 MB."""
    transform = int(environ.get("SAGEMAKER_MAX_PAYLOAD_IN_MB", "0")) * 1024**2
    return max(transform, int(environ.get("MAX_CONTENT_LENGTH", DEFAULT_LIMIT)))


def main(root: Path, environ: Mapping[str, str] = os.environ, log: Log = print_log) -> int:
    """Serve `<root>/model/model_algo-1` on 127.0.0.1 until SIGTERM; exit code 1 for a model that cannot be read."""
    workers = max(1, int(environ.get("SAGEMAKER_MODEL_SERVER_WORKERS", os.cpu_count() or 1)))
    port = int(environ.get("SAGEMAKER_BIND_TO_PORT", DEFAULT_PORT))
    for name in ("text/csv", "application/json", "application/jsonlines", "application/x-recordio-protobuf"):
        log("INFO", f"loaded request iterator {name}")
    for name in (responses.JSON, responses.JSONLINES, responses.RECORDIO):
        log("INFO", f"loaded response encoder {name}")
    log("INFO", "loaded entry point class algorithm.serve.server_config:config_api")
    log("INFO", f"Number of server workers: {workers}")
    try:
        model = artifact.read(root / "model" / artifact.FILE_NAME)
    except (LinearLearnerError, OSError) as error:
        log("ERROR", str(error) if isinstance(error, LinearLearnerError) else f"Platform Error: {error}")
        return 1
    application = Application(model, environ, workers, log)
    with socket.create_server(("127.0.0.1", port), backlog=256) as listener:
        return _Workers(listener, application, workers).run()


class _Workers:
    """The parent of the serving processes: starts them, replaces one that died, ends them on SIGTERM."""

    def __init__(self, listener: socket.socket, application: Application, count: int) -> None:
        self._listener = listener
        self._application = application
        self._count = count
        self._children: set[int] = set()

    def run(self) -> int:
        # Blocked and waited for: a handler would not run for a signal that comes just before a call that blocks.
        signal.signal(signal.SIGCHLD, lambda *_: None)  # what is ignored is not waited for everywhere
        signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
        while True:
            self._fill()
            if signal.sigwait(_AWAITED) in _SIGNALS:
                break
            self._reap()
            time.sleep(0.1)  # a worker that dies at once must not become a storm of forks
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)
        while self._children:
            self._children.discard(os.wait()[0])
        return 0

    def _reap(self) -> None:
        while self._children and (pid := os.waitpid(-1, os.WNOHANG)[0]):
            self._children.discard(pid)

    def _fill(self) -> None:
        """Start what is missing."""
        parent = os.getpid()
        while len(self._children) < self._count:
            pid = os.fork()
            if pid == 0:
                self._work(parent)
            self._children.add(pid)

    def _work(self, parent: int) -> NoReturn:
        woken, waker = socket.socketpair()
        server = Listener(self._listener, self._application)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: waker.send(b"x"))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
        server.start()
        woken.settimeout(_LOOK_SECONDS)
        while os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                woken.recv(1)
                break
        server.close(_GRACE_SECONDS)
        os._exit(0)
