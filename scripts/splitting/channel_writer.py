"""Rows to channels, as a stream: memory does not grow with the rows, and instances need not know each other.

Each instance reads the files that are its share and divides them by the plan that all of them have. What it writes are
parts; what is true of all data comes from the plan, and is written by the instance that has the first file.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from scripts.errors import ScriptError
from scripts.features.featurizer import FILE, Featurizer
from scripts.features.featurizer_archive import archive
from scripts.features.treatment_fit import TreatedRows, left_out
from scripts.formats.blocks import blocks
from scripts.formats.csv_lines import label_lines
from scripts.formats.sparse import is_sparse, stacked_sparse
from scripts.formats.streams import Stream
from scripts.formats.tables import CHUNK_ROWS, Array, Floats, floats
from scripts.outputs import Outputs
from scripts.profiling.fitness import wanted_of
from scripts.profiling.inspection import SAMPLE_ROWS, Facts, FirstRows, described, inspect, write_statistics
from scripts.profiling.profiles import SAMPLE_CELLS, Moments
from scripts.profiling.surveyed import Survey
from scripts.reporting.pictures import image_side
from scripts.splitting.channel_rows import ending_of, write_records, write_sent
from scripts.splitting.classes import write_classes
from scripts.splitting.shuffle import Shuffle
from scripts.splitting.sparse_shuffle import SparseShuffle
from scripts.splitting.split_names import SPLITS
from scripts.splitting.split_plan import AGAIN, Places, Plan, block_rows
from scripts.splitting.targets import Wanted, class_names, real_labels


@dataclass(frozen=True)
class Share:
    """Which of how many instances this is, and how many parts of train it makes."""

    index: int = 0
    count: int = 1
    parts: int = 1

    @classmethod
    def of(cls, resources: Path | None, parts: int) -> Share:
        """As `resourceconfig.json` says; the only instance where there is none."""
        if resources is None or not resources.exists():
            return cls(parts=parts)
        held = json.loads(resources.read_bytes())
        return cls(held["hosts"].index(held["current_host"]), len(held["hosts"]), parts)

    def name(self, stem: str, ending: str) -> str:
        """What a file of one part is called: features.csv, or features-00001-of-00004.csv."""
        return f"{stem}{ending}" if self.count == 1 else f"{stem}-{self.index:05}-of-{self.count:05}{ending}"


def convert_rows(
    streams: list[Stream],
    output: Path,
    found: Survey,
    *,
    task: str,
    positive_class: str,
    seed: int,
    share: Share,
    featurizer: Featurizer | None = None,
) -> str:
    """Write the share's parts of all channels below `output`; a line that says what was taken for what, in all data.

    `featurizer` is what made the features of the streams, if they were raw: it is written too, for whoever serves it.
    """
    plan = Plan.of(found, seed=seed, task=task)
    wanted = wanted_of(found, plan, task, positive_class)
    numbers = {(file.key, file.split): number for number, file in enumerate(plan.files)}
    first = next(number for number, file in enumerate(plan.files) if file.split == plan.source)
    facts = _facts(found, plan, wanted, task)
    if featurizer:
        facts = replace(facts, columns=featurizer.features, width=len(featurizer.features))
    output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".shuffle-", dir=output)))
        outputs = stack.enter_context(Outputs())
        entries = found.form.entries if found.form else 0
        writing = _Writing(outputs, output, folder, stack, share, plan, wanted, Moments(facts.width), entries)
        held = [(numbers[stream.key, stream.split], stream) for stream in streams if _known(stream, numbers, plan)]
        for number, stream in held:
            writing.read(number, stream, alone=_is_alone(held, plan))
        writing.end()
        if wanted:
            write_classes(outputs, output / "labels", wanted.classes)
        if featurizer:
            outputs.write(output / "featurizer" / "model.tar.gz", archive(featurizer))
            outputs.write(output / "inspection" / FILE, featurizer.dump())
        if writing.moments.rows:
            path = output / "inspection" / share.name("statistics", ".json")
            write_statistics(outputs, path, writing.moments, writing.amounts)
        if any(number == first for number, _ in held) and writing.moments.rows:
            inspect(outputs, output / "inspection", facts, writing.sample())
    made = f"; {_made_of(featurizer)}" if featurizer else ""
    return described(facts) + made + _idle(len({file.key for file in plan.files}), share)


def _made_of(featurizer: Featurizer) -> str:
    columns = len(featurizer.columns)
    said = f"made of {columns} column{'s' * (columns != 1)}"
    return f"{said}, {out}" if (out := left_out(featurizer)) else said


def _idle(files: int, share: Share) -> str:
    """A word on instances for which there is no file: S3's keys are dealt out, and none is divided."""
    if files >= share.count:
        return ""
    many = f"{files} file{'s are' if files > 1 else ' is'} shared by {share.count} instances"
    return (
        f"; {many}, so {share.count - files} had no work: a file is never divided, so give as many files as instances"
    )


def _facts(found: Survey, plan: Plan, wanted: Wanted | None, task: str) -> Facts:
    amounts = found.amounts
    return Facts(
        task=task,
        seed=plan.seed,
        files=tuple(file.key for file in plan.files),
        label=found.label,
        classes=wanted.classes if wanted else (),
        counts=plan.counts(),
        bounds=(amounts.low or 0.0, amounts.high or 0.0) if amounts else (0.0, 0.0),
        columns=tuple(column.name for column in found.columns) if found.named else (),
        width=found.width,
        sparse=found.form is not None,
        side=_side(found),
    )


def _side(found: Survey) -> int | None:
    """That of the images that the rows are; a table that gets a treatment and rows of a sparse format are none."""
    lows, highs = [of.low for of in found.columns], [of.high for of in found.columns]
    if found.treated or found.form is not None or None in lows or None in highs:
        return None
    low, high = min(of for of in lows if of is not None), max(of for of in highs if of is not None)
    return image_side([of.name for of in found.columns], low, high)


def _known(stream: Stream, numbers: Mapping[tuple[str, str], int], plan: Plan) -> bool:
    """Raises `ScriptError` for a file that was not inspected, or whose label is found elsewhere now."""
    number = numbers.get((stream.key, stream.split))
    if number is None:
        raise ScriptError(f"{stream.key}: {AGAIN}")
    if plan.width != stream.width:
        raise ScriptError(f"{stream.key}: {stream.width} features where {plan.width} were inspected; {AGAIN}")
    if plan.files[number].label != stream.table.label:
        raise ScriptError(
            f"{stream.key}: its header is in another file, which another instance has; give every file a header, or "
            "ProcessingInstanceCount=1"
        )
    return True


def _is_alone(held: list[tuple[int, Stream]], plan: Plan) -> bool:
    """Whether there is but one file to take train from, and but one part of this."""
    return sum(plan.files[number].split == plan.source for number, _ in held) == 1


@dataclass
class _Writing:
    """The files of one instance as they are written."""

    outputs: Outputs
    output: Path
    folder: Path
    stack: ExitStack
    share: Share
    plan: Plan
    wanted: Wanted | None
    moments: Moments
    entries: int
    shuffle: Shuffle | SparseShuffle | None = None
    amounts: dict[str, Moments] = field(default_factory=dict)
    _streams: dict[Path, Any] = field(default_factory=dict)
    _sample: list[tuple[Any, Floats, Array]] = field(default_factory=list)
    _sampled: int = 0

    def read(self, number: int, stream: Stream, *, alone: bool) -> None:
        """All rows of one file. `ScriptError` where they are not those that were inspected."""
        file = self.plan.files[number]
        starts = self.plan.starts(number)
        rows = 0
        for block, (features, labels) in enumerate(_blocks(stream)):
            if not _finite(features):
                raise ScriptError(f"{file.key}: a feature is no finite number; {AGAIN}")
            rows += len(labels)
            names = class_names(labels, as_numbers=self.plan.as_numbers) if self.wanted else labels
            divided = {"train" if file.split == "all" else file.split: np.arange(len(labels))}
            if file.split == self.plan.source:
                divided = self.plan.divided(number, block, names, starts)
            at_once = alone and block == 0 and rows == file.rows
            for name in SPLITS:
                if name in divided and len(divided[name]):
                    self._take(name, divided[name], features, labels, names, at_once=at_once)
        if rows != file.rows:
            raise ScriptError(f"{file.key}: {rows} rows where {file.rows} were inspected; {AGAIN}")

    def _take(
        self, name: str, rows: Places, features: Array | TreatedRows, labels: Array, names: Array, *, at_once: bool
    ) -> None:
        """Some rows of a split, of one block."""
        values = self.wanted.labels(names[rows]) if self.wanted else real_labels(name, labels[rows])
        if not self.wanted:
            self.amounts.setdefault(name, Moments(1)).count(values[:, None].astype(np.float64))
        if name == "train":
            self._keep(features, rows, values, names)
        for start in range(0, len(rows), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            chunk = floats(features[rows[part]])
            if name == "train":
                self.moments.count(chunk)
            if name == "train" and not at_once:
                self._shuffling(chunk).add(chunk, values[part])
            else:
                self._write(name, chunk, values[part])
            if name == "test":
                stream = self._open(self.output / "features" / self.share.name("features", ending_of(chunk)))
                if isinstance(features, TreatedRows):
                    stream.write(features.lines(rows[part]))
                else:
                    write_sent(stream, chunk)
                self._open(self.output / "labels" / self.share.name("labels", ".csv")).write(label_lines(values[part]))

    def _shuffling(self, chunk: Any) -> Shuffle | SparseShuffle:
        if self.shuffle is None:
            rows, width, seed = self.plan.rows, chunk.shape[1], (self.plan.seed, self.share.index, 1)
            if is_sparse(chunk):
                self.shuffle = SparseShuffle(self.folder, rows, self.entries, width, seed)
            else:
                self.shuffle = Shuffle(self.folder, rows, width, seed)
            self.stack.callback(self.shuffle.close)
        return self.shuffle

    def end(self) -> None:
        """What was shuffled comes last."""
        if self.shuffle is not None:
            for features, labels in self.shuffle.shuffled():
                self._write("train", features, labels)

    def _write(self, name: str, features: Any, labels: Floats) -> None:
        parts = self.share.parts if name == "train" else 1
        for number, own in enumerate(np.array_split(np.arange(len(labels)), parts), self.share.index * parts):
            if len(own):
                piece = slice(own[0], own[-1] + 1)
                stream = self._open(self.output / name / f"part-{number:05}.recordio")
                write_records(stream, features[piece], labels[piece])

    def _open(self, path: Path) -> Any:
        if path not in self._streams:
            self._streams[path] = self.outputs.open(path)
        return self._streams[path]

    def _keep(self, features: Array | TreatedRows, rows: Places, labels: Floats, names: Array) -> None:
        """The first rows of train, for pictures."""
        cells = 1 + self.entries // self.plan.rows if is_sparse(features) else features.shape[1]
        most = min(SAMPLE_ROWS, max(1, 4 * SAMPLE_CELLS // cells)) - self._sampled
        if most > 0:
            chosen = rows[:most]
            self._sample.append((features[chosen], labels[:most], names[chosen]))
            self._sampled += len(chosen)

    def sample(self) -> FirstRows:
        """These rows."""
        features, labels, names = zip(*self._sample, strict=True)
        held: Any = stacked_sparse(features) if is_sparse(features[0]) else np.concatenate(features)
        return FirstRows(held, np.concatenate(labels), np.concatenate(names))


def _finite(features: Any) -> bool:
    """Whether all are numbers that float32 can hold; those of treated rows are."""
    values = features.data if is_sparse(features) else features
    if isinstance(values, TreatedRows) or values.dtype.kind != "f":
        return True
    return bool(np.isfinite(floats(values)).all())


def _blocks(stream: Stream) -> Iterator[Sequence[Any]]:
    """Features and labels of a block of rows at a time, as all who read the file divide it."""
    rows = stream.rows()
    for first in islice(rows, 1):
        parts = chain([first], rows)
        in_blocks = isinstance(first[0], TreatedRows)
        yield from parts if in_blocks else blocks(parts, block_rows(stream.width, first[0].dtype.itemsize))
