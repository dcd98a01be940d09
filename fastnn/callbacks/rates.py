"""Learning rates that change between epochs. The rate of each epoch is recorded in the history as ``learning_rate``."""

from __future__ import annotations

from collections.abc import Callable

from fastnn._base.arguments import integer, number
from fastnn.callbacks.base import Callback, Logs
from fastnn.callbacks.monitor import Mode, Monitor
from fastnn.callbacks.progress import say
from fastnn.schedules import Schedule


def check_settable(callback: Callback) -> None:
    """Raise ``ValueError`` when the optimiser's rate follows a schedule, which a number would replace."""
    if isinstance(callback.model.optimizer.learning_rate, Schedule):
        raise ValueError(
            f"{type(callback).__name__} needs an optimizer with a number for a learning_rate, not a schedule"
        )


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by ``factor`` after ``patience`` epochs without improvement.

    Parameters
    ----------
    monitor, mode, verbose : as in :class:`fastnn.callbacks.EarlyStopping`.
    factor : in [0, 1).   min_lr : the rate stays at or above this.
    patience : epochs without improvement before the rate falls, and before it falls again.
    min_delta : what an improvement must exceed.
    cooldown : epochs after a fall that do not count towards ``patience``.
    min_lr : the rate never falls below, from 0 on.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import ReduceLROnPlateau
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> reduce = ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=10.0)
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=6, callbacks=[reduce])
    >>> history.history["learning_rate"]
    [0.01, 0.01, 0.01, 0.005, 0.005, 0.0025]
    """

    remembers = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: Mode = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.factor = number("factor", factor, low=0.0, high=1.0, open_high=True)
        self.patience, self.cooldown = integer("patience", patience, low=0), integer("cooldown", cooldown, low=0)
        self.verbose, self.min_lr = verbose, number("min_lr", min_lr, low=0.0)
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        check_settable(self)
        self.find_direction()
        self.best, self.wait, self.cooldown_counter = None, 0, 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        value = self.value(logs) if self.is_due(logs) else None
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
        if self.improves(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        if optimizer.learning_rate <= self.min_lr:
            return
        optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
        self.wait, self.cooldown_counter = 0, self.cooldown
        if self.verbose:
            say(f"epoch {epoch + 1}: learning rate {optimizer.learning_rate:g}")


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch.

    Parameters
    ----------
    schedule : ``f(epoch, learning_rate) -> learning_rate``, or ``f(epoch)``; epochs count from 0, and the rate handed
        in is the one at hand. A rate that changes within an epoch is a schedule of :mod:`fastnn.schedules`, given
        to the optimiser.
    verbose : 1 says each rate on stderr.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import LearningRateScheduler
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    >>> model.fit(np.ones((4, 1)), np.ones(4), epochs=3, callbacks=[halve]).history["learning_rate"]
    [0.01, 0.005, 0.0025]
    """

    def __init__(self, schedule: Callable[..., object], verbose: int = 0) -> None:
        if isinstance(schedule, Schedule):
            raise TypeError(f"LearningRateScheduler takes a function; give {schedule!r} to the optimizer instead")
        self.takes_rate = _takes_two(schedule)
        self.schedule, self.verbose = schedule, verbose

    def on_train_begin(self, logs: Logs | None = None) -> None:
        check_settable(self)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, optimizer.learning_rate) if self.takes_rate else self.schedule(epoch)
        optimizer.learning_rate = number("the schedule's learning rate", rate, low=0.0)
        if self.verbose:
            say(f"epoch {epoch + 1}: learning rate {rate:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _takes_two(schedule: object) -> bool:
    """Whether a schedule takes the rate beside the epoch; ``TypeError`` when it can be called neither way.

    Design: by its signature. Calling it and catching a ``TypeError`` (rejected) hides the user's own mistakes.
    """
    from inspect import signature

    if not callable(schedule):
        raise TypeError(f"schedule must be a function f(epoch, learning_rate), got {schedule!r}")
    try:
        taken = signature(schedule)
    except (TypeError, ValueError):  # some functions written in C tell nothing
        return True
    for arguments in ((0, 0.1), (0,)):
        try:
            taken.bind(*arguments)
        except TypeError:
            continue
        return len(arguments) == 2
    raise TypeError(f"schedule must take (epoch, learning_rate) or (epoch), got a function of {taken}")
