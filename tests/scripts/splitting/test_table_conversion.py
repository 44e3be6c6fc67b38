"""Tables of mixed columns as a stream: however many instances, the same rows, treated alike, in bounded memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import convert, inspect_data
from scripts.features import raw_columns
from scripts.features.featurizer import Category, Date, Featurizer, Numeric, transform_fn
from scripts.features.raw_columns import raw_streams
from scripts.features.treatment_fit import fit, treated_streams
from scripts.formats import csv_table
from scripts.formats.reading_options import Reading
from scripts.formats.recordio import read
from scripts.profiling.survey import survey
from scripts.splitting import shuffle
from scripts.splitting.split_plan import Plan
from tests.support.mixed_table import write_mixed
from tests.support.raw_table import customers

ROOT = Path(__file__).parents[3]
SPLITS = ("train", "validation", "test")
GIVEN = ("--task", "binary_classifier", "--positive-class", "yes", "--label-column", "churn", "--features", "table")


def write(folder: Path, table: pd.DataFrame, sizes: tuple[int, ...], ending: str) -> None:
    """The table in files of so many rows."""
    folder.mkdir()
    first = 0
    for number, size in enumerate(sizes):
        part, path = table.iloc[first : first + size], folder / f"rows-{number}.{ending}"
        first += size
        if ending == "parquet":
            part.to_parquet(path, index=False)
        elif ending == "jsonl":
            part.to_json(path, orient="records", lines=True)
        else:
            part.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")


def inspected(data: Path, output: Path, *more: str) -> Path:
    assert inspect_data.main(["--data", str(data), "--output", str(output), "--seed", "7", *GIVEN, *more]) == 0
    return output


def converted(tmp_path: Path, instances: int, *more: str) -> Path:
    """The outputs of so many instances in one folder, as S3 gathers them; data are dealt out as S3's keys are."""
    baseline = inspected(tmp_path / "data", tmp_path / "baseline", *more)
    files, hosts = sorted((tmp_path / "data").iterdir()), [f"algo-{number + 1}" for number in range(instances)]
    for number, host in enumerate(hosts):
        own = tmp_path / f"instance-{instances}-{number}"
        (own / "data").mkdir(parents=True)
        for file in files[number::instances]:
            shutil.copy(file, own / "data")
        (own / "resources.json").write_text(json.dumps({"current_host": host, "hosts": hosts}))
        given = {"data": own / "data", "output": own / "out", "baseline": baseline, "resources": own / "resources.json"}
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        assert convert.main([*words, "--seed", "7", *GIVEN, *more]) == 0
        shutil.copytree(own / "out", tmp_path / f"out-{instances}", dirs_exist_ok=True)
    return tmp_path / f"out-{instances}"


def rows(folder: Path) -> Iterator[tuple[float, ...]]:
    for path in sorted(folder.glob("*.recordio")):
        with path.open("rb") as stream:
            for chunk in read(stream):
                assert chunk.labels is not None
                yield from map(tuple, np.column_stack([np.asarray(chunk.features), chunk.labels]).tolist())


def text(folder: Path) -> str:
    """The parts of features or labels one after the other."""
    return "".join(path.read_text() for path in sorted(folder.glob("*.csv")))


@pytest.mark.long
@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl"])
def test_one_two_and_four_instances_make_the_same_rows_by_the_same_treatment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(raw_columns, "BLOCK_CELLS", 30 * 8)
    monkeypatch.setattr(raw_columns, "_FEWEST_BLOCK_ROWS", 7)
    monkeypatch.setattr(shuffle, "PILE_BYTES", 20_000)
    write(tmp_path / "data", customers(500, 3), (130, 60, 250, 60), ending)
    made = {count: converted(tmp_path, count) for count in (1, 2, 4)}
    found = {count: {name: sorted(rows(output / name)) for name in SPLITS} for count, output in made.items()}
    assert found[1] == found[2] == found[4]
    assert [len(found[1][name]) for name in SPLITS] == [400, 50, 50]
    fitted = {path.read_bytes() for path in tmp_path.rglob("featurizer.json")}
    assert len(fitted) == 1, "what InspectData fitted is what every instance serves"
    for output in made.values():
        featurizer, lines = Featurizer.load(fitted.copy().pop()), text(output / "features")
        served = transform_fn(featurizer, lines, "text/csv", "")[0].splitlines()
        labels = text(output / "labels").splitlines()
        assert len(served) == len(labels) == 50
        treated = [(*map(float, line.split(",")), float(label)) for line, label in zip(served, labels, strict=True)]
        np.testing.assert_array_equal(np.array(sorted(treated), np.float32), np.array(found[1]["test"], np.float32))


def test_what_is_fitted_is_fitted_on_the_rows_of_train_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_columns, "BLOCK_CELLS", 30 * 8)
    monkeypatch.setattr(raw_columns, "_FEWEST_BLOCK_ROWS", 7)
    table = customers(500, 3).assign(age=np.arange(500) * 1.5)  # which tells rows apart
    write(tmp_path / "data", table, (130, 370), "csv")
    output = converted(tmp_path, 1)
    featurizer = Featurizer.load((output / "inspection" / "featurizer.json").read_bytes())
    names = list(featurizer.features)
    train = pd.DataFrame([row[:-1] for row in rows(output / "train")], columns=names)
    columns = {column.name: column for column in featurizer.columns}
    own = table[table["age"].isin(train["age"])]
    assert len(own) == 400
    assert columns["age"].median == own["age"].median()  # type: ignore[union-attr]
    assert columns["income"].median == own["income"].median()  # type: ignore[union-attr]
    days = (pd.to_datetime(own["joined"]) - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    assert columns["joined"].median == pytest.approx(days.median(), abs=1e-9)  # type: ignore[union-attr]
    counts = own["city"].fillna("").value_counts()
    assert columns["city"].values == tuple(sorted(counts[counts >= 4].index))  # type: ignore[union-attr]


def test_files_of_numbers_that_are_not_equally_wide_are_treated_alike_by_several_instances(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name, more in (("a", " 3:1"), ("b", "")):
        lines = [f"{row % 2} 1:{row}{more if row % 3 else ''}\n" for row in range(30)]
        (tmp_path / "data" / f"{name}.libsvm").write_text("".join(lines))
    made = [converted(tmp_path, count, "--positive-class", "1", "--label-column", "auto") for count in (1, 2)]
    found = [{name: sorted(rows(output / name)) for name in SPLITS} for output in made]
    assert found[0] == found[1] and sum(map(len, found[0].values())) == 60


# The image's pandas reads a number of sixteen digits to within the last bit of a double, which float32 does not see.
FLOATS = st.floats(-1e6, 1e6).map(lambda number: f"{number:.4f}")
CELLS = {
    "size": st.one_of(st.none(), st.integers(-5, 5).map(str), FLOATS),
    "colour": st.sampled_from([None, "red", "Blue", " green ", "n/a", "007"]),
    "day": st.one_of(st.none(), st.dates().map(str)),
}


@given(st.data())
@settings(max_examples=10)
def test_a_table_in_small_pieces_is_treated_as_it_is_treated_whole(data: st.DataObject) -> None:
    count = data.draw(st.integers(12, 40))
    cells = {name: data.draw(st.lists(of, min_size=count - 2, max_size=count - 2)) for name, of in CELLS.items()}
    cells["size"] += ["1.5", "2.5"]
    cells["colour"] += ["red", "Blue"]
    cells["day"] += ["2020-02-29", "1999-12-31"]
    table = pd.DataFrame({**cells, "churn": [("yes", "no")[row % 2] for row in range(count)]})
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_columns, "BLOCK_CELLS", 3 * data.draw(st.integers(1, 50)))
        patch.setattr(raw_columns, "_FEWEST_BLOCK_ROWS", 1)
        patch.setattr(csv_table, "_CHUNK_CELLS", 4 * data.draw(st.integers(1, 50)))
        for split in SPLITS:
            table.to_csv(Path(place) / f"{split}.csv", index=False)
        found = survey(Path(place), Reading("churn"), features="table")
        source = raw_streams(Path(place), Reading("churn"))
        featurizer = fit(source, found, Plan.of(found, seed=0, task="binary_classifier"), Path(place))
        parts = list(treated_streams(source, featurizer, found.texts)[0].rows())
        features = np.concatenate([held[np.arange(len(labels))] for held, labels in parts])
    sizes = np.array([np.nan if cell is None else float(cell) for cell in cells["size"]])
    days = np.array(
        [np.nan if cell is None else date.fromisoformat(cell).toordinal() - 719163 for cell in cells["day"]]
    )
    colours = Counter("" if cell in (None, "n/a") else cell.strip() for cell in cells["colour"])
    kept = sorted(colour for colour, many in colours.items() if many >= 2)
    gaps, unknown = np.isnan(sizes).any(), np.isnan(days).any()
    assert featurizer.columns == (
        Numeric("size", float(np.nanmedian(sizes)), bool(gaps)),
        Category("colour", tuple(kept), len(kept) < len(colours)),
        Date("day", "ymd", float(np.nanmedian(days)), bool(unknown), False),
    )
    whole = featurizer.of_rows([[cell or "" for cell in row] for row in zip(*cells.values(), strict=True)])
    np.testing.assert_array_equal(features, whole)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda table: table.assign(income="much"), "text in a column of numbers (income); the data changed since"),
        (lambda table: table.drop(columns="city"), "its columns are others than were inspected; the data changed"),
        (lambda table: table.assign(income=1e39), "column 'income' holds no finite number; the data changed since"),
        (lambda table: table.head(20), "20 rows where 40 were inspected; the data changed since"),
    ],
    ids=["text", "columns", "infinite", "rows"],
)
def test_a_table_that_changed_after_it_was_inspected_is_refused(tmp_path: Path, change: object, reason: str) -> None:
    table = customers(40, 0)
    write(tmp_path / "data", table, (40,), "csv")
    baseline = inspected(tmp_path / "data", tmp_path / "baseline")
    assert callable(change)
    change(table).to_csv(tmp_path / "data" / "rows-0.csv", index=False)
    given = ["--data", str(tmp_path / "data"), "--output", str(tmp_path / "out"), "--baseline", str(baseline)]
    assert convert.main([*given, "--seed", "7", *GIVEN, "--message", str(tmp_path / "message")]) == 1
    assert reason in (tmp_path / "message").read_text()
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_baseline_without_a_treatment_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("y,x\n" + "a,1\nb,2\n" * 20)
    baseline = tmp_path / "baseline"
    assert inspect_data.main(["--data", str(tmp_path / "data"), "--output", str(baseline)]) == 0
    given = ["--data", str(tmp_path / "data"), "--output", str(tmp_path / "out"), "--baseline", str(baseline)]
    more = ["--task", "binary_classifier", "--positive-class", "a", "--features", "table"]
    assert convert.main([*given, *more, "--message", str(tmp_path / "message")]) == 1
    assert "InspectData fitted no treatment; inspect the data with features=table" in (tmp_path / "message").read_text()


@pytest.mark.long
@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_peak_memory_of_mixed_tables_does_not_grow_with_the_rows(tmp_path: Path, ending: str) -> None:
    """Arrow's memory is seen by the system alone, so each script is a process. Held whole, four times the rows took
    more than twice the memory. As a stream it grows until the buffers are full, of which the shuffle's is 64 MB: 40,000
    rows do not fill them all, 80,000 do."""
    peaks = {}
    for count in (2, 8):
        write_mixed(tmp_path / str(count), 40_000 * count, ending, files=count)
        given = ["--data", str(tmp_path / str(count)), *GIVEN]
        base = tmp_path / f"base-{count}"
        peaks[count] = max(
            peak("scripts.inspect_data", *given, "--output", str(base)),
            peak("scripts.convert", *given, "--output", str(tmp_path / f"out-{count}"), "--baseline", str(base)),
        )
    assert peaks[8] < 450
    assert peaks[8] < 1.25 * peaks[2], peaks


def peak(module: str, *words: str) -> float:
    """The most megabytes that a script took."""
    command = [sys.executable, "-m", "tests.support.own_peak", module, *words]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return int(done.stdout.splitlines()[-1]) / 1024
