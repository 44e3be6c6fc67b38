"""What can only be said of rows once all channels are read: that they fit the hyperparameters and each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from pipeline.limits import Row
from pipeline.local.images.linear_learner.channels import unreadable
from pipeline.local.images.linear_learner.container_errors import CustomerError
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.predictor_types import REGRESSOR
from pipeline.local.images.linear_learner.rows import Rows

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="mini_batch_size above the rows of train, labels outside the classes, train rows of a single class",
        here="the job fails, with `ClientError: Incorrect ... dataset ...` and the numbers or the label",
        aws="too large a mini-batch fails the job; the texts, and what a single class does, are not established",
    ),
)


def check(channels: Mapping[str, Rows], parameters: Hyperparameters) -> None:
    """Refuse rows that do not fit the hyperparameters or each other. Raises CustomerError."""
    train = channels["train"]
    if train.feature_dim == 0:
        raise unreadable("train", "The records have a label and no feature")
    # Where it is "auto", train says what it is.
    dimension = parameters.feature_dim or train.feature_dim
    for name, rows in channels.items():
        if rows.feature_dim != dimension:
            raise CustomerError(
                f"Incorrect configuration or {name} dataset provided. The value of feature_dim hyperparameter "
                f"'{dimension}' doesn't match {name} data dimensionality '{rows.feature_dim}'. "
                f"Please set feature_dim to the number of features in {name} dataset."
            )
    if parameters.mini_batch_size > len(train):
        raise CustomerError(
            f"Incorrect configuration or train dataset provided. The value of mini_batch_size hyperparameter "
            f"'{parameters.mini_batch_size}' is greater than the number of records in train dataset "
            f"'{len(train)}'. Please set mini_batch_size to at most the number of records in train dataset."
        )
    if parameters.predictor_type == REGRESSOR:
        return
    classes = np.flatnonzero(train.class_counts)
    if len(classes) < 2:
        raise CustomerError(
            f"Incorrect train dataset provided. All labels on train dataset are {classes[0]}. "
            f"A {parameters.predictor_type} needs records of at least two classes."
        )
