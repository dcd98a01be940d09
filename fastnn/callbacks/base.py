"""What a callback is: hooks that do nothing, of which a fit calls those that somebody has overridden."""

from __future__ import annotations

from typing import Any

from fastnn.reprs import call_of

Logs = dict[str, float]


class Callback:
    """Base of all callbacks; ``self.model`` and ``self.params`` are set before training begins.

    Setting ``self.model.stop_training = True`` ends the fit after the epoch (or batch) at hand. What is put into
    ``logs`` at an epoch's end is seen by the callbacks after this one, and recorded in the history.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import Callback
    >>> from fastnn.layers import Dense
    >>> class Norm(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         logs["norm"] = float(np.abs(self.model.get_weights()[0]).sum())
    >>> model = Sequential([Dense(1, input_shape=(2,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> history = model.fit(x, [0.0, 1.0], epochs=3, callbacks=[Norm()])
    >>> list(history.history), len(history.history["norm"])
    (['loss', 'norm'], 3)
    """

    model: Any = None
    params: dict[str, Any]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch, also when training was stopped; not after an error."""

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

    def __repr__(self) -> str:
        return call_of(self)


def listens(callback: Callback, *hooks: str) -> bool:
    """Whether a callback overrides one of the hooks, in its class or by itself."""
    kind = type(callback)
    return any(getattr(kind, hook) is not getattr(Callback, hook) or hook in vars(callback) for hook in hooks)


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
