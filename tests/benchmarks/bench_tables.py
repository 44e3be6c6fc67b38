"""Tables as users bring them, in every format: the command, its result, and ten splits beside scikit-learn.

Run as `python tests/benchmarks/bench_tables.py [--only NAME ...] [--splits N] [--run]`, of which 10 splits
with whole runs take about half an hour. Ours is ConvertData's split
by a seed, learnt with the pipeline's own defaults; scikit-learn gets the very same rows after the same treatment,
scales them (sparse ones without a shift, as the algorithm does), and chooses its penalty by the validation rows. The
standard error is that of its mean over the splits.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from scripts.convert import convert
from scripts.formats.reading_options import Reading
from scripts.formats.recordio import read
from tests.support.linear_learner import train

ROOT: Final = Path(__file__).parents[2]
PENALTIES: Final = (0.01, 0.1, 1.0, 10.0)
Channels = dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Case:
    """A data set, written into a folder, and what its user types."""

    name: str
    write: Callable[[Path], None]
    label: str = "auto"
    task: str = "binary"
    positive: str = "1"
    table: bool = False
    rare: bool = False
    sparse: bool = False

    @property
    def features(self) -> str:
        """The setting."""
        return "table" if self.table else "sparse" if self.sparse else "numeric"

    def words(self, folder: Path, classes: int) -> list[str]:
        """The options of `pipeline run`."""
        words = ["--data", str(folder)]
        words += ["--set", f"features={self.features}"] if self.features != "numeric" else []
        words += ["--set", f"task={self.task}"] if self.task != "binary" else []
        words += ["--param", f"LabelColumn={self.label}"] if self.label != "auto" else []
        words += ["--param", f"PositiveClass={self.positive}"] if self.task == "binary" else []
        return words + (["--param", f"NumClasses={classes}"] if self.task == "multiclass" else [])

    @property
    def predictor(self) -> str:
        """The task, as linear-learner calls it."""
        return {"regression": "regressor"}.get(self.task, f"{self.task}_classifier")

    @property
    def figure(self) -> str:
        """What the splits are judged by."""
        return "R2" if self.task == "regression" else "F1" if self.rare else "accuracy"


def of_sklearn(name: str, label: str, classes: Sequence[str] = (), **options: Any) -> pd.DataFrame:
    """One of scikit-learn's data sets with its label in a column of this name."""
    from sklearn import datasets

    loaded = getattr(datasets, f"load_{name}")(as_frame=True, **options)
    found = loaded.target if not classes else loaded.target.map(dict(enumerate(classes)))
    frame: pd.DataFrame = loaded.data.assign(**{label: found})
    return frame


def customers(rows: int = 3000) -> pd.DataFrame:
    """Gaps, categories some of which are rare, dates with times, a column that counts, one that is constant."""
    r = np.random.default_rng(0)
    city = r.choice(["Seoul", "Busan", "Daegu, north", 'Jeju "isle"'], rows, p=[0.45, 0.3, 0.15, 0.1]).astype(object)
    city[r.random(rows) < 0.01] = "a village"
    age, income = r.normal(42, 12, rows).round(1), np.exp(r.normal(10, 0.6, rows)).round(2)
    joined = pd.Timestamp("2015-01-01") + pd.to_timedelta(r.integers(0, 3650 * 24, rows), unit="h")
    plan, active, gap = r.choice(["basic", "plus", "pro"], rows), r.random(rows) < 0.6, r.random(rows) < 0.12
    z = (
        0.06 * (age - 42)
        + 1.2 * (np.log(income) - 10)
        + np.where(city == "Seoul", 0.9, -0.3)
        - 0.8 * active
        - 1.0 * gap
    )
    z = z + np.where(plan == "pro", 1.1, 0) + np.where(joined.month > 10, 1.0, 0) + np.where(joined.weekday > 4, 0.8, 0)
    churn = np.where(r.random(rows) < 1 / (1 + np.exp(-2 * (z - 0.3))), "churned", "stayed")
    found = {"customer": np.arange(1001, 1001 + rows), "age": np.where(gap, np.nan, age), "income": income}
    more = {"city": pd.Series(city).mask(r.random(rows) < 0.04, None), "joined": joined.strftime("%Y-%m-%d %H:%M")}
    return pd.DataFrame({**found, **more, "plan": plan, "active": active, "country": "KR", "churn": churn})


def credit(rows: int = 5000) -> pd.DataFrame:
    """Thirty columns such as public credit data have: codes, amounts, dates of two forms, gaps."""
    r = np.random.default_rng(5)
    found = pd.DataFrame({"account": r.choice([f"A{i}" for i in range(4)], rows, p=[0.4, 0.3, 0.2, 0.1])})
    found["months"], found["amount"] = r.integers(4, 72, rows), np.exp(r.normal(7.8, 0.8, rows)).round(0)
    for i in range(14):
        found[f"number{i}"] = r.normal(i, 1 + i / 4, rows).round(3)
    for i in range(9):
        found[f"code{i}"] = r.choice([f"c{i}_{k}" for k in range(3 + i)], rows, p=r.dirichlet(np.ones(3 + i) * 2))
    days = pd.to_timedelta(r.integers(0, 4000, rows), unit="D")
    found["opened"] = (pd.Timestamp("2010-01-01") + days).strftime("%d.%m.%Y")
    found["born"] = (pd.Timestamp("1950-01-01") + 4 * days).strftime("%Y-%m-%d")
    found["telephone"], found["branch"] = r.random(rows) < 0.4, r.integers(1, 400, rows)
    z = found.account.map({"A0": 0.8, "A1": 0.3, "A2": -0.4, "A3": -1.2}) + 0.02 * (found.months - 20)
    z = z + 0.4 * (np.log(found.amount) - 7.8) - 0.5 * found.number0 + 0.3 * (found.number3 - 3) - 0.6 * found.telephone
    found["risk"] = np.where(r.random(rows) < 1 / (1 + np.exp(-(z - 0.8))), "bad", "good")
    for column in ("amount", "number0", "code2", "born"):
        found.loc[r.random(rows) < 0.08, column] = np.nan
    return found


def linear(rows: int, columns: int, seed: int, share: float = 0.5) -> pd.DataFrame:
    """Numbers, of which a third tell the label, which is 1 in such a share of the rows."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(rows, columns))
    z = x[:, : max(3, columns // 3)].sum(axis=1) + r.normal(0, 1, rows)
    return pd.DataFrame(x.round(4), columns=[f"x{i}" for i in range(columns)]).assign(
        label=(z > np.quantile(z, 1 - share)).astype(int)
    )


def words_like(rows: int, columns: int, seed: int) -> tuple[Any, Any]:
    """A sparse matrix such as counts of words make, and labels that some of the columns tell."""
    import scipy.sparse

    r = np.random.default_rng(seed)
    counts = r.poisson(60, rows)
    at = (columns * r.random(counts.sum()) ** 2.5).astype(np.int64)
    row = np.repeat(np.arange(rows), counts)
    matrix = scipy.sparse.csr_matrix((np.ones(len(at), np.float32), (row, at)), (rows, columns))
    z = matrix @ r.normal(0, 1, columns)
    return matrix, (z > np.median(z)).astype(int)


def to_parquet_folder(folder: Path) -> None:
    digits = of_sklearn("digits", "label")
    for number, part in enumerate(np.array_split(np.arange(len(digits)), 4)):
        (folder / "deep").mkdir(exist_ok=True)
        digits.iloc[part].to_parquet(folder / "deep" / f"part-{number}.parquet")


def to_libsvm(folder: Path) -> None:
    from sklearn.datasets import dump_svmlight_file

    dump_svmlight_file(*words_like(2000, 300, 3), str(folder / "a.libsvm"))


def to_sparse(folder: Path) -> None:
    matrix, labels = words_like(1500, 20_000, 4)
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": matrix.shape}
    np.savez(folder / "a.npz", format=b"csr", y=labels, **parts)


def to_csv(table: Callable[[], pd.DataFrame], name: str = "a.csv", **options: Any) -> Callable[[Path], None]:
    return lambda folder: table().to_csv(folder / name, index=False, **options)


CASES: Final = (
    Case("cancer", to_csv(lambda: of_sklearn("breast_cancer", "diagnosis", ("malignant", "benign"))), "diagnosis",
         positive="malignant"),
    Case("customers", to_csv(customers), "churn", positive="churned", table=True),
    Case("credit", to_csv(credit), "risk", positive="bad", table=True),
    Case("Parquet folder (digits)", to_parquet_folder, task="multiclass"),
    Case("TSV (iris)", to_csv(lambda: of_sklearn("iris", "kind", ("setosa", "versicolor", "virginica")), "a.tsv",
         sep="\t"), "kind", "multiclass"),
    Case("JSON Lines", lambda folder: linear(3000, 20, 2).to_json(folder / "a.jsonl", orient="records", lines=True)),
    Case("libsvm", to_libsvm),
    Case("libsvm, sparse", to_libsvm, sparse=True),
    Case("sparse NPZ, 20,000 columns", to_sparse),
    Case("sparse NPZ, 20,000 columns, sparse", to_sparse, sparse=True),
    Case("diabetes", to_csv(lambda: of_sklearn("diabetes", "progression", scaled=False)), "progression", "regression"),
    Case("wine", to_csv(lambda: of_sklearn("wine", "cultivar", ("barolo", "grignolino", "barbera"))), "cultivar",
         "multiclass"),
    Case("1 % positives", to_csv(lambda: linear(20_000, 12, 1, share=0.01)), rare=True),
)  # fmt: skip


def channels_of(folder: Path, case: Case, seed: int) -> Channels:
    """The rows of each split as the pipeline converts them."""
    with tempfile.TemporaryDirectory() as place:
        convert(
            folder,
            Path(place),
            Reading(case.label),
            task=case.predictor,
            positive_class=case.positive,
            features=case.features,
            seed=seed,
        )
        found = {}
        for name in ("train", "validation", "test"):
            with (Path(place) / name / "part-00000.recordio").open("rb") as stream:
                chunks = list(read(stream))
            found[name] = (
                _together([chunk.features for chunk in chunks]),
                np.concatenate([np.asarray(chunk.labels) for chunk in chunks]),
            )
        return found


def _together(parts: Sequence[Any]) -> Any:
    """All rows, sparse ones compressed by rows."""
    import scipy.sparse

    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return scipy.sparse.vstack(
        [scipy.sparse.csr_matrix((of.values, of.keys, of.indptr), of.shape) for of in parts], "csr"
    )


def ours(case: Case, rows: Channels) -> float:
    """The figure of linear-learner with the pipeline's defaults, and the batch that `pipeline run` chooses."""
    given = {"predictor_type": case.predictor, "epochs": "15"}
    given["mini_batch_size"] = str(max(1, min(200, len(rows["train"][1]) // 10)))
    if case.task == "multiclass":
        given["num_classes"] = str(int(rows["train"][1].max()) + 1)
    if case.task == "binary":
        given["binary_classifier_model_selection_criteria"] = "loss_function"
    with tempfile.TemporaryDirectory() as place:
        answers = train(Path(place), given, {name: rows[name] for name in ("train", "validation")}).model.predict(
            rows["test"][0]
        )
    return figure(case, rows["test"][1], answers.score if case.task == "regression" else answers.predicted_label)


def peer(case: Case, rows: Channels) -> float:
    """The same of scikit-learn's linear model, whose penalty does best on the validation rows."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fitted(penalty: float) -> Any:
        regression = case.task == "regression"
        model = Ridge(1 / penalty) if regression else LogisticRegression(C=penalty, max_iter=1000)
        return make_pipeline(StandardScaler(with_mean=not case.sparse), model).fit(*rows["train"])

    best = max(map(fitted, PENALTIES), key=lambda model: model.score(*rows["validation"]))
    return figure(case, rows["test"][1], best.predict(rows["test"][0]))


def figure(case: Case, truth: Any, found: Any) -> float:
    """R2, F1 or accuracy."""
    from sklearn.metrics import accuracy_score, f1_score, r2_score

    measure = {"R2": r2_score, "F1": f1_score, "accuracy": accuracy_score}[case.figure]
    return float(measure(truth, np.asarray(found)))


def result(words: Sequence[str], state: Path) -> str:
    """What a whole run ends with: its exit code and its figures."""
    command = [sys.executable, "-m", "pipeline", "run", *words, "--state", str(state)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.findall(r"^(\w+) +(-?[\d.,]+) +at (?:least|most)", done.stdout, re.MULTILINE)
    return f"exit {done.returncode}; {', '.join(f'{name} {value}' for name, value in found) or done.stderr[-300:]}"


def main() -> None:
    """Print what each data set gives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], help="parts of the names of data sets")
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--run", action="store_true", help="a whole run of each too")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    options, _ = parser.parse_known_args()
    warnings.simplefilter("ignore")
    told = []
    with tempfile.TemporaryDirectory() as place:
        for number, case in enumerate(CASES):
            if options.only and not any(word in case.name for word in options.only):
                continue
            folder = Path(place) / f"data-{number}"
            folder.mkdir()
            case.write(folder)
            both = []
            classes = 0
            for seed in range(options.splits):
                rows = channels_of(folder, case, seed)
                classes = int(rows["train"][1].max()) + 1
                both.append((ours(case, rows), peer(case, rows)))
            own, other = np.array(both).T
            error = float(other.std(ddof=1) / len(other) ** 0.5)
            words = case.words(folder, classes)
            print(f"{case.name}: pipeline run {shlex.join(words)}")
            print(f"  {case.figure} {own.mean():.4f}; scikit-learn {other.mean():.4f}, s.e. {error:.4f}", end="")
            print("" if own.mean() >= other.mean() - error else "; WORSE by more than one s.e.", flush=True)
            if options.run:
                print(f"  run: {result(words, Path(place) / 'state')}", flush=True)
            told.append({"name": case.name, "ours": own.tolist(), "peer": other.tolist()})
    if options.json:
        options.json.write_text(json.dumps(told))


if __name__ == "__main__":
    main()
