"""EvaluateModel: the batch predictions against the labels, as figures for the gate and a report for people.

`evaluation.json` holds one group of SageMaker's model quality format, since its readers stop at the first;
`gates.json` says of each gated figure whether it was met or missed, since a Fail step's message can compare nothing;
`artifacts.json` has the SHA-256 of what was evaluated, which is registered, so that other bytes are known for others;
`report.html` holds everything it shows within itself.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from scripts.errors import conclude, end
from scripts.features.featurizer_archive import read_featurizer
from scripts.outputs import Outputs
from scripts.profiling.inspection import read_image_side
from scripts.reporting.evaluation_page import write_report
from scripts.reporting.report_section import Section
from scripts.scoring.coefficients import read_coefficients
from scripts.scoring.drop_one import worth_section
from scripts.scoring.figures import compute
from scripts.scoring.gates import compare, verdict
from scripts.scoring.metrics import HEADLINES
from scripts.scoring.predictions import aligned, read_answers, read_labels
from scripts.scoring.slices import slice_section
from scripts.splitting.classes import read_classes
from scripts.splitting.targets import TASKS

ARTIFACT: Final = "model.tar.gz"
CODE: Final = "code"
"""The input of the job that its own scripts come by."""
_MOST_FILES: Final = 3


def evaluate(
    predictions: Path,
    labels: Path,
    features: Path,
    output: Path,
    *,
    model: Path,
    inspection: Path,
    task: str,
    now: datetime,
    gates: str = "",
    featurizer: Path | None = None,
    job: Path | None = None,
    slice_column: str = "",
) -> str:
    """Write `evaluation.json`, `gates.json`, `artifacts.json`, `report.html` and its pictures; a one-line summary.

    `model` is the folder of the artefact and `inspection` that of the data's, which name what the model looks at;
    `featurizer` is that of the artefact before it, if there is one;
    `job` is the file in which SageMaker describes the job, whose name holds the execution's; `slice_column` is one of
    the test rows', by which the report shows figures of parts.
    """
    answers, truth, classes = read_answers(predictions, task), read_labels(labels), read_classes(labels)
    aligned(answers, truth)
    metrics = compute(answers, truth, task, known=len(classes))
    ((group, figures),) = metrics.items()
    compared = compare(gates, figures)
    coefficients = read_coefficients(model, inspection)
    details: list[Section] = []
    side = read_image_side(inspection)
    if coefficients is not None and side is None:  # a pixel alone is worth nothing
        metric = compared[0].metric if compared else HEADLINES[group][0]
        details = worth_section(
            coefficients, metric, features=features, inspection=inspection, labels=truth, classes=len(classes)
        )
    if slice_column:
        details.append(
            slice_section(
                slice_column,
                answers,
                truth,
                task,
                group,
                features=features,
                inspection=inspection,
                known=len(classes),
            )
        )
    mean = inspection / "mean.png"
    with Outputs() as outputs:
        outputs.write_json(output / "evaluation.json", metrics)
        outputs.write_json(output / "gates.json", {"verdict": {"value": verdict(compared)}})
        outputs.write_json(output / "artifacts.json", digests({"model": model, "featurizer": featurizer}))
        write_report(
            outputs,
            output,
            answers,
            truth,
            metrics,
            features=features,
            classes=classes,
            gates=compared,
            coefficients=coefficients,
            mean=mean.read_bytes() if mean.exists() else None,
            side=side,
            details=details,
            heading=heading(inspection, now, job),
            featurizer=read_featurizer(inspection),
        )
    return summary(metrics)


def digests(folders: Mapping[str, Path | None]) -> dict[str, Any]:
    """The SHA-256 of the artefact in each folder, by the folder's name."""
    found = {}
    for name, folder in folders.items():
        if folder is not None:
            with (folder / ARTIFACT).open("rb") as file:
                found[name] = {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    return found


def heading(inspection: Path, now: datetime, job: Path | None) -> dict[str, str]:
    """What was evaluated, as far as the inspection and the job say it: data, label, rows, date, job, code."""
    described = inspection / "inspection.json"
    data = json.loads(described.read_text(encoding="utf-8")) if described.exists() else {}
    files = data.get("files", [])
    more = f" and {len(files) - _MOST_FILES} more" if len(files) > _MOST_FILES else ""
    rows = (f"{name} {split['rows']:,}" for name, split in data.get("splits", {}).items())
    found = {
        "Data": ", ".join(files[:_MOST_FILES]) + more,
        "Label": str(data.get("label", "")).removeprefix("of "),
        "Rows": ", ".join(rows),
    }
    if job is not None and job.exists():
        told = json.loads(job.read_text(encoding="utf-8"))
        found["Evaluated"] = f"{now:%Y-%m-%d %H:%M} UTC by {told['ProcessingJobName']}"
        # A commit would be another job each time; the code's own hash is that of every commit which has this code.
        uris = {given["InputName"]: given["S3Input"]["S3Uri"] for given in told.get("ProcessingInputs") or []}
        found["Code"] = uris.get(CODE, "").rstrip("/").rpartition("/")[2]
    return {name: text for name, text in found.items() if text}


def summary(metrics: dict[str, Any]) -> str:
    """The headline figures in one line."""
    ((group, figures),) = metrics.items()
    return ", ".join(f"{name} {figures[name]['value']:.4f}" for name in HEADLINES[group])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts.evaluate", description="Figures and a report of a model.")
    parser.add_argument("--predictions", type=Path, required=True, help="folder of the batch predictions (.out)")
    parser.add_argument("--labels", type=Path, required=True, help="folder of labels.csv")
    parser.add_argument("--features", type=Path, required=True, help="folder of features.csv")
    parser.add_argument("--model", type=Path, required=True, help="folder of model.tar.gz")
    parser.add_argument("--featurizer", type=Path, help="folder of the model.tar.gz that serves before the model")
    parser.add_argument("--inspection", type=Path, required=True, help="folder of inspection.json")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--gates", default="", help="figures and thresholds: accuracy>=0.96,mae<=2")
    parser.add_argument("--job", type=Path, help="the file in which SageMaker describes the job")
    parser.add_argument("--slice-column", default="", help="a column of the test rows, to show figures by its values")
    parser.add_argument("--message", type=Path, help="file for the exit message")
    options = parser.parse_args(argv)
    return conclude(
        options.message,
        lambda: evaluate(
            options.predictions,
            options.labels,
            options.features,
            options.output,
            model=options.model,
            inspection=options.inspection,
            task=options.task,
            gates=options.gates,
            featurizer=options.featurizer,
            job=options.job,
            now=datetime.now(UTC),
            slice_column=options.slice_column,
        ),
    )


if __name__ == "__main__":
    end(main())
