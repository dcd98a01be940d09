"""Updates on single batches, call by call: what a fit of one batch does, with what does not change kept in between.

Design: a fit checks its arguments, takes a plan, and makes a history, listeners and progress, some 300 us; the update
of a small network takes ten. So whatever depends on the model alone stays here. What cannot end well is left to a fit,
which says why.
"""

from __future__ import annotations

import numpy as np

from fastnn._engine.compiled import Compiled, Trainee
from fastnn._engine.entries import Records
from fastnn._engine.finite import Finite
from fastnn._engine.trainer import Choose, RowsTrainer
from fastnn._kernels.contract import Rows
from fastnn._plan.memory import new_run
from fastnn.callbacks import History


def takes(compiled: Compiled, trainee: Trainee) -> bool:
    """Whether updates on single batches can be made here: not where lengths differ or all rows are wanted."""
    optimizer, layout = trainee.state.optimizer, compiled.layout
    return not (layout.is_open or layout.carried or optimizer is None or optimizer.full_batch)


class OneBatch:
    """Updates on batches of ``n`` rows each, of a model that is compiled."""

    def __init__(self, trainee: Trainee, choose: Choose, rows: Rows):
        n = len(rows)
        self.trainer, self.compiled = RowsTrainer(trainee, choose, rows, n), trainee.compiled
        self.run = new_run(n, (0, 1), shuffle=False)
        self.sums = np.zeros((1, int(self.trainer.plan.header["n_sums"])))
        self.weights = Finite(self.trainer.memory.params)
        self.params = {"epochs": 1, "initial_epoch": 0, "steps": 1, "n_samples": n, "batch_size": n, "verbose": 0}

    @property
    def fits(self) -> bool:
        """Whether the model still has the vectors that this works on, and the backend."""
        trainer = self.trainer
        state, memory = trainer.state, trainer.memory
        has_vectors = memory.params is state.params and memory.slots is state.slots
        return has_vectors and trainer.choose(trainer.plan) is trainer.backend

    def __call__(self, rows: Rows) -> History | None:
        """One update; None, and the model as it was, where weights or the loss would not be finite."""
        trainer, run = self.trainer, self.run
        state = trainer.state
        if trainer.heed():
            state.step = 0
        trainer.rows = rows
        run["epoch"] = run["batch"] = run["status"] = 0
        run["step"], run["max_steps"] = state.step, 1
        self.sums[...] = 0.0
        self.weights.keep()
        trainer.update(run, self.sums)
        if run["status"] or not self.weights.holds():
            self.weights.go_back()
            return None
        state.step = int(run["step"])
        state.epoch += 1
        return self._history()

    def _history(self) -> History:
        records = Records(self.compiled, 0, 0)
        kept = self.trainer.kept(self.sums[0]) if records.keeps else None
        history = records.history
        history.params = dict(self.params)
        history.extend([0], records.columns(self.trainer.plan, self.sums, len(self.trainer.rows), kept=kept))
        return history
