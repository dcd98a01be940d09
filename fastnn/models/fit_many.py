"""Many networks at once: ``fit_many`` trains models side by side on the same data, on threads or on an executor.

Design: each fit runs on a Python thread and its updates run without the GIL, so that every model has what ``fit`` gives
it alone (validation, early stopping, history, schedules, the same bits) with no second training loop. A native queue of
runs (rejected) would need all of that again in C, to save some 50 us of Python for each stretch of 50 ms.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.arrays import listed
from fastnn._base.sparse import AnyRows
from fastnn._base.threads import get_num_threads
from fastnn._base.types import ClassWeights, DataLike
from fastnn._engine import exclusive
from fastnn._engine.data import split_rows
from fastnn._engine.prepare import Arguments, check_arguments
from fastnn._kernels.contract import Rows
from fastnn._workers.progress import Tally
from fastnn._workers.threads import side_by_side
from fastnn.callbacks.base import CallbacksLike
from fastnn.models.batches import refuse as refuse_batches

if TYPE_CHECKING:
    from fastnn._engine.fit import Fit
    from fastnn.callbacks import History
    from fastnn.models.model import Model


def fit_many(
    models: Iterable[Model],
    x: DataLike,
    y: DataLike,
    batch_size: int | None = None,
    epochs: int = 1,
    callbacks: CallbacksLike = None,
    validation_split: float = 0.0,
    validation_data: DataLike = None,
    shuffle: bool = True,
    class_weight: ClassWeights = None,
    sample_weight: DataLike = None,
    initial_epoch: int = 0,
    time_limit: float | None = None,
    backend: str | None = None,
    n_threads: int | None = None,
    executor: object = None,
    verbose: int = 0,
) -> list[History]:
    """Train several compiled models on the same data, side by side: one on each thread, or on an executor's workers.

    Every model ends with the same bits that ``model.fit`` with these arguments gives it alone.

    Parameters
    ----------
    models : models of any layers, losses, optimisers, dtypes and seeds; each at most once.
    x, y, batch_size, epochs, callbacks, validation_split, validation_data, shuffle, class_weight, sample_weight, \
initial_epoch, time_limit, backend : as in ``Model.fit``, for every model. Arrays that models can train on as
        they are get shared; what has to be converted is converted once for all models alike. Each model gets
        callbacks of its own, deep copies of those given. ``time_limit`` begins when a model's turn comes.
    n_threads : models trained at a time; None for ``get_num_threads()``. Without ``executor`` alone.
    executor : an executor of ``concurrent.futures``: of threads, processes, loky, Dask (``client.get_executor()``) or
        ``mpi4py.futures``; or a function that makes one. See below.
    verbose : 1 says how many have ended, and on an executor which ones lag behind.

    Returns
    -------
    list of History
        in the order of ``models``; also found as ``model.history``.

    Raises
    ------
    ValueError, TypeError
        an argument is wrong for one of the models; none has changed.
    RuntimeError
        one of the models is in a fit already; none has changed.
    BackendError
        a worker has another version of fastnn, or not the backend; models that were trained before are.
    concurrent.futures.BrokenExecutor
        workers of the executor died; the message says which models are trained, and the others are as they were.
    DivergenceError
        of the first model that diverged, with a note which; the others are trained to their end all the same.

    **Executors.** Each task trains one model on one thread by the backend that this process has chosen. Results are
    those of ``fit`` here, to the last bit, on any number of workers (by NumPy's and Numba's kernels, on processors of
    one kind). When a model comes back, the one given here has its weights, optimizer, counters and history. Data are
    written once to a file in the folder of temporary files, which workers of this machine map; Dask scatters them to
    each worker; a worker that cannot see the file gets them as a message. Models, losses and layers of one's own travel
    as pickles, by cloudpickle where it is installed. So do callbacks: each model has copies in its worker, files are
    written there, under relative names in the folder that is this process' own, and functions of a
    ``LambdaCallback`` must stand at the top level of a module.

    Models of workers that died are trained again by Dask, and where ``executor`` is a function: it is called for
    another one, and what it makes is shut down at the end. Ctrl-C calls off what waits and, where workers see the file,
    what runs: models that are done stay so, the others are as they were.

    >>> import numpy as np
    >>> from fastnn import Sequential, fit_many
    >>> from fastnn.layers import Dense
    >>> x = np.linspace(-1, 1, 100).reshape(-1, 1)
    >>> models = [Sequential([Dense(8, "tanh", input_shape=(1,)), Dense(1)], seed=seed) for seed in range(3)]
    >>> for model in models:
    ...     model.compile("adam", "mse")
    >>> histories = fit_many(models, x, x**2, epochs=5)
    >>> [len(history.epoch) for history in histories]
    [5, 5, 5]
    """
    refuse_batches("fit_many", x)
    models = _check_models(models)
    n_threads, threads = _checked_workers(n_threads, executor)
    integer("verbose", verbose, low=0, high=2)
    arguments = check_arguments(batch_size, epochs, 0, callbacks, shuffle, initial_epoch, time_limit, backend)
    if arguments.distribution and executor is not None:
        raise ValueError(
            "ranks that train each model together, and executor, whose workers train one each: leave one out"
        )
    away = executor is not None and threads is None
    if away:
        from fastnn.models import elsewhere

        arguments = elsewhere.sent(arguments)
    with contextlib.ExitStack() as in_fits:
        for model in models:
            in_fits.enter_context(exclusive.training(model.store))
        before = [model.history for model in models]
        given = x, y, sample_weight, class_weight
        prepared = _prepare(models, given, validation_split, validation_data, arguments)
        if away:
            return elsewhere.fit_elsewhere(prepared, before, arguments, executor, verbose)
        return _run([fit for fit, _ in prepared], n_threads, threads, verbose)


def _checked_workers(n_threads: object, executor: object) -> tuple[int, object]:
    """How many threads are to be used, and a pool of threads where that is the executor."""
    if executor is None:
        return get_num_threads() if n_threads is None else integer("n_threads", n_threads, low=1), None
    from fastnn._workers import pools

    pools.check(executor)
    if n_threads is not None:
        raise ValueError(pools.BESIDE)
    return (pools.count_threads(executor), executor) if pools.is_threads(executor) else (1, None)


def _prepare(
    models: list[Model],
    given: tuple[DataLike, ...],
    validation_split: object,
    validation_data: object,
    arguments: Arguments,
) -> list[tuple[Fit, tuple[Rows, Rows | None]]]:
    """The fits of all models, and their data, which those of a kind share; an error leaves all models as they were."""
    shared: dict[object, tuple[Rows, Rows | None]] = {}
    inputs: dict[object, list[AnyRows]] = {}
    fits = []
    with contextlib.ExitStack() as stack:
        for model in models:
            stack.enter_context(model.built_for(given[0]))
            if model.layout.is_open:
                raise ValueError(f"{model!r} takes sequences of any length; fit_many trains models of one input shape")
            kind = model.dtype, *model.layout.input_shapes
            if kind not in inputs:
                inputs[kind] = [
                    x.reshape(-1, *shape) if isinstance(x, np.ndarray) else x
                    for x, shape in zip(model.rows_of(given[0]), model.layout.input_shapes, strict=True)
                ]
            key = kind, model.compiled.layout.output_shapes, model.losses, model.ends
            if key not in shared:
                told = replace(model.given(*given), x=inputs[kind])
                validation = None if validation_data is None else model.validation(validation_data)
                shared[key] = split_rows(model.compiled, told, validation_split, validation)
            own = replace(arguments, callbacks=copy.deepcopy(arguments.callbacks))
            fits.append((model.prepared(shared[key], own), shared[key]))
    return fits


def _check_models(came: object) -> list[Model]:
    from fastnn.models.model import Model

    models = listed("models", came, "compiled models")
    for i, model in enumerate(models):
        if not isinstance(model, Model):
            raise TypeError(f"models must hold models, got {model!r}")
        if any(model is other for other in models[:i]):
            raise ValueError(f"model {i} is in models twice; a model can be trained once at a time, so copy it")
        if any(model.store is other.store for other in models[:i]):
            raise ValueError(
                f"model {i} shares layers with another one of the models; they can be trained one after the other alone"
            )
        model.compiled_optimizer.check()
    return models


def largest_first(models: list[Model]) -> list[int]:
    """The order in which models begin, so that no worker is left with a long one at the end."""
    return sorted(range(len(models)), key=lambda i: -models[i].count_params())


def _run(fits: list[Fit], n_threads: int, pool: object, verbose: int) -> list[History]:
    """Call all fits on threads, those of a pool or without one such as end with the call."""
    tally = Tally("model", len(fits), verbose)

    def one(i: int) -> None:
        began = time.monotonic()
        try:
            fits[i]()
        finally:
            tally.ended(i, time.monotonic() - began)

    tasks = [partial(one, i) for i in range(len(fits))]
    order = largest_first([fit.model for fit in fits])
    side_by_side(tasks, n_threads, order, tally.look if verbose else None, pool)
    return [fit.history for fit in fits]
