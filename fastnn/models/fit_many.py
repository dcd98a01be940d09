"""Many networks at once: ``fit_many`` trains models side by side on the same data, one on each thread.

Design: each fit runs on a Python thread and its updates run without the GIL, so that every model has what ``fit`` gives
it alone (validation, early stopping, history, schedules, the same bits) with no second training loop. A native queue of
runs (rejected) would need all of that again in C, to save some 50 us of Python for each stretch of 50 ms.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base import interrupts
from fastnn._base.arguments import integer
from fastnn._base.arrays import listed
from fastnn._base.sparse import AnyRows
from fastnn._base.threads import alone, get_num_threads
from fastnn._engine import exclusive
from fastnn._engine.data import split_rows
from fastnn._engine.prepare import Arguments, check_arguments
from fastnn._kernels.contract import Rows
from fastnn.callbacks.base import CallbacksLike
from fastnn.models import distributing
from fastnn.models.batches import refuse as refuse_batches

if TYPE_CHECKING:
    from fastnn._engine.fit import Fit
    from fastnn.callbacks import History
    from fastnn.models.model import Model


def fit_many(
    models: Iterable[Model],
    x: Any,
    y: Any,
    batch_size: Any = None,
    epochs: Any = 1,
    callbacks: CallbacksLike = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: Any = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    time_limit: float | None = None,
    backend: str | None = None,
    n_threads: int | None = None,
) -> list[History]:
    """Train several compiled models on the same data, side by side, one on each thread.

    Every model ends with the same bits that ``model.fit`` with these arguments gives it alone.

    Parameters
    ----------
    models : models of any layers, losses, optimisers, dtypes and seeds; each at most once.
    x, y, batch_size, epochs, callbacks, validation_split, validation_data, shuffle, class_weight, sample_weight, \
initial_epoch, time_limit, backend : as in ``Model.fit``, for every model. Arrays that models can train on as
        they are get shared; what has to be converted is converted once for all models alike. Each model gets
        callbacks of its own, deep copies of those given. ``time_limit`` begins when a model's turn comes.
    n_threads : models trained at a time; None for ``get_num_threads()``.

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
    DivergenceError
        of the first model that diverged, with a note which; the others are trained to their end all the same.

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
    n_threads = get_num_threads() if n_threads is None else integer("n_threads", n_threads, low=1)
    arguments = check_arguments(batch_size, epochs, 0, callbacks, shuffle, initial_epoch, time_limit, backend)
    if together := distributing.asked(None):  # all ranks have a part in each model, so one is trained after the other
        arguments, n_threads = replace(arguments, distribution=together), 1
    with contextlib.ExitStack() as in_fits:
        for model in models:
            in_fits.enter_context(exclusive.training(model.store))
        given = x, y, sample_weight, class_weight
        return _run(_prepare(models, given, validation_split, validation_data, arguments), n_threads)


def _prepare(
    models: list[Model], given: tuple[Any, ...], validation_split: Any, validation_data: Any, arguments: Arguments
) -> list[Fit]:
    """The fits of all models, on data that those of a kind share; an error leaves all models as they were."""
    shared: dict[Any, tuple[Rows, Rows | None]] = {}
    inputs: dict[Any, list[AnyRows]] = {}
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
            fits.append(model.prepared(shared[key], own))
    return fits


def _check_models(came: Any) -> list[Model]:
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


def _run(fits: list[Fit], n_threads: int) -> list[History]:
    """Call all fits, the largest models first, so that no thread is left with a long one at the end."""
    order = sorted(range(len(fits)), key=lambda i: -fits[i].model.count_params())
    side_by_side(fits, n_threads, order)
    return [fit.history for fit in fits]


def side_by_side(tasks: Sequence[Callable[[], Any]], n_threads: int, order: Iterable[int]) -> None:
    """Call all tasks, each on one thread, ``n_threads`` at a time, begun in ``order``; Ctrl-C calls them off.

    The first task's error is raised when all have ended, with a note which one it was.
    """
    failures: dict[int, BaseException] = {}
    task, waiting, next_one = object(), iter([*order]), threading.Lock()
    ended: list[BaseException] = []  # what calls all of them off

    def one(i: int) -> None:
        try:
            with alone(), interrupts.part_of(task):
                tasks[i]()
        except Exception as error:
            error.add_note(f"(model {i} of the {len(tasks)} that were trained together)")
            failures[i] = error

    def work() -> None:
        try:
            while not ended:
                with next_one:
                    i = next(waiting, None)
                if i is None:
                    return
                one(i)
        except BaseException as error:
            call_off(error)

    def call_off(error: BaseException) -> None:
        """What runs is called off, what waits does not begin."""
        ended.append(error)
        interrupts.called_off.add(task)

    try:
        _run_together(work, max(1, min(n_threads, len(tasks))), call_off)
    finally:
        interrupts.called_off.discard(task)
    if ended:
        raise ended[0]
    if failures:
        raise failures[min(failures)]


def _run_together(work: Callable[[], None], n: int, call_off: Callable[[BaseException], None]) -> None:
    """``work`` on ``n`` threads until all have ended; an interrupt meanwhile is handed to ``call_off``.

    No pool of the standard library: a program that ends would wait for its threads, though a fit may take hours. Nor
    ``Thread.join``: CPython 3.11 takes a thread for ended whose join was interrupted.
    """
    ends: list[threading.Event] = []

    def worker(end: threading.Event) -> None:
        try:
            work()
        finally:
            end.set()

    try:
        for _ in range(n):
            end = threading.Event()
            threading.Thread(target=worker, args=(end,), daemon=True).start()
            ends.append(end)
        for end in ends:
            end.wait()
    except BaseException as error:
        call_off(error)
        for end in ends:
            end.wait()
