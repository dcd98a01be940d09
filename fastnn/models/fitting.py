"""Training by ``fit``: its arguments, and the way from a user's data to a fit that is ready to be called."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fastnn import _kernels
from fastnn._base.keywords import refuse_for
from fastnn._base.timeseries import parted
from fastnn._base.types import ClassWeights, DataLike, Scores, StrPath, Verbose
from fastnn._engine import convert, exclusive
from fastnn._engine.data import check_given
from fastnn._engine.pace import check_pace
from fastnn._plan.plan import Plan
from fastnn.callbacks import History
from fastnn.callbacks.base import CallbacksLike
from fastnn.models import batches
from fastnn.models.evaluating import Evaluating

if TYPE_CHECKING:
    from fastnn._engine.fit import Fit
    from fastnn._engine.prepare import Arguments
    from fastnn._engine.stop import Stop
    from fastnn.models.checkpoints import Found, Request
    from fastnn.models.distributing import Distributed
    from fastnn.models.single import Single


def _requested(callbacks: object, checkpoint: object, checkpoint_every: object, resume: object) -> Request | None:
    """What is asked for of checkpoints, which most fits do without; None for nothing."""
    if callbacks is None and checkpoint is None and (checkpoint_every, resume) == ("1 epoch", "auto"):
        return None
    from fastnn.models import checkpoints

    return checkpoints.requested(callbacks, checkpoint, checkpoint_every, resume)


def _found(request: Request) -> Found | None:
    from fastnn.models import checkpoints

    return checkpoints.find(request)


class Fitting(Evaluating):
    """A network that is trained on data; :class:`fastnn.Model` is."""

    history: History | Any  # None before the first fit, which nobody should have to ask for
    metadata: dict[str, str]
    _singles: Single | None = None  # goes with the plans

    def _drop_plans(self) -> None:
        super()._drop_plans()
        self._singles = None

    @property
    def _single(self) -> Single:
        if self._singles is None:
            from fastnn.models.single import Single

            self._singles = Single()
        return self._singles

    def fit(
        self,
        x: DataLike,
        y: DataLike = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbose = "auto",
        callbacks: CallbacksLike = None,
        validation_split: float = 0.0,
        validation_data: DataLike = None,
        shuffle: bool = True,
        class_weight: ClassWeights = None,
        sample_weight: DataLike = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        time_limit: float | None = None,
        backend: str | None = None,
        checkpoint: StrPath | None = None,
        checkpoint_every: int | str = "1 epoch",
        resume: bool | str = "auto",
        distribution: Distributed | None = None,
        **unknown: object,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : ``(n, *input_shape)``, anything NumPy turns into finite numbers; or, for one axis of inputs, a sparse matrix
            or array of SciPy in any format. Only a block of its rows is dense at a time, with the same results. For
            several inputs a list of arrays, or a dict by their names. Or windows of a series, with their targets, of
            :func:`fastnn.utils.timeseries`. Or batches, see below.
        y : targets: ``(n, *output_shape)``, also ``(n,)`` for one output; class indices for a sparse loss. For several
            outputs a list, or a dict by their names.
        batch_size : rows of one update, None for 32; the last batch of an epoch may be smaller.
        epochs, initial_epoch : train from ``initial_epoch`` up to ``epochs``.
        verbose : ``"auto"`` (a bar on long fits in a terminal or notebook), 0, 1 (a bar) or 2 (a line an epoch).
        callbacks : objects of :mod:`fastnn.callbacks`.
        validation_split : share of the rows, taken from the end as Keras does, that is only evaluated.
        validation_data : ``(x, y)`` or ``(x, y, sample_weight)``, in place of a split; or batches.
        shuffle : draw a new order of rows each epoch, and of batches that have an index.
        class_weight : ``{class index: weight}``, for one output.
        sample_weight : ``(n,)``; for several outputs also a list, or a dict by their names.
        steps_per_epoch : batches of an epoch, where it shall not be one pass over the data. The next epoch goes on
            where one ended, and data that can begin anew do so whenever they end. Without ``batch_size`` so many
            batches hold all rows of arrays.
        validation_steps, validation_batch_size : only the first so many batches are evaluated; as in training without.
        validation_freq : evaluate after every so many epochs, or a list of epochs, from 1; the others have NaN for
            their ``val_`` values.
        time_limit : seconds after which training stops, between two updates.
        backend : for this call.
        checkpoint, checkpoint_every, resume : see below.
        distribution : a :class:`fastnn.distributed.DataParallel`, whose ranks train the model together.
        **unknown : none; each is a ``TypeError`` that says what stands in its place.

        Raises
        ------
        ValueError, TypeError
            an argument is wrong; nothing has changed.
        BatchError
            a batch could not be had or used; the model keeps what it has learned until then.
        DivergenceError
            the loss was not finite; the model goes back to weights from before that epoch.
        RuntimeError
            the model, or one that shares layers with it, is in a fit already.

        Whatever ends the fit, callbacks hear ``on_train_end``, and ``model.history`` has an entry for every epoch that
        began an update (see :class:`fastnn.callbacks.History`).

        **Batches.** ``x`` may be an iterable of ``(x, y)`` or ``(x, y, sample_weight)``: a generator, a
        :class:`fastnn.utils.PyDataset`, PyTorch's ``DataLoader``, a list. An update is made on each batch as it comes,
        of whatever number of rows; one pass is an epoch. What gives a new iterator begins anew each epoch. A generator
        goes on where it is, so that more than one epoch needs ``steps_per_epoch``; when it ends before they are over,
        that is an error. While one batch trains the next one is fetched, by a thread where that takes long, one batch
        at most and none that will not be trained on. L-BFGS does not take batches.

        **Checkpoints.** ``checkpoint`` names a file that is written every ``checkpoint_every`` (``"1 epoch"``, 100
        updates, ``"5 minutes"``), at the end and after Ctrl-C; it is replaced as a whole or stays as it was. The same
        call on the same data goes on where the file says, and ends with the bits of a fit without a break: weights,
        optimiser, schedule, history, and what callbacks remember (see :class:`fastnn.callbacks.Callback`). A fit that
        is over trains nothing; more ``epochs`` go on. ``resume="auto"`` goes on from a file that is there, True wants
        one, False begins anew and replaces it. Another model, optimizer, batch size, rows or callbacks that remember
        something are errors that say so; seed and weights are the file's. ``time_limit`` counts from each call.
        Batches that have an index, or an iterator, are left out up to the place; an iterable with
        ``on_resume(epoch, batch)`` (from 0) is told it instead. :func:`fastnn.load` reads the file as a model with the
        weights of that moment.
        """
        from fastnn._engine.prepare import check_arguments

        if unknown:
            refuse_for(Fitting.fit, unknown)
        x, y = parted(x, y)
        besides = {"y": y, "sample_weight": sample_weight, "batch_size": batch_size}
        in_batches = batches.come("fit", x, besides | {"validation_split": validation_split})
        if not in_batches:
            check_given(x, y)
        request = _requested(callbacks, checkpoint, checkpoint_every, resume)
        pace = check_pace(steps_per_epoch, validation_steps, validation_batch_size, validation_freq)
        arguments = check_arguments(
            batch_size, epochs, verbose, callbacks, shuffle, initial_epoch, time_limit, backend, pace
        )
        if distribution is not None:
            from fastnn.models import distributing

            arguments = replace(arguments, distribution=distributing.checked(distribution))
        with contextlib.ExitStack() as in_fit:
            in_fit.enter_context(exclusive.training(store := self.store))
            self.compiled_optimizer.check()  # users change its numbers between fits
            found = None if request is None else _found(request)
            data, first = (x, y, sample_weight, class_weight), x
            stream = batches.for_fit(self, x, class_weight, arguments) if in_batches else None
            if stream:
                batches.begin(in_fit.enter_context(stream), arguments, found and found.marked)
                first = batches.first_inputs(self, stream)
            with self.built_for(first):
                if self.store is not store:  # that of a model inside this one, which has had no shape
                    in_fit.enter_context(exclusive.training(self.store))
                given = batches.fit_data(self, stream or data, validation_split, validation_data, arguments)
                fit = self.going_on(given, arguments, request, found)
            return fit()

    def going_on(
        self,
        given: batches.Data,
        arguments: Arguments,
        request: Request | None,
        found: Found | None,
        stop: Stop | None = None,
    ) -> Fit:
        """:meth:`prepared`, of a fit that writes the checkpoints of a request, and goes on from the one found."""
        if request is None:
            return self.prepared(given, arguments, stop)
        from fastnn.models import checkpoints, resuming

        backend = resuming.backend_of(self, found, arguments.backend)
        began = checkpoints.described_optimizer(self)
        with resuming.restored(self, found):
            writes = checkpoints.saving(self, request, began, arguments.is_first)
            marked = None if found is None else found.marked
            return self.prepared(given, replace(arguments, backend=backend, saving=writes, marked=marked), stop)

    def prepared(self, data: batches.Data, arguments: Arguments, stop: Stop | None = None) -> Fit:
        """The fit on rows that are checked, or a stream, and on what validates; ready to be called."""
        from fastnn._engine.prepare import fitting_batch_size, make_trainer, prepare

        trainee, (training, validation) = self.trainee, data
        arguments = replace(arguments, usual_rows=self.batch_rows)
        size = fitting_batch_size(trainee, training, arguments)
        together = arguments.distribution
        if together:
            from fastnn.models import distributing

            arguments = distributing.begin(self, together, arguments, size)
            trainee = self.trainee  # with the seed of the first rank

        def choose(plan: Plan) -> ModuleType:
            self.backend_, module = _kernels.select(plan, arguments.backend or self.backend)
            return module

        fit = prepare(self, make_trainer(trainee, training, size, arguments, choose), validation, arguments, stop)
        if together:
            from fastnn.models import distributing

            distributing.check(together, fit)
        self.history = fit.history
        return fit

    def train_on_batch(
        self,
        x: DataLike,
        y: DataLike,
        sample_weight: DataLike = None,
        class_weight: ClassWeights = None,
        return_dict: bool = False,
    ) -> Scores:
        """One update on all rows given; returns what :meth:`evaluate` returns, of the training pass.

        Parameters
        ----------
        x, y, sample_weight, class_weight : as of :meth:`fit`; all rows are one batch.
        return_dict : as of :meth:`evaluate`.
        """
        made = self._single(self, x, y, sample_weight, class_weight) or self.fit(
            x,
            y,
            batch_size=convert.MAX_SAMPLES,
            sample_weight=sample_weight,
            class_weight=class_weight,
            shuffle=False,
            verbose=0,
        )
        logs = {name: values[-1] for name, values in made.history.items()}
        return logs if return_dict else self._in_order(logs)
