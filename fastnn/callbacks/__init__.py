"""Callbacks: what a fit tells while it runs.

What hooks cost:

- none given: a fit runs many epochs in one native call.
- hooks at epochs (``on_epoch_begin``, ``on_epoch_end``): each epoch is a native call of its own.
- hooks at batches (``on_train_batch_begin``, ``on_train_batch_end``): each batch is one.
- ``on_progress`` changes nothing: it is called between native calls, about every 50 ms.

On one core of an AMD EPYC server a hook at epochs costs 14 to 16 microseconds an epoch and a hook at batches 11 to 13 a
batch, where the batch itself (32 rows of a 20-16-1 network) takes one; ``pytest bench/test_hooks.py`` shows it on
another machine.

Names, arguments and semantics are those of Keras 3. What differs: a wrong ``mode`` is an error; a value that is not in
the logs is an error and no warning; NaN never counts as an improvement; words go to stderr; ``LambdaCallback`` refuses
hooks that nothing calls; ``ModelCheckpoint`` writes safetensors, whose names do not end in ``.keras`` or ``.h5``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn.callbacks.backup import BackupAndRestore
    from fastnn.callbacks.base import Callback, Logs, check, listens
    from fastnn.callbacks.files import CSVLogger, ModelCheckpoint
    from fastnn.callbacks.history import History
    from fastnn.callbacks.loggers import MLflowLogger, TensorBoardLogger
    from fastnn.callbacks.monitor import EarlyStopping
    from fastnn.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
    from fastnn.callbacks.simple import LambdaCallback, ProgressBar, TerminateOnNaN
    from fastnn.callbacks.tensorboard import TensorBoard

_MODULES = {
    "backup": "BackupAndRestore",
    "base": "Callback Logs check listens",
    "files": "CSVLogger ModelCheckpoint",
    "history": "History",
    "loggers": "MLflowLogger TensorBoardLogger",
    "monitor": "EarlyStopping",
    "rates": "LearningRateScheduler ReduceLROnPlateau",
    "simple": "LambdaCallback ProgressBar TerminateOnNaN",
    "tensorboard": "TensorBoard",
}

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "Logs",
    "MLflowLogger",
    "ModelCheckpoint",
    "ProgressBar",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TensorBoardLogger",
    "TerminateOnNaN",
    "check",
    "listens",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _MODULES)
