"""The console's pages: which address shows what, who may see it, and how it is rendered.

Reading only: every page answers GET and nothing else. What jobs wrote to S3 is shown in a sandbox, since a report is a
page that somebody else made.
"""

from __future__ import annotations

import json
import mimetypes
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, unquote

from pipeline.local.console import page_data
from pipeline.local.console.access import PATH, Sessions
from pipeline.local.console.step_view import endpoint_log
from pipeline.local.http.messages import HttpAnswer, HttpRequest
from pipeline.local.s3.store import NoSuchBucket, NoSuchKey, S3Error

if TYPE_CHECKING:
    from jinja2 import Environment

    from pipeline.local.service import Service

_HERE: Final = Path(__file__).parent
_LARGEST_SHOWN: Final = 64 << 20
_STATIC: Final = {"console.css": "text/css", "console.js": "text/javascript"}
_AS_TEXT: Final = (".json", ".jsonl", ".csv", ".txt", ".log", ".out", ".toml", ".yaml", ".py", ".manifest")
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
_SANDBOX: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
_SECURITY: Final = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]


class Console:
    """The pages of one service."""

    def __init__(self, service: Service, port: int) -> None:
        self._service = service
        self._sessions = Sessions(service.configuration.key.secret_access_key, port, time.time())

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The page of a path that begins with /_console."""
        if request.method not in ("GET", "HEAD"):
            return self._told(405, "The console only reads.")
        path = request.path.removeprefix(PATH).strip("/")
        if path in _STATIC:
            return _answer(200, _STATIC[path], (_HERE / "static" / path).read_bytes())
        if path == "enter":
            return self._enter(request)
        if not self._sessions.known(request.headers.get("cookie", "")):
            return self._told(403, "Open the address that `pipeline local status` prints: it lets this browser in.")
        first, _, rest = path.partition("/")
        page = self._pages.get(first)
        found = page(rest, request) if page else None
        return found or self._told(404, "There is no such page.")

    @cached_property
    def _pages(self) -> dict[str, Callable[[str, HttpRequest], HttpAnswer | None]]:
        return {
            "": self._overview,
            "executions": self._execution,
            "registry": self._registry,
            "endpoints": self._endpoints,
            "messages": self._messages,
            "object": self._object,
        }

    def _enter(self, request: HttpRequest) -> HttpAnswer:
        asked = parse_qs(request.query)
        cookie = self._sessions.enter(asked.get("token", [""])[0], time.time())
        if cookie is None:
            return self._told(403, "This address was used or is too old; `pipeline local status` prints a new one.")
        headers = [
            ("Location", PATH),
            ("Set-Cookie", f"{self._sessions.cookie}={cookie}; Path={PATH}; HttpOnly; SameSite=Strict"),
            *_SECURITY,
        ]
        return HttpAnswer(303, headers)

    def _overview(self, rest: str, request: HttpRequest) -> HttpAnswer | None:
        return self._page("overview.html", view=page_data.overview(self._service))

    def _execution(self, rest: str, request: HttpRequest) -> HttpAnswer | None:
        pipeline, _, execution_id = unquote(rest).partition("/")
        step = parse_qs(request.query).get("step", [""])[0]
        view = page_data.execution(self._service, pipeline, execution_id, step)
        return self._page("execution.html", view=view) if view else None

    def _registry(self, rest: str, request: HttpRequest) -> HttpAnswer | None:
        return self._page("registry.html", groups=page_data.groups(self._service))

    def _endpoints(self, rest: str, request: HttpRequest) -> HttpAnswer | None:
        found = page_data.endpoints(self._service)
        name = unquote(rest)
        chosen = next((body for body in found if body["EndpointName"] == name), None)
        log, cut = endpoint_log(self._service, name) if chosen else ([], False)
        return self._page("endpoints.html", endpoints=found, chosen=chosen, log_lines=log, cut=cut)

    def _messages(self, rest: str, request: HttpRequest) -> HttpAnswer | None:
        return self._page("messages.html", told=list(reversed(self._service.events.told)))

    def _object(self, rest: str, request: HttpRequest) -> HttpAnswer | None:
        """An object as it is: pictures, reports and text in the browser, all else to be saved."""
        bucket, _, key = rest.partition("/")
        bucket, key = unquote(bucket), unquote(key)
        try:
            head = self._service.objects.head(bucket, key) if key else None
        except NoSuchBucket:
            head = None
        if head is None:
            return None
        if head.size > _LARGEST_SHOWN:
            return self._told(413, f"s3://{bucket}/{key} has {head.size} bytes, too many to show.")
        name = key.rpartition("/")[2].lower()
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if name.endswith(_AS_TEXT):
            kind = "text/plain; charset=utf-8"
        headers = [("Content-Security-Policy", _SANDBOX), ("Content-Type", kind), *_SECURITY]
        if not kind.startswith(("text/", "image/")):
            headers.append(("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name)}"))
        try:
            return HttpAnswer(200, headers, self._service.objects.get(bucket, key))
        except S3Error as error:  # damaged, or gone since
            return self._told(404 if isinstance(error, NoSuchKey) else 500, error.message)

    def _page(self, template: str, status: int = 200, **values: Any) -> HttpAnswer:
        text = self._templates.get_template(template).render(**values)
        return _answer(status, "text/html; charset=utf-8", text.encode("utf-8", "replace"))

    def _told(self, status: int, text: str) -> HttpAnswer:
        return self._page("told.html", status, text=text)

    @cached_property
    def _templates(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {"time": _time, "size": _size, "figure": _figure, "path": quote, "pretty": _pretty}
        environment.globals |= {"home": PATH, "account": self._service.configuration.account}
        environment.globals["region"] = self._service.configuration.region
        return environment


def _answer(status: int, kind: str, body: bytes) -> HttpAnswer:
    return HttpAnswer(status, [("Content-Type", kind), ("Content-Security-Policy", _POLICY), *_SECURITY], body)


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "KB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def _figure(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
