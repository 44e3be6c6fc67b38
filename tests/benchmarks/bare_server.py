"""The peer of the HTTP benchmarks: a server that checks nothing and knows one file and one answer.

What boto3 reaches here is the most that it reaches anywhere on this machine, so the rest is what our service costs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANSWER = b'{"predictions": [{"score": 0.5, "predicted_label": 1}]}'


@contextmanager
def bare_server(file: Path) -> Iterator[str]:
    """The address of a server, in a process of its own, that gives the file by ranges and answers each POST alike."""
    command = [sys.executable, "-m", "tests.benchmarks.bare_server", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    file = Path()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line a request would be measured too."""

    def do_HEAD(self) -> None:
        self._head(200, {"Content-Length": str(self.file.stat().st_size)})

    def do_GET(self) -> None:
        size = self.file.stat().st_size
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        start, end = int(first), min(int(last or size - 1), size - 1) + 1
        self._head(206, {"Content-Length": str(end - start), "Content-Range": f"bytes {start}-{end - 1}/{size}"})
        self.wfile.flush()
        with self.file.open("rb") as file:
            while start < end:
                start += os.sendfile(self.connection.fileno(), file.fileno(), start, end - start)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._head(200, {"Content-Length": str(len(ANSWER)), "Content-Type": "application/json"})
        self.wfile.write(ANSWER)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"ETag": '"one"'} | headers).items():
            self.send_header(name, value)
        self.end_headers()


if __name__ == "__main__":
    _Handler.file = Path(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()
