"""How the columns of raw data are read, as the user says it: which is the label, whether a CSV has a header, which are
wanted.

It is made once, of a command line's options, and handed on as it is.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Final

AUTO: Final = "auto"
FIRST: Final = "first"
LAST: Final = "last"
_HEADERS: Final = (AUTO, "true", "false")
ALL: Final = "all"


@dataclass(frozen=True)
class Reading:
    """`label_column` matters where columns can be told apart, `header` to CSV, `columns` where they have names."""

    label_column: str = AUTO
    header: str = AUTO
    columns: str = ALL

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """The options that say it."""
        parser.add_argument("--label-column", default=AUTO, help="CSV: 'first', 'last', or a name in the header")
        parser.add_argument("--csv-header", choices=_HEADERS, default=AUTO, help="CSV: whether it has a header")
        parser.add_argument("--columns", default=ALL, help="names and patterns, with commas; ! leaves out")

    @classmethod
    def of(cls, options: argparse.Namespace) -> Reading:
        """What these options say."""
        return cls(options.label_column, options.csv_header, options.columns)
