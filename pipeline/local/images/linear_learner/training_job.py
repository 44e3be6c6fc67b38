"""One training job, from rows to model: scaler, epochs with early stopping, choice of the best model, final figures.

Every step writes the lines that the container would; nothing here reads or writes files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from pipeline.local.images.linear_learner.counters import IteratorCounts, Timings
from pipeline.local.images.linear_learner.ensemble import Ensemble, Losses
from pipeline.local.images.linear_learner.epochs import CHECKPOINT, Epochs, Snapshot
from pipeline.local.images.linear_learner.grid import candidates
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.interruption import Interruption
from pipeline.local.images.linear_learner.log import Log, counter
from pipeline.local.images.linear_learner.metric_names import Metric, objective_name
from pipeline.local.images.linear_learner.model import Floats, Model
from pipeline.local.images.linear_learner.model_figures import figures_of
from pipeline.local.images.linear_learner.model_selection import Judge, Standing
from pipeline.local.images.linear_learner.predictor_types import BINARY, REGRESSOR
from pipeline.local.images.linear_learner.rows import PASS_ROWS, Rows
from pipeline.local.images.linear_learner.scaler import fit
from pipeline.local.images.linear_learner.threshold_choice import NATURAL_CUT
from pipeline.local.images.linear_learner.weights import RowWeights


def train(
    channels: Mapping[str, Rows], parameters: Hyperparameters, log: Log, interruption: Interruption | None = None
) -> Model:
    """Train on checked `channels` ("train", and "validation" and "test" if there are any); the best model.

    An interruption ends the training after the epoch under way.
    """
    # A model whose learning rate is too high for the data overflows; it is one of many, and is never chosen.
    with np.errstate(over="ignore", invalid="ignore"):
        return _Job(channels, parameters, log, interruption or Interruption()).run()


class _Job:
    def __init__(
        self, channels: Mapping[str, Rows], parameters: Hyperparameters, log: Log, interruption: Interruption
    ) -> None:
        self._interruption = interruption
        self._channels = channels
        self._parameters = parameters
        self._log = log
        self._objective = objective_name(parameters)
        self._counts = IteratorCounts(parameters.mini_batch_size)
        self._timings = Timings(log.clock)
        self._rows = channels["train"]
        self._judged = "validation" if "validation" in channels else "train"

    def run(self) -> Model:
        start = self._log.clock()
        with self._timings.phase("totaltime"):
            with self._timings.phase("initialize.time"):
                ensemble = self._initialise()
            judge = self._judge if self._judged == "validation" else None
            epochs = Epochs(
                self._parameters, self._rows, judge, self._counts, self._timings, self._log, self._interruption
            )
            best = epochs.run(ensemble)
            with self._timings.phase("finalize.time"):
                model = self._finalise(ensemble, best)
        self._closing_metrics(start)
        return model

    def _initialise(self) -> Ensemble:
        parameters, log = self._parameters, self._log
        started = log.clock()
        first = parameters.mini_batch_size
        self._log_pass(0, started, first)
        log.info("Create Store: local")
        scaler = fit(self._rows, parameters)
        # What the scaler is given ends with a part of a mini-batch where the channel does; it leaves that out.
        read = (parameters.num_point_for_scaler // first + 1) * first
        self._log_pass(1, started, min(read, len(self._rows)))
        log.scaler(
            scaler.mean.astype(np.float32),
            scaler.stdev.astype(np.float32),
            (scaler.label_mean, scaler.label_stdev),
        )
        log.gpus()
        log.metrics(self._counts.document(rewound=True), {"Meta": "init_train_data_iter"}, start=started)
        with self._timings.phase("setuptime"):
            models = candidates(parameters)
            self._row_weights = RowWeights.of(parameters, models, self._rows)
            self._judge = Judge(parameters, self._channels[self._judged], self._row_weights)
            return Ensemble(parameters, models, self._rows, scaler, self._row_weights)

    def _log_pass(self, number: int, started: float, records: int) -> None:
        batches = self._counts.passed(records)
        num_bytes = self._rows.num_bytes * records // len(self._rows)
        self._log.epoch_stats("train", number, self._log.clock() - started, batches, num_bytes)

    def _finalise(self, ensemble: Ensemble, best: Snapshot) -> Model:
        parameters, log = self._parameters, self._log
        standing = best.standing or self._judge.standing(best.folded)
        number = standing.best
        model = self._model(best.folded, standing, number)
        weights = self._row_weights.of_models(slice(number, number + 1))
        log.scores(self._judged, self._figures(model, self._channels[self._judged], weights))
        settings = ensemble.models[number].describe(parameters)
        log.info(f"Best model found for hyperparameters: {json.dumps(settings)}")
        log.info(CHECKPOINT)
        self._score_test(model, weights)
        return model

    def _score_test(self, model: Model, weights: RowWeights) -> None:
        log = self._log
        if "test" not in self._channels:
            log.info("Test data is not provided.")
            return
        rows = self._channels["test"]
        started = log.clock()
        counts = IteratorCounts(self._parameters.mini_batch_size)
        counts.passed(len(rows))
        figures = self._figures(model, rows, weights)
        log.metrics(counts.document(rewound=True), {"Meta": "test_data_iter"}, start=started)
        log.scores("test", figures)

    def _figures(self, model: Model, rows: Rows, weights: RowWeights) -> list[Metric]:
        losses = Losses(self._parameters, (model.weight, model.bias), weights)
        figures = figures_of(self._parameters, len(rows))
        for features, labels in rows.slices(PASS_ROWS):
            losses.add(features, labels)
            score = model.scores(features)
            figures.add(score, model.labels(score), labels)
        return [Metric(self._objective, float(losses.mean[0]), is_loss=True), *figures.metrics()]

    def _model(self, folded: tuple[Floats, Floats], standing: Standing, number: int) -> Model:
        parameters = self._parameters
        outputs = slice(number, None, len(standing.losses))
        classifier = parameters.predictor_type != REGRESSOR
        loss = parameters.loss
        eps_type = loss.removeprefix("eps_insensitive_") if loss.startswith("eps_") else None
        classes = self._row_weights.classes
        return Model(
            weight=np.ascontiguousarray(folded[0][:, outputs]),
            bias=np.ascontiguousarray(folded[1][:, outputs]),
            predictor_type=parameters.predictor_type,
            loss_type=loss,
            threshold=float(standing.thresholds[number]) if parameters.predictor_type == BINARY else NATURAL_CUT,
            metrics_params={
                "quantile": parameters.quantile if loss == "quantile_loss" else None,
                "huber_delta": parameters.huber_delta if loss == "huber_loss" else None,
                "margin": parameters.margin if loss == "hinge_loss" else None,
                "loss_insensitivity": parameters.loss_insensitivity if eps_type else None,
                "eps_insensitive_loss_type": eps_type,
                "accuracy_top_k": parameters.accuracy_top_k,
                "f_beta": parameters.f_beta if classifier else None,
                "positive_example_weight_mult": self._positive_weight(number),
                "class_weights": None if classes is None else [float(weight) for weight in classes],
            },
        )

    def _positive_weight(self, number: int) -> float:
        positive = self._row_weights.positive
        return 1.0 if positive is None else float(positive[number])

    def _closing_metrics(self, start: float) -> None:
        names = (
            "initialize.time",
            "epochs",
            "check_early_stopping.time",
            "update.time",
            "finalize.time",
            "setuptime",
            "totaltime",
        )
        timed = self._timings.document(names)
        timed["epochs"] = counter(self._parameters.epochs)
        self._log.metrics({name: timed[name] for name in names}, start=start)
