"""States that batches of a stateful model hand on: where they stand, and which batches fit them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import counted
from fastnn._engine import exclusive
from fastnn._engine.state import State
from fastnn._plan.layout import Layout
from fastnn._plan.memory import aligned
from fastnn._plan.plan import Plan

if TYPE_CHECKING:
    from fastnn.layers.base import Layer


def take_states(state: State, plan: Plan) -> np.ndarray:
    """The vector in which a plan finds and leaves states, of which the layers have views; in it what they had.

    Raises
    ------
    ValueError
        a layer remembers another number of rows than the plan has.
    RuntimeError
        the model is in a fit of another thread.
    """
    layout, rows = plan.layout, int(plan.header["batch_size"])
    exclusive.check_not_elsewhere(state.holder)
    check_rows(layout, rows)
    if state.states is None or state.states.size != plan.states_size:
        state.states = aligned(plan.states_size, state.params.dtype)
    views = defaultdict(list)
    for owner, number, size, place in layout.carried:
        view, had = state.states[rows * place :][: rows * size].reshape(rows, size), layout.layers[owner].carried
        if not had or had[number].ctypes.data != view.ctypes.data:  # else they are there
            view[...] = had[number] if had and len(had[number]) == rows else 0
        views[owner].append(view)
    for owner, own in views.items():
        layout.layers[owner].carry(own)
    return state.states


def check_rows(layout: Layout, rows: int) -> None:
    """``ValueError`` where a layer remembers something of another number of rows."""
    for layer, array in _remembered(layout):
        if len(array) != rows:
            raise ValueError(
                f"a batch has {counted(rows, 'row')}, and the stateful layer {layer.name!r} remembers those of "
                f"{counted(len(array), 'row')}; batches go on where the one before ended, or begin anew "
                f"after model.reset_states()"
            )


def usual_rows(layout: Layout, default: int) -> int:
    """Rows of a batch where nobody says: of a stateful model as many as it remembers, else the ``default``."""
    return max((len(array) for _, array in _remembered(layout)), default=default)


def check_batches(layout: Layout, n_rows: int, batch_size: int) -> None:
    """``ValueError`` where rows make no equally large batches of a stateful model, or others than it remembers."""
    if layout.carried and n_rows:
        check_rows(layout, batch_size)
        if n_rows % batch_size:
            raise ValueError(
                f"{counted(n_rows, 'row')} make batches of {batch_size} and one of {n_rows % batch_size}, and a "
                f"stateful layer goes on row by row, so that all must have equally many; give a batch_size that "
                f"divides them, or other rows"
            )


def _remembered(layout: Layout) -> Iterator[tuple[Layer, np.ndarray]]:
    """The states that are not zero, each with its layer."""
    for layer in layout.layers if layout.carried else ():
        yield from ((layer, array) for array in (layer.carried if layer.carries else ()) if array.any())
