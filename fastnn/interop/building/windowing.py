"""Convolutions and poolings, with the padding that other libraries have and ours do by further layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn.interop.building.framing import Framing, Sides, ends, more_behind, named, numbers_of, of_all_groups, usual
from fastnn.interop.building.values import LENGTH, ROWS, Value, check_repeated
from fastnn.layers import Rescaling
from fastnn.layers.edges import Edge
from fastnn.layers.windows import Windows

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST = float(np.finfo(np.float32).min)


class Windowing(Framing):
    """What of :class:`fastnn.interop.channels_first.ChannelsFirst` moves windows over signals and images."""

    def conv(
        self,
        x: Value,
        kernel: npt.ArrayLike,
        bias: npt.ArrayLike | None = None,
        *,
        strides: Sequence[int] | None = None,
        pads: Sides | None = None,
        dilations: Sequence[int] | None = None,
        groups: int = 1,
        name: str | None = None,
    ) -> Value:
        """A convolution of ``(batch, channels, ...)`` along one axis or two.

        Parameters
        ----------
        kernel : ``(filters, channels / groups, *sizes)``, as PyTorch and ONNX have it.
        bias : ``(filters,)`` or None.
        strides, dilations : one for each axis, 1 without.
        pads : zeros ``(before, behind)`` along each axis, none without.
        """
        kernel = np.asarray(kernel)
        edge, rank = self._last(x, kernel.ndim - 2, kernel.shape[1] * groups)
        strides, dilations, pads = usual(rank, strides, dilations, pads)
        size = kernel.shape[2:]
        step = strides if max(strides) == 1 or max(dilations) == 1 else (1,) * rank
        padding = named(edge, Windows(size, step, dilations, ""), pads)
        if padding is None:
            edge, padding = self._framed(edge, pads), "valid"
        told = {"strides": step, "dilation_rate": dilations, "groups": groups, "use_bias": bias is not None}
        weights = [np.moveaxis(kernel, (0, 1), (-1, -2)), *([] if bias is None else [bias])]
        layer = self.layer(f"Conv{rank}D", len(kernel), size, padding=padding, weights=weights, name=name, **told)
        made = layer(edge)
        if step != strides:
            made = self.layer(f"MaxPooling{rank}D", (1,) * rank, strides)(made)
        return self._first(made)

    def conv_transpose(
        self,
        x: Value,
        kernel: npt.ArrayLike,
        bias: npt.ArrayLike | None = None,
        *,
        strides: Sequence[int] | None = None,
        pads: Sides | None = None,
        output_padding: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
        groups: int = 1,
        name: str | None = None,
    ) -> Value:
        """The way back of a convolution: ``kernel`` is ``(channels, filters / groups, *sizes)``.

        The output has ``(n - 1) * stride + (size - 1) * dilation + 1 + output_padding`` numbers along an axis, of which
        ``pads`` are cut off before and behind.
        """
        kernel = of_all_groups(np.asarray(kernel), groups)
        edge, rank = self._last(x, kernel.ndim - 2, len(kernel))
        strides, dilations, pads = usual(rank, strides, dilations, pads)
        more = tuple(output_padding or (0,) * rank)
        if any(m - max(behind, 0) >= s for m, s, (_, behind) in zip(more, strides, pads, strict=True)):
            raise ValueError(f"output_padding {more} is not below the strides {strides}; that has no counterpart")
        if max(strides) > 1 and max(dilations) > 1:
            raise ValueError(f"strides {strides} together with dilations {dilations} have no counterpart")
        cut = [(before, behind - m) for m, (before, behind) in zip(more, pads, strict=True)]
        given = tuple(max(-behind, 0) for _, behind in cut)
        cut = [(before, max(behind, 0)) for before, behind in cut]
        told = {"strides": strides, "dilation_rate": dilations, "output_padding": given, "use_bias": bias is not None}
        weights = [np.moveaxis(kernel, (0, 1), (-1, -2)), *([] if bias is None else [bias])]
        if any(before < 0 for before, _ in cut):
            raise ValueError(f"pads {list(pads)} would add numbers before the output; that has no counterpart")
        layer = self.layer(
            f"Conv{rank}DTranspose", kernel.shape[1], kernel.shape[2:], weights=weights, name=name, **told
        )
        made = layer(edge)
        return self._first(self._cropped(made, cut))

    def pool(
        self,
        x: Value,
        kind: str,
        size: Sequence[int],
        *,
        strides: Sequence[int] | None = None,
        pads: Sides | None = None,
        ceil: bool = False,
        counts_padding: bool = False,
        dilations: Sequence[int] | None = None,
        name: str | None = None,
    ) -> Value:
        """The largest number (``kind="max"``) or the mean (``"average"``) of windows over ``(batch, channels, ...)``.

        Parameters
        ----------
        strides : one for each axis, 1 without.
        pads : ``(before, behind)`` along each axis; they are no largest numbers, and part of means if
            ``counts_padding``.
        ceil : whether a window that begins inside and ends behind the padding counts; of what lies there nothing does.
        """
        size = tuple(size)
        edge, rank = self._last(x, len(size))
        strides, dilations, pads = usual(rank, strides, dilations, pads)
        if max(dilations) > 1:
            raise ValueError(f"windows of a pooling with dilations {dilations} have no counterpart")
        layer = f"{'Max' if kind == 'max' else 'Average'}Pooling{rank}D"
        if edge.is_open and (ceil or any(side != (0, 0) for side in pads)):
            raise ValueError("a pooling with padding, or with windows rounded up, needs a length that is known")
        more = more_behind(edge, size, strides, pads) if ceil else (0,) * rank
        if kind != "max" and counts_padding and any(before or behind for before, behind in pads):
            return self._mean_with_padding(edge, layer, size, strides, pads, more, name)
        wide = [(before, behind + m) for m, (before, behind) in zip(more, pads, strict=True)]
        plain = self.layer(layer, size, strides, padding="valid", name=name)
        if all(side == (0, 0) for side in wide):
            return replace(self._first(plain(edge)), positive=x.positive)
        if named(edge, Windows(size, strides, dilations, ""), wide) == "same":
            made = self.layer(layer, size, strides, padding="same")(edge)
        elif kind == "max" and x.positive:
            made = plain(self._framed(edge, wide))
        elif all(before <= (k - 1) // 2 and behind <= k // 2 for k, (before, behind) in zip(size, wide, strict=True)):
            made = self._every(edge, layer, size, strides, wide)
        elif kind == "max":
            made = plain(self._framed(edge, wide, LEAST))
        else:
            return self._mean_with_padding(edge, layer, size, strides, wide, (0,) * rank, name, counted=False)
        return replace(self._first(made), positive=x.positive)

    def global_pool(self, x: Value, kind: str, name: str | None = None) -> Value:
        """The largest number or the mean of each channel of ``(batch, channels, ...)``; the axes stay, with size 1."""
        if x.rank < 3 or not x.is_apart():
            raise ValueError(f"a global pooling reads (batch, channels, ...), got {x.told()}")
        return self.reduce(x, "max" if kind == "max" else "mean", range(2, x.rank), name=name)

    def reduce(self, x: Value, kind: str, axes: Iterable[int], keepdims: bool = True, name: str | None = None) -> Value:
        """The ``"mean"``, ``"sum"``, ``"max"`` or ``"min"`` along axes of the source's, which stay with size 1."""
        told = sorted({x.axis(axis) for axis in axes})
        gone = tuple(atom for axis in told for atom in x.source[axis])
        source = tuple(() if i in told else group for i, group in enumerate(x.source))
        if ROWS in (atom.size for atom in gone):
            raise ValueError(f"numbers of several rows of the batch cannot become one, along axes {told} of {x.told()}")
        made = replace(x, source=source, made=None)
        if gone:
            gone = tuple(atom for atom in x.ours if atom in gone)
            rest = tuple(atom for atom in x.ours if atom not in gone)
            edge = self.arranged(x, [gone, rest])
            edge = Rescaling(-1.0)(edge) if kind == "min" else edge
            edge = self.layer(f"Global{'Max' if kind in ('max', 'min') else 'Average'}Pooling1D", name=name)(edge)
            if kind == "sum" and LENGTH in (atom.size for atom in gone):
                raise ValueError("a sum over a length that differs has no counterpart; its mean has")
            n = float(np.prod([atom.size for atom in gone]))
            edge = Rescaling({"min": -1.0, "sum": n}[kind])(edge) if kind in ("min", "sum") else edge
            made = Value(edge, rest, source, x.positive)
        return made if keepdims else self.squeeze(made, told)

    def _last(self, x: Value, rank: int, channels: int | None = None) -> tuple[Edge, int]:
        """The edge with the channels last, for windows along ``rank`` axes."""
        if rank not in (1, 2) or x.rank != rank + 2 or not x.is_apart():
            raise ValueError(f"windows move along one axis or two of (batch, channels, ...), got {x.told()}")
        if channels is not None and channels != x.sizes[1]:
            raise ValueError(f"a kernel for {channels} channels does not fit {x.told()}")
        return self.arranged(x, [*x.source[2:], x.source[1]]), rank

    def _first(self, edge: Edge) -> Value:
        """The value ``(batch, channels, ...)`` of an edge with the channels last."""
        rank = len(edge.shape)
        return self.fresh(edge, (*range(2, rank), 1), rank)

    def _every(self, edge: Edge, layer: str, size: Sequence[int], strides: Sequence[int], pads: Sides) -> Edge:
        """Windows at all places, and of these every ``strides``-th."""
        rank = len(size)
        made = self.layer(layer, size, (1,) * rank, padding="same")(edge)
        first = [(k - 1) // 2 - before for k, (before, _) in zip(size, pads, strict=True)]
        made = self._cropped(made, [(at, 0) for at in first])
        made = self._cropped(made, self._behind(edge, made, size, strides, pads))
        return self.layer(f"MaxPooling{rank}D", (1,) * rank, strides)(made) if max(strides) > 1 else made

    @staticmethod
    def _behind(
        edge: Edge, made: Edge, size: Sequence[int], strides: Sequence[int], pads: Sides
    ) -> list[tuple[int, int]]:
        """What of all windows lies behind the last one that counts."""
        found = []
        for n, have, k, s, (before, behind) in zip(edge.sizes, made.sizes, size, strides, pads, strict=False):
            out = (n + before + behind - k) // s + 1
            found.append((0, have - (out - 1) * s - 1))
        return found

    def _mean_with_padding(
        self,
        edge: Edge,
        layer: str,
        size: Sequence[int],
        strides: Sequence[int],
        pads: Sides,
        more: Sequence[int],
        name: str | None,
        counted: bool = True,
    ) -> Value:
        """Means of windows over zeros around the image, ``counted`` among their numbers or not; ``more`` never is."""
        wide = [(before, behind + m) for m, (before, behind) in zip(more, pads, strict=True)]
        made = self._first(self.layer(layer, size, strides, padding="valid", name=name)(self._framed(edge, wide)))
        shape = edge.sizes[:-1]
        inside = [
            numbers_of(n, k, s, *sides)
            for n, k, s, sides in zip(shape, size, strides, ends(pads, more, counted), strict=True)
        ]
        check_repeated(math.prod(map(len, inside)))
        factors = np.ones((1, 1))
        for k, count in zip(size, inside, strict=True):
            factors = factors[..., None] * (k / count)
        return self.scaled(made, factors.astype(np.float32)) if np.any(factors != 1) else made
