"""A table as people have them, with gaps, categories and dates, and its treatment by scikit-learn and pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

CITIES = ("Seoul", "Busan", "Daegu, north", 'Jeju "isle"')


def customers(rows: int, seed: int) -> pd.DataFrame:
    """Customers with the label `churn`; some villages are rare, each seed has others."""
    random = np.random.default_rng(seed)
    city = random.choice(CITIES, rows, p=[0.5, 0.25, 0.15, 0.1]).astype(object)
    rare = np.flatnonzero(random.random(rows) < 0.03)
    city[rare] = [f"village {seed} {row % 7}" for row in rare]
    joined = pd.Timestamp("2015-01-01") + pd.to_timedelta(random.integers(0, 80_000, rows), unit="h")
    table = pd.DataFrame(
        {
            "id": np.arange(rows) + 1000,
            "age": random.normal(42, 12, rows).round(1),
            "income": np.exp(random.normal(10, 0.6, rows)),
            "city": city,
            "joined": joined.strftime("%Y-%m-%d %H:%M"),
            "active": random.random(rows) < 0.6,
            "country": "KR",
            "note": [f"note {seed} {row}" for row in range(rows)],
        }
    )
    score = (table["age"] - 42) / 12 + 2.0 * (city == "Seoul") - 1.5 * table["active"] + random.normal(0, 0.5, rows)
    table.insert(4, "churn", np.where(score > 0.3, "yes", "no"))
    for name, share in (("age", 0.1), ("city", 0.05), ("joined", 0.04)):
        table.loc[random.random(rows) < share, name] = None
    return table


def by_scikit_learn(train: pd.DataFrame, other: pd.DataFrame) -> npt.NDArray[Any]:
    """The features of `other` by the treatment of `train`, in the order of the columns."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    number = SimpleImputer(strategy="median", add_indicator=True)
    fewest = max(2, min(10, len(train) // 100))
    category = OneHotEncoder(min_frequency=fewest, handle_unknown="infrequent_if_exist", sparse_output=False)

    def part(known: range) -> OneHotEncoder:
        return OneHotEncoder(categories=[known], handle_unknown="ignore", sparse_output=False)

    parts = ColumnTransformer(
        [
            ("age", number, ["age"]),
            ("income", number, ["income"]),
            ("city", category, ["city"]),
            ("days", number, ["days"]),
            (
                "month",
                OneHotEncoder(categories=[range(1, 13)], handle_unknown="ignore", sparse_output=False),
                ["month"],
            ),
            ("day", part(range(7)), ["day"]),
            ("hour", part(range(24)), ["hour"]),
            ("active", OneHotEncoder(sparse_output=False), ["active"]),
        ]
    )
    found = np.asarray(parts.fit(_dated(train)).transform(_dated(other)), np.float64)
    # The flag of a missing date comes last of the date's features here, and after the days there.
    width = {name: slice_.stop - slice_.start for name, slice_ in parts.output_indices_.items()}
    flag = parts.output_indices_["days"].start + 1
    end = flag + 1 + width["month"] + width["day"] + width["hour"]
    return np.column_stack([found[:, :flag], found[:, flag + 1 : end], found[:, flag], found[:, end:]])


def _dated(table: pd.DataFrame) -> pd.DataFrame:
    joined = pd.to_datetime(table["joined"])
    days = (joined - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    city = table["city"].fillna("")
    return table.assign(days=days, month=joined.dt.month, day=joined.dt.day_of_week, hour=joined.dt.hour, city=city)
