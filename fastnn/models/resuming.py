"""A model that takes the state of a checkpoint, from which its fit goes on.

What would make the fit another one is refused before anything changes, and an error later brings back the model's own
state.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import optimizers
from fastnn._base import users_line
from fastnn._base.arguments import integer
from fastnn._base.reprs import in_a_line
from fastnn._base.stored import difference
from fastnn._base.types import Config, Stored
from fastnn._engine.bookmark import MOST, VECTORS, Misfit
from fastnn.models import compact
from fastnn.models.checkpoints import Found, described_optimizer
from fastnn.models.description import describe, names, slot_names
from fastnn.models.files import DAMAGED
from fastnn.models.instruction import own_schedule
from fastnn.models.texts import as_text_has
from fastnn.schedules import Schedule

if TYPE_CHECKING:
    from fastnn.models.fitting import Fitting


@contextlib.contextmanager
def restored(model: Fitting, found: Found | None) -> Iterator[None]:
    """A block at whose beginning the model has the state of a checkpoint; an error brings back its own.

    Raises
    ------
    ValueError
        the checkpoint is of another model, or of one that is trained otherwise; the message says where they differ.
    """
    if found is None:
        yield
        return
    with _named(found.path):
        _check_same(model, found)
        for name, rows in found.marked[VECTORS].items():
            dtype = np.float64 if name in ("point", "pairs") else model.dtype
            found.marked[VECTORS][name] = compact.spread(model.layout, rows, np.dtype(dtype))
    before = _kept(model)
    try:
        with _named(found.path):
            _take(model, found)
        yield
    except BaseException as error:
        _give_back(model, before)
        if isinstance(error, Misfit):
            raise _refused(found.path, error) from error
        raise


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Let whatever is wrong with a checkpoint name it."""
    try:
        yield
    except DAMAGED as error:
        raise _refused(path, error) from error


def _refused(path: str, error: BaseException) -> ValueError:
    mend = "begin anew with resume=False, or with another file"
    return ValueError(f"{path} cannot be gone on from: {in_a_line(error)}; {mend}")


def _check_same(model: Fitting, found: Found) -> None:
    ours = comparable(as_text_has(describe(model, 2))["items"])
    differs = difference(comparable(found.described), ours)
    if differs:
        raise ValueError(f"it is of another model: {differs}")
    differs = difference(found.marked["began"], described_optimizer(model))
    if differs:
        raise ValueError(f"its fit began with another optimizer: {differs}")
    wanted = {name: v.parameter.shape for name, v in zip(names(model.layout), model.layout.variables, strict=True)}
    for name, shape in wanted.items():
        if name not in found.arrays or (found.arrays[name].shape, found.arrays[name].dtype) != (shape, model.dtype):
            raise ValueError(f"it is of another model: {name} must be {shape} {model.dtype}")
        if not np.isfinite(found.arrays[name]).all():
            raise ValueError(f"weights of {name} are not finite")


def comparable(items: Stored) -> list[object]:
    """What must be the same in two descriptions: all but counters, seeds, rates, and names that nobody gave."""
    made = copy.deepcopy(items)
    for item in made:
        item.pop("called", None)
        if item.get("class") in ("Model", "Sequential"):
            for name in ("epoch", "step", "seed"):
                item.pop(name, None)
            for end in ("input_names", "output_names"):
                item.pop(end, None)
            item.get("compile", {}).pop("optimizer", None)
    found: list[object] = made
    return found


def _kept(model: Fitting) -> dict[str, object]:
    """What a checkpoint changes of a model."""
    state, optimizer = model.state, model.compiled_optimizer
    rate = optimizer.learning_rate
    return {
        "params": state.params.copy(),
        "state": {name: value for name, value in vars(state).items() if name != "holder"},
        "seed": model.seed,
        "optimizer": dict(vars(optimizer)),
        "rate": dict(vars(rate)) if isinstance(rate, Schedule) else None,
        "carried": [(layer, layer.carried) for layer in model.layout.layers if layer.carries],
    }


def _give_back(model: Fitting, before: Config) -> None:
    state, optimizer = model.state, model.compiled_optimizer
    state.params[...] = before["params"]
    vars(state).update(before["state"])
    if model.seed != before["seed"]:
        model.seed = before["seed"]
    vars(optimizer).update(before["optimizer"])
    if before["rate"] is not None:
        vars(optimizer.learning_rate).update(before["rate"])
    for layer, arrays_before in before["carried"]:
        layer.carry(arrays_before)


def _take(model: Fitting, found: Found) -> None:
    """Have the weights, the optimiser's state and numbers, the counters and the seed of a checkpoint."""
    stored, state = found.described[-1], model.state
    seed = integer("seed", stored["seed"], low=0)
    if model.seed != seed:
        model.seed = seed
    model.set_weights([found.arrays[name] for name in names(model.layout)])
    _take_optimizer(model, stored["compile"]["optimizer"])
    optimizer = model.compiled_optimizer
    slots = [found.arrays[name] for name in _slot_names(found, optimizer.n_slots)]
    state.slots = compact.spread(model.layout, slots, model.dtype) if slots else None
    state.epoch, state.step = (integer(name, stored[name], low=0, high=MOST) for name in ("epoch", "step"))
    state.states = None
    carried: dict[int, list[np.ndarray]] = {}
    for layer, _, array in found.marked["states"]:
        carried.setdefault(layer, []).append(array)
    for number, own in carried.items():
        model.layout.layers[number].carry(own)


def _slot_names(found: Found, n_slots: int) -> list[str]:
    wanted = slot_names(len(found.described) - 1, True, n_slots)
    return wanted if all(name in found.arrays for name in wanted) else []


def _take_optimizer(model: Fitting, stored: dict[str, object]) -> None:
    """Have the optimiser's numbers, which callbacks and schedules change, in the objects that are there."""
    optimizer = model.compiled_optimizer
    is_own = own_schedule(stored)  # it keeps what it has, and what it remembers comes from where the fit stood
    was = optimizers.get({name: value for name, value in stored.items() if name != "learning_rate" or not is_own})
    _copy_fields(was, optimizer, but="learning_rate")
    if isinstance(optimizer.learning_rate, Schedule):
        if not is_own:
            _copy_fields(was.learning_rate, optimizer.learning_rate)
    else:
        optimizer.learning_rate = float(was.learning_rate)


def _copy_fields(of: object, to: Any, but: str = "") -> None:
    for field in fields(to):
        if field.name != but:
            setattr(to, field.name, getattr(of, field.name))


def backend_of(model: Fitting, found: Found | None, asked: str | None) -> str | None:
    """The backend that goes on: the one asked for, or without one the checkpoint's, for its bits."""
    wanted = asked or model.backend
    if found is None:
        return asked
    wrote = found.marked["backend"]
    if wanted in (None, "auto"):
        return wrote if isinstance(wrote, str) else asked
    if wanted != wrote:
        users_line.warn(
            f"{found.path} was written by the backend {wrote}, and {wanted} goes on: the result is not to the last bit "
            f"that of a fit without a break"
        )
    return asked
