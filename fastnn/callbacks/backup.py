"""Keras' callback for fits that may be interrupted."""

from __future__ import annotations

import os

from fastnn._base.arguments import flag, integer
from fastnn._base.types import StrPath
from fastnn.callbacks.base import Callback, Logs


class BackupAndRestore(Callback):
    """Keep a checkpoint of the fit, from which the same call goes on after an interruption.

    It is ``fit(..., checkpoint=BACKUP_DIR/latest.safetensors)`` under Keras' name. Keras goes on from the epoch or the
    batch with the weights and the optimiser; here all else goes on, too, and the result has the bits of a fit without
    a break (see :meth:`fastnn.Model.fit`).

    Parameters
    ----------
    backup_dir : a folder, which is made where it is missing.
    save_freq : ``"epoch"``, or a number of updates.
    delete_checkpoint : remove the file when the fit has come to its end, so that the next call begins anew.
    double_checkpoint : taken for Keras' sake: a file here is replaced as a whole or stays, and needs no second one.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import BackupAndRestore
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> backup = BackupAndRestore("backup", delete_checkpoint=False)
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=3, callbacks=[backup])
    >>> again = Sequential([Dense(1, input_shape=(1,))])
    >>> again.compile("sgd", "mse")
    >>> len(again.fit(np.ones((4, 1)), np.ones(4), epochs=5, callbacks=[backup]).epoch), again.epoch
    (5, 5)
    """

    def __init__(
        self,
        backup_dir: StrPath,
        save_freq: int | str = "epoch",
        delete_checkpoint: bool = True,
        double_checkpoint: bool = False,
    ) -> None:
        self.backup_dir = os.fsdecode(backup_dir)
        self.path = os.path.join(self.backup_dir, "latest.safetensors")
        self.save_freq = save_freq if save_freq == "epoch" else integer("save_freq", save_freq, low=1)
        self.every: int | str = "1 epoch" if self.save_freq == "epoch" else self.save_freq
        self.delete_checkpoint = flag("delete_checkpoint", delete_checkpoint)
        self.double_checkpoint = flag("double_checkpoint", double_checkpoint)

    def make_folder(self) -> None:
        """Have the folder."""
        os.makedirs(self.backup_dir, exist_ok=True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        history = self.model.history
        is_over = self.model.stop_training or len(history.epoch) >= self.params["epochs"] - self.params["initial_epoch"]
        if self.delete_checkpoint and is_over and not history.failed and os.path.exists(self.path):
            os.remove(self.path)
