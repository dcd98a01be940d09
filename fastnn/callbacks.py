"""Callbacks: what a fit tells while it runs.

Hooks at epochs are called once an epoch and make each epoch a native call of its own. Hooks at batches
make each batch one, which costs some ten microseconds a batch. ``on_progress`` changes nothing in how a fit runs:
it is called between native calls, about every 50 ms. A fit without callbacks runs many epochs in one call.
"""

from __future__ import annotations

import math
import os
import sys
from typing import Any

from fastnn.definitions import integer, number
from fastnn.schedules import Schedule

Logs = dict[str, float]


class Callback:
    """Base of all callbacks; ``self.model`` and ``self.params`` are set before training begins.

    Setting ``self.model.stop_training = True`` ends the fit after the epoch (or batch) at hand.
    """

    model: Any = None
    params: dict[str, Any]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch, also when training was stopped."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before epoch ``epoch`` (from 0)."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch; ``logs`` holds loss, metrics and their ``val_`` twins."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before batch ``batch`` of the epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch; ``logs`` holds the epoch's running loss and metrics."""

    def on_progress(self, done: int, logs: Logs | None = None) -> None:
        """Between native calls: ``done`` updates of this fit have run; ``logs`` are those of the last whole epoch."""


def listens(callback: Callback, *hooks: str) -> bool:
    """Whether a callback overrides one of the hooks, in its class or by itself."""
    kind = type(callback)
    return any(getattr(kind, hook) is not getattr(Callback, hook) or hook in vars(callback) for hook in hooks)


class History(Callback):
    """What ``fit`` returns.

    Attributes
    ----------
    history : dict of lists, a value an epoch for ``loss``, each metric, and ``val_`` twins.
    epoch : the epochs' numbers, from ``initial_epoch``.
    params : ``epochs``, ``steps`` (batches an epoch), ``batch_size``, ``n_samples``.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.params = {}

    def extend(self, epochs: range, columns: dict[str, list[float]]) -> None:
        """Append the values of some epochs."""
        self.epoch.extend(epochs)
        for key, values in columns.items():
            self.history.setdefault(key, []).extend(values)

    def __repr__(self) -> str:
        last = ", ".join(f"{k} {v[-1]:.4g}" for k, v in self.history.items() if v)
        return f"<History of {len(self.epoch)} epochs{': ' + last if last else ''}>"


class _Monitor(Callback):
    """Follows one value of the logs and knows which direction is better."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'mode must be "auto", "min" or "max", got {mode!r}')
        rising = mode == "max" or (mode == "auto" and _rises(monitor))
        self.monitor, self.sign = monitor, 1.0 if rising else -1.0
        self.min_delta = abs(number("min_delta", min_delta))
        self.best = -math.inf

    def better(self, logs: Logs) -> bool:
        """Whether the value improved on the best, which it then becomes."""
        if self.monitor not in logs:
            raise ValueError(
                f"{type(self).__name__} monitors {self.monitor!r}, but the logs hold {', '.join(logs)}; "
                f"give validation data, or monitor one of these"
            )
        value = self.sign * logs[self.monitor]
        if value > self.best + self.min_delta:
            self.best = value
            return True
        return False


def _rises(monitor: str) -> bool:
    name = monitor.removeprefix("val_")
    return name in ("acc", "auc", "precision", "recall") or name.startswith(("f1", "r2", "top_k")) or "accuracy" in name


class EarlyStopping(_Monitor):
    """Stop when the monitored value has not improved for ``patience`` epochs.

    Parameters
    ----------
    monitor, mode, min_delta : which value, which direction ("auto" by its name), how much counts.
    patience : epochs without improvement that are borne.
    baseline : value that must be beaten before anything counts as an improvement.
    restore_best_weights : go back to the weights of the best epoch at the end.
    start_from_epoch : epochs that are not looked at.
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0.0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose = integer("patience", patience, low=0), verbose
        self.baseline = None if baseline is None else number("baseline", baseline)
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch

    def on_train_begin(self, logs=None):
        self.best = -math.inf if self.baseline is None else self.sign * self.baseline
        self.wait, self.stopped_epoch, self.best_epoch, self.best_weights = 0, 0, 0, None

    def on_epoch_end(self, epoch, logs=None):
        if epoch < self.start_from_epoch:
            return
        if self.better(logs) or (self.restore_best_weights and self.best_weights is None):
            self.wait, self.best_epoch = 0, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.stopped_epoch, self.model.stop_training = epoch, True

    def on_train_end(self, logs=None):
        if self.stopped_epoch and self.verbose:
            print(f"stopped at epoch {self.stopped_epoch + 1}: {self.monitor} has not improved", file=sys.stderr)
        if self.restore_best_weights and self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(_Monitor):
    """Save the model after epochs.

    Parameters
    ----------
    filepath : may hold ``{epoch}`` (from 1) and the logs' names, as in ``"m-{epoch:02d}-{val_loss:.3f}.safetensors"``.
    save_best_only : only when the monitored value improved.
    """

    def __init__(self, filepath, monitor="val_loss", verbose=0, save_best_only=False, mode="auto"):
        super().__init__(monitor, mode)
        self.filepath, self.verbose, self.save_best_only = os.fspath(filepath), verbose, save_best_only

    def on_epoch_end(self, epoch, logs=None):
        if self.save_best_only and not self.better(logs):
            return
        try:
            path = self.filepath.format(epoch=epoch + 1, **logs)
        except KeyError as error:
            raise ValueError(f"filepath {self.filepath!r} names {error}; there are epoch, {', '.join(logs)}") from None
        self.model.save(path)
        if self.verbose:
            print(f"epoch {epoch + 1}: saved {path}", file=sys.stderr)


class ReduceLROnPlateau(_Monitor):
    """Multiply the learning rate by ``factor`` after ``patience`` epochs without improvement."""

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.factor = number("factor", factor, low=0.0, high=1.0, open_high=True)
        self.patience, self.cooldown = integer("patience", patience, low=0), integer("cooldown", cooldown, low=0)
        self.verbose, self.min_lr = verbose, number("min_lr", min_lr, low=0.0)

    def on_train_begin(self, logs=None):
        if isinstance(self.model.optimizer.learning_rate, Schedule):
            raise ValueError("ReduceLROnPlateau needs an optimizer with a number for a learning_rate, not a schedule")
        self.best, self.wait, self.resting = -math.inf, 0, 0

    def on_epoch_end(self, epoch, logs=None):
        self.resting = max(0, self.resting - 1)
        if self.better(logs) or self.resting:
            self.wait = 0
            return
        self.wait += 1
        optimizer = self.model.optimizer
        if self.wait >= self.patience and optimizer.learning_rate > self.min_lr:
            optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
            self.wait, self.resting = 0, self.cooldown
            if self.verbose:
                print(f"epoch {epoch + 1}: learning rate {optimizer.learning_rate:g}", file=sys.stderr)


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch: ``schedule(epoch, learning_rate) -> learning_rate``."""

    def __init__(self, schedule, verbose=0):
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch, logs=None):
        rate = self.schedule(epoch, self.model.optimizer.learning_rate)
        self.model.optimizer.learning_rate = number("the schedule's learning rate", rate, low=0.0)
        if self.verbose:
            print(f"epoch {epoch + 1}: learning rate {rate:g}", file=sys.stderr)


class CSVLogger(Callback):
    """Write the logs of each epoch as a row of a CSV file, which is closed between epochs."""

    def __init__(self, filename, separator=",", append=False):
        self.filename, self.separator, self.append = os.fspath(filename), separator, append

    def on_train_begin(self, logs=None):
        with open(self.filename, "a" if self.append else "w", encoding="utf-8"):
            self.needs_header = not os.path.getsize(self.filename)

    def on_epoch_end(self, epoch, logs=None):
        import csv

        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=self.separator)
            if self.needs_header:
                writer.writerow(["epoch", *logs])
                self.needs_header = False
            writer.writerow([epoch, *logs.values()])


class LambdaCallback(Callback):
    """Hooks from functions: ``LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))``."""

    def __new__(cls, **hooks):
        known = [name for name in vars(Callback) if name.startswith("on_")]
        for name, hook in hooks.items():
            if name not in known:
                raise TypeError(f"LambdaCallback knows {', '.join(known)}, got {name!r}")
            if hook is not None and not callable(hook):
                raise TypeError(f"{name} must be a function, got {hook!r}")
        made = type(cls.__name__, (cls,), {name: staticmethod(hook) for name, hook in hooks.items() if hook})
        return super().__new__(made)

    def __init__(self, **hooks):
        pass


class TerminateOnNaN(Callback):
    """End the fit quietly when the loss is not finite, where it would raise ``DivergenceError``."""


class ProgressBar(Callback):
    """Asks for the bar whatever ``verbose`` says; same as ``verbose=1``."""


def check(callbacks: Any) -> list[Callback]:
    """A user's callbacks as a list."""
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback):
        return [callbacks]
    if not isinstance(callbacks, list | tuple):
        raise TypeError(f"callbacks must be a list of objects of fastnn.callbacks, got {callbacks!r}")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must be objects of fastnn.callbacks.Callback, got {callback!r}")
    return list(callbacks)
