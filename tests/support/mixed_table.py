"""A table of thirty mixed columns of any number of rows, in files: numbers, categories, dates, gaps, texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

FILES: Final = 8
COLUMNS: Final = 30
_PART: Final = 25_000
_NUMBERS: Final = 14
_CATEGORIES: Final = 10


def write_mixed(folder: Path, rows: int, ending: str = "csv", files: int = FILES) -> int:
    """Files of equal size with the label `churn`; how many bytes they have."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    first = 0
    for number in range(files):
        left = rows // files + (number < rows % files)
        _write(folder / f"rows-{number}.{ending}", list(_parts(random, first, left)))
        first += left
    return sum(path.stat().st_size for path in folder.iterdir())


def _parts(random: np.random.Generator, first: int, rows: int) -> Iterator[pd.DataFrame]:
    for start in range(0, rows, _PART):
        yield mixed(random, first + start, min(_PART, rows - start))


def mixed(random: np.random.Generator, first: int, rows: int) -> pd.DataFrame:
    """Some rows, of which the first has this number."""
    found: dict[str, object] = {"id": np.arange(first, first + rows)}
    numbers = random.normal(size=(rows, _NUMBERS)).round(4)
    holes = random.random((rows, 5)) < 0.1
    for column in range(_NUMBERS):
        values = numbers[:, column] * (1 + column) + 10
        found[f"n{column}"] = np.where(holes[:, column], np.nan, values) if column < 5 else values
    for column in range(_CATEGORIES):
        many = 3 + 4 * column if column < 9 else 3000
        chosen = (many * random.random(rows) ** 2).astype(int)
        names = np.array([f"c{column} {value}" for value in range(many)], object)[chosen]
        if column % 3 == 0:
            names[random.random(rows) < 0.05] = None
        found[f"c{column}"] = names
    seconds = pd.to_timedelta(random.integers(0, 300_000_000, rows), unit="s")
    days = random.integers(0, 5000, (2, rows))
    opened, born = (pd.to_timedelta(part, unit="D") for part in days)
    found["seen"] = (pd.Timestamp("2012-01-01") + seconds).strftime("%Y-%m-%d %H:%M:%S")
    found["opened"] = (pd.Timestamp("2010-01-01") + opened).strftime("%d.%m.%Y")
    birthdays = (pd.Timestamp("1970-01-01") + born).strftime("%Y-%m-%d").to_numpy(object)
    birthdays[holes[:, 0]] = None
    found["born"] = birthdays
    found["active"] = random.random(rows) < 0.4
    found["note"] = [f"what customer {row} said" for row in range(first, first + rows)]
    score = numbers[:, 5] - numbers[:, 6] + holes[:, 0] + 0.5 * (days[0] > 2500)
    found["churn"] = np.where(score + random.normal(0, 1, rows) > 0.6, "yes", "no")
    return pd.DataFrame(found)


def _write(path: Path, parts: list[pd.DataFrame]) -> None:
    if path.suffix == ".parquet":
        pd.concat(parts).to_parquet(path, index=False, row_group_size=_PART)
        return
    with path.open("w") as file:
        for number, part in enumerate(parts):
            if path.suffix == ".jsonl":
                part.to_json(file, orient="records", lines=True)
            else:
                part.to_csv(file, index=False, header=not number, sep="\t" if path.suffix == ".tsv" else ",")
