"""The epoch loop: stretches of updates in the backend, and what happens between them.

A stretch is about 50 ms of updates in one backend call. When something listens at epochs (a callback, validation,
a schedule that watches the loss) a stretch also ends at the epoch's end; when something listens at batches it is
one batch. Between stretches Python hears Ctrl-C, keeps the time limit and moves the progress bar.

Design: weights are copied when an epoch begins (at most once a stretch), so that a fit that diverges goes back to
finite ones. The copy is a fraction of one update's memory traffic; looking at every update for NaN (rejected) is not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._kernels import contract, reference
from fastnn.callbacks import Callback, History, Logs, TerminateOnNaN, listens
from fastnn.custom_loss import CustomLoss
from fastnn.data import Data
from fastnn.errors import DivergenceError
from fastnn.evaluation import read_sums
from fastnn.lbfgs import Solver
from fastnn.optimizers import LBFGS
from fastnn.plan import Arenas, Plan, new_run
from fastnn.progress import Progress
from fastnn.schedules import Schedule

if TYPE_CHECKING:
    from fastnn.model import Sequential

STRETCH = 0.05  # seconds of updates in one call
GROWTH = 8  # how fast the first stretches of a fit grow towards that


@dataclass
class Stop:
    """A fit ends when an epoch's mean loss has not improved on the best by ``tol`` for more than ``patience`` epochs.

    Attributes
    ----------
    patience : -1 never ends a fit.
    best, wait : where the rule stands: the least loss, and the epochs since it improved. Kept up to date.
    on_stall : asked then; False lets the fit go on, ``wait`` from 0.
    """

    patience: int
    tol: float
    best: float = math.inf
    wait: int = 0
    on_stall: Callable[[], bool] = lambda: True


@dataclass
class Fit:
    """One call of ``Sequential.fit``, from its checked arguments to its history."""

    model: Sequential
    plan: Plan
    arenas: Arenas
    backend: Any
    data: Data
    epochs: tuple[int, int]  # first and last + 1, as the user counts them
    callbacks: Sequence[Callback] = ()
    validate: Callable[[], Logs] | None = None
    progress: Progress | None = None
    shuffle: bool = True
    time_limit: float | None = None
    pool: list[Arenas] = field(default_factory=list)  # where the arenas go when the fit is done
    stop: Stop | None = None
    history: History = field(default_factory=History)
    logs: Logs = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.steps = -(-len(self.data) // int(self.plan.header["batch_size"]))
        count, start = self.epochs[1] - self.epochs[0], self.model.epoch
        self.run = new_run(len(self.data), (start, start + max(0, count)), step=self.model.step, shuffle=self.shuffle)
        if self.stop:
            for name in ("patience", "tol", "best", "wait"):
                self.run[name] = getattr(self.stop, name)
        self.offset = self.epochs[0] - start  # from the model's own count of epochs to the user's
        self.order = np.arange(len(self.data), dtype=np.int32)
        self.per_batch = any(listens(c, "on_train_batch_begin", "on_train_batch_end") for c in self.callbacks)
        self.optimizer = self.model.compiled_optimizer
        self.metrics = self.model.resolved_metrics()
        schedule = self.optimizer.learning_rate
        self.schedule = schedule if isinstance(schedule, Schedule) else None
        self.per_epoch = bool(
            self.validate
            or (self.progress and self.progress.every_epoch)
            or any(listens(c, "on_epoch_begin", "on_epoch_end") for c in self.callbacks)
            or (self.schedule and self.schedule.listens)
        )
        self.train = self.backend.train_epochs
        if isinstance(self.optimizer, LBFGS):
            self.train = Solver(self.backend, self.optimizer)
        elif isinstance(self.plan.loss_record, CustomLoss):
            self.train = partial(contract.train_loop, self.backend, loss=reference.loss)
        self.sums = np.zeros((0, int(self.plan.header["n_sums"])))
        self.stretch_steps = 1
        self.kept = self.arenas.params.copy()
        self.history.params = {
            "epochs": self.epochs[1],
            "initial_epoch": self.epochs[0],
            "steps": self.steps,
            "n_samples": len(self.data),
            "batch_size": int(self.plan.header["batch_size"]),
        }

    def __call__(self) -> History:
        """Train until the last epoch, the time limit, a callback's word or a loss that is not finite."""
        self.model.stop_training = False
        deadline = None if self.time_limit is None else time.monotonic() + self.time_limit
        for callback in (self.history, *self.callbacks):
            callback.model, callback.params = self.model, self.history.params
        self._tell("on_train_begin")
        try:
            while self.run["epoch"] < self.run["last_epoch"] and not self.model.stop_training:
                self._stretch()
                if deadline is not None and time.monotonic() >= deadline:
                    break
            if not self._finite():  # no later batch has seen what the last update did
                self._diverge(int(self.run["epoch"]) - int(self.run["batch"] == 0))
        finally:
            self._count()
            self.pool.append(self.arenas)
            if self.progress:
                self.progress.close(self._steps_done(), self.logs)
        self._tell("on_train_end")
        return self.history

    def _stretch(self) -> None:
        """One backend call, and what is told after it."""
        run, begins = self.run, self.run["batch"] == 0
        if begins:
            self._keep()
            if self.per_epoch:
                self._tell("on_epoch_begin", int(run["epoch"]) + self.offset)
        self._prepare_sums()
        first_epoch, batch = int(run["epoch"]), int(run["batch"])
        run["max_steps"] = self._max_steps()
        rates = (
            self.optimizer.learning_rates(int(run["step"]), int(run["max_steps"]))
            if self.schedule
            else (np.array([self.optimizer.learning_rate]))
        )
        if self.per_batch:
            self._tell("on_train_batch_begin", batch)
        began, step = time.perf_counter(), int(run["step"])
        with np.errstate(all="ignore"):  # a loss that is not finite is found and told, not warned of
            self.train(
                self.plan,
                self.arenas,
                self.data.x,
                self.data.target,
                self.data.weight,
                self.order,
                run,
                rates,
                self.sums,
            )
        self._measure(time.perf_counter() - began, int(run["step"]) - step)
        self._count()
        if self.per_batch and not run["status"]:
            done = min((batch + 1) * int(self.plan.header["batch_size"]), len(self.data))
            self._tell("on_train_batch_end", batch, self._read(done))
        self._end_epochs(range(first_epoch, int(run["epoch"])))
        if self.stop:
            self._follow(self.stop)
        if run["status"]:
            self._diverge(int(run["epoch"]))
            return
        if self.progress:
            self.progress.update(self._steps_done(), self.logs, self._running)
        self._tell("on_progress", self._steps_done(), self.logs)

    def _follow(self, stop: Stop) -> None:
        """Take over where the rule stands after a call, and ask what shall be when it has ended one."""
        stop.best, stop.wait = float(self.run["best"]), int(self.run["wait"])
        if self.run["status"] != 2:
            return
        self.run["status"] = 0
        if stop.on_stall():
            self.model.stop_training = True
        else:
            self.run["wait"] = 0

    def _max_steps(self) -> int:
        """Updates of the next call: whole epochs when several fit, so that weights are kept at their border."""
        if self.per_batch:
            return 1
        left = self.steps - int(self.run["batch"])
        all_left = left + (int(self.run["last_epoch"] - self.run["epoch"]) - 1) * self.steps
        wanted = min(self.stretch_steps, left if self.per_epoch else all_left)
        return wanted if wanted <= left else left + (wanted - left) // self.steps * self.steps

    def _measure(self, seconds: float, steps: int) -> None:
        if steps:
            fitting = int(STRETCH * steps / max(seconds, 1e-9))
            self.stretch_steps = max(1, min(fitting, GROWTH * max(steps, self.stretch_steps)))

    def _prepare_sums(self) -> None:
        """Rows of sums from the epoch at hand on, the first one going on where the last call stopped."""
        run = self.run
        wanted = 1 if self.per_epoch else 1 + -(-self.stretch_steps // self.steps)
        rows = min(wanted, int(run["last_epoch"] - run["epoch"]))
        going_on = self.sums[int(run["epoch"] - run["first_epoch"])].copy() if run["batch"] else None
        if len(self.sums) < rows:
            self.sums = np.zeros((rows, self.sums.shape[1]))
        self.sums[...] = 0.0
        if going_on is not None:
            self.sums[0] = going_on
        run["first_epoch"] = run["epoch"]

    def _end_epochs(self, finished: range) -> None:
        """Record the epochs of the last call: one when something listens at epochs, else any number at once."""
        if not finished:
            return
        columns = read_sums(self.metrics, self.plan, self.sums[: len(finished)], len(self.data))
        if self.validate:
            columns |= {f"val_{name}": [value] for name, value in self.validate().items()}
        self.logs = {name: values[-1] for name, values in columns.items()}
        epochs = range(finished.start + self.offset, finished.stop + self.offset)
        if not self.per_epoch:
            self.history.extend(epochs, columns)
            return
        try:
            self._tell_epoch(epochs[-1])
        finally:  # with what callbacks put into the logs, also when one of them raised
            self.history.extend(epochs, {name: [value] for name, value in self.logs.items()})

    def _tell_epoch(self, epoch: int) -> None:
        if self.schedule and self.schedule.listens:
            self.schedule.on_epoch_end(self.logs.get("val_loss", self.logs["loss"]))
        self._tell("on_epoch_end", epoch, self.logs)
        if self.progress:
            self.progress.epoch_end(epoch - self.epochs[0], self.logs)

    def _read(self, n_samples: int) -> Logs:
        """The running values of the epoch at hand."""
        columns = read_sums(self.metrics, self.plan, self.sums[:1], n_samples)
        return {name: values[0] for name, values in columns.items()}

    def _running(self) -> Logs:
        """What the bar shows before the first epoch is whole: the values so far; nothing where no row is counted."""
        done = int(self.run["batch"]) * int(self.plan.header["batch_size"])
        return self._read(done) if done and self.sums[0].any() else {}

    def _keep(self) -> None:
        """Copy the weights if they are finite."""
        if self._finite():
            np.copyto(self.kept, self.arenas.params)

    def _finite(self) -> bool:
        params = self.arenas.params
        with np.errstate(all="ignore"):  # an overflow of the sum only costs the second look
            return bool(np.isfinite(params.sum()) or np.isfinite(params).all())

    def _count(self) -> None:
        """Callbacks that save or look at the model find its counters up to date."""
        self.model.epoch, self.model.step = int(self.run["epoch"]), int(self.run["step"])

    def _diverge(self, epoch: int) -> None:
        """Back to finite weights; then raise, or stop when TerminateOnNaN asked for that."""
        if not self._finite():
            np.copyto(self.arenas.params, self.kept)
        self.model.slots, self.run["step"] = None, 0  # moments may hold infinities; the next fit starts afresh
        self.model.stop_training = True
        if any(isinstance(c, TerminateOnNaN) and not c.raise_error for c in self.callbacks):
            return
        number = epoch + self.offset + 1
        raise DivergenceError(
            f"the loss is not finite in epoch {number}: training diverged. The model keeps its last "
            f"finite weights. Try a smaller learning_rate, clipnorm=1.0, or inputs of unit scale.",
            number,
        )

    def _steps_done(self) -> int:
        return (int(self.run["epoch"]) + self.offset - self.epochs[0]) * self.steps + int(self.run["batch"])

    def _tell(self, hook: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)
