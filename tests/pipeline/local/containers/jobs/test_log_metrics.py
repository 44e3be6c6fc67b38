"""What a job's log says of its quality: the last value of each metric, as the service would read it."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.containers.jobs import log_metrics
from pipeline.local.containers.jobs.log_metrics import MOST, final_metrics, scan
from tests.support.waiting import PATIENCE

LOSS = [{"Name": "loss", "Regex": r"loss=(\S+)"}]


def values(*lines: str, definitions: list[dict[str, str]] = LOSS) -> dict[str, float]:
    found = scan(iter([(float(index), line) for index, line in enumerate(lines)]), definitions)
    return {metric["MetricName"]: metric["Value"] for metric in found}


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_the_last_value_counts(numbers: list[float]) -> None:
    assert values(*(f"loss={number!r}" for number in numbers)) == {"loss": numbers[-1]}


@given(st.floats(-1e30, 1e30))
def test_values_have_the_precision_of_float32(number: float) -> None:
    assert values(f"loss={number!r}") == {"loss": struct.unpack("<f", struct.pack("<f", number))[0]}


def test_what_is_no_finite_number_is_passed_over() -> None:
    assert values("loss=0.5", "loss=nan", "loss=inf", "loss=1e99", "loss=x") == {"loss": 0.5}


def test_an_expression_without_a_group_or_in_error_gives_nothing() -> None:
    given = [{"Name": "a", "Regex": "loss"}, {"Name": "b", "Regex": "(("}, *LOSS]
    assert values("loss=1", definitions=given) == {"loss": 1.0}


def test_metrics_come_in_the_order_of_their_definitions_and_at_most_forty() -> None:
    definitions = [{"Name": f"m{index}", "Regex": rf"m{index}=(\S+)"} for index in range(50)]
    lines = [f"m{index}={index}" for index in reversed(range(50))]
    assert list(values(*lines, definitions=definitions)) == [f"m{index}" for index in range(MOST)]


def test_the_time_of_a_metric_is_that_of_its_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("2023-11-14T22:13:20.123Z loss=1\n2023-11-14T22:13:21.500Z a\n\tloss=2\n")
    assert final_metrics([log], LOSS) == [{"MetricName": "loss", "Value": 2.0, "Timestamp": 1700000001.5}]


def test_a_progress_bar_that_writes_over_its_line_hides_no_metric(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"2023-11-14T22:13:20.000Z  10%|#\r 20%|##\r100%|##########\n2023-11-14T22:13:20.123Z loss=1\n")
    assert final_metrics([log], LOSS) == [{"MetricName": "loss", "Value": 1.0, "Timestamp": 1700000000.123}]


def test_an_expression_that_never_ends_ends_without_the_service_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"2026-01-31T12:00:00.000Z {'a' * 60}b\n")
    question = {"logs": [str(log)], "definitions": [{"Name": "bad", "Regex": "(a+)+$"}], "seconds": 0.2}
    command = [sys.executable, "-I", "-S", log_metrics.__file__]
    done = subprocess.run(command, input=json.dumps(question), text=True, timeout=PATIENCE)
    assert done.returncode == -signal.SIGALRM
