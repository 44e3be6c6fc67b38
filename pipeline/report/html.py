"""The report of an execution as one HTML page that needs nothing else: its pictures and its graph are part of it.

What comes from the execution is escaped by the template; a Content-Security-Policy lets the page load and run nothing.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.clients import Clients
from pipeline.errors import UsageError
from pipeline.executions.execution_results import confusion_matrix, split
from pipeline.report import graph_formats, loss_curves
from pipeline.report.loss_curves import LossCurve
from pipeline.report.markdown import duration, number, remark, utc
from pipeline.report.report import Report
from pipeline.service_errors import translated

_TEMPLATE: Final = Path(__file__).with_name("report.html")
_LARGEST_PICTURE: Final = 2 << 20


@dataclass(frozen=True)
class Picture:
    """One picture that a step made, as the address of its own bytes."""

    step: str
    title: str
    address: str


def html(report: Report, pictures: tuple[Picture, ...], curves: tuple[LossCurve, ...] = ()) -> str:
    """The whole page; `curves` are the losses of the training job."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(duration=duration, number=number, remark=remark, utc=utc)
    drawn = graph_formats.svg(
        graph_formats.of(report.definition), graph_formats.statuses(report.execution, report.until)
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        report=report,
        graph=drawn,
        matrix=_shaded(confusion_matrix(report.metrics, report.classes)),
        pictures=_by_step(pictures),
        losses=loss_curves.svg(curves) if curves else "",
    )


def pictures(clients: Clients, report: Report) -> tuple[Picture, ...]:
    """The PNG files among the outputs of processing jobs; those over 2 MiB are left out. Raises ServiceError."""
    found = []
    for output in report.outputs:
        if not output.uri.endswith("/") or output.name not in ("inspection", "evaluation", "validation"):
            continue
        bucket, prefix = split(output.uri)
        with translated():
            pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for item in [item for page in pages for item in page.get("Contents", [])]:
                if item["Key"].endswith(".png") and item["Size"] <= _LARGEST_PICTURE:
                    data = clients.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                    title = Path(item["Key"]).stem.replace("_", " ")
                    address = "data:image/png;base64," + base64.b64encode(data).decode()
                    found.append(Picture(output.step, title, address))
    return tuple(found)


def write(path: Path, page: str) -> None:
    """Write the page, whole or not at all. Raises UsageError for a path that cannot be written."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(page, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", hint="name a file in a folder that is there"
        ) from None


def _by_step(pictures: tuple[Picture, ...]) -> dict[str, list[Picture]]:
    """The pictures of each step, the last step first: what a reader wants to know is how good the model is."""
    groups: dict[str, list[Picture]] = {}
    for picture in pictures:
        groups.setdefault(picture.step, []).append(picture)
    return dict(reversed(groups.items()))


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix: the count, and its share of the row from 0 to 1."""

    count: int
    share: float
    right: bool


def _shaded(matrix: Mapping[str, Mapping[str, int]] | None) -> dict[str, dict[str, Cell]] | None:
    if not matrix:
        return None
    columns = list(next(iter(matrix.values())))
    return {
        actual: {
            name: Cell(row.get(name, 0), row.get(name, 0) / (sum(row.values()) or 1), name == actual)
            for name in columns
        }
        for actual, row in matrix.items()
    }
