"""Calls between layers as Keras 3 stores them, in the words of our configurations.

Keras stores the arguments of ``layer(...)``. Ours are a list of edges, and words for kinds of uses. Arguments of a call
that change nothing in prediction (``training=False``, masks that are None) are dropped, all others refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastnn._base.arguments import shown
from fastnn._base.types import Stored

TENSOR = "__keras_tensor__"
RECURRENT = ("SimpleRNN", "LSTM", "GRU", "Bidirectional")
ATTENTION = ("MultiHeadAttention", "Attention")
DROPPED: Mapping[str, tuple[object, ...]] = {"training": (None, False)}


def is_tensor(came: object) -> bool:
    """Whether an argument is an edge."""
    return isinstance(came, Mapping) and came.get("class_name") == TENSOR


class Call:
    """One call of a layer: the edges that it reads, words of its use, and the mask that it is given."""

    def __init__(self, name: str, kind: str, stored: object):
        if not isinstance(stored, Mapping) or not isinstance(stored.get("args"), list | tuple):
            raise ValueError(f"a call of layer {name!r} must have args and kwargs, got {shown(stored)}")
        self.name, self.kind = name, kind
        self.left = dict(stored.get("kwargs") or {})
        self.options: list[str] = []
        args = list(stored["args"])
        if kind == "MultiHeadAttention":
            self.edges = self._heads(args)
        elif kind == "Attention":
            self.edges = self._luong(args)
        elif kind in RECURRENT:
            self.edges = self._states(args)
        else:
            self.edges = args or [self.left.pop("inputs", None)]
        mask = self.left.pop("mask", None)
        self.masks = list(mask) if isinstance(mask, list | tuple) else [mask]
        self._check_rest()

    def _heads(self, args: list[object]) -> list[object]:
        names = ("query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask")
        told = dict(zip(names, args, strict=False))
        told |= {name: self.left.pop(name) for name in names if name in self.left}
        self.left["mask"] = [told.get(name) for name in ("query_mask", "value_mask", "key_mask")]
        edges = [told.get("query"), told.get("value")]
        if told.get("key") is not None:
            edges.append(told["key"])
            self.options.append("key")
        if told.get("attention_mask") is not None:
            edges.append(told["attention_mask"])
            self.options.append("mask")
        self._words()
        return edges

    def _luong(self, args: list[Stored]) -> list[object]:
        edges = list(args[0] if args else self.left.pop("inputs", ()))
        if len(edges) > 2:
            self.options.append("key")
        self._words()
        return edges

    def _words(self) -> None:
        if self.left.pop("use_causal_mask", False):
            self.options.append("causal")
        if self.left.pop("return_attention_scores", False):
            self.options.append("weights")

    def _states(self, args: list[object]) -> list[object]:
        names = ("sequence", "initial_state", "mask")
        given = dict(zip(names, args, strict=False)) | {n: self.left.pop(n) for n in names[:2] if n in self.left}
        if "inputs" in self.left:
            given["sequence"] = self.left.pop("inputs")
        if "mask" in given:
            self.left.setdefault("mask", given["mask"])
        states = given.get("initial_state")
        return [given.get("sequence"), *_listed(states)]

    def _check_rest(self) -> None:
        for name, value in self.left.items():
            if value is not None and value not in DROPPED.get(name, ()):
                raise ValueError(
                    f"layer {self.name!r} ({self.kind}) is called with {name}={shown(value)}, which has no counterpart "
                    f"here"
                )


def _listed(came: object) -> list[Stored]:
    if came is None:
        return []
    return list(came) if isinstance(came, list | tuple) else [came]


def as_stored(edges: Sequence[Stored], options: Sequence[str] = ()) -> dict[str, object]:
    """A call in the form of our configurations."""
    return {"args": list(edges), "kwargs": {"options": tuple(options)} if options else {}}
