"""Keeping the best epoch of a network, and ending where training on brings nothing.

Design: the loss rises while the rate is high and falls as it does, so that to wait some epochs says little. What a
whole cycle of the rate has not made better the next one, of twice the time, does not either: on noisy tables that is
half of the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fastnn.callbacks import Callback


class Best(Callback):
    """Keep the weights of the epoch of the lowest validation loss.

    ``patience`` epochs without a lower one end the fit, and so does a cycle without one, from the third on; ``ends``
    are the epochs after which cycles end. Unlike ``EarlyStopping`` it has the weights also where Ctrl-C or a time limit
    ends the training.
    """

    open_ended = True

    def __init__(self, patience: int | None, ends: Sequence[int] = ()):
        self.patience, self.ends = patience, ends
        self.loss, self.epoch, self.n_epochs = np.inf, -1, 0
        self.weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        loss = (logs or {})["val_loss"]
        self.n_epochs = epoch + 1
        if loss < self.loss:
            self.loss, self.epoch, self.weights = loss, epoch, self.model.get_weights()
        elif self.patience is not None and epoch - self.epoch >= self.patience:
            self.model.stop_training = True
        for before, end in pairwise(self.ends[1:]):
            if epoch + 1 == end and self.epoch + 1 <= before:
                self.model.stop_training = True
