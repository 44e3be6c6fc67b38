"""The line of a job's log that tells in what this interpreter differs from the image."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

import pytest

from pipeline.local.images.tag_contents import differences

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "pyarrow", "boto3", "matplotlib")
CONSTRAINTS = Path(__file__).parents[4] / ".constraints" / "processing-image.txt"


def test_the_line_names_each_library_that_differs_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = dict(line.split("==") for line in CONSTRAINTS.read_text().splitlines() if "==" in line)
    of_image = {name: pinned[name] for name in LIBRARIES} | {"xgboost": "3.2.0"}
    monkeypatch.setattr(platform, "python_version_tuple", lambda: ("3", "12", "1"))
    differences.cache_clear()
    monkeypatch.setattr(importlib.metadata, "version", of_image.__getitem__)
    uri = f"{REGISTRY}/sagemaker-xgboost:3.2-0"
    assert differences(uri) == ""
    differences.cache_clear()
    of_image["numpy"] = "9.9"
    assert differences(uri) == "[localhost] on AWS sagemaker-xgboost:3.2-0 has numpy 2.1.0 (here 9.9)."
    sklearn = differences(f"{REGISTRY}/sagemaker-scikit-learn:1.9-0-cpu-py3")
    assert "numpy 2.5.1 (here 9.9), scikit-learn 1.9.0 (here 1.8.0)" in sklearn and "pandas" not in sklearn
    assert "no matplotlib (here 3.10.9), no xgboost (here 3.2.0)" in sklearn
    differences.cache_clear()


@pytest.mark.parametrize(
    "uri", [f"{REGISTRY}/sagemaker-xgboost:9.9-9", f"{REGISTRY}/linear-learner:1", "own/churn", "a@sha256:00"]
)
def test_nothing_is_said_of_an_image_that_is_not_known(uri: str) -> None:
    assert differences(uri) == ""
