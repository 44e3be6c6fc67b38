"""`report.html`: the evaluation for people, in one file that needs nothing else, and its pictures beside it.

Headline figures first, then where the model errs: the confusion matrix, the curves, and the rows it got most wrong,
as pictures where the features are one.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.features.featurizer import Featurizer
from scripts.outputs import Outputs
from scripts.reporting.report_section import Card, Section, number, title
from scripts.reporting.report_sections import binary_sections, multiclass_sections, regression_sections
from scripts.scoring.coefficients import Coefficients, coefficient_section
from scripts.scoring.gates import Gate
from scripts.scoring.metrics import BINARY_GROUP, HEADLINES, MULTICLASS_GROUP
from scripts.scoring.predictions import Answers

_CONSTANT: Final = "_best_constant_classifier"
_ALWAYS: Final = {BINARY_GROUP: "positive", MULTICLASS_GROUP: "the most frequent class"}
"""What the best constant classifier answers."""

_RARE: Final = 0.1
"""A share of positives below which they are rare."""
_STYLE: Final = """
:root{color-scheme:light dark;--page:#f3f4f6;--card:#fff;--ink:#1f2937;--soft:#6b7280;--line:#e5e7eb}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1100px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;margin:0}h2{font-size:18px;margin:0 0 4px}p{margin:4px 0 12px;color:var(--soft)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:8px 0}dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px;margin:22px 0}
.card,section{background:var(--card);border-radius:12px;box-shadow:0 1px 3px rgba(0,0,0,.08)}
.card{padding:14px 16px}.card b{display:block;font-size:27px;letter-spacing:-.5px;font-variant-numeric:tabular-nums}
.card span{font-weight:600}.card small{display:block;color:var(--soft)}
section{padding:18px 20px;margin:16px 0;overflow-x:auto}
.pictures{display:flex;flex-wrap:wrap;gap:12px;justify-content:space-evenly}
.pictures img{max-width:100%;height:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:5px 14px;text-align:right;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}td{white-space:nowrap}td:first-child,.long{white-space:normal}th{color:var(--soft);font-weight:600}
@media screen and (max-width:600px){
main{padding:20px 10px 40px}section{padding:14px 12px}.cards{grid-template-columns:1fr 1fr;gap:10px}
th,td{padding:5px 6px}.pictures{justify-content:flex-start}.pictures img.wide{max-width:none}}
@media screen and (prefers-color-scheme:dark){
:root{--page:#0d1117;--card:#161b22;--ink:#e6edf3;--soft:#9198a1;--line:#30363d}
.pictures img{filter:invert(1) hue-rotate(180deg);mix-blend-mode:screen}}
@media print{
:root{--page:#fff}main{max-width:none;padding:0}.card,section{box-shadow:none;border:1px solid var(--line)}
section{overflow:visible}.card,img,tr,section{break-inside:avoid}.pictures img{max-width:49%}
.pictures img.wide{max-width:100%}.cards{grid-template-columns:repeat(5,1fr)}}
"""
_LONG: Final = 32
"""A cell of more letters may be broken."""
_WIDE: Final = 560
"""Pictures wider than this are grids, too small to read where they are shrunk to the width of a phone."""


def write_report(
    outputs: Outputs,
    folder: Path,
    answers: Answers,
    labels: npt.NDArray[np.float64],
    metrics: dict[str, Any],
    *,
    features: Path,
    classes: Sequence[str] = (),
    gates: Sequence[Gate] = (),
    coefficients: Coefficients | None = None,
    mean: bytes | None = None,
    side: int | None = None,
    details: Sequence[Section] = (),
    heading: Mapping[str, str] | None = None,
    featurizer: Featurizer | None = None,
) -> None:
    """Write `report.html` and every picture in it, as a PNG of its own, into `folder`.

    `classes` are the names of the labels, as far as they are known; `mean` is the picture of their means and `side`
    that of the images that the rows are, if they are; `details` are more sections, and `heading` says what was
    evaluated, by name; `featurizer` is what treats the rows of a table.
    """
    beside = [] if coefficients is None else coefficients.beside(featurizer)
    ((group, figures),) = metrics.items()
    if group == BINARY_GROUP:
        sections = binary_sections(answers, labels, features, classes, beside, side)
    elif group == MULTICLASS_GROUP:
        sections = multiclass_sections(answers, labels, features, classes, beside, side)
    else:
        sections = regression_sections(answers, labels, features, beside, side)
    if coefficients is not None:
        sections.insert(1, coefficient_section(coefficients, classes, mean, side))
    sections[2:2] = details
    for section in sections:
        for name, data in section.pictures.items():
            outputs.write(folder / name, data)
    outputs.write(folder / "report.html", page(group, figures, sections, len(labels), gates, heading or {}).encode())


def page(
    group: str,
    figures: dict[str, Any],
    sections: list[Section],
    rows: int,
    gates: Sequence[Gate] = (),
    heading: Mapping[str, str] | None = None,
) -> str:
    """The whole document."""
    kind = group.removesuffix("_metrics").replace("_", " ")
    cards = [_card(name, figures, _ALWAYS.get(group, "")) for name in _headlines(group, figures)]
    gated = [_gate_section(gates)] if gates else []
    parts = [*gated, *sections, _all_figures(figures, _ALWAYS.get(group, ""))]
    text = f"{kind} of {rows:,} test rows that the model never saw"
    return document("Model evaluation", text, cards, parts, heading or {})


def document(
    title: str, text: str, cards: Sequence[Card], sections: Sequence[Section], about: Mapping[str, str]
) -> str:
    """A page that needs nothing else: a title with a line, what it is about, cards of figures, sections."""
    shown = "".join(map(_card_html, cards))
    told = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in about.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>"
        f"{told and f'<dl>{told}</dl>'}"
        f'<div class="cards">{shown}</div>{"".join(map(_section, sections))}</main></body></html>\n'
    )


def _headlines(group: str, figures: dict[str, Any]) -> tuple[str, ...]:
    """The figures above all others; where positives are rare, also the area that a large AUC tells nothing of."""
    if group != BINARY_GROUP or figures["accuracy" + _CONSTANT]["value"] >= _RARE:
        return HEADLINES[group]
    return (*HEADLINES[group], "average_precision")


def _card(name: str, figures: dict[str, Any], always: str) -> Card:
    figure = figures[name]
    notes = []
    if not isinstance(figure["standard_deviation"], str):
        notes.append(f"± {figure['standard_deviation']:.2g} over samples of 80 %")
    if constant := figures.get(name + _CONSTANT):
        notes.append(_best_constant(name, constant["value"], always))
    shown = title(name)
    return Card(f"{shown[:1].upper()}{shown[1:]}", number(figure["value"]), tuple(notes))


def _best_constant(name: str, value: float, always: str) -> str:
    """What a model reaches that always gives one answer. Model Monitor's is always positive; negative may be better."""
    if name == "accuracy" and always == _ALWAYS[BINARY_GROUP] and value < 0.5:
        value, always = 1 - value, "negative"
    return f"{number(value)} if always {always}"


def _card_html(card: Card) -> str:
    name, value, *notes = map(html.escape, (card.name, card.value, *card.notes))
    return f'<div class="card"><span>{name}</span><b>{value}</b><small>{"<br>".join(notes)}</small></div>'


def _gate_section(gates: Sequence[Gate]) -> Section:
    missed = sum(not gate.met for gate in gates)
    text = f"{missed} of {len(gates)} missed: the model is rejected" if missed else f"{len(gates)} of {len(gates)} met"
    rows = [[title(gate.metric), number(gate.value), gate.bound, "met" if gate.met else "missed"] for gate in gates]
    return Section("Gate", f"{text}.", {}, [["figure", "value", "threshold", ""], *rows])


def _all_figures(figures: dict[str, Any], always: str) -> Section:
    text = "The deviation, of 200 rows or more, is that of five random samples of 80 % of them"
    shown = [name for name, figure in figures.items() if _is_figure(figure) and not name.endswith(_CONSTANT)]
    rows = [
        [title(name), number(figures[name]["value"]), number(figures[name]["standard_deviation"])] for name in shown
    ]
    head = ["figure", "value", "deviation"]
    if any(name.endswith(_CONSTANT) for name in figures):
        text += f"; the last column is what a classifier reaches that always answers {always}"
        head.append(f"always {always}")
        for name, row in zip(shown, rows, strict=True):
            row.append(number(figures.get(name + _CONSTANT, {"value": "NaN"})["value"]))
    return Section("All figures", f"{text}.", {}, [head, *rows])


def _is_figure(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"value", "standard_deviation"}


def _picture(name: str, data: bytes) -> str:
    """A PNG, a little smaller than its head says, so that two charts stand side by side."""
    width = int(int.from_bytes(data[16:20], "big") / 1.15)
    wide = 'class="wide" ' if width > _WIDE else ""
    return (
        f'<img {wide}alt="{html.escape(name.removesuffix(".png").replace("_", " "))}" width="{width}" '
        f'src="data:image/png;base64,{base64.b64encode(data).decode()}">'
    )


def _cell(text: str) -> str:
    """A cell; all but names and long texts stay in one line, however narrow the page."""
    return f"<td{' class=long' if len(text) > _LONG else ''}>{text}</td>"


def _section(section: Section) -> str:
    pictures = "".join(_picture(name, data) for name, data in section.pictures.items())
    table = ""
    if section.table:
        head, *rows = ([html.escape(cell) for cell in row] for row in section.table)
        table = (
            f"<table><tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>"
            + "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
            + "</table>"
        )
    return (
        f"<section><h2>{html.escape(section.title)}</h2><p>{html.escape(section.text)}</p>"
        f'<div class="pictures">{pictures}</div>{table}</section>'
    )
