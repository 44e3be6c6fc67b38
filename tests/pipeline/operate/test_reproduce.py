"""What counts as equal, and what of a definition trains a version again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.operate.reproduce import compared, training_alone
from scripts.scoring.linear_model import LinearModel

WAS = LinearModel(np.zeros((3, 2), np.float32), np.zeros((1, 2), np.float32), "binary_classifier", "logistic", 0.5)


def other(**numbers: float) -> LinearModel:
    weight, bias = WAS.weight.copy(), WAS.bias.copy()
    weight[1, 1], bias[0, 1] = numbers.get("weight", 0.0), numbers.get("bias", 0.0)
    return replace(WAS, weight=weight, bias=bias, threshold=numbers.get("threshold", 0.5))


def test_equal_is_equal_bit_by_bit() -> None:
    assert (compared(WAS, other()).difference, compared(WAS, other()).count) == ("", 9)
    assert compared(WAS, other(weight=-0.0)).difference.startswith("the weight of feature 1, output 1 was 0 and is -0;")


@pytest.mark.parametrize("name", ["weight", "bias", "threshold"])
def test_the_first_number_that_differs_is_named(name: str) -> None:
    found = compared(WAS, other(**{name: 0.25})).difference
    assert found.startswith(f"the {name}") and "is 0.25; 1 of" in found and "by at most 0.25" in found


def test_only_what_training_needs_runs_and_nothing_is_reused() -> None:
    golden = Path(__file__).parents[2] / "golden" / "definition" / "binary.json"
    found = training_alone(json.loads(golden.read_text()), "TrainModel")
    assert [step["Name"] for step in found["Steps"]] == ["InspectData", "ConvertData", "TrainModel"]
    assert "CacheConfig" not in str(found)
    assert found["Parameters"]
