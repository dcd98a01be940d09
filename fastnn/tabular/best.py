"""Keeping the best epoch of a network, and ending where training on brings nothing.

Design: of classes the Brier score says which epoch is best, and not the log-loss that is trained: a network grows too
sure of itself long before it stops to tell classes better, and some rows that are far off then decide the log-loss
alone. What the mean of several networks makes good again is that very sureness (Berta, Holzmüller, Jordan and Bach
2025, "Rethinking early stopping", have a loss for it; the Brier score does as well here, and needs no second fit).

The score rises while the rate is high and falls as it does, so that to wait some epochs says little. What a whole cycle
of the rate has not made better the next one, of twice the time, does not either; and neither does what comes long
after the best epoch, measured in epochs that this one took: on noisy tables that is half of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from fastnn.callbacks import Callback

LONG_AFTER = 1.5  # times as many epochs as the best one took, without a better one: the end


class Best(Callback):
    """Keep the weights of the epoch whose ``measure`` is lowest.

    ``patience`` epochs without a lower one end the fit; so do, from the end of the second cycle on,
    :data:`LONG_AFTER` times as many as the best one took, and a cycle without one, from the third on; ``ends`` are the
    epochs after which cycles end. Unlike ``EarlyStopping`` it has the weights also where Ctrl-C or a time limit ends
    the training.
    """

    open_ended = True

    def __init__(self, measure: Callable[[], float], patience: int | None = None, ends: Sequence[int] = ()):
        self.measure, self.patience, self.ends = measure, patience, ends
        self.score, self.epoch = np.inf, -1
        self.weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        diverged = not np.isfinite((logs or {}).get("loss", 0.0))
        score = np.inf if diverged else self.measure()
        if score < self.score:
            self.score, self.epoch, self.weights = score, epoch, self.model.get_weights()
        elif self._is_over(epoch):
            self.model.stop_training = True

    def _is_over(self, epoch: int) -> bool:
        waited = epoch - self.epoch
        if self.patience is not None and waited >= self.patience:
            return True
        if epoch + 1 >= max(self.ends[1:2], default=np.inf) and waited >= LONG_AFTER * (self.epoch + 1):
            return True
        return any(epoch + 1 == end and self.epoch + 1 <= before for before, end in pairwise(self.ends[1:]))


def row_errors(classes: bool, output: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The Brier score of probabilities, or the squared error, of each row.

    Parameters
    ----------
    classes : whether ``output`` holds probabilities, ``(n, n_classes)`` or ``(n, 1)`` of the second one of two.
    output : what a network says, ``(n, n_out)``.
    y : ``(n,)`` indices of classes, or numbers.

    >>> row_errors(True, np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]), np.array([0, 1])).tolist()
    [0.375, 0.0]
    """
    if not classes or output.shape[-1] == 1:
        made: np.ndarray = (output[:, 0] - y) ** 2
        return made
    told = output[np.arange(len(y)), y.astype(np.int64)]
    found: np.ndarray = np.einsum("ij,ij->i", output, output) - 2.0 * told + 1.0
    return found
