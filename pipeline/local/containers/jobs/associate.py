"""DataProcessing of a transform job: what of a record goes to the model, and what of it comes out with the answer.

In this order: InputFilter, the model, JoinSource (always with the whole input record), OutputFilter. CSV rows are
lists of texts, so numbers keep their digits; JSON is written compact.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.containers.jobs.filters import Filter, FilterError

PARITY: Final = (
    Row(
        area="batch transform",
        subject="joining CSV input with JSON answers, or the other way round",
        here="the output has the format of Accept; CSV input goes under SageMakerInput as a list of texts",
        aws="the guide demands a format that the algorithm has for both; mixed ones are not established",
    ),
)

CSV: Final = "text/csv"
TYPES: Final = (CSV, "application/json", "application/jsonlines")


class AssociationError(Exception):
    """A record cannot be filtered or joined."""


@dataclass(frozen=True)
class Association:
    """The filters and the join of one job."""

    input_filter: Filter
    output_filter: Filter
    join: bool
    content_type: str
    accept: str

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> Association | None:
        """From a CreateTransformJob request; None where nothing is filtered or joined. Raises FilterError."""
        processing = job.get("DataProcessing", {})
        input_filter = Filter.parse(processing.get("InputFilter", "$"))
        output_filter = Filter.parse(processing.get("OutputFilter", "$"))
        join = processing.get("JoinSource", "None") == "Input"
        if input_filter.everything and output_filter.everything and not join:
            return None
        content_type = _kind(job["TransformInput"].get("ContentType", ""))
        return cls(input_filter, output_filter, join, content_type, _kind(job["TransformOutput"].get("Accept", "")))

    def to_model(self, record: bytes) -> bytes:
        """The part of an input record that goes to the model. Raises AssociationError."""
        if self.input_filter.everything:
            return record
        try:
            kept = self.input_filter.apply(_read(self.content_type, record))
            return _WRITERS[self.content_type](kept) + (b"\n" if record.endswith(b"\n") else b"")
        except (ValueError, FilterError) as error:
            raise AssociationError(f"Fail to filter input data: {error}") from error

    def from_model(self, records: Sequence[bytes], answer: bytes, answered: str = "") -> bytes:
        """The output for a request of `records` (unfiltered) and its answer, whose content type is `answered`.

        Raises AssociationError.
        """
        if self.accept == CSV and _kind(answered) in TYPES[1:] and answer.lstrip()[:1] in (b"{", b"["):
            raise AssociationError("Failed to parse output from the algorithm as CSV")
        try:
            outputs = self._outputs(answer, len(records))
            if self.join:
                pairs = zip(records, outputs, strict=True)
                outputs = [self._joined(_read(self.content_type, record), output) for record, output in pairs]
            kept = [self.output_filter.apply(output) for output in outputs]
            return b"\n".join(map(_WRITERS[self.accept], kept))
        except (ValueError, FilterError) as error:
            raise AssociationError(f"Fail to join data: {error}") from error

    def _outputs(self, answer: bytes, expected: int) -> list[Any]:
        if self.accept == CSV:
            outputs: list[Any] = [row for row in csv.reader(io.StringIO(answer.decode())) if row]
        elif expected == 1:
            outputs = [json.loads(answer)]
        else:
            outputs = [json.loads(line) for line in answer.splitlines() if line.strip()]
        if self.join and len(outputs) != expected:
            raise ValueError(f"mismatched record count, {expected} records were sent and {len(outputs)} came back")
        return outputs

    def _joined(self, given: Any, output: Any) -> Any:
        if self.content_type == CSV and self.accept == CSV:
            return given + output
        if isinstance(given, dict):
            return given | {"SageMakerOutput": output}
        return {"SageMakerInput": given, "SageMakerOutput": output}


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _read(content_type: str, record: bytes) -> Any:
    if content_type == CSV:
        return next(csv.reader(io.StringIO(record.decode())), [])
    return json.loads(record)


def _csv(value: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(value if isinstance(value, list) else [value])
    return text.getvalue().encode()


def _json(value: Any) -> bytes:
    # Batch transform writes JSON compactly, keys sorted.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()


_WRITERS: Final[dict[str, Callable[[Any], bytes]]] = {
    CSV: _csv,
    "application/json": _json,
    "application/jsonlines": _json,
}
