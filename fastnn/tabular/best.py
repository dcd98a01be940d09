"""Keeping the best epoch of a network, and ending where none has been better for long."""

from __future__ import annotations

import numpy as np

from fastnn.callbacks import Callback


class Best(Callback):
    """Keep the weights of the epoch of the lowest validation loss; ``patience`` epochs without a lower one end the fit.

    Unlike ``EarlyStopping`` it has them also where Ctrl-C or a time limit ends the training.
    """

    open_ended = True

    def __init__(self, patience: int | None):
        self.patience = patience
        self.loss, self.epoch, self.n_epochs = np.inf, -1, 0
        self.weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        loss = (logs or {})["val_loss"]
        self.n_epochs = epoch + 1
        if loss < self.loss:
            self.loss, self.epoch, self.weights = loss, epoch, self.model.get_weights()
        elif self.patience is not None and epoch - self.epoch >= self.patience:
            self.model.stop_training = True
