"""From the arguments of ``fit`` to a :class:`fastnn._engine.fit.Fit`: what is checked, what is taken from the model.

Design: apart from ``Sequential``, because ``fit_many`` prepares many fits on shared data before the first one begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn._base.arguments import integer, number
from fastnn._engine.compiled import Trainee
from fastnn._engine.fit import Fit, Stop
from fastnn._engine.inference import evaluate
from fastnn._engine.listeners import Listeners
from fastnn._kernels.contract import Rows
from fastnn.callbacks import Callback, Logs, ProgressBar
from fastnn.callbacks import check as check_callbacks
from fastnn.callbacks.progress import Progress
from fastnn.optimizers import LBFGS

BATCH_SIZE = 32  # where none is given, as in Keras


@dataclass(frozen=True)
class Arguments:
    """Arguments of ``Sequential.fit`` other than data; made by :func:`check_arguments`."""

    batch_size: int
    epochs: int
    initial_epoch: int
    verbose: Any
    callbacks: Sequence[Callback]
    shuffle: bool
    time_limit: float | None
    backend: str | None


def check_arguments(
    batch_size: Any,
    epochs: Any,
    verbose: Any,
    callbacks: Any,
    shuffle: Any,
    initial_epoch: Any,
    time_limit: Any,
    backend: Any,
) -> Arguments:
    """As ``Sequential.fit`` takes them; ``ValueError`` or ``TypeError`` for the first that is wrong."""
    epochs, initial_epoch = integer("epochs", epochs, low=0), integer("initial_epoch", initial_epoch, low=0)
    batch_size = checked_batch_size(batch_size)
    if time_limit is not None:
        number("time_limit", time_limit, low=0.0, open_low=True)
    if not isinstance(shuffle, bool | np.bool_):
        raise TypeError(f"shuffle must be True or False, got {shuffle!r}")
    callbacks = check_callbacks(callbacks)
    if any(isinstance(c, ProgressBar) for c in callbacks):
        verbose = 1
    return Arguments(batch_size, epochs, initial_epoch, verbose, callbacks, bool(shuffle), time_limit, backend)


def checked_batch_size(came: Any) -> int:
    """Rows of a batch, :data:`BATCH_SIZE` where none are given."""
    return BATCH_SIZE if came is None else integer("batch_size", came, low=1)


def prepare(
    model: Any,
    trainee: Trainee,
    data: tuple[Rows, Rows | None],
    arguments: Arguments,
    module: Any,
    stop: Stop | None = None,
) -> Fit:
    """The fit of a built and compiled model on rows and validation rows, ready to be called; nothing has been trained.

    ``module`` is the backend; ``model`` is whom callbacks are told of.
    """
    rows, validation = data
    batch_size = fitting_batch_size(trainee, len(rows), arguments)
    steps, count = -(-len(rows) // batch_size), max(0, arguments.epochs - arguments.initial_epoch)
    progress = Progress(arguments.verbose, count, steps, len(rows), arguments.initial_epoch)
    progress.open_ended = any(callback.open_ended for callback in arguments.callbacks)
    listeners = Listeners(arguments.callbacks)

    def validate() -> Logs:
        assert validation is not None
        return evaluate(trainee, validation, batch_size, module, listeners)

    return Fit(
        model,
        trainee,
        module,
        rows,
        batch_size,
        (arguments.initial_epoch, arguments.epochs),
        listeners,
        progress,
        None if validation is None else validate,
        arguments.shuffle,
        arguments.time_limit,
        stop,
    )


def fitting_batch_size(trainee: Trainee, n_rows: int, arguments: Arguments) -> int:
    """Rows of an update: all of them where the optimiser wants that."""
    return n_rows if isinstance(trainee.state.optimizer, LBFGS) else min(arguments.batch_size, n_rows)
