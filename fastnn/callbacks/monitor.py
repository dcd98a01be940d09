"""Following one value of the logs: which direction is better, and stopping when it gets no better.

Design: with ``mode="auto"`` the direction comes from the metric itself (errors fall, all others rise), and a name that
is no metric is refused. A guess by the name (rejected) would quietly keep the worst model of a value called "score".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from fastnn import metrics
from fastnn._base.arguments import integer, nearest, number
from fastnn.callbacks.base import Callback, Logs
from fastnn.callbacks.progress import say

if TYPE_CHECKING:
    from fastnn.callbacks.base import Model

Mode = Literal["auto", "min", "max"]


class Monitor(Callback):
    """Base of the callbacks that follow one value.

    Attributes
    ----------
    best : the best value so far, None before there is one.
    """

    _INNER = "find_direction improves is_due sign"
    remembers: tuple[str, ...] = ("best",)

    def __init__(self, monitor: str, mode: Mode, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'mode must be "auto", "min" or "max", got {mode!r}')
        self.monitor, self.mode = monitor, mode
        self.min_delta = abs(number("min_delta", min_delta))
        self.best: float | None = None
        self.sign = 0.0  # 1 when rising is better, -1 when falling is

    def _nearest(self) -> str:
        names = self.model.metrics_names if getattr(self, "model", None) is not None else ["loss"]
        return nearest(self.monitor, [*names, *(f"val_{name}" for name in names)])

    def find_direction(self) -> None:
        """Settle which direction is better; ``ValueError`` when nothing says so."""
        rising = {"min": False, "max": True, "auto": None}[self.mode]
        if rising is None:
            rising = rises(self.monitor, self.model)
        if rising is None:
            raise ValueError(
                f"{type(self).__name__} cannot know whether {self.monitor!r} is better high or low, for it is no "
                f'metric of the model{self._nearest()}; of a number of your own give mode="max" or mode="min"'
            )
        self.sign = 1.0 if rising else -1.0

    def value(self, logs: Logs) -> float:
        """The value that is followed."""
        if self.monitor not in logs:
            raise ValueError(
                f"{type(self).__name__} monitors {self.monitor!r}, but the logs hold {', '.join(logs)}; "
                f"give validation data, or monitor one of these"
            )
        return logs[self.monitor]

    def is_due(self, logs: Logs) -> bool:
        """False after an epoch without validation, where ``validation_freq`` leaves some out."""
        return self.monitor in logs or not (self.monitor.startswith("val_") and self.params.get("validation_freq"))

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether the value is better than the reference by more than ``min_delta``; NaN never is."""
        if reference is None:
            return value == value
        return self.sign * value - self.min_delta > self.sign * reference


def rises(monitor: str, model: Model | None) -> bool | None:
    """Whether more is better: by the model's metric of that name, else by fastnn's; None for an unknown name."""
    name = monitor.removeprefix("val_")
    if name == "loss":
        return False
    own = {reading.name: reading.rises for reading, *_ in model.resolved_metrics()} if model is not None else {}
    for known in (name, name.rpartition("_")[0]):  # of several numbers each has the metric's name and its place
        if known in own:
            return own[known]
    try:
        return metrics.get(name).rises
    except ValueError:
        return None


class EarlyStopping(Monitor):
    """Stop when the monitored value has not improved for ``patience`` epochs.

    Parameters
    ----------
    monitor : name in the logs, such as ``"val_loss"`` or ``"val_accuracy"``.
    min_delta : what an improvement must exceed.
    patience : epochs without improvement that are borne; the first epoch never stops a fit.
    verbose : 1 says on stderr when it stopped and what it restored.
    mode : ``"min"``, ``"max"``, or ``"auto"`` for what suits the metric.
    baseline : the wait for an improvement begins anew only where the value is better than this, too.
    restore_best_weights : go back to the weights of the best epoch at the end, whether it met the baseline or not.
        Optimiser state stays as it is.
    start_from_epoch : epochs before this one (from 0) are not looked at.

    Attributes
    ----------
    stopped_epoch, best_epoch, best : epoch (from 0) of the stop (0 for none), of the best value, and that value.
    best_weights : those of the best epoch, where they shall be restored; else None.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import EarlyStopping
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> stop = EarlyStopping("loss", min_delta=10.0, patience=3, restore_best_weights=True)
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=100, callbacks=[stop])
    >>> len(history.epoch), stop.best_epoch
    (4, 0)
    """

    remembers = ("best", "wait", "stopped_epoch", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: Mode = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose = integer("patience", patience, low=0), verbose
        self.baseline = None if baseline is None else number("baseline", baseline)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = integer("start_from_epoch", start_from_epoch, low=0)
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None
        self.find_direction()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        if not self.is_due(logs):
            return
        value = self.value(logs)
        if epoch < self.start_from_epoch:
            return
        better = self.improves(value, self.best)
        if better:
            self.best = value
        if better or (self.restore_best_weights and self.best_weights is None):
            self.best_epoch = epoch
            self.best_weights = self.model.get_weights() if self.restore_best_weights else None
        met = self.baseline is None or self.improves(value, self.baseline)
        self.wait = 0 if better and met else self.wait + 1
        if not better and self.wait >= self.patience and epoch > 0:
            self.stopped_epoch, self.model.stop_training = epoch, True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            say(f"stopped at epoch {self.stopped_epoch + 1}: {self.monitor} has not improved")
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
            self.model.history.kept_epoch = self.best_epoch - self.params["initial_epoch"]
            if self.verbose:
                say(f"restored the weights of epoch {self.best_epoch + 1}")
