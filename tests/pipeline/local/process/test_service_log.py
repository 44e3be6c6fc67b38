"""The service's log: lines with time, level and area, the level that was asked for, and a file that rotates."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.local.process import service_log


def test_a_line_has_time_level_and_area(tmp_path: Path) -> None:
    handler = service_log.begin(tmp_path / "server.log", {})
    try:
        logging.getLogger("pipeline.local.engine.step_executors").warning("what %s", "happened")
        logging.getLogger("pipeline.local.service").debug("not asked for")
    finally:
        service_log.end(handler)
    lines = (tmp_path / "server.log").read_text().splitlines()
    assert len(lines) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING engine\.step_executors: what happened", lines[0])


def test_the_level_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    handler = service_log.begin(tmp_path / "server.log", {"PIPELINE_LOG": "DEBUG"})
    logging.getLogger("pipeline.local.service").debug("every request")
    service_log.end(handler)
    assert "DEBUG   service: every request" in (tmp_path / "server.log").read_text()
    with pytest.raises(UsageError, match="PIPELINE_LOG=loud is not a log level"):
        service_log.begin(tmp_path / "server.log", {"PIPELINE_LOG": "loud"})


_PROGRAM = """
import logging, os, sys
from pathlib import Path
from pipeline.local.process import service_log

service_log._MOST = 2000
service_log.begin(Path(sys.argv[1]), {})
for number in range(300):
    logging.getLogger("pipeline.local.store").info("line %d", number)
print("by the process itself", file=sys.stderr)
"""


def test_the_file_rotates_and_what_the_process_says_itself_follows(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with log.open("a") as stderr:
        subprocess.run([sys.executable, "-c", _PROGRAM, str(log)], stderr=stderr, check=True)
    assert "by the process itself" in log.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["server.log", *(f"server.log.{n}" for n in (1, 2, 3))]
    assert all(path.stat().st_size < 2500 for path in tmp_path.iterdir())
