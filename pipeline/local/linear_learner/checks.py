"""What can only be said of rows once all channels are read: that they fit the hyperparameters and each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.local.linear_learner.channels import unreadable
from pipeline.local.linear_learner.errors import CustomerError
from pipeline.local.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.linear_learner.predictor_types import REGRESSOR
from pipeline.local.linear_learner.rows import Rows


def check(channels: Mapping[str, Rows], parameters: Hyperparameters) -> None:
    """Refuse rows that do not fit the hyperparameters or each other. Raises CustomerError."""
    train = channels["train"]
    if train.feature_dim == 0:
        raise unreadable("train", "The records have a label and no feature")
    dimension = parameters.feature_dim
    if dimension is not None and dimension != train.feature_dim:
        raise CustomerError(
            f"Incorrect configuration or train dataset provided. The value of feature_dim hyperparameter "
            f"'{dimension}' doesn't match train data dimensionality '{train.feature_dim}'. "
            "Please set feature_dim to the number of features in train dataset."
        )
    for name, rows in channels.items():
        if rows.feature_dim != train.feature_dim:
            raise CustomerError(
                f"Incorrect configuration or {name} dataset provided. The dimensionality of {name} data "
                f"'{rows.feature_dim}' doesn't match train data dimensionality '{train.feature_dim}'. "
                f"Please provide {name} data with as many features as train data."
            )
    if parameters.mini_batch_size > len(train):
        raise CustomerError(
            f"Incorrect configuration or train dataset provided. The value of mini_batch_size hyperparameter "
            f"'{parameters.mini_batch_size}' is greater than the number of records in train dataset "
            f"'{len(train)}'. Please set mini_batch_size to at most the number of records in train dataset."
        )
    classes = np.unique(train.labels)
    if parameters.predictor_type != REGRESSOR and len(classes) < 2:
        raise CustomerError(
            f"Incorrect train dataset provided. All labels on train dataset are {classes[0]:g}. "
            f"A {parameters.predictor_type} needs records of at least two classes."
        )
