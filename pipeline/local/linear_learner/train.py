"""One training job, from rows to model: scaler, epochs with early stopping, choice of the best model, final figures.

Every step writes the lines that the container would; nothing here reads or writes files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.local.linear_learner.calibration import NATURAL_CUT
from pipeline.local.linear_learner.counters import IteratorCounts, Timings
from pipeline.local.linear_learner.early_stopping import EarlyStopping
from pipeline.local.linear_learner.ensemble import Ensemble, mean_losses
from pipeline.local.linear_learner.errors import AlgorithmError, CustomerError
from pipeline.local.linear_learner.figures import binary_metrics, multiclass_metrics, regression_metrics
from pipeline.local.linear_learner.grid import candidates
from pipeline.local.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.linear_learner.log import HOST, Log, counter
from pipeline.local.linear_learner.metrics import Metric, objective_name
from pipeline.local.linear_learner.model import Floats, Model
from pipeline.local.linear_learner.predictor_types import BINARY, MULTICLASS, REGRESSOR
from pipeline.local.linear_learner.rows import Rows
from pipeline.local.linear_learner.scaler import fit, rows_for_scaler
from pipeline.local.linear_learner.selection import Judge, Standing
from pipeline.local.linear_learner.weights import RowWeights

_CHECKPOINT: Final = 'Saved checkpoint to "/tmp/checkpoint/mx-mod-0000.params"'
_SCORED_ROWS: Final = 8192


def check(channels: Mapping[str, Rows], parameters: Hyperparameters) -> None:
    """Refuse rows that do not fit the hyperparameters or each other. Raises CustomerError."""
    train = channels["train"]
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


@dataclass(frozen=True)
class _Snapshot:
    """The models of the best epoch."""

    folded: tuple[Floats, Floats]
    standing: Standing | None


def train(channels: Mapping[str, Rows], parameters: Hyperparameters, log: Log) -> Model:
    """Train on checked `channels` ("train", and "validation" and "test" if there are any); the best model."""
    # A model whose learning rate is too high for the data overflows; it is one of many, and is never chosen.
    with np.errstate(over="ignore", invalid="ignore"):
        return _Job(channels, parameters, log).run()


class _Job:
    def __init__(self, channels: Mapping[str, Rows], parameters: Hyperparameters, log: Log) -> None:
        self._channels = channels
        self._parameters = parameters
        self._log = log
        self._objective = objective_name(parameters.loss)
        self._counts = IteratorCounts(parameters.mini_batch_size)
        self._timings = Timings(log.clock)
        self._rows = channels["train"]
        self._judged = "validation" if "validation" in channels else "train"
        self._epochs = 0

    def run(self) -> Model:
        start = self._log.clock()
        with self._timings.phase("totaltime"):
            with self._timings.phase("initialize.time"):
                ensemble = self._initialise()
            best = self._epoch_loop(ensemble)
            with self._timings.phase("finalize.time"):
                model = self._finalise(ensemble, best)
        self._closing_metrics(start)
        return model

    def _initialise(self) -> Ensemble:
        parameters, log = self._parameters, self._log
        started = log.clock()
        self._counts.passed(1)
        per_row = self._rows.num_bytes / len(self._rows)
        batch_bytes = int(per_row * parameters.mini_batch_size)
        log.epoch_stats("train", 0, 0.0, 1, batch_bytes)
        log.info("Create Store: local")
        scaler = fit(self._rows, parameters)
        batches = rows_for_scaler(parameters, len(self._rows)) // parameters.mini_batch_size
        self._counts.passed(batches)
        log.epoch_stats("train", 1, log.clock() - started, batches, batches * batch_bytes)
        log.scaler(
            scaler.mean.astype(np.float32),
            scaler.stdev.astype(np.float32),
            (scaler.label_mean, scaler.label_stdev),
        )
        log.gpus()
        log.metrics(self._counts.document(), {"Meta": "init_train_data_iter"}, start=started)
        with self._timings.phase("setuptime"):
            models = candidates(parameters)
            self._row_weights = RowWeights.of(parameters, models, self._rows.labels)
            self._judge = Judge(parameters, self._channels[self._judged], self._row_weights)
            return Ensemble(parameters, models, self._rows, scaler, self._row_weights)

    def _epoch_loop(self, ensemble: Ensemble) -> _Snapshot:
        parameters, log = self._parameters, self._log
        with_validation = self._judged == "validation"
        stopping: EarlyStopping | None = None
        best: _Snapshot | None = None
        for epoch in range(parameters.epochs):
            started = log.clock()
            with self._timings.phase("update.time"):
                losses = ensemble.train_epoch()
                self._log_pass(epoch, log.clock() - started)
                self._log_losses("train", epoch, losses.tolist())
            snapshot = self._look(ensemble, epoch)
            standing = snapshot.standing
            value = standing.value if standing else float(np.min(np.where(np.isnan(losses), np.inf, losses)))
            stopping = stopping or EarlyStopping(
                parameters.early_stopping_patience,
                parameters.early_stopping_tolerance,
                maximise=standing is not None and not standing.by_loss,
            )
            with self._timings.phase("check_early_stopping.time"):
                improved = stopping.improves(value)
            self._log_criterion(epoch, value, with_validation)
            if improved:
                best = snapshot
                log.info(f"Epoch {epoch}: Loss improved. Updating best model")
            log.info(f"Saving model for epoch: {epoch}")
            log.info(_CHECKPOINT)
            self._epochs = epoch + 1
            self._close_epoch(epoch, started, stopping.met)
            if stopping.met:
                break
        if best is None:
            raise AlgorithmError("Training did not converge: the loss of every model is not a finite number.")
        if with_validation and stopping is not None and stopping.best is not None:
            with self._timings.phase("check_early_stopping.time"):
                self._log_workers()
                self._log_criterion(self._epochs - 1, value, with_validation)
        else:
            self._log_workers()
        return best

    def _look(self, ensemble: Ensemble, epoch: int) -> _Snapshot:
        """The models as they are now; measured on validation where there is one."""
        folded = ensemble.folded()
        if self._judged != "validation":
            return _Snapshot(folded, None)
        standing = self._judge.standing(folded)
        self._log_losses("validation", epoch, standing.losses.tolist())
        return _Snapshot(folded, standing)

    def _log_pass(self, epoch: int, duration: float) -> None:
        batches = -(-len(self._rows) // self._parameters.mini_batch_size)
        self._counts.passed(batches)
        self._log.epoch_stats("train", 2 * epoch + 3, duration, batches, self._rows.num_bytes)

    def _log_losses(self, channel: str, epoch: int, losses: list[float]) -> None:
        self._log.model_objectives(channel, self._objective, epoch, losses)
        self._log.quality(f"epoch={epoch}, {channel} {self._objective} <loss>", losses[0])

    def _log_criterion(self, epoch: int, value: float, with_validation: bool) -> None:
        name = self._judge.criterion_name if with_validation else self._objective
        self._log.info(f"#early_stopping_criteria_metric: host={HOST}, epoch={epoch}, criteria={name}, value={value!r}")

    def _log_workers(self) -> None:
        for _ in range(2):
            self._log.record(
                "WARNING",
                "wait_for_all_workers will not sync workers since the kv store is not running distributed",
            )

    def _close_epoch(self, epoch: int, started: float, stops: bool) -> None:
        log = self._log
        if stops:
            log.info("Early stop condition met. Stopping training.")
            log.info(f"#progress_metric: host={HOST}, completed 100 % epochs")
        else:
            percent = 100 * (epoch + 1) // self._parameters.epochs
            log.info(f"#progress_metric: host={HOST}, completed {percent} % of epochs")
        log.metrics(self._counts.document(), {"Meta": "training_data_iter", "epoch": epoch}, start=started)
        seconds = max(log.clock() - started, 1e-9)
        throughput = len(self._rows) / seconds
        log.info(f"#throughput_metric: host={HOST}, train throughput={throughput!r} records/second")
        log.flush()

    def _finalise(self, ensemble: Ensemble, best: _Snapshot) -> Model:
        parameters, log = self._parameters, self._log
        standing = best.standing or self._judge.standing(best.folded)
        number = standing.best
        model = self._model(best.folded, standing, number)
        weights = self._row_weights
        if weights.positive is not None:
            weights = RowWeights(positive=weights.positive[number : number + 1])
        log.scores(self._judged, self._figures(model, self._channels[self._judged], weights))
        settings = ensemble.models[number].describe(parameters.optimizer)
        log.info(f"Best model found for hyperparameters: {json.dumps(settings)}")
        log.info(_CHECKPOINT)
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
        batches = -(-len(rows) // self._parameters.mini_batch_size)
        counts.passed(batches)
        figures = self._figures(model, rows, weights)
        log.epoch_stats("test", 0, log.clock() - started, batches, rows.num_bytes)
        log.metrics(counts.document(records=len(rows)), {"Meta": "test_data_iter"}, start=started)
        log.scores("test", figures)

    def _figures(self, model: Model, rows: Rows, weights: RowWeights) -> list[Metric]:
        parameters = self._parameters
        loss = mean_losses(parameters, (model.weight, model.bias), rows, weights)
        score = np.concatenate([model.scores(features) for features, _ in rows.slices(_SCORED_ROWS)])
        objective = Metric(self._objective, float(loss[0]), is_loss=True)
        if parameters.predictor_type == MULTICLASS:
            return [objective, *multiclass_metrics(score, rows.labels, parameters)]
        predicted = model.labels(score)
        if predicted is None:
            return [objective, *regression_metrics(score, rows.labels)]
        return [objective, *binary_metrics(score, predicted, rows.labels, parameters)]

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
