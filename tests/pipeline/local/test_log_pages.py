"""GetLogEvents page by page: forwards, backwards, across the bounds of pages, and only as much as a page holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.local import log_pages
from pipeline.local.api_errors import ApiError
from pipeline.local.log_pages import log_events

LINES = [f"line {number}" + "\nmore" * (number % 3) + "x" * (number % 7) for number in range(500)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A stream as `Logs` writes it, and a line that is not whole yet."""
    stamps = (f"2026-01-01T00:{number // 60:02}:{number % 60:02}.000Z" for number in range(len(LINES)))
    indented = (line.replace("\n", "\n\t") for line in LINES)
    text = "".join(f"{stamp} {line}\n" for stamp, line in zip(stamps, indented, strict=True))
    (tmp_path / "stream").write_text(text + "2026-01-01T01")
    return tmp_path / "stream"


def read(path: Path, **request: Any) -> list[str]:
    """All messages, page after page until a token comes again."""
    found: list[str] = []
    forwards = request.get("startFromHead", False)
    while True:
        answer = log_events(path, request)
        messages = [event["message"] for event in answer["events"]]
        found = found + messages if forwards else messages + found
        token = answer["nextForwardToken" if forwards else "nextBackwardToken"]
        if token == request.get("nextToken"):
            return found
        request["nextToken"] = token


@pytest.mark.parametrize("forwards", [True, False])
@pytest.mark.parametrize(("most", "limit"), [(1 << 20, 10_000), (1 << 20, 7), (300, 10_000), (5, 10_000), (1000, 1)])
def test_pages_of_any_size_are_the_whole_stream(
    path: Path, monkeypatch: pytest.MonkeyPatch, forwards: bool, most: int, limit: int
) -> None:
    monkeypatch.setattr(log_pages, "MOST_BYTES", most)
    assert read(path, startFromHead=forwards, limit=limit) == LINES


def test_a_page_is_bounded_in_events_and_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_pages, "MOST_BYTES", 1000)
    assert 1 < len(log_events(path, {"startFromHead": True})["events"]) < 100
    last = log_events(path, {"limit": 2})["events"]
    assert [event["message"] for event in last] == LINES[-2:]


def test_events_are_kept_by_time(path: Path) -> None:
    first, second = (log_events(path, {"startFromHead": True})["events"][at]["timestamp"] for at in (10, 20))
    assert read(path, startFromHead=True, startTime=first, endTime=second) == LINES[10:20]


@pytest.mark.parametrize(
    "request_", [{"nextToken": "x"}, {"nextToken": "f/-1"}, {"limit": 0}, {"limit": 10_001}], ids=str
)
def test_what_is_no_request_is_refused(path: Path, request_: dict[str, Any]) -> None:
    with pytest.raises(ApiError):
        log_events(path, request_)


def test_a_token_beyond_the_end_is_the_end(path: Path) -> None:
    assert log_events(path, {"nextToken": "f/999999999"})["events"] == []
