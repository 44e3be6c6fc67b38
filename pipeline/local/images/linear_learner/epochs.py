"""The epochs of a job: train, measure on validation, decide whether it is the best so far and whether to go on.

Every step writes the lines that the container does, in its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.local.images.linear_learner.counters import IteratorCounts, Timings
from pipeline.local.images.linear_learner.early_stopping import EarlyStopping
from pipeline.local.images.linear_learner.ensemble import Ensemble
from pipeline.local.images.linear_learner.errors import AlgorithmError
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.interruption import Interruption
from pipeline.local.images.linear_learner.log import HOST, Log
from pipeline.local.images.linear_learner.metrics import objective_name
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.rows import Rows
from pipeline.local.images.linear_learner.selection import Judge, Standing

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
        batches = -(-len(self.rows) // self.parameters.mini_batch_size)
        self.counts.passed(batches)
        seconds = self.log.clock() - started
        self.log.epoch_stats("train", 2 * epoch + 3, seconds, batches, self.rows.num_bytes)
        self._log_losses("train", epoch, losses.tolist())
        folded = ensemble.folded()
        if self.judge is None:
            return Snapshot(folded, None), float(np.min(np.where(np.isnan(losses), np.inf, losses)))
        standing = self.judge.standing(folded)
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
            percent = 100 * (epoch + 1) // self.parameters.epochs
            log.info(f"#progress_metric: host={HOST}, completed {percent} % of epochs")
        log.metrics(self.counts.document(), {"Meta": "training_data_iter", "epoch": epoch}, start=started)
        throughput = len(self.rows) / max(log.clock() - started, 1e-9)
        log.info(f"#throughput_metric: host={HOST}, train throughput={throughput!r} records/second")
        log.flush()

    def _conclude(self, epoch: int, value: float, *, better: bool) -> None:
        """The container looks at its criterion once more at the end, and at workers that a single host has not."""
        for _ in range(2):
            self.log.record(
                "WARNING",
                "wait_for_all_workers will not sync workers since the kv store is not running distributed",
            )
        if self.judge is not None:
            with self.timings.phase("check_early_stopping.time"):
                self._log_criterion(epoch, value, better=better)

    def _log_losses(self, channel: str, epoch: int, losses: list[float]) -> None:
        objective = objective_name(self.parameters.loss)
        self.log.model_objectives(channel, objective, epoch, losses)
        self.log.quality(f"epoch={epoch}, {channel} {objective} <loss>", losses[0])

    def _log_criterion(self, epoch: int, value: float, *, better: bool) -> None:
        name = self.judge.criterion_name if self.judge else objective_name(self.parameters.loss)
        self.log.info(f"#early_stopping_criteria_metric: host={HOST}, epoch={epoch}, criteria={name}, value={value!r}")
        if better:
            self.log.info(f"Epoch {epoch}: Loss improved. Updating best model")
