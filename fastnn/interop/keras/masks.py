"""Masks that Keras has written into calls: those that follow from the graph, as they do here, and those that do not.

Keras turns the mask of an Embedding or Masking layer into functions (``not_equal``, ``any``, ``logical_or``) and hands
them to each layer that wants a mask. Here masks go from layer to layer by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastnn._base.arguments import shown
from fastnn._base.types import Stored
from fastnn.interop.keras.calls import is_tensor
from fastnn.interop.keras.operations import is_operation


class Nodes:
    """The entries of a graph by their names.

    Raises
    ------
    ValueError, TypeError
        an entry has no name.
    """

    def __init__(self, entries: Sequence[Stored]):
        self.entries = {self.name(entry): entry for entry in entries}
        self._before: dict[str, set[str]] = {}

    def name(self, entry: object) -> str:
        """The name of an entry."""
        config = entry.get("config") if isinstance(entry, Mapping) else None
        name = config.get("name") if isinstance(config, Mapping) else None
        if not isinstance(name, str):
            raise ValueError(f"a layer of the configuration must have a name, got {shown(name)}")
        return name

    def is_implied(self, mask: object, edges: Sequence[Stored]) -> bool:
        """Whether a mask comes from layers that the edges come from, so that they have it here."""
        makers = self._makers(mask)
        return bool(makers) and makers <= self._all_before(names_in(edges))

    def plain(self, mask: object) -> object:
        """The edge ``x`` of a mask ``x != 0``, other masks as they are."""
        entry = self._operation(mask)
        if entry is not None and entry["class_name"] == "NotEqual":
            edge, number = self._compared(entry)
            if is_tensor(edge) and number == 0:
                return edge
        return None if entry is not None else mask

    def _operation(self, edge: object) -> Stored:
        """The function that makes an edge, None where a layer does."""
        if not is_tensor(edge):
            return None
        entry = self.entries.get(next(iter(names_in(edge)), ""))
        return entry if entry is not None and is_operation(entry) else None

    def _compared(self, entry: Stored) -> tuple[object, object]:
        node = entry["inbound_nodes"][0]
        return (*node["args"], *(node.get("kwargs") or {}).values(), None, None)[:2]

    def _makers(self, mask: object) -> set[str]:
        """The layers that a mask follows from; none where it follows from anything else."""
        found: set[str] = set()
        waiting, seen = [mask], set[str]()
        while waiting:
            entry = self._operation(waiting.pop())
            if entry is None:
                return set()
            if self.name(entry) in seen:
                continue
            seen.add(self.name(entry))
            if entry["class_name"] == "NotEqual":
                made = self._masking(*self._compared(entry))
                if not made:
                    return set()
                found |= made
            else:
                waiting += _tensors(entry["inbound_nodes"])
        return found

    def _masking(self, edge: Stored, number: object) -> set[str]:
        """Layers whose mask is where ``edge != number``."""
        if not is_tensor(edge):
            return set()
        history = edge["config"]["keras_history"]
        return {
            name
            for name, entry in self.entries.items()
            if _makes_mask(entry, number)
            and any(read["config"]["keras_history"] == history for read in _tensors(entry["inbound_nodes"]))
        }

    def _all_before(self, names: set[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found and name in self.entries:
                found.add(name)
                waiting += names_in([node["args"] for node in self.entries[name].get("inbound_nodes", ())])
        return found


def _makes_mask(entry: Stored, number: object) -> bool:
    config = entry["config"]
    if entry["class_name"] == "Embedding":
        return bool(config.get("mask_zero")) and number == 0
    return bool(entry["class_name"] == "Masking" and config.get("mask_value", 0.0) == number)


def _tensors(came: object) -> list[Stored]:
    """All edges in what a call reads."""
    found, waiting = [], [came]
    while waiting:
        one = waiting.pop()
        if is_tensor(one):
            found.append(one)
        elif isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
    return found


def names_in(came: object) -> set[str]:
    """Names of what makes the edges in calls, or in lists of histories."""
    names = {str(edge["config"]["keras_history"][0]) for edge in _tensors(came)}
    waiting = [came]
    while waiting:
        one = waiting.pop()
        if is_tensor(one):
            continue
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            if len(one) == 3 and isinstance(one[0], str):
                names.add(one[0])
            waiting += one
    return names
