"""Numbers that are moved: padding, cropping, repeats, other orders of axes, parts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops import copy as kind
from fastnn.interop.onnx.graph import Graph, Tensor
from fastnn.interop.onnx.writers import writes
from fastnn.interop.program import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    Box = tuple[tuple[int, int], tuple[int, int]]


@writes("copy")
def copy(g: Graph, step: Step) -> None:
    size = step.arrays.sizes
    counts, strides = tuple(size[: kind.AXES]), tuple(size[kind.AXES : 2 * kind.AXES])
    box = ((size.top, size.bottom), (size.left, size.right))
    read = (*counts[:-2], *(end - first for first, end in box))
    if strides[-1] == 1 and read[-1] == math.prod(read):
        piece = g.piece(step.inputs[0], size.start, read[-1])
        if piece is not None and read == counts:
            g.set(step.output, piece)
            return
    tensor = g.tensor(step.inputs[0])
    c = int(step.record["n_in"])
    signal = tensor
    if len(tensor.sizes) > 3 and c == int(step.record["n_out"]):
        signal = g.formed(tensor, (math.prod(tensor.sizes) // c, c))
    made = _image(g, signal, counts, strides, box, size.start) or _moved(g, tensor, read, strides, size.start)
    if made is None:
        made = _gathered(g, tensor, step)
        g.set(step.output, made)
        return
    if read != counts and made.sizes == read:
        made = _framed(g, made, counts, box)
    g.set(step.output, made)


@writes("warp")
def warp(g: Graph, step: Step) -> None:
    """The middle of an image, as prediction reads it."""
    s = step.arrays.sizes
    x = Tensor(g.get(step.inputs[0], (s.h, s.w, s.c)), (s.h, s.w, s.c), (0, 1, 2))
    top, left = (s.h - s.oh) // 2, (s.w - s.ow) // 2
    g.set(step.output, _cut(g, x, [(top, top + s.oh), (left, left + s.ow)]))


def _image(g: Graph, x: Tensor, counts: Sequence[int], strides: Sequence[int], box: Box, start: int) -> Tensor | None:
    """Zeros around, a part, or repeats of an image ``(h, w, c)`` or signal ``(w, c)`` whose form stays as it is."""
    if len(x.sizes) not in (2, 3):
        return None
    *_, w, c = x.sizes
    h = x.sizes[0] if len(x.sizes) == 3 else 1
    lines, line = (counts[-2], strides[-2]), (counts[-1], strides[-1])
    if all(n == 1 for n in counts[:3]) and line[1] in (0, 1) and (lines[1] in (0, w * c)):
        if line[0] % c or box[1][0] % c or box[1][1] % c or start % c or (lines[1] == 0 and h != 1):
            return None
        top, left = start // (w * c), start % (w * c) // c
        height, width = box[0][1] - box[0][0], (box[1][1] - box[1][0]) // c
        if top + height > h or left + width > w or (line[1] == 0 and line[0] != 1):
            return None
        x = _cut(g, x, [(top, top + height), (left, left + width)])
        (above, below), (first, last) = box
        return _zeros(g, x, [(above, lines[0] - below), (first // c, line[0] // c - last // c)], c)
    return None


def _axes(x: Tensor, pairs: list[tuple[int, int]]) -> list[tuple[int, tuple[int, int]]]:
    """Axes of the array, behind the batch, with what is told of lines and places."""
    pairs = pairs if len(x.sizes) == 3 else pairs[1:]
    return [(x.order.index(axis), pair) for axis, pair in enumerate(pairs)]


def _cut(g: Graph, x: Tensor, parts: list[tuple[int, int]]) -> Tensor:
    told = [(axis, part) for axis, part in _axes(x, parts) if part != (0, x.shape[axis])]
    if not told:
        return x
    ends = [_end(g, part[1], x.shape[axis]) for axis, part in told]
    axes, starts = [axis + 1 for axis, _ in told], [part[0] for _, part in told]
    y = g.add("Slice", [x.name, g.whole(starts), g.whole(ends), g.whole(axes)])
    shape = list(x.shape)
    for axis, part in told:
        shape[axis] = part[1] - part[0]
    return _with_shape(x, y, shape)


def _end(g: Graph, end: int, n: int) -> int:
    """Where a part of an axis ends, counted from behind where its length differs from batch to batch."""
    if end == n:
        return int(np.iinfo(np.int64).max)
    return end - n if n in g.open_sizes else end


def _zeros(g: Graph, x: Tensor, sides: list[tuple[int, int]], c: int) -> Tensor:
    told = [(axis, side) for axis, side in _axes(x, sides) if side != (0, 0)]
    if not told:
        return x
    before, behind, shape = [0] * (len(x.shape) + 1), [0] * (len(x.shape) + 1), list(x.shape)
    for axis, side in told:
        before[axis + 1], behind[axis + 1] = side
        shape[axis] += sum(side)
    y = g.add("Pad", [x.name, g.whole([*before, *behind], "pads")], mode="constant")
    return _with_shape(x, y, shape)


def _with_shape(x: Tensor, name: str, shape: list[int]) -> Tensor:
    sizes = tuple(shape[x.order.index(axis)] for axis in range(len(shape)))
    return Tensor(name, sizes, x.order)


def _moved(g: Graph, x: Tensor, read: Sequence[int], strides: Sequence[int], start: int) -> Tensor | None:
    """A part of the input's axes in another order, repeated along those that it has not; None where that is not all."""
    total = math.prod(x.sizes)
    kept = [(s, n, axis) for axis, (n, s) in enumerate(zip(read, strides, strict=True)) if s and n > 1]
    kept.sort(reverse=True)
    wide, radix = total, []
    for stride, _, _ in kept:
        if wide % stride:
            return None
        radix.append(wide // stride)
        wide = stride
    sizes, starts, rest = [*radix, *([wide] if wide > 1 else [])], [], start
    for n in reversed(sizes):
        starts.append(rest % n)
        rest //= n
    starts.reverse()
    ends = [at + (kept[i][1] if i < len(kept) else 1) for i, at in enumerate(starts)]
    if rest or any(end > n for end, n in zip(ends, sizes, strict=True)):
        return None
    name = g.formed(x, sizes).name
    cut = [i for i, n in enumerate(sizes) if (starts[i], ends[i]) != (0, n)]
    if cut:
        last = [_end(g, end, n) for end, n in zip(ends, sizes, strict=True)]
        told = [[row[i] for i in cut] for row in (starts, last)]
        name = g.add("Slice", [name, *(g.whole(row) for row in told), g.whole([i + 1 for i in cut])])
    part = tuple(end - at for at, end in zip(starts, ends, strict=True))
    order = sorted(range(len(kept)), key=lambda i: kept[i][2])
    whole = [*order, *range(len(kept), len(part))]
    name = g.transposed(name, whole) if whole != list(range(len(whole))) else name
    shape = [part[i] for i in whole]
    return _repeated(g, name, shape, read, strides)


def _repeated(g: Graph, name: str, shape: list[int], read: Sequence[int], strides: Sequence[int]) -> Tensor:
    once = [n if s else 1 for n, s in zip(read, strides, strict=True)]
    again = [1 if s else n for n, s in zip(read, strides, strict=True)]
    kept = [n for n in once if n > 1]
    if kept != [n for n in shape if n > 1]:
        raise ValueError("the parts of a copy do not fit each other")
    if max(again) == 1:
        made = Tensor(name, tuple(shape), tuple(range(len(shape))))
        return g.formed(made, read)
    name = g.reshaped(name, shape, once)
    name = g.add("Tile", [name, g.whole([1, *again], "repeats")])
    return Tensor(name, tuple(read), tuple(range(len(read))))


def _framed(g: Graph, x: Tensor, counts: Sequence[int], box: Box) -> Tensor:
    """Zeros around the last two axes."""
    before = [0] * (kind.AXES - 1) + [box[0][0], box[1][0]]
    behind = [0] * (kind.AXES - 1) + [counts[-2] - box[0][1], counts[-1] - box[1][1]]
    name = g.add("Pad", [x.name, g.whole([*before, *behind], "pads")], mode="constant")
    return Tensor(name, tuple(counts), tuple(range(kind.AXES)))


def _gathered(g: Graph, x: Tensor, step: Step) -> Tensor:
    """Each number by its place in the input."""
    size, total = step.arrays.sizes, math.prod(x.sizes)
    if any(n in g.open_sizes for n in (total, *size)):
        raise ValueError("its numbers are moved in a way that needs a length that is known")
    counts = tuple(size[: kind.AXES])
    places = np.full(counts, total, np.int64)
    places[..., size.top : size.bottom, size.left : size.right] = kind._places(size)
    flat = g.formed(x, (total,)).name
    if np.any(places == total):
        flat = g.add("Pad", [flat, g.whole([0, 0, 0, 1], "pads")], mode="constant")
    n = places.size
    return Tensor(g.add("Gather", [flat, g.whole(places.reshape(-1), "places")], axis=1), (n,), (0,))
