"""Sparse test rows: what is made of them is what is made of the same rows as CSV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from scripts.errors import ScriptError
from scripts.formats.recordio import encode_dense, encode_sparse
from scripts.reporting.report_sections import binary_sections
from scripts.scoring.coefficients import read_coefficients
from scripts.scoring.drop_one import worth_section
from scripts.scoring.linear_model import read_model
from scripts.scoring.predictions import Answers, feature_rows, sent_rows
from tests.support.artefact import artifact

WIDTH = 60


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Path]:
    """The same rows twice, the first and some others all zeros, in two files; and a model of them."""
    rows = scipy.sparse.random(500, WIDTH, 0.1, "csr", np.float32, random_state=3)
    rows = scipy.sparse.vstack([scipy.sparse.csr_matrix((3, WIDTH), dtype=np.float32), rows], "csr")
    for name in ("dense", "sparse", "model", "inspection"):
        (tmp_path / name).mkdir()
    np.savetxt(tmp_path / "dense" / "features.csv", rows.toarray(), delimiter=",", fmt="%.9g")
    for number, part in enumerate((rows[:200], rows[200:])):
        text = encode_sparse(part.indptr, part.indices, part.data, part.shape, None)
        (tmp_path / "sparse" / f"features-{number}.recordio").write_bytes(text)
    weight = np.random.default_rng(0).normal(size=(WIDTH, 1))
    (tmp_path / "model" / "model.tar.gz").write_bytes(artifact(weight))
    (tmp_path / "inspection" / "inspection.json").write_text(json.dumps({"features": {"names": []}}))
    return {path.name: path for path in tmp_path.iterdir()}


def test_a_model_answers_alike(made: dict[str, Path]) -> None:
    model = read_model((made["model"] / "model.tar.gz").read_bytes())
    sparse, dense = (model.predict(made[name]) for name in ("sparse", "dense"))
    np.testing.assert_allclose(sparse.scores, dense.scores, rtol=1e-6)
    assert len(sparse) == 503


def test_features_are_worth_alike_and_mistakes_show_the_same_values(made: dict[str, Path]) -> None:
    found = read_coefficients(made["model"], made["inspection"])
    assert found is not None
    labels = (np.arange(503) % 3 == 0).astype(float)
    answers = Answers(np.linspace(0, 1, 503), (np.arange(503) > 250).astype(np.int64))
    told: list[Any] = []
    for name in ("sparse", "dense"):
        given = {"features": made[name], "inspection": made["inspection"], "labels": labels, "classes": 2}
        mistakes = binary_sections(answers, labels, made[name], beside=found.beside())[-1]
        told.append((worth_section(found, "auc", **given)[0].table, mistakes.table[1:]))
    assert told[0] == told[1]
    assert len(told[0][0]) == 21 and len(told[0][1]) == 40


def test_chosen_rows_are_found_in_any_file(made: dict[str, Path]) -> None:
    chosen = [502, 0, 199, 200, 7]
    sparse, dense = (feature_rows(made[name], chosen) for name in ("sparse", "dense"))
    assert sparse.keys() == dense.keys()
    for row in chosen:
        np.testing.assert_array_equal(sparse[row], dense[row])


def test_each_record_is_sent_whole(made: dict[str, Path]) -> None:
    content_type, sent = sent_rows(made["sparse"])
    held = list(sent)
    assert content_type == "application/x-recordio-protobuf" and len(held) == 503
    files = sorted(made["sparse"].iterdir())
    assert b"".join(held) == b"".join(path.read_bytes() for path in files)
    files[1].write_bytes(files[1].read_bytes()[:-3])
    with pytest.raises(ScriptError, match=r"^features-1.recordio: it is cut short; convert the data again"):
        list(sent_rows(made["sparse"])[1])
    files[0].write_bytes(encode_dense(np.ones((2, WIDTH), np.float32), None))
    with pytest.raises(ScriptError, match=r"^features-0.recordio: its records are not sparse"):
        feature_rows(made["sparse"], [0])
