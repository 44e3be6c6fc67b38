"""Output made safe for a terminal: names and values come from files, from the service and from jobs.

A control character in one of them could move the cursor, change colours or hide text; half a character of another
encoding could not be printed at all. Both are shown as escapes.
"""

from __future__ import annotations

from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import Any, TextIO


def visible(text: str) -> str:
    """The text with everything that is no printable character, line break or tab as an escape."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in "\n\t" else character.encode("unicode_escape").decode()
        for character in text
    )


class Visible:
    """A stream that shows what is written to it as `visible` does; `raw` is the stream behind it."""

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        """Write the text, with escapes where it needs them."""
        self.raw.write(visible(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def raw(stream: TextIO) -> TextIO:
    """The stream itself, for a writer such as rich that sends control characters of its own."""
    return stream.raw if isinstance(stream, Visible) else stream


def shown_safely(stdout: TextIO, stderr: TextIO) -> ExitStack:
    """While it is entered, whatever is printed is visible."""
    stack = ExitStack()
    stack.enter_context(redirect_stdout(Visible(stdout)))
    stack.enter_context(redirect_stderr(Visible(stderr)))
    return stack
