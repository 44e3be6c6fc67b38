"""The response that an output_fn may return."""

from __future__ import annotations

from typing import Any

import flask

from . import content_types


class Response(flask.Response):
    """Flask's, with JSON as its default type and an argument `accept` that says nothing."""

    default_mimetype = content_types.JSON

    def __init__(
        self,
        response: Any = None,
        accept: str | None = None,
        status: int = 200,
        headers: Any = None,
        mimetype: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        super().__init__(response, status, headers, mimetype, None, direct_passthrough)
