"""From the arguments of ``fit`` to a :class:`fastnn._engine.fit.Fit`: what is checked, what is taken from the model.

Design: apart from ``Model``, because ``fit_many`` prepares many fits on shared data before the first one begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base import job, users_line
from fastnn._base.arguments import integer, number
from fastnn._base.types import Stored
from fastnn._engine.carrying import check_batches, usual_rows
from fastnn._engine.compiled import Trainee
from fastnn._engine.data import cut
from fastnn._engine.fit import Fit
from fastnn._engine.inference import evaluate
from fastnn._engine.listeners import Listeners
from fastnn._engine.meaning import warn_of_outputs
from fastnn._engine.pace import ALL, BATCH_SIZE, Pace, check_verbose, checked_steps
from fastnn._engine.streams import Stream
from fastnn._engine.trainer import Choose, RowsTrainer, Trainer
from fastnn._kernels.contract import Rows
from fastnn.callbacks import Callback, Logs, ProgressBar
from fastnn.callbacks import check as check_callbacks
from fastnn.callbacks.progress import Progress

if TYPE_CHECKING:
    from fastnn._base.types import Verbose
    from fastnn._engine.distribution import Distribution
    from fastnn._engine.saving import Saving
    from fastnn._engine.stop import Stop
    from fastnn._plan.layout import Layout


@dataclass(frozen=True)
class Arguments:
    """Arguments of ``fit`` other than data; made by :func:`check_arguments`."""

    batch_size: int | None
    epochs: int
    initial_epoch: int
    verbose: Verbose
    callbacks: Sequence[Callback]
    shuffle: bool
    time_limit: float | None
    backend: str | None
    pace: Pace = ALL
    usual_rows: int = BATCH_SIZE  # of a batch without batch_size
    saving: Saving | None = None
    marked: dict[str, Stored] | None = None  # where another fit stood, from which this one goes on
    distribution: Distribution | None = None  # ranks that train together
    elsewhere: bool = False  # whether another process trains

    @property
    def is_first(self) -> bool:
        """Whether this process writes what a fit writes."""
        return self.distribution is None or self.distribution.comm.rank == 0


def check_arguments(
    batch_size: object,
    epochs: object,
    verbose: Any,
    callbacks: object,
    shuffle: object,
    initial_epoch: object,
    time_limit: Any,
    backend: str | None,
    pace: Pace = ALL,
) -> Arguments:
    """As ``fit`` takes them; ``ValueError`` or ``TypeError`` for the first that is wrong."""
    epochs, initial_epoch = integer("epochs", epochs, low=0), integer("initial_epoch", initial_epoch, low=0)
    batch_size = checked_steps("batch_size", batch_size)
    if time_limit is not None:
        number("time_limit", time_limit, low=0.0, open_low=True)
    if not isinstance(shuffle, bool | np.bool_):
        raise TypeError(f"shuffle must be True or False, got {shuffle!r}")
    check_verbose(verbose)
    callbacks = check_callbacks(callbacks)
    if any(isinstance(c, ProgressBar) for c in callbacks):
        verbose = 1
    told = batch_size, epochs, initial_epoch, verbose, callbacks, bool(shuffle), time_limit, backend, pace
    return Arguments(*told, distribution=job.current())


def prepare(
    model: object,
    trainer: Trainer,
    validation: Rows | Callable[[int], Stream] | None,
    arguments: Arguments,
    stop: Stop | None = None,
) -> Fit:
    """A fit that is ready to be called; nothing has been trained.

    ``model`` is whom callbacks are told of. ``validation`` gives a stream for each epoch that is validated.
    """
    count = max(0, arguments.epochs - arguments.initial_epoch)
    verbose = arguments.verbose if arguments.is_first else 0
    progress = Progress(verbose, count, trainer.steps, trainer.n_samples, arguments.initial_epoch)
    progress.open_ended = any(callback.open_ended for callback in arguments.callbacks)
    listeners = Listeners(arguments.callbacks, arguments.is_first)
    fit = Fit(
        model,
        trainer,
        (arguments.initial_epoch, arguments.epochs),
        listeners,
        progress,
        None if validation is None else _validate(trainer, validation, arguments, listeners),
        arguments.pace.validates,
        arguments.shuffle,
        arguments.time_limit,
        stop,
        arguments.saving,
        arguments.marked,
    )
    if validation is not None and arguments.pace.validation_freq != 1:
        fit.history.params["validation_freq"] = arguments.pace.validation_freq
    return fit


def make_trainer(
    trainee: Trainee, data: Rows | Stream, batch_size: int, arguments: Arguments, choose: Choose
) -> Trainer:
    """What makes the updates of a fit on rows, or on a stream."""
    steps = arguments.pace.steps_per_epoch
    if arguments.distribution is not None and arguments.distribution.shards > 1:
        check_shards(trainee)
        trainee = replace(trainee, distribution=arguments.distribution)
    if arguments.elsewhere:
        trainee = replace(trainee, elsewhere=True)
    warn_of_outputs(trainee.compiled)
    shuffled = data.source.is_shuffled if isinstance(data, Stream) else arguments.shuffle and len(data) > batch_size
    if shuffled and trainee.compiled.layout.carried:
        users_line.warn(
            "fit shuffles, and stateful layers take each batch for what follows the one before; give shuffle=False"
        )
    if isinstance(data, Stream):
        return _stream_trainer(trainee, data, batch_size, choose)
    trainee = trainee.sized(data.inputs)
    if steps is None or steps == -(-len(data) // batch_size):
        return RowsTrainer(trainee, choose, data, batch_size)
    from fastnn._engine.pieces import PassTrainer

    return PassTrainer(trainee, choose, data, batch_size, steps, arguments.shuffle)


def _stream_trainer(trainee: Trainee, data: Stream, batch_size: int, choose: Choose) -> Trainer:
    from fastnn._engine.own_shards import OwnStream, ShardTrainer
    from fastnn._engine.pieces import StreamTrainer
    from fastnn._engine.portions import PortionStream, PortionTrainer

    if isinstance(data, OwnStream):
        return ShardTrainer(trainee.sized(data.first().inputs), choose, data, batch_size)
    if isinstance(data, PortionStream):
        return PortionTrainer(trainee.sized(data.first().rows.inputs), choose, data, batch_size)
    return StreamTrainer(trainee.sized(data.first().inputs), choose, data, batch_size)


def check_shards(trainee: Trainee) -> None:
    """Raise ``ValueError`` for what needs a whole batch in one place."""
    if trainee.compiled.layout.carried:
        raise ValueError(
            "stateful layers go on row by row from batch to batch, and shards of a batch are on other ranks; train "
            "without DataParallel, or with shards=1"
        )
    if trainee.state.optimizer is not None and trainee.state.optimizer.full_batch:
        raise ValueError("L-BFGS makes each update on all rows at once; with DataParallel take another optimizer")


def _validate(
    trainer: Trainer, validation: Rows | Callable[[int], Stream], arguments: Arguments, listeners: Listeners
) -> Callable[[int], Logs]:
    trainee, module, pace = trainer.trainee, trainer.backend, arguments.pace
    if isinstance(validation, Rows):
        asked = pace.validation_batch_size or arguments.batch_size
        rows, size = cut("validation_steps", len(validation), asked, pace.validation_steps, trainer.batch_size)
        check_batches(trainee.compiled.layout, rows, size)
        part = validation.part(slice(rows))
        return lambda epoch: evaluate(trainee, part, size, module, listeners)

    def on_stream(epoch: int) -> Logs:
        with validation(epoch) as stream:
            return evaluate(trainee, stream, trainer.batch_size, module, listeners)

    return on_stream


def fitting_batch_size(trainee: Trainee, data: Rows | Stream, arguments: Arguments) -> int:
    """Rows of an update: all of them where the optimiser wants that, those of the first batch of a stream."""
    steps, optimizer, layout = arguments.pace.steps_per_epoch, trainee.state.optimizer, trainee.compiled.layout
    all_rows = optimizer is not None and optimizer.full_batch
    if all_rows and (isinstance(data, Stream) or (steps or 1) > 1):
        raise ValueError("L-BFGS makes each update on all rows at once: give arrays to fit, and no steps_per_epoch")
    if all_rows and layout.carried:
        raise ValueError("L-BFGS tries an update several times, and stateful layers would go on; use another optimizer")
    if isinstance(data, Stream):
        return _stream_batch_size(layout, data)
    n = len(data)
    if all_rows:
        return n
    usual = usual_rows(layout, arguments.usual_rows)
    size = cut("steps_per_epoch", n, arguments.batch_size, steps, usual, repeats=True)[1]
    check_batches(layout, n, size)
    return size


def _stream_batch_size(layout: Layout, data: Stream) -> int:
    from fastnn._engine.own_shards import OwnStream
    from fastnn._engine.portions import PortionStream

    first = data.first()
    if not isinstance(data, PortionStream | OwnStream):
        return len(first)
    check_batches(layout, data.given.n_rows or data.given.batch_size, data.given.batch_size)
    return data.given.batch_size
