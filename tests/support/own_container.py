"""A serving container as AWS's users write them, with hard-coded /opt/ml paths, that can be told to misbehave.

It reads /opt/ml/model/behaviour.json: `ready_after` seconds until /ping is 200, `fail_first` invocations that answer
500, `status` of every answer, `answer` in place of the default, which is what it was sent and how.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from pipeline.local import images

IMAGE: Final = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/own-serving:1.0"
PROGRAM: Final = """
import json, os, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

prefix = "/opt/ml/"
model_path = os.path.join(prefix, "model")
with open(os.path.join(model_path, "behaviour.json")) as file:
    behaviour = json.load(file)
started, lock, count = time.monotonic(), threading.Lock(), 0
together = threading.Barrier(behaviour.get("together", 1), timeout=60)
print("container starts with", sys.argv[1:], flush=True)


def bye(*_):
    print("container was told to end", flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, bye)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body=b"", content_type="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in behaviour.get("headers", {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        ready = time.monotonic() - started >= behaviour.get("ready_after", 0)
        if self.path == "/execution-parameters" and "parameters" in behaviour:
            return self.reply(200, json.dumps(behaviour["parameters"]).encode())
        self.reply((200 if ready else 503) if self.path == "/ping" else 404)

    def do_POST(self):
        global count
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        with lock:
            count += 1
            number = count
        print("invocation", number, flush=True)
        together.wait()
        time.sleep(behaviour.get("sleep", 0))
        if number <= behaviour.get("fail_first", 0):
            return self.reply(500, b"not yet")
        if body.strip() in [text.encode() for text in behaviour.get("refuse", [])]:
            return self.reply(400, b"refused")
        told = {
            "body": body.decode("latin-1"),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "env": dict(os.environ),
            "files": sorted(
                os.path.relpath(os.path.join(folder, name), model_path)
                for folder, _, names in os.walk(model_path) for name in names
            ),
        }
        answer = behaviour.get("answer")
        if behaviour.get("echo"):
            return self.reply(200, body, self.headers.get("Accept") or "text/plain")
        body = json.dumps(told).encode() if answer is None else answer.encode()
        self.reply(behaviour.get("status", 200), body, behaviour.get("content_type", "application/json"))

    def log_message(self, *arguments):
        pass


if sys.argv[1:] != ["serve"]:
    sys.exit(64)
port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
ThreadingHTTPServer(("0.0.0.0" if behaviour.get("everywhere") else "127.0.0.1", port), Handler).serve_forever()
"""


def register(folder: Path) -> None:
    """Let the image be the program above."""
    program = folder / "own_serving.py"
    program.write_text(PROGRAM)
    images.register(images.Image("team/own-serving", (sys.executable, str(program))))


def behaving(**behaviour: Any) -> dict[str, bytes]:
    """The files of a model that makes the container behave so."""
    return {"behaviour.json": json.dumps(behaviour).encode()}
