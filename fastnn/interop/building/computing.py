"""Linear layers, activations, embeddings and normalisations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn import activations
from fastnn.interop.building.values import BATCH, LENGTH, Atom, Value, check_repeated, size_of
from fastnn.interop.building.windowing import Windowing
from fastnn.layers import Reshape

if TYPE_CHECKING:
    import numpy.typing as npt

    from fastnn.activations import Activation
    from fastnn.layers import Edge
    from fastnn.layers.edges import Made

POSITIVE = ("relu", "sigmoid", "hard_sigmoid", "softmax", "softplus", "exponential", "relu6", "squareplus")


@dataclass(frozen=True)
class Linear:
    """What made a value: a linear layer without activation, of ``x`` by ``(in, out)`` and a bias or None."""

    x: Value
    kernel: np.ndarray
    bias: np.ndarray | None
    name: str | None


class Computing(Windowing):
    """What of :class:`fastnn.interop.channels_first.ChannelsFirst` multiplies by weights, bends and normalises."""

    def linear(
        self, x: Value, kernel: npt.ArrayLike, bias: npt.ArrayLike | None = None, name: str | None = None
    ) -> Value:
        """``x @ kernel + bias`` along the last axis of the source's.

        Parameters
        ----------
        kernel : ``(in, out)``, so that PyTorch's weight has to be transposed; its rows go into another order where the
            last axis is of several that ours has in another order.
        bias : ``(out,)`` or None.
        """
        kernel = np.asarray(kernel)
        last = x.source[-1] if x.source else ()
        if kernel.ndim != 2 or len(kernel) != size_of(last) or BATCH in last:
            raise ValueError(f"a kernel {kernel.shape} does not fit the last axis of {x.told()}")
        lead = tuple(atom for atom in x.ours if atom not in last)
        tail = tuple(atom for atom in x.ours if atom in last)
        if x.ours[len(lead) :] != tail:
            tail = last
        whole = kernel.reshape(*(atom.size for atom in last), -1)
        rows = whole.transpose(*(last.index(atom) for atom in tail), len(last)).reshape(kernel.shape)
        edge = self._along_last(x, lead, tail)
        weights = [rows, *([] if bias is None else [np.asarray(bias).reshape(-1)])]
        made = self.layer("Dense", kernel.shape[1], use_bias=bias is not None, weights=weights, name=name)(edge)
        new = (Atom(kernel.shape[1]),) if kernel.shape[1] > 1 else ()
        what = Linear(x, kernel, None if bias is None else np.asarray(bias).reshape(-1), name)
        return Value(made, (*lead, *new), (*x.source[:-1], new), made=what)

    def _along_last(self, x: Value, lead: Sequence[Atom], tail: Sequence[Atom]) -> Edge:
        """An edge whose last axis is ``tail``."""
        sizes = [LENGTH if n is None else n for n in x.edge.shape[1:]]
        if (*lead, *tail) == x.ours and sizes[-1] == size_of(tail):
            return x.edge
        return self.arranged(x, [*((atom,) for atom in lead), tuple(tail)])

    def activation(self, x: Value, activation: str | Activation, axis: int = -1, name: str | None = None) -> Value:
        """An activation of ours, by name or record; one that goes along rows does so along ``axis``."""
        record = activations.get(activation)
        if record.name == "linear":
            return x
        positive = record.name in POSITIVE or (x.positive and record.name in ("leaky_relu", "elu", "silu", "tanh"))
        if not record.rowwise:
            return self.same(x, self.layer("Activation", record, name=name)(x.edge), positive)
        here = x.source[x.axis(axis)]
        if BATCH in here:
            raise ValueError(f"{record.name} would go across the rows of the batch, along axis {axis} of {x.told()}")
        lead = tuple(atom for atom in x.ours if atom not in here)
        edge = self._along_last(x, lead, here)
        made = self.layer("Activation", record, name=name)(edge)
        return Value(made, (*lead, *here), x.source, positive)

    def prelu(self, x: Value, slope: np.ndarray, name: str | None = None) -> Value:
        """``x`` above zero and ``slope * x`` below; ``slope`` has an axis for each of the source's, or is of channels,
        ``(channels,)``, which are axis 1."""
        slope = np.asarray(slope)
        if slope.ndim == 1 and x.rank > 1 and slope.size > 1:
            slope = slope.reshape(-1, *(1,) * (x.rank - 2))
        return self._by_array(x, slope, name, self._slopes)

    def _slopes(self, edge: Edge, numbers: np.ndarray, whole: bool, name: str | None) -> Made:
        rank = len(edge.shape) - 1
        if whole or rank == 1:
            return self.layer("PReLU", weights=[numbers.reshape(edge.shape[1:])], name=name)(edge)
        shared = list(range(1, rank))
        numbers = numbers.reshape(*(1,) * (rank - 1), -1)
        return self.layer("PReLU", shared_axes=shared, weights=[numbers], name=name)(edge)

    def dropout(self, x: Value, rate: float, kind: str = "Dropout", name: str | None = None) -> Value:
        """A layer of this kind of ours that acts in training alone, with its share of what is dropped."""
        if not rate or kind == "Identity":
            return x
        edge = x.edge
        if kind.startswith("Spatial"):
            edge = self._last(x, x.rank - 2)[0]
            return replace(self._first(self.layer(kind, rate, name=name)(edge)), positive=x.positive)
        return self.same(x, self.layer(kind, rate, name=name)(edge), x.positive)

    def embedding(self, x: Value, table: npt.ArrayLike, name: str | None = None, mask_zero: bool = False) -> Value:
        """Rows of a table ``(rows, width)`` by whole numbers; the width is a new last axis."""
        table = np.asarray(table)
        edge = x.edge if x.ours else self.arranged(x, [()])
        made = self.layer("Embedding", *table.shape, mask_zero=mask_zero, weights=[table], name=name)(edge)
        new = (Atom(table.shape[1]),) if table.shape[1] > 1 else ()
        return Value(made, (*x.ours, *new), (*x.source, new))

    def batch_norm(
        self,
        x: Value,
        gamma: npt.ArrayLike | None,
        beta: npt.ArrayLike | None,
        mean: npt.ArrayLike,
        variance: npt.ArrayLike,
        epsilon: float,
        *,
        momentum: float = 0.9,
        axis: int = 1,
        name: str | None = None,
    ) -> Value:
        """A batch normalisation along an axis of the source's; gamma and beta may be None.

        ``momentum`` is our sense of it: PyTorch's is 1 minus that.
        """
        edge, back = self._channels(x, axis)
        there = [array for array in (gamma, beta, mean, variance) if array is not None]
        told = {"scale": gamma is not None, "center": beta is not None, "momentum": momentum, "epsilon": epsilon}
        return replace(back, edge=self.layer("BatchNormalization", weights=there, name=name, **told)(edge))

    def group_norm(
        self,
        x: Value,
        groups: int,
        gamma: npt.ArrayLike | None,
        beta: npt.ArrayLike | None,
        epsilon: float,
        *,
        axis: int = 1,
        name: str | None = None,
    ) -> Value:
        """A normalisation of each sample by groups of channels; as many groups as channels for instances."""
        edge, back = self._channels(x, axis)
        there = [array for array in (gamma, beta) if array is not None]
        told = {"scale": gamma is not None, "center": beta is not None, "epsilon": epsilon}
        return replace(back, edge=self.layer("GroupNormalization", groups, weights=there, name=name, **told)(edge))

    def _channels(self, x: Value, axis: int) -> tuple[Edge, Value]:
        """An edge with this axis last, and the value that it is."""
        here = x.source[x.axis(axis)]
        if BATCH in here:
            raise ValueError(f"axis {axis} of {x.told()} has the rows of the batch")
        lead = tuple(atom for atom in x.ours if atom not in here)
        edge = self._along_last(x, lead, here)
        return edge, Value(edge, (*lead, *here), x.source)

    def layer_norm(
        self,
        x: Value,
        gamma: npt.ArrayLike | None,
        beta: npt.ArrayLike | None,
        epsilon: float,
        *,
        axes: int = 1,
        name: str | None = None,
    ) -> Value:
        """A normalisation over the last ``axes`` axes of the source's; gamma and beta have their shape, or are None."""
        atoms = tuple(atom for group in x.source[x.rank - axes :] for atom in group)
        if BATCH in atoms:
            raise ValueError(f"the last {axes} axes of {x.told()} have the rows of the batch")
        lead = tuple(atom for atom in x.ours if atom not in atoms)
        tail = tuple(atom for atom in x.ours if atom in atoms)
        if x.ours[len(lead) :] != tail:
            tail = atoms
        edge = self._along_last(x, lead, tail)
        there = []
        for array in (gamma, beta):
            if array is not None:
                shape = x.sizes[x.rank - axes :]
                check_repeated(math.prod(shape))
                whole = np.broadcast_to(np.asarray(array), shape).reshape([atom.size for atom in atoms])
                there.append(whole.transpose([atoms.index(atom) for atom in tail]).reshape(-1))
        told = {"scale": gamma is not None, "center": beta is not None, "epsilon": epsilon}
        made = self.layer("LayerNormalization", weights=there, name=name, **told)(edge)
        return Value(made, (*lead, *tail), x.source)

    def rms_norm(
        self, x: Value, gamma: npt.ArrayLike | None, epsilon: float, *, axes: int = 1, name: str | None = None
    ) -> Value:
        """``x / sqrt(mean(x ** 2) + epsilon) * gamma`` over the last ``axes`` axes of the source's; gamma may be None.

        It is one half of a layer normalisation of ``x`` and ``-x``, whose mean is 0 and whose variance is that mean.
        """
        n = math.prod(x.sizes[x.rank - axes :])
        row = self.flatten(x, x.rank - axes)
        both = self.concatenate([row, self.scaled(row, -1.0)], row.rank - 1)
        factors = None
        if gamma is not None:
            check_repeated(n)
            whole = np.broadcast_to(np.asarray(gamma), x.sizes[x.rank - axes :]).reshape(-1)
            factors = np.concatenate([whole, whole])
        made = self.layer_norm(both, factors, None, epsilon, name=name)
        return self.reshape(self.slice(made, made.rank - 1, 0, n), x.sizes)

    def unit_norm(self, x: Value, axis: int = -1, name: str | None = None) -> Value:
        """``x / |x|`` along an axis of the source's; a length below 1e-7 counts as that."""
        edge, back = self._channels(x, axis)
        return replace(back, edge=self.layer("UnitNormalization", name=name)(edge))

    def with_shape(self, x: Value, edge: Edge) -> Edge:
        """An edge in the shape of the value's own."""
        return edge if edge.shape == x.edge.shape else Reshape(x.edge.shape[1:])(edge)
