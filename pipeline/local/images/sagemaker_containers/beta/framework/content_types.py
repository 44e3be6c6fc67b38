"""The content types that requests and answers have by default."""

from __future__ import annotations

from typing import Final

JSON: Final = "application/json"
CSV: Final = "text/csv"
OCTET_STREAM: Final = "application/octet-stream"
ANY: Final = "*/*"
NPY: Final = "application/x-npy"
UTF8_TYPES: Final = (JSON, CSV)
"""Those that a script gets as text."""
