"""What ``fit`` returns."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn._base.reprs import counted, cut
from fastnn.callbacks.base import Callback

NAN = float("nan")


class History(Callback):
    """What ``fit`` returns.

    Attributes
    ----------
    history : dict of lists, a value an epoch for ``loss``, each metric, their ``val_`` twins, and what callbacks put
        into the logs (``learning_rate``); NaN for an epoch in which a callback put nothing. An epoch that ended early
        has the values over its batches; NaN where there are none, and where training diverged.
    epoch : the epochs' numbers, from ``initial_epoch``.
    kept_epoch : index of the epoch whose weights the model has; None when no callback has settled it.
    params : ``epochs``, ``steps`` (batches an epoch), ``verbose``, ``batch_size``, ``n_samples``.
    failed : whether an error ended the fit.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse", metrics=["mae"])
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=2)
    >>> list(history.history), history.epoch
    (['loss', 'mae'], [0, 1])
    >>> history.history["loss"][1] < history.history["loss"][0]
    True
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.params = {}
        self.failed = False
        self.kept_epoch: int | None = None

    def extend(self, epochs: Sequence[int], columns: dict[str, list[float]]) -> None:
        """Append the values of some epochs; every list stays as long as :attr:`epoch`.

        Parameters
        ----------
        epochs : numbers of the epochs.
        columns : of each name a value for each epoch.
        """
        for key in columns.keys() - self.history.keys() if self.epoch else ():
            self.history[key] = [NAN] * len(self.epoch)
        for key, values in columns.items():
            self.history.setdefault(key, []).extend(values)
        for key in self.history.keys() - columns.keys():
            self.history[key].extend([NAN] * len(epochs))
        self.epoch.extend(epochs)

    def __repr__(self) -> str:
        last = ", ".join(f"{k} {v[-1]:.4g}" for k, v in self.history.items() if v)
        count = f"{counted(len(self.epoch), 'epoch')}"
        return cut(f"<History of {count}{': ' + last if last else ''}>")
