"""Whatever a writer was told is stored is there after it was killed at any moment, whole, and nothing else is."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.local.s3.store import Objects

WRITER = """
import hashlib, os, sys
from pathlib import Path
from pipeline.local.s3.store import Objects
from pipeline.local.s3.store.s3_errors import BucketAlreadyOwnedByYou
objects = Objects(Path(sys.argv[1]))
try:
    objects.create_bucket("bucket")
except BucketAlreadyOwnedByYou:
    pass
number = 0
while True:
    key, body = f"key-{number % 20}", os.urandom(number % 200_000)
    print("begin", key, hashlib.md5(body).hexdigest(), flush=True)
    objects.put("bucket", key, body)
    print("done", key, flush=True)
    number += 7
"""


def round_of(folder: Path, acknowledged: dict[str, str]) -> dict[str, set[str]]:
    """Run a writer, kill it; returns for each key the digests that it may have now."""
    possible = {key: {digest} for key, digest in acknowledged.items()}
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    deadline = time.monotonic() + random.uniform(0.02, 0.25)
    begun = ""
    for line in writer.stdout:
        # The kill may cut the last line: what it was to say has not been done.
        word, key, *digest = line.split() if line.endswith("\n") else ("cut", "")
        if word == "begin":
            begun = digest[0]
            possible.setdefault(key, {""}).add(begun)
        elif word == "done":
            possible[key] = {begun}
        if time.monotonic() > deadline:
            writer.kill()
    writer.wait()
    writer.stdout.close()
    return possible


@pytest.mark.torture
def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    rounds = 50 if os.environ.get("PIPELINE_TORTURE") == "full" else 4
    acknowledged: dict[str, str] = {}
    for _ in range(rounds):
        possible = round_of(tmp_path / "s3", acknowledged)
        objects = Objects(tmp_path / "s3")
        found = {listed.key: listed.etag for listed in objects.list("bucket")}
        for key, digests in possible.items():
            assert found.get(key, "") in digests, key
        for key, etag in found.items():
            assert len(objects.get("bucket", key)) == objects.head("bucket", key).size  # type: ignore[union-attr]
            assert etag in possible[key]
        objects._sweeper.join()
        assert len([path for path in (tmp_path / "s3" / "blobs").rglob("*") if path.is_file()]) == len(found)
        objects.close()
        acknowledged = found
