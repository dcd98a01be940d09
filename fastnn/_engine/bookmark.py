"""Where a fit stands between two updates, in plain values and arrays; and how another fit goes on from there.

What is marked is all that the model itself does not hold: the place in the epoch with its sums so far, the history,
what stop rules, callbacks, schedules and L-BFGS remember, and where the data go on. A fit that goes on from a mark
makes the updates that the marked one would have made, to the last bit; so a mark holds the weights, too, to which a
divergence in this epoch would go back. Vectors over the parameters stand apart, for files hold them without padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import integer, shown
from fastnn._base.types import Stored

if TYPE_CHECKING:
    from fastnn._engine.standing import Standing
    from fastnn.callbacks.base import Callback

MOST = 2**53  # updates or epochs; no training has as many, and a few more would leave int64
VECTORS = "vectors"  # under this name a mark has matrices ``(n, n_params)``, by name
COUNTS = ("epoch", "batch", "step", "wait")


class Misfit(ValueError):
    """A fit cannot go on from a mark as the marked one would have."""


def mark(fit: Standing) -> dict[str, object]:
    """Where a fit stands, which is between two updates."""
    run, trainer, history = fit.run, fit.trainer, fit.history
    row = fit.stretches.sums[int(run["epoch"] - run["first_epoch"])].copy() if run["batch"] else None
    vectors = {} if row is None else {"kept": fit.weights.kept[None]}
    schedule = trainer.schedule
    marked = {
        "first_epoch": fit.first_epoch,
        "initial_epoch": fit.epochs[0],
        "run": {**{name: int(run[name]) for name in COUNTS}, "best": float(run["best"])},
        "sums": row,
        "told": fit.told == fit.place,
        "stopped": bool(fit.state.stop_training),
        "history": {name: _real(name, values) for name, values in history.history.items()},
        "epochs": list(history.epoch),
        "data": what_trains(fit),
        "trainer": trainer.mark(vectors),
        "callbacks": [[type(callback).__name__, state] for callback, state in remembering(fit)],
        "schedule": None if schedule is None else schedule.get_state(),
        "calls": fit.state.calls,
    }
    return {**marked, VECTORS: vectors}


def _real(name: str, values: list[Any]) -> np.ndarray:
    try:
        return np.array(values, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"a checkpoint keeps numbers of the history, and {name!r} has {shown(values)}") from None


def remembering(fit: Standing) -> list[tuple[Callback, dict[str, object]]]:
    """The callbacks that remember something, with that; the others may be there or not when a fit goes on."""
    pairs = [(callback, callback.get_state()) for callback in fit.listeners.callbacks]
    return [(callback, state) for callback, state in pairs if state]


def what_trains(fit: Standing) -> dict[str, object]:
    """What another fit must have in common."""
    trainer = fit.trainer
    return {"kind": type(trainer).__name__, "shuffle": fit.shuffle, **trainer.shards, **trainer.what()}


def check(fit: Standing, marked: dict[str, Stored]) -> None:
    """Raise :class:`Misfit` when a fit cannot go on from a mark as the marked one would have."""
    pairs: list[tuple[str, object, object]] = [("initial_epoch", fit.epochs[0], marked["initial_epoch"])]
    told = what_trains(fit)
    pairs += [(name, told.get(name), marked["data"].get(name)) for name in {**told, **marked["data"]}]
    for name, now, then in pairs:
        if now != then:
            raise Misfit(f"this fit has {name} {shown(now)}, and the checkpoint's {shown(then)}")
    names = [type(callback).__name__ for callback, _ in remembering(fit)]
    known = [name for name, _ in marked["callbacks"]]
    if names != known:
        raise Misfit(
            f"of the callbacks of this fit {', '.join(names) or 'none'} remember something, and of the checkpoint's "
            f"{', '.join(known) or 'none'}; give the same in the same order"
        )


def go_on(fit: Standing, marked: dict[str, object]) -> None:
    """Have a fit stand where another one was marked; its model has the weights of that."""
    check(fit, marked)
    try:
        _stand(fit, marked)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise Misfit(f"it does not tell where its fit stood: {error!r}") from error


def _stand(fit: Standing, marked: dict[str, Stored]) -> None:
    run, was = fit.run, marked["run"]
    if fit.trainer.n_samples and was["batch"] >= (fit.trainer.steps or 1):  # of a stream only the end tells how long
        raise ValueError(f"it stands before batch {was['batch']} of an epoch of {fit.trainer.steps}")
    for name in COUNTS:
        run[name] = was[name]
    run["best"], run["first_epoch"] = float(was["best"]), run["epoch"]
    fit.began = bool(run["batch"])
    fit.told = fit.place if marked["told"] is True else None
    if fit.began:
        fit.stretches.sums = _of_shape("sums", marked["sums"], fit.stretches.sums.shape[1:])[None].copy()
        fit.weights.keep()
        fit.weights.kept[...] = _of_shape("kept", marked[VECTORS]["kept"][0], fit.weights.kept.shape)
    fit.records.go_on(marked["epochs"], marked["history"])
    fit.trainer.go_on(marked["trainer"], marked[VECTORS], run, fit.shuffle)
    schedule = fit.trainer.schedule
    if schedule is not None:
        schedule.set_state(marked["schedule"])
    fit.state.calls = marked["calls"]


def tell(fit: Standing, marked: dict[str, Stored]) -> None:
    """Have callbacks remember what those of the other fit did; behind ``on_train_begin``, where many begin anew."""
    for (callback, _), (_, state) in zip(remembering(fit), marked["callbacks"], strict=True):
        callback.set_state(state)
    fit.state.stop_training = marked["stopped"]


def validated(marked: Stored) -> dict[str, object]:
    """What a file says of where a fit stood, as far as it can be checked without the fit."""
    first, run = _count("first_epoch", marked["first_epoch"]), marked["run"]
    _count("initial_epoch", marked["initial_epoch"])
    _count("calls", marked["calls"])
    for name in COUNTS:
        _count(name, run[name])
    epochs = [_count("an epoch", one) for one in marked["epochs"]]
    if run["epoch"] - first != len(epochs):
        raise ValueError(
            f"it stands {run['epoch'] - first} epochs behind its beginning, with {len(epochs)} in its history"
        )
    wanted = {f"history of {name}": (column, (len(epochs),)) for name, column in marked["history"].items()}
    for name, (column, shape) in wanted.items():
        _of_shape(name, column, shape)
    for name in ("told", "stopped"):
        if type(marked[name]) is not bool:
            raise TypeError(f"{name} must be true or false, got {shown(marked[name])}")
    for name in ("data", "trainer", VECTORS):
        if not isinstance(marked[name], dict):
            raise TypeError(f"{name} must be an object, got {shown(marked[name])}")
    for name, state in marked["callbacks"]:
        if not (isinstance(name, str) and isinstance(state, dict)):
            raise TypeError(f"a callback must have a name and a state, got {shown((name, state))}")
    found: dict[str, Stored] = marked
    return found


def _count(name: str, came: object) -> int:
    return integer(name, came, low=0, high=MOST)


def _of_shape(name: str, array: object, shape: tuple[int, ...]) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError(f"{name} of the checkpoint must be an array {shape}, got {shown(array)}")
    return array
