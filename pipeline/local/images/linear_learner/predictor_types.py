"""The three types of predictor, by the names that hyperparameters and artefacts use."""

from __future__ import annotations

from typing import Final

BINARY: Final = "binary_classifier"
MULTICLASS: Final = "multiclass_classifier"
REGRESSOR: Final = "regressor"
