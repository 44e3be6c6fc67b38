"""What a container finds on its path."""

from __future__ import annotations

import threading
from pathlib import Path

from pipeline.local.containers.sandbox import environment


def test_the_commands_that_jobs_share_are_whole_at_every_moment(tmp_path: Path) -> None:
    """Jobs that start at the same moment may both write them, and the first may run one already."""
    python = environment._tools(tmp_path) / "bin" / "python"
    whole, ended = python.read_text(), threading.Event()

    def write_again() -> None:
        while not ended.is_set():
            environment._tools.__wrapped__(tmp_path)

    writer = threading.Thread(target=write_again)
    writer.start()
    try:
        assert {python.read_text() for _ in range(2000)} == {whole}
    finally:
        ended.set()
        writer.join()
    assert {path.name for path in python.parent.iterdir()} == set(environment._COMMANDS)
