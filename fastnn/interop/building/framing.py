"""Padding as other libraries have it: what of it ours have by name, and layers for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fastnn.interop.building.joining import Joining
from fastnn.interop.building.values import check_repeated
from fastnn.layers import Activation, Concatenate, Rescaling
from fastnn.layers.edges import Edge
from fastnn.layers.windows import Windows

MOST_ZEROS = 1 << 26  # numbers of a kernel with zeros between its groups
Sides = Sequence[tuple[int, int]]


class Framing(Joining):
    """What of :class:`fastnn.interop.channels_first.ChannelsFirst` pads and cuts edges with the channels last."""

    def _framed(self, edge: Edge, pads: Sides, value: float = 0.0) -> Edge:
        """The edge with numbers around it, or, below 0, without what is there."""
        edge = self._cropped(edge, [(max(-before, 0), max(-behind, 0)) for before, behind in pads])
        sides = [(max(before, 0), max(behind, 0)) for before, behind in pads]
        if all(side == (0, 0) for side in sides):
            return edge
        if not value:
            found: Edge = self.layer(f"ZeroPadding{len(sides)}D", sides[0] if len(sides) == 1 else tuple(sides))(edge)
            return found
        for axis, (before, behind) in enumerate(sides):
            edge = self._with_edges(edge, axis, before, behind, value)
        return edge

    def _with_edges(self, edge: Edge, axis: int, before: int, behind: int, value: float) -> Edge:
        """Lines of one number before and behind an axis of an image or signal."""
        if not (before or behind):
            return edge
        rank, n = len(edge.shape) - 2, edge.shape[1 + axis]
        if n is None:
            raise ValueError("padding of a length that differs with numbers other than 0 has no counterpart")
        line = self._cropped(edge, [(0, n - 1) if i == axis else (0, 0) for i in range(rank)])
        line = Rescaling(0.0, value)(Activation("hard_tanh")(line))
        parts = [edge]
        for count, at in ((before, 0), (behind, 2)):
            if count:
                factors = tuple(count if i == axis else 1 for i in range(rank))
                strip = self.layer(f"UpSampling{rank}D", factors if rank == 2 else factors[0])(line)
                parts.insert(at, strip) if at == 0 else parts.append(strip)
        return Concatenate(axis=1 + axis)(parts)

    def _cropped(self, edge: Edge, cut: Sides) -> Edge:
        if all(side == (0, 0) for side in cut):
            return edge
        found: Edge = self.layer(f"Cropping{len(cut)}D", cut[0] if len(cut) == 1 else tuple(map(tuple, cut)))(edge)
        return found


def numbers_of(n: int, k: int, s: int, real: tuple[int, int], all_: tuple[int, int]) -> np.ndarray:
    """How many numbers of each window count: those of the ``n`` and of ``real`` padding beside it."""
    check_repeated((n + sum(all_) - k) // s + 1)
    starts = np.arange((n + sum(all_) - k) // s + 1) * s - all_[0]
    return np.minimum(starts + k, n + real[1]) - np.maximum(starts, -real[0])


def ends(pads: Sides, more: Sequence[int], counted: bool) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return [
        ((before, behind) if counted else (0, 0), (before, behind + m))
        for m, (before, behind) in zip(more, pads, strict=True)
    ]


def more_behind(edge: Edge, size: Sequence[int], strides: Sequence[int], pads: Sides) -> tuple[int, ...]:
    """How far windows reach behind the padding, where their number is rounded up; none begins there."""
    found = []
    for n, k, s, (before, behind) in zip(edge.sizes, size, strides, pads, strict=False):
        out = -(-(n + before + behind - k) // s) + 1
        if (out - 1) * s >= n + before:
            out -= 1
        found.append(max((out - 1) * s + k - n - before - behind, 0))
    return tuple(found)


def usual(
    rank: int, strides: Sequence[int] | None, dilations: Sequence[int] | None, pads: Sides | None
) -> tuple[tuple[int, ...], tuple[int, ...], list[tuple[int, int]]]:
    ones = (1,) * rank
    return (
        tuple(strides or ones),
        tuple(dilations or ones),
        [(before, behind) for before, behind in pads or [(0, 0)] * rank],
    )


def named(edge: Edge, windows: Windows, pads: Sides) -> str | None:
    """The name of our padding that does the same, None without."""
    if all(side == (0, 0) for side in pads):
        return "valid"
    if edge.is_open:
        reach = (windows.size[0] - 1) * windows.dilation[0]
        if len(pads) == 1 and windows.strides == (1,):
            names: dict[tuple[int, ...], str] = {(reach // 2, reach - reach // 2): "same", (reach, 0): "causal"}
            return names.get(tuple(pads[0]))
        return None
    lengths, steps = edge.sizes[:-1], windows.strides
    for name in ("same", "causal")[: 1 + (len(pads) == 1)]:
        padded = replace(windows, padding=name)
        out = tuple((n - 1) // s + 1 for n, s in zip(lengths, windows.strides, strict=True))
        reaches = [(k - 1) * d + 1 for k, d in zip(windows.size, windows.dilation, strict=True)]
        theirs = tuple(
            (n + before + behind - r) // s + 1
            for n, r, s, (before, behind) in zip(lengths, reaches, steps, pads, strict=True)
        )
        if theirs == out and padded.before(lengths, out) == tuple(before for before, _ in pads):
            return name
    return None


def of_all_groups(kernel: np.ndarray, groups: int) -> np.ndarray:
    """A transposed kernel with zeros between the groups."""
    if groups == 1:
        return kernel
    if groups < 1 or len(kernel) % groups or kernel.size * groups > MOST_ZEROS:
        raise ValueError(f"{groups} groups of a kernel {kernel.shape} have no counterpart")
    n, per_group = len(kernel) // groups, kernel.shape[1]
    whole = np.zeros((len(kernel), per_group * groups, *kernel.shape[2:]), kernel.dtype)
    for g in range(groups):
        whole[g * n : (g + 1) * n, g * per_group : (g + 1) * per_group] = kernel[g * n : (g + 1) * n]
    return whole
