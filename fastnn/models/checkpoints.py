"""Checkpoints: a model file that also tells where a fit stands, and a fit that goes on from there.

The file is of version 3 of the format: a model as the second version has it, and under ``fit`` all that the model does
not hold (:mod:`fastnn._engine.bookmark`), as JSON whose arrays stand beside the model's under ``fit.NUMBER``.
:func:`fastnn.load` reads it like any other.
"""

from __future__ import annotations

import contextlib
import copy
import os
import warnings
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from fastnn import optimizers
from fastnn._base.arguments import integer, shown
from fastnn._base.packing import pack
from fastnn._base.stored import difference, parse
from fastnn._base.tensor_file import check_name
from fastnn._base.writing import check_writable, write_atomically
from fastnn._engine.bookmark import VECTORS, validated
from fastnn._engine.saving import Every, Saving, check_every
from fastnn.callbacks import BackupAndRestore
from fastnn.models import compact
from fastnn.models.description import arrays, describe, names, slot_names
from fastnn.models.files import CHECKPOINT, FIT, FORMAT, check_kind, in_order, opened, take_marked, texts
from fastnn.models.instruction import own_schedule
from fastnn.models.texts import as_text_has, text_of
from fastnn.schedules import Schedule

RESUME = ("auto", True, False)


class Request(NamedTuple):
    """What a user asked for: a file, how often it is written, and whether to go on from one that is there."""

    path: str
    every: Every
    resume: Any


def check_request(checkpoint: Any, checkpoint_every: Any, resume: Any) -> Request | None:
    """As ``fit`` takes them; ``ValueError``, ``TypeError`` or ``OSError`` for what is wrong."""
    if not any(resume is known or resume == known for known in RESUME) or type(resume) not in (bool, str):
        raise ValueError(f'resume must be "auto", True or False, got {shown(resume)}')
    every = check_every("checkpoint_every", checkpoint_every)
    if checkpoint is None:
        if resume is True:
            raise ValueError("resume=True needs checkpoint=, the file to go on from")
        return None
    path = check_name(checkpoint)
    check_writable(path)
    if resume is True and not os.path.exists(path):
        raise FileNotFoundError(
            f'no such file to resume from: {path}; with resume="auto" a fit without one begins anew'
        )
    return Request(path, every, resume)


def requested(callbacks: Any, checkpoint: Any, checkpoint_every: Any, resume: Any) -> Request | None:
    """What the arguments of ``fit`` ask for, or a :class:`fastnn.callbacks.BackupAndRestore` among its callbacks."""
    asked = check_request(checkpoint, checkpoint_every, resume)
    given = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    backups = [callback for callback in given if isinstance(callback, BackupAndRestore)]
    if not backups:
        return asked
    if asked or len(backups) > 1:
        raise ValueError("fit takes one BackupAndRestore, or checkpoint=; both name a file to go on from")
    backups[0].make_folder()
    return check_request(backups[0].path, backups[0].every, "auto")


class Found(NamedTuple):
    """A checkpoint that was read: what it says of the model, its arrays by name, and where its fit stood."""

    path: str
    described: Any
    arrays: dict[str, np.ndarray]
    marked: Any


def find(request: Request | None) -> Found | None:
    """The checkpoint to go on from, read whole; None to begin anew.

    Raises
    ------
    ValueError
        the file is damaged, or no checkpoint.
    """
    if request is None or request.resume is False or not os.path.exists(request.path):
        return None
    with opened(request.path) as file:
        if check_kind(file, FORMAT)[1] != CHECKPOINT:
            raise ValueError("it is a model without a fit to go on with; load it with fastnn.load, and train that")
        described = parse("model", file.metadata["model"])
        file.find_arrays()
        marked = validated(take_marked(file))
        return Found(request.path, described["items"], {name: file.array(name) for name in file.entries}, marked)


def seed_of(path: Any) -> int:
    """The seed of the model in a checkpoint; raises as :func:`find`."""
    found = find(check_request(path, 1, True))
    assert found is not None
    return integer("seed", found.described[-1]["seed"], low=0)


def saving(model: Any, request: Request, began: Any) -> Saving:
    """What writes the checkpoints of a fit of the model, whose optimizer was as ``began`` says when it began."""
    return Saving(
        request.every, lambda marked: _write(model, request.path, {**marked, **_of_model(model), "began": began})
    )


def described_optimizer(model: Any) -> Any:
    """The optimiser as a fit begins with it."""
    return as_text_has(model.compiled_optimizer.config())


def _of_model(model: Any) -> dict[str, Any]:
    """What a file of the model does not hold of it."""
    layers = model.layout.layers
    states = [[state.layer, state.number, layers[state.layer].carried[state.number]] for state in model.layout.carried]
    return {"states": states, "backend": model.backend_}


def _write(model: Any, path: str, marked: dict[str, Any]) -> None:
    vectors = {name: compact.gathered(model.layout, rows) for name, rows in marked[VECTORS].items()}
    packed, beside = pack("what a checkpoint keeps", {**marked, VECTORS: vectors})
    stored = texts(model, CHECKPOINT, 2, model.metadata) | {"fit": text_of("fit", packed)}
    tensors = arrays(model, 2) | {f"{FIT}{i}": np.ascontiguousarray(array) for i, array in enumerate(beside)}
    write_atomically(path, in_order(tensors, stored))


# -- going on -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def restored(model: Any, found: Found | None) -> Iterator[None]:
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
    except BaseException:
        _give_back(model, before)
        raise


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Let whatever is wrong with a checkpoint name it."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        words = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{path} cannot be gone on from: {words}; begin anew with resume=False, or with another file"
        ) from error


def _check_same(model: Any, found: Found) -> None:
    ours = _comparable(as_text_has(describe(model, 2))["items"])
    differs = difference(_comparable(found.described), ours)
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


def _comparable(items: Any) -> list[Any]:
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
    return made


def _kept(model: Any) -> dict[str, Any]:
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


def _give_back(model: Any, before: dict[str, Any]) -> None:
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


def _take(model: Any, found: Found) -> None:
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
    state.epoch, state.step = (integer(name, stored[name], low=0) for name in ("epoch", "step"))
    state.states = None
    carried: dict[int, list[np.ndarray]] = {}
    for layer, _, array in found.marked["states"]:
        carried.setdefault(layer, []).append(array)
    for number, own in carried.items():
        model.layout.layers[number].carry(own)


def _slot_names(found: Found, n_slots: int) -> list[str]:
    wanted = slot_names(len(found.described) - 1, True, n_slots)
    return wanted if all(name in found.arrays for name in wanted) else []


def _take_optimizer(model: Any, stored: dict[str, Any]) -> None:
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


def _copy_fields(of: Any, to: Any, but: str = "") -> None:
    for field in fields(to):
        if field.name != but:
            setattr(to, field.name, getattr(of, field.name))


def backend_of(model: Any, found: Found | None, asked: str | None) -> str | None:
    """The backend that goes on: the one asked for, or without one the checkpoint's, for its bits."""
    wanted = asked or model.backend
    if found is None:
        return asked
    wrote = found.marked["backend"]
    if wanted in (None, "auto"):
        return wrote if isinstance(wrote, str) else asked
    if wanted != wrote:
        warnings.warn(
            f"{found.path} was written by the backend {wrote}, and {wanted} goes on: the result is not to the last bit "
            f"that of a fit without a break",
            stacklevel=4,
        )
    return asked
