"""Recurrent layers and attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import layers
from fastnn.interop.building.computing import Computing, Linear
from fastnn.interop.building.values import BATCH, Value
from fastnn.layers import Bidirectional

if TYPE_CHECKING:
    import numpy.typing as npt

    from fastnn.layers import Edge
    from fastnn.layers.edges import Made

MOST_UNIT = 4096  # numbers of queries, keys or values that are projected by unit matrices


@dataclass(frozen=True)
class Heads:
    """What made a value: attention, whose projection of the output may still be another one."""

    q: Value
    k: Value
    v: Value
    weights: list[np.ndarray | None]
    heads: int
    widths: tuple[int, int]
    causal: bool
    mask: Value | None
    name: str | None


@dataclass(frozen=True)
class Turned:
    """What made a value: a layer that goes backwards, whose outputs are also there in the order of its steps."""

    in_reverse: Value
    axis: int


class Remembering(Computing):
    """What of :class:`fastnn.interop.channels_first.ChannelsFirst` goes over the steps of sequences."""

    def recurrent(
        self,
        kind: str,
        x: Value,
        directions: Sequence[Sequence[np.ndarray]],
        *,
        starts: Sequence[Value] | None = None,
        backwards: bool = False,
        name: str | None = None,
        **how: object,
    ) -> tuple[Value, list[Value]]:
        """A recurrent layer over ``(batch, steps, features)``.

        Parameters
        ----------
        kind : ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
        directions : for one direction, or for forwards and backwards, our kernel, recurrent kernel and, where there
            are biases, bias (:mod:`fastnn.interop.gates` makes them).
        starts : states ``(batch, units)`` that each direction begins with: its h, then its c.
        backwards : of one direction, whether it begins with the last step.
        how : further arguments of the layer, such as ``activation``, ``recurrent_activation``, ``reset_after``.

        Returns
        -------
        the outputs ``(batch, steps, units of all directions)``, each step's where that stands, and the last states
        ``(batch, units)``: h, then c, of each direction.
        """
        if x.rank != 3 or not x.is_apart():
            raise ValueError(f"a recurrent layer reads (batch, steps, features), got {x.told()}")
        edge = self.arranged(x, [x.source[1], x.source[2]])
        units = len(directions[0][1])
        told = {"return_sequences": True, "return_state": True, "use_bias": len(directions[0]) > 2, **how}
        weights = [array for direction in directions for array in direction]
        states = [self.arranged(start, start.source[1:]) for start in starts or ()]
        both = len(directions) == 2
        made = None
        if both:
            inner = getattr(layers, kind)(units, **told)
            y, *back = self._called(Bidirectional(inner, name=self.free_name(name)), weights, edge, states)
        else:
            layer = self.layer(kind, units, weights=weights, name=name, go_backwards=backwards, **told)
            y, *back = layer(edge, initial_state=states or None)
        if backwards:  # the layer gives its outputs in the order in which it makes them
            made = Turned(self.fresh(y, (1, 2), 3), 1)
            y = self._in_place(kind, units, told, directions, edge, states)
        value = replace(self.fresh(y, (1, 2), 3), made=made)
        return value, [self.fresh(state, (1,), 2) for state in back]

    def _in_place(
        self,
        kind: str,
        units: int,
        told: dict[str, object],
        directions: Sequence[Sequence[np.ndarray]],
        edge: Edge,
        states: list[Edge],
    ) -> object:
        """The outputs of a layer that goes backwards, each where its step is: those of one half of a Bidirectional."""
        inner = getattr(layers, kind)(units, **told)
        idle = [np.zeros_like(array) for array in directions[0]]
        weights = [*idle, *directions[0]]
        starts = [*states, *states] if states else []
        return self._called(Bidirectional(inner, merge_mode=None), weights, edge, starts)[1]

    def _called(self, layer: Bidirectional, weights: Sequence[npt.ArrayLike], edge: Edge, states: list[Edge]) -> Made:
        self.weights.append((layer, [np.asarray(array) for array in weights]))
        return layer(edge, initial_state=states or None)

    def multi_head_attention(
        self,
        q: Value,
        k: Value,
        v: Value,
        weights: Sequence[npt.ArrayLike | None],
        heads: int,
        *,
        value_dim: int | None = None,
        causal: bool = False,
        mask: Value | None = None,
        scores: bool = False,
        name: str | None = None,
    ) -> Any:
        """Attention with its projections over ``(batch, steps, features)``.

        Parameters
        ----------
        weights : kernels ``(in, out)`` of query, key, value and output, each followed by its bias ``(out,)`` or None.
        value_dim : width of a head's values, where it is not that of its keys.
        causal : whether a query sees no later keys.
        mask : ``(batch, queries, keys)`` of ones and zeros.
        scores : whether the weights ``(batch, heads, queries, keys)`` are given, too.
        """
        kernels, biases = [np.asarray(kernel) for kernel in weights[::2]], list(weights[1::2])
        key_dim, out = kernels[0].shape[1] // heads, kernels[3].shape[1]
        value_dim = value_dim or kernels[2].shape[1] // heads
        has_bias = any(bias is not None for bias in biases)
        widths = key_dim, key_dim, value_dim
        set_: list[np.ndarray] = []
        for kernel, bias, width in zip(kernels[:3], biases[:3], widths, strict=True):
            set_.append(kernel.reshape(-1, heads, width))
            if has_bias:
                set_.append((np.zeros(heads * width) if bias is None else np.asarray(bias)).reshape(heads, width))
        set_.append(kernels[3].reshape(heads, value_dim, out))
        if has_bias:
            set_.append(np.zeros(out) if biases[3] is None else np.asarray(biases[3]))
        told = {"value_dim": value_dim, "output_size": out, "use_bias": has_bias, "weights": set_, "name": name}
        layer = self.layer("MultiHeadAttention", heads, key_dim, **told)
        edges = [self._steps(x) for x in (q, v, k)]
        masked = None if mask is None else self.arranged(mask, mask.source[1:])
        same = edges[1] is edges[2]
        made = layer(
            *edges[: 2 if same else 3],
            attention_mask=masked,
            use_causal_mask=causal,
            return_attention_scores=scores,
        )
        if scores:
            return self.fresh(made[0], (1, 2), 3), self.fresh(made[1], (1, 2, 3), 4)
        return self.fresh(made, (1, 2), 3)

    def attention(
        self,
        q: Value,
        k: Value,
        v: Value,
        *,
        scale: float | None = None,
        causal: bool = False,
        mask: Value | None = None,
        name: str | None = None,
    ) -> Value:
        """``softmax(q @ k.T * scale) @ v`` over ``(batch, heads, steps, width)``; ``scale`` is ``1 / sqrt(width)``
        without.

        Where a linear layer, and nothing else, made the queries, keys or values, it becomes a projection of the
        :class:`fastnn.layers.MultiHeadAttention` that this is; others are projected by unit matrices. The output is
        ``(batch, heads, queries, width)``, and a linear layer that follows on ``(batch, queries, heads * width)``
        becomes the projection of the output (see :meth:`projected`).
        """
        for x in (q, k, v):
            if x.rank != 4 or not x.is_apart():
                raise ValueError(f"attention reads (batch, heads, steps, width), got {x.told()}")
        heads, d, e = q.sizes[1], q.sizes[3], v.sizes[3]
        if k.sizes[1] != heads or v.sizes[1] != heads:
            raise ValueError(f"attention of {q.told()} on {k.told()} shares heads, which has no counterpart")
        factor = 1.0 if scale is None else scale * math.sqrt(d)
        reads, weights = list[Value](), list[np.ndarray | None]()
        for x, times in ((q, factor), (k, 1.0), (v, 1.0)):
            rows = self.flatten(self.transpose(x, (0, 2, 1, 3)), 2)
            read, kernel, bias = self._projection(rows)
            reads.append(read)
            weights += [kernel * times, None if bias is None else bias * times]
        what = Heads(reads[0], reads[1], reads[2], weights, heads, (d, e), causal, mask, name)
        return self._headed(what, unit(heads * e), None)

    def projected(self, x: Value, kernel: np.ndarray, bias: np.ndarray | None) -> Value | None:
        """A linear layer right behind attention as its projection of the output; None where it is not that."""
        if not isinstance(x.made, Heads) or x.rank != 3 or not in_order(x) or x.sizes[2] != len(kernel):
            return None
        return self._headed(x.made, np.asarray(kernel), bias, split=False)

    def _headed(self, what: Heads, kernel: npt.ArrayLike, bias: npt.ArrayLike | None, split: bool = True) -> Value:
        weights = [*what.weights, kernel, bias]
        made = self.multi_head_attention(
            what.q,
            what.k,
            what.v,
            weights,
            what.heads,
            value_dim=what.widths[1],
            causal=what.causal,
            mask=what.mask,
            name=what.name,
        )
        if not split:
            found: Value = made
            return found
        made = self.reshape(made, (*made.sizes[:2], what.heads, what.widths[1]))
        return replace(self.transpose(made, (0, 2, 1, 3)), made=what)

    def _projection(self, x: Value) -> tuple[Value, np.ndarray, np.ndarray | None]:
        """What is projected, and how: by a linear layer's weights, or as it is."""
        n = x.sizes[2]
        made = x.made
        if isinstance(made, Linear) and made.x.rank == 3 and in_order(x) and made.kernel.shape[1] == n:
            lead = tuple(atom for atom in made.x.ours if atom not in made.x.source[2])
            if not isinstance(made.x.made, Heads) and made.x.source[:2] == ((BATCH,), lead):
                return made.x, made.kernel, made.bias
        return x, unit(n), None

    def _steps(self, x: Value) -> Edge:
        if x.rank != 3 or not x.is_apart():
            raise ValueError(f"attention reads (batch, steps, features), got {x.told()}")
        return self.arranged(x, [x.source[1], x.source[2]])


def unit(n: int) -> np.ndarray:
    """A projection that changes nothing."""
    if n > MOST_UNIT:
        raise ValueError(f"attention of {n} numbers, which no linear layers make, has no counterpart above {MOST_UNIT}")
    return np.eye(n, dtype=np.float32)


def in_order(x: Value) -> bool:
    """Whether the edge has the source's axes in the source's order."""
    return tuple(atom for axis in x.source for atom in axis) == (BATCH, *x.ours)
