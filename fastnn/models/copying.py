"""Copies of networks: what is taken along, as for a pickle, and what is made anew of it.

Graph, store and plans are made anew, so that a copy shares nothing with its original. The file format is another one
(:mod:`fastnn.models.files`).
"""

from __future__ import annotations

import copy
from typing import Self

from fastnn._base.types import Config, Stored
from fastnn.models import compact
from fastnn.models.blueprint import blueprint, graph_from
from fastnn.models.naming import keep_names
from fastnn.models.network import Network

MADE_ANEW = (
    *("_store", "_state", "_graph", "_layout", "_inner", "_new", "_read_by", "_predictors"),
    *("_plans", "_drawn_up", "_edges", "_built_here", "_loops", "_singles", "_frozen", "_calls_made", "_waits"),
    "_composition",
)


class Copying(Network):
    """A network that can be copied and pickled; every model is."""

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def __getstate__(self) -> Config:
        """Everything but what is made anew: graph, store, plans; arrays are the model's own, which a copy copies."""
        kept = {name: value for name, value in vars(self).items() if name not in MADE_ANEW}
        state = {name: value for name, value in vars(self._state).items() if name not in ("holder", "slots")}
        return {**kept, "structure": self._structure_to_copy(), "state": state, **self._numbers_to_copy()}

    def __setstate__(self, kept: Config) -> None:
        structure, state, weights, slots = (kept.pop(name) for name in ("structure", "state", "weights", "slots"))
        self._set(**kept)
        self._have_store()
        self._given = weights  # which need not be drawn
        try:
            self._restore(structure)
        finally:
            self._given = None
        for view, array in zip(self._views() if weights is not None else (), weights or (), strict=True):
            view[...] = array
        vars(self._state).update(state)
        self._state.slots = None if slots is None else compact.spread(self.layout, slots, self.dtype)

    def _numbers_to_copy(self) -> dict[str, object]:
        if self._layout is None:
            return {"weights": None, "slots": None}
        slots = self._state.slots
        return {"weights": self._views(), "slots": None if slots is None else compact.gathered(self.layout, slots)}

    def _structure_to_copy(self) -> object:
        """Items with the names they have here, and how they call each other."""
        return self.items, [item.name for item in self.items], blueprint(self.graph)

    def _restore(self, structure: Stored) -> None:
        items, names, drawn = structure
        keep_names(items, names)
        self._settle(graph_from(items, drawn))
