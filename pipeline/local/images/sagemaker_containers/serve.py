"""The command `serve` of the managed scikit-learn image: a user's inference script behind /ping and /invocations.

SAGEMAKER_PROGRAM names the script and SAGEMAKER_SUBMIT_DIRECTORY where its code lies. Its model_fn loads the model.
Its input_fn, predict_fn and output_fn, which have the image's defaults, or its transform_fn alone, answer a request.
"""

from __future__ import annotations

import hmac
import importlib
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
from werkzeug.serving import WSGIRequestHandler, make_server

from .beta.framework import content_types, encoders
from .beta.framework.worker import Response
from .source import SourceError, fetch, installation

Transform = Callable[[Any, Any, str, str], Any]


def main(base: Path) -> int:
    """Serve until the end of the process; the exit code where that cannot begin."""
    try:
        script = imported(base)
        model = script.model_fn(str(base / "model"))
    except Exception as error:
        # A script that cannot be loaded is the user's: what is wrong with it must be in the log.
        if not isinstance(error, (SourceError, subprocess.CalledProcessError)):
            traceback.print_exc()
        print(f"the script cannot serve: {error}", file=sys.stderr)
        return 1
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    make_server("127.0.0.1", port, application(script, model), threaded=True, request_handler=_Handler).serve_forever()
    return 0


def imported(base: Path) -> Any:
    """The user's script as a module. Raises SourceError, and whatever its import raises."""
    program = os.environ.get("SAGEMAKER_PROGRAM")
    if not program:
        raise SourceError("localhost runs this image in script mode only, and SAGEMAKER_PROGRAM is not set")
    code = base / "code"
    fetch(os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", ""), code)
    if install := installation(code):
        subprocess.run(install, cwd=code, check=True)
    sys.path.insert(0, str(code))
    script = importlib.import_module(program.removesuffix(".py").replace("/", "."))
    if not hasattr(script, "model_fn"):
        raise SourceError(f"{program} has no model_fn")
    return script


def application(script: Any, model: Any) -> flask.Flask:
    """The web application of a script and the model that it has loaded."""
    app = flask.Flask(script.__name__)
    transform = transform_of(script)
    # The service alone knows the key that it started this program with; other programs of the machine reach the port.
    key = os.environ.get("SAGEMAKER_LOCAL_KEY", "").encode()

    @app.before_request
    def refuse_strangers() -> None:
        given = flask.request.headers.get("x-sagemaker-local-key", "").encode()
        if key and not hmac.compare_digest(given, key):
            flask.abort(403)

    @app.get("/ping")
    def ping() -> Response:
        return Response()

    @app.post("/invocations")
    def invocations() -> Any:
        headers = flask.request.headers
        content_type = headers.get("Content-Type") or content_types.JSON
        accept = headers.get("Accept") or content_types.ANY
        if accept == content_types.ANY:
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", content_types.JSON)
        body = flask.request.get_data()
        content = body.decode() if content_type in content_types.UTF8_TYPES else body
        result = transform(model, content, content_type, accept)
        return Response(result[0], mimetype=result[1]) if isinstance(result, tuple) else result

    if hasattr(script, "execution_parameters_fn"):
        app.add_url_rule("/execution-parameters", view_func=script.execution_parameters_fn)
    return app


def transform_of(script: Any) -> Transform:
    """What answers a request: the script's transform_fn, or its other functions one after the other."""
    own = [getattr(script, name, None) for name in ("input_fn", "predict_fn", "output_fn")]
    whole: Transform | None = getattr(script, "transform_fn", None)
    if whole is not None:
        if any(own):
            raise ValueError("Cannot use transform_fn implementation with input_fn, predict_fn, and/or output_fn")
        return whole
    defaults = (_input, _predict, _output)
    read, predict, write = (given or default for given, default in zip(own, defaults, strict=True))
    return lambda model, content, content_type, accept: write(predict(read(content, content_type), model), accept)


def _input(content: Any, content_type: str) -> Any:
    array = encoders.decode(content, content_type)
    return array.astype("float32") if content_type in content_types.UTF8_TYPES else array


def _predict(data: Any, model: Any) -> Any:
    return model.predict(data)


def _output(prediction: Any, accept: str) -> Response:
    return Response(encoders.encode(prediction, accept), mimetype=accept)


class _Handler(WSGIRequestHandler):
    """Keeps connections, and leaves the log to the script."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


if __name__ == "__main__":
    sys.exit(main(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))))
