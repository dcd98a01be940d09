"""``fit_many`` on the workers of an executor: models there as copies, and what a fit changes brought back.

What ``fit`` changes of a model stands in :func:`changed`; the caller's objects take it over, and nobody who has them
(layers, the optimizer, its schedules, other models with the same layers) can tell that the fit was elsewhere.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fastnn._engine import exclusive
from fastnn._engine.prepare import Arguments
from fastnn._kernels.contract import Rows
from fastnn._workers.pickling import Pack, check_plain, sendable
from fastnn._workers.worker import failed
from fastnn._workers.workers import Workers, failure_of
from fastnn.callbacks import Callback, History
from fastnn.models import compact
from fastnn.models.fit_many import largest_first
from fastnn.schedules import Schedule

if TYPE_CHECKING:
    from fastnn._engine.fit import Fit
    from fastnn._workers.pickling import Message
    from fastnn.models.graph import Item
    from fastnn.models.model import Model

Data = tuple[Rows, Rows | None]
COUNTERS = ("epoch", "step", "calls", "stop_training", "stop_evaluating", "stop_predicting")
FILES = ("filepath", "filename", "log_dir")  # of callbacks


def fit_elsewhere(
    prepared: Sequence[tuple[Fit, Data]],
    before: Sequence[History | None],
    arguments: Arguments,
    executor: object,
    verbose: int,
) -> list[History]:
    """Train models, whose fits and data were found to be right; ``before`` are the histories that they had."""
    models: list[Model] = [fit.model for fit, _ in prepared]
    histories = [fit.history for fit, _ in prepared]
    backends = [str(model.backend_) for model in models]
    for model, history in zip(models, before, strict=True):
        model.history = history
    groups = list({id(data): data for _, data in prepared}.values())
    place = {id(data): i for i, data in enumerate(groups)}
    tasks = [
        _task(i, model, place[id(data)]) for i, (model, (_, data)) in enumerate(zip(models, prepared, strict=True))
    ]
    if not models:
        return []

    def ended(i: int, answer: tuple[Message, Message | None]) -> BaseException | None:
        found, failure = answer
        take_over(models[i], found)
        vars(histories[i]).update(found["history"])
        histories[i].set_model(models[i])
        models[i].history = histories[i]
        return None if failure is None else failure_of(failure)

    with Workers(executor) as workers:
        shared = workers.share((groups, arguments, backends))
        workers.run([shared], tasks, ended, set(backends), verbose, largest_first(models))
    return histories


def sent(arguments: Arguments) -> Arguments:
    """Arguments for fits elsewhere, with callbacks that can be sent; ``TypeError`` that names one that cannot."""
    return replace(arguments, callbacks=[_to_send(callback) for callback in arguments.callbacks], elsewhere=True)


def _to_send(callback: Callback) -> Callback:
    """A callback as it can be sent: without the model of an earlier fit, and with names of files as they count here."""
    made = copy.copy(callback)
    vars(made).pop("model", None)
    for name in FILES:
        value = vars(made).get(name)
        if isinstance(value, str):
            vars(made)[name] = os.path.abspath(value)
    check_plain(f"the callback {callback!r}", made)
    return made


def _task(i: int, model: Model, group: int) -> Pack:
    """What a worker gets to train a model."""
    history, model.history = model.history, None
    carried = [list(layer.carried) for layer in model.layout.layers if layer.carries]
    try:
        return sendable(f"model {i}", (trained, (i, model, carried, group)), _parts(model))
    finally:
        model.history = history


def _parts(model: Model) -> Iterator[tuple[str, object]]:
    """What a model is made of, for an error that names the part."""
    yield from (("the layer", layer) for layer in model.layout.layers)
    yield from (("the loss", loss) for loss in model.losses)
    yield from (("the metrics", metrics) for metrics in (model.metrics, model.weighted_metrics))
    yield "the optimizer", model.optimizer


def trained(
    shared: tuple[list[Data], Arguments, list[str]], i: int, model: Model, carried: list[list[object]], group: int
) -> tuple[Message, Message | None]:
    """In a worker: a model's fit; what it changed, and the error that ended it."""
    groups, arguments, backends = shared
    for layer, arrays in zip((one for one in model.layout.layers if one.carries), carried, strict=True):
        layer.carry(arrays)
    model.state.states = None
    optimizer = model.optimizer
    with exclusive.training(model.store):
        fit = model.prepared(groups[group], replace(arguments, backend=backends[i], elsewhere=False))
        failure = None
        try:
            fit()
        except Exception as error:
            failure = failed(error)
    return changed(model, model.optimizer is not optimizer), failure


def changed(model: Model, has_other_optimizer: bool) -> dict[str, object]:
    """All that ``fit`` changes of a model, and what callbacks may; its arrays are the model's own."""
    state, layout = model.state, model.layout
    return {
        "weights": compact.parts(layout, state.params),
        "slots": None if state.slots is None else compact.gathered(layout, state.slots),
        "counters": {name: getattr(state, name) for name in COUNTERS},
        "optimizer": state.optimizer,
        "is_other": has_other_optimizer,
        "dropout_schedule": state.dropout_schedule,
        "carried": [list(layer.carried) for layer in layout.layers if layer.carries],
        "flags": [part.trainable for part in _flagged(model)],
        "seed": model.seed,
        "metadata": model.metadata,
        "history": {name: value for name, value in vars(model.history).items() if name != "model"},
    }


def _flagged(model: Model) -> list[Item]:
    """What can be frozen: the model, models inside it, and the layers."""
    return [model, *model.graph.models(), *model.layout.layers]


def take_over(model: Model, found: Message) -> None:
    """Have what a fit elsewhere has changed, in the objects that are there."""
    state = model.state
    for mine, came in zip(compact.parts(model.layout, state.params), found["weights"], strict=True):
        mine[...] = came
    for name, value in found["counters"].items():
        setattr(state, name, value)
    if found["is_other"]:
        state.optimizer = found["optimizer"]
    else:
        _be_as(state.optimizer, found["optimizer"])
    _be_as(state.dropout_schedule, found["dropout_schedule"])
    slots = found["slots"]
    state.slots = None if slots is None else compact.spread(model.layout, slots, model.dtype)
    state.states = None
    for layer, arrays in zip((one for one in model.layout.layers if one.carries), found["carried"], strict=True):
        layer.carry(arrays)
    for part, flag in zip(_flagged(model), found["flags"], strict=True):
        if part.trainable is not flag:
            part.trainable = flag
    if model.seed != found["seed"]:
        model.seed = found["seed"]
    model.metadata.update(found["metadata"])


def _be_as(mine: object, other: object) -> None:
    """Have the numbers of a copy that was trained with; schedules that are part of it likewise."""
    for name, value in vars(other).items() if mine is not None else ():
        had = vars(mine).get(name)
        if isinstance(had, Schedule) and type(had) is type(value):
            _be_as(had, value)
        else:
            vars(mine)[name] = value
