"""The epochs of a job: train, measure on validation, decide whether it is the best so far and whether to go on.

Every step writes the lines that the container does, in its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.local.images.linear_learner.container_errors import AlgorithmError
from pipeline.local.images.linear_learner.counters import IteratorCounts, Timings
from pipeline.local.images.linear_learner.early_stopping import EarlyStopping
from pipeline.local.images.linear_learner.ensemble import Ensemble
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.interruption import Interruption
from pipeline.local.images.linear_learner.log import HOST, Log
from pipeline.local.images.linear_learner.metric_names import objective_name
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.model_selection import Judge, Standing
from pipeline.local.images.linear_learner.rows import Rows

CHECKPOINT: Final = 'Saved checkpoint to "/tmp/checkpoint/mx-mod-0000.params"'


@dataclass(frozen=True)
class Snapshot:
    """The models after an epoch: weights and biases for raw features, how they stand on validation if there is one."""

    folded: tuple[Floats, Floats]
    standing: Standing | None


@dataclass(frozen=True)
class Epochs:
    """Trains an ensemble epoch by epoch; `judge` measures on the validation channel, None where there is none."""

    parameters: Hyperparameters
    rows: Rows
    judge: Judge | None
    counts: IteratorCounts
    timings: Timings
    log: Log
    interruption: Interruption

    def run(self, ensemble: Ensemble) -> Snapshot:
        """Train until the last epoch, an early stop or an interruption; the models of the best epoch.

        Raises AlgorithmError where no model ever had a finite loss.
        """
        stopping = EarlyStopping(
            self.parameters.early_stopping_patience,
            self.parameters.early_stopping_tolerance,
            maximise=self.judge is not None and not self.judge.by_loss,
        )
        best: Snapshot | None = None
        self.interruption.defer()
        for epoch in range(self.parameters.epochs):
            started = self.log.clock()
            snapshot, value = self._epoch(ensemble, epoch)
            better = self._improves(stopping, epoch, value)
            if better:
                best = snapshot
            self._close(epoch, started, stops=stopping.met)
            if stopping.met or self.interruption.requested:
                break
        if best is None:
            raise AlgorithmError("Training did not converge: the loss of every model is not a finite number.")
        self._conclude(epoch, value, better=better)
        return best

    def _epoch(self, ensemble: Ensemble, epoch: int) -> tuple[Snapshot, float]:
        """Train one epoch; the models, and the value that early stopping watches."""
        started = self.log.clock()
        with self.timings.phase("update.time"):
            losses = ensemble.train_epoch()
        self.counts.passed(len(self.rows))
        self._log_pass("train", 2 * epoch + (4 if self.judge is None else 3), started)
        self._log_losses("train", epoch, losses.tolist())
        folded = ensemble.folded()
        if self.judge is None:
            return Snapshot(folded, None), float(np.min(np.where(np.isnan(losses), np.inf, losses)))
        started = self.log.clock()
        standing = self.judge.standing(folded)
        if epoch == 0:
            self._log_pass("validation", 0, started, first_batch=True)
        self._log_pass("validation", 3 * epoch + 2, started)
        self._log_losses("validation", epoch, standing.losses.tolist())
        return Snapshot(folded, standing), standing.value

    def _improves(self, stopping: EarlyStopping, epoch: int, value: float) -> bool:
        with self.timings.phase("check_early_stopping.time"):
            better = stopping.improves(value)
        self._log_criterion(epoch, value, better=better)
        self.log.info(f"Saving model for epoch: {epoch}")
        self.log.info(CHECKPOINT)
        return better

    def _close(self, epoch: int, started: float, *, stops: bool) -> None:
        log = self.log
        if stops:
            log.info("Early stop condition met. Stopping training.")
            log.info(f"#progress_metric: host={HOST}, completed 100 % epochs")
        else:
            percent = 100 * (epoch + 1) / self.parameters.epochs
            log.info(f"#progress_metric: host={HOST}, completed {percent!r} % of epochs")
        dimensions: dict[str, str | int] = {"epoch": epoch, "Meta": "training_data_iter"}
        log.metrics(self.counts.document(rewound=False), dimensions, start=started)
        throughput = len(self.rows) / max(log.clock() - started, 1e-9)
        log.info(f"#throughput_metric: host={HOST}, train throughput={throughput!r} records/second")
        log.flush()

    def _conclude(self, epoch: int, value: float, *, better: bool) -> None:
        """The container looks at its criterion once more at the end, and at workers that a single host has not.

        The numbers of its last passes go on from those of the epochs, first one more to learn what there is.
        """
        for _ in range(2):
            self.log.record(
                "WARNING",
                "wait_for_all_workers will not sync workers since the kv store is not running distributed",
            )
        started = self.log.clock()
        if self.judge is None:
            self._log_pass("train", 2 * epoch + 6, started, first_batch=True)
            self._log_pass("train", 2 * epoch + 8, started)
            return
        self._log_pass("validation", 3 * epoch + 5, started)
        with self.timings.phase("check_early_stopping.time"):
            self._log_criterion(epoch, value, better=better)
        self._log_pass("validation", 3 * epoch + 7, started)

    def _log_pass(self, channel: str, number: int, started: float, *, first_batch: bool = False) -> None:
        """A pass over a channel, or over its first batch only."""
        rows = self.judge.rows if self.judge is not None and channel == "validation" else self.rows
        size = self.parameters.mini_batch_size
        records = min(size, len(rows)) if first_batch else len(rows)
        num_bytes = rows.num_bytes * records // len(rows)
        self.log.epoch_stats(channel, number, self.log.clock() - started, -(-records // size), num_bytes)

    def _log_losses(self, channel: str, epoch: int, losses: list[float]) -> None:
        objective = objective_name(self.parameters)
        self.log.model_objectives(channel, objective, epoch, losses)
        self.log.quality(f"epoch={epoch}, {channel} {objective} <loss>", losses[0])

    def _log_criterion(self, epoch: int, value: float, *, better: bool) -> None:
        name = self.judge.criterion_name if self.judge else objective_name(self.parameters)
        self.log.info(f"#early_stopping_criteria_metric: host={HOST}, epoch={epoch}, criteria={name}, value={value!r}")
        if better:
            self.log.info(f"Epoch {epoch}: Loss improved. Updating best model")
