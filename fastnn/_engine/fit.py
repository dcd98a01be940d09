"""The epoch loop: stretches of updates in the backend, what happens between them, and how a fit ends.

Between stretches Python hears Ctrl-C, keeps the time limit, moves the progress bar and tells the callbacks.

Whatever ends a fit (its last epoch, ``stop_training``, ``time_limit``, weights that are not finite, an error, Ctrl-C):
every epoch that began an update has an entry in the history, which callbacks hear of in ``on_epoch_end``, and then
every callback hears ``on_train_end`` once, with the last logs. The entry of an epoch that ended early holds the values
over the batches it trained on: NaN where there are none, NaN for every value of an epoch that diverged, and NaN for
the ``val_`` values of one that ended in an error.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastnn._engine import bookmark, exclusive
from fastnn._engine.entries import NAN
from fastnn._engine.listeners import Errors
from fastnn._engine.standing import Standing
from fastnn.callbacks import History, Logs, TerminateOnNaN
from fastnn.errors import DivergenceError

if TYPE_CHECKING:
    from fastnn._engine.saving import Saving
    from fastnn._engine.stop import Stop

DIVERGED, STALLED = 1, 2  # run.status


@dataclass(eq=False)
class Fit(Standing):
    """One call of ``fit``, from its checked arguments to its history; see :class:`Standing` for its attributes."""

    def __call__(self) -> History:
        """Train until the last epoch, the time limit, a callback's word or a loss that is not finite."""
        self.state.stop_training = False
        exclusive.go_on_here(self.state.holder)
        self.history.set_model(self.model)
        self.listeners.introduce(self.model, self.history.params)
        errors = Errors()
        try:
            with errors, self.trainer.limits():
                self.listeners.tell("on_train_begin", {})
                if self.marked:
                    bookmark.tell(self, self.marked)
                if self.saving:
                    self.saving.clock = self.trainer.clock
                    self.saving.begin(self.run)
                self._train()
        finally:
            self._end(errors)
        errors.raise_first()
        return self.history

    def _train(self) -> None:
        deadline = None if self.time_limit is None else self.trainer.clock() + self.time_limit
        self.per_batch = self.listeners.hear("on_train_batch_begin", "on_train_batch_end")
        self.at_epochs = self.listeners.hear("on_epoch_begin", "on_epoch_end")
        while self.run["epoch"] < self.run["last_epoch"] and not self._stops():
            self._begin()
            if not self._stops():
                self._stretch()
            if self.saving and self.saving.is_due(self.run):
                self._save(self.saving)
            if deadline is not None and self.trainer.clock() >= deadline:
                break
        if not self.diverged and not self.weights.holds():  # no later batch has seen what the last update did
            self._diverge()
        self.looked = True

    def _stops(self) -> bool:
        """Whether a callback ends the fit, which must not see another update; of several ranks, a callback of any."""
        self.state.stop_training = self.trainer.agreed(self.state.stop_training)
        return self.state.stop_training

    def _begin(self) -> None:
        """Tell what begins."""
        is_told = bool(self.marked) and self.told == self.place  # by a fit that was interrupted here
        if self.run["batch"] == 0:
            if self.per_epoch and not is_told:
                self.listeners.tell("on_epoch_begin", int(self.run["epoch"]) + self.records.offset, {})
            self.weights.keep()
            if not self.state.stop_training:
                self.trainer.begin(int(self.run["epoch"]) + 1 + self.records.offset)
        if self.per_batch and not (is_told or self.state.stop_training):
            self.listeners.tell("on_train_batch_begin", int(self.run["batch"]), {})
        if self.saving:
            self.told = self.place

    def _stretch(self) -> None:
        """One backend call, and what is told after it."""
        batch = int(self.run["batch"])
        self._update()
        self._tell(batch)

    def _tell(self, batch: int) -> None:
        """What is told after updates, the first of which was on this batch."""
        if self.per_batch:
            with self.trainer.whole():
                self.listeners.tell("on_train_batch_end", batch, self.running(batch + 1))
        if self.per_batch or self.saving:
            self._settle()
        if self.run["status"] == DIVERGED or (self.run["batch"] == 0 and not self.weights.holds()):
            self._diverge()
            return
        self._enter_finished()
        if self.stop:
            self._follow(self.stop)
        self.progress.update(self.steps_done(), self.records.logs, self.shown)
        self.listeners.tell("on_progress", self.steps_done(), self.records.logs)

    def _update(self) -> None:
        run = self.run
        if self.trainer.heed():
            run["step"] = 0
        self.stretches.begin(run, self.per_epoch, self.per_batch)
        if self.saving:
            self.saving.bound(run)
        self.began = True
        began, step = self.trainer.clock(), int(run["step"])
        self.at_rest = True
        self.trainer.update(run, self.stretches.sums)
        self.at_rest = False
        self.stretches.measure(self.trainer.clock() - began, int(run["step"]) - step)
        self.began = bool(run["batch"]) or run["status"] == DIVERGED
        self.count()

    def _settle(self) -> None:
        """Find out whether the epoch is over, once callbacks have heard of its batch."""
        if not self.state.stop_training:
            self.trainer.settle(self.run)
            self.began = bool(self.run["batch"]) or self.run["status"] == DIVERGED
            self.count()

    def _save(self, saving: Saving) -> None:
        """Write a checkpoint; not of weights that are not finite, of which the next update will find out."""
        if not self.diverged and self.weights.holds():
            with self.trainer.whole():
                saving.save(bookmark.mark(self), self.run)

    def _follow(self, stop: Stop) -> None:
        """Take over where the rule stands after a call, and ask what shall be when it has ended one."""
        stop.best, stop.wait = float(self.run["best"]), int(self.run["wait"])
        if self.run["status"] != STALLED:
            return
        self.run["status"] = 0
        if stop.on_stall():
            self.state.stop_training = True
        else:
            self.run["wait"] = 0

    def _diverge(self) -> None:
        """Back to the weights of before the epoch; then raise, or end the fit when TerminateOnNaN asked for that."""
        self._go_back()
        self.state.stop_training = True
        if any(isinstance(c, TerminateOnNaN) and not c.raise_error for c in self.listeners.callbacks):
            return
        number = int(self.run["epoch"]) + int(self.began) + self.records.offset
        raise DivergenceError(
            f"the loss is not finite in epoch {number}: training diverged. The model has gone back to weights from "
            f"before that epoch. Try a smaller learning_rate, clipnorm=1.0, or inputs of unit scale.",
            number,
        )

    def _go_back(self) -> None:
        self.diverged, self.run["step"] = True, 0
        self.weights.go_back()
        self.state.drop_moments()  # they may hold infinities; the next fit starts afresh

    # -- the end --------------------------------------------------------------------------------

    def _end(self, errors: Errors) -> None:
        """Enter the epoch that ended early, and tell callbacks that all is over."""
        if errors.first is not None and not isinstance(errors.first, DivergenceError):  # which all ranks have
            self.trainer.part(errors.first)
        if not (self.looked or self.weights.holds()):  # an error came before
            self._go_back()
        self.history.failed = errors.first is not None
        self.failed = self.diverged or self.history.failed
        self.count()
        with errors:
            self._enter_finished(spoilt=self.diverged and not self.began)
        with errors:
            if self.saving and self._may_go_on(errors.first):
                self._save(self.saving)
        with errors:
            if self.began:
                self._enter(1, int(self.run["batch"]), spoilt=self.diverged)
        with errors:
            self.progress.close(self.steps_done(), self.records.logs)
        with errors:
            self.trainer.close()
        with errors:
            self.listeners.tell("on_train_end", self.records.logs)

    def _may_go_on(self, error: BaseException | None) -> bool:
        """Whether the fit stands where another may go on: at its end, or where Ctrl-C came between two updates."""
        is_called_off = isinstance(error, KeyboardInterrupt) and self.at_rest and self.trainer.is_settled
        return error is None or (is_called_off and not self.trainer.failed)

    def _enter_finished(self, spoilt: bool = False) -> None:
        """Enter the epochs that have ended since the last entry."""
        finished = int(self.run["epoch"]) - self.records.next
        if finished:
            steps = self.trainer.steps or 0
            self._learn(steps, self.trainer.n_rows(steps))
            self._enter(finished, steps, spoilt)

    def _learn(self, steps: int, n_rows: int) -> None:
        """Tell how long an epoch was where nobody knew."""
        params = self.history.params
        params["steps"], params["n_samples"] = params["steps"] or steps, params["n_samples"] or n_rows
        self.progress.learn(steps, n_rows)

    def _enter(self, n_epochs: int, batches: int, spoilt: bool) -> None:
        """Enter epochs that trained on so many batches: one when something listens at epochs, else any number."""
        first = self.records.next - int(self.run["first_epoch"])
        sums, n_rows = self.stretches.sums[first : first + n_epochs], self.trainer.n_rows(batches)
        kept = self.trainer.kept(sums[0]) if self.records.keeps and n_rows and not spoilt else None
        columns = self.records.columns(self.trainer.plan, sums, n_rows, spoilt, kept)
        number = self.records.next + self.records.offset + 1
        if self.validate and self.validates(number):
            values = dict.fromkeys(self.records.names(), NAN) if self.failed else self.validate(number)
            columns |= {f"val_{name}": [value] for name, value in values.items()}
        self.records.enter(columns, self._tell_epoch if self.per_epoch else None)

    def _tell_epoch(self, epoch: int, logs: Logs) -> None:
        schedule = self.trainer.schedule
        if schedule and schedule.listens and (not self.validate or "val_loss" in logs):
            schedule.on_epoch_end(logs.get("val_loss", logs["loss"]))
        with self.trainer.whole() if self.at_epochs else contextlib.nullcontext():
            self.listeners.tell("on_epoch_end", epoch, logs)
        self.progress.epoch_end(epoch - self.epochs[0], logs)
