"""Nodes that move numbers, put arrays together, and reduce axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from fastnn.interop.building.remembering import Turned
from fastnn.interop.building.values import LENGTH, ROWS, Value
from fastnn.interop.onnx.known import parts_of, split_sizes
from fastnn.interop.onnx.nodes import Node, Reader, compressed, reads

MOST_PARTS = 64  # of an array that is put together out of its parts


@reads("Shape")
def shape(r: Reader, node: Node) -> np.ndarray:
    sizes = np.array(r.value(node).sizes, np.int64)
    return sizes[node.get("start", 0) : node.get("end")]


@reads("Size")
def size(r: Reader, node: Node) -> np.ndarray:
    return np.array(np.prod(r.value(node).sizes), np.int64)


@reads("Reshape")
def reshape(r: Reader, node: Node) -> Value:
    x = r.value(node)
    sizes = r.whole(node, 1) if len(node.inputs) > 1 else list(node.get("shape"))
    if not node.get("allowzero", 0):
        sizes = [x.sizes[i] if n == 0 else n for i, n in enumerate(sizes)]
    return reshaped(r, x, sizes)


def reshaped(r: Reader, x: Value, sizes: list[int]) -> Value:
    """Another shape, in which the batch of a graph that is written for so many rows may stand as a number."""
    tried: list[list[int]] = []
    if r.batch is not None and not any(n % ROWS == 0 for n in sizes if n > 0):
        for i, n in enumerate(sizes):
            if n > 0 and n % r.batch == 0:
                tried.append([*sizes[:i], n // r.batch * ROWS, *sizes[i + 1 :]])
        tried.sort(key=lambda told: (ROWS not in told, told[-1] % ROWS == 0, -_in_common(told, x.sizes)))
    error: ValueError | None = None
    for told in (*tried, sizes):
        try:
            return r.build.reshape(x, told)
        except ValueError as why:
            error = error or why
    assert error is not None
    raise error


def _in_common(told: Sequence[int], sizes: Sequence[int]) -> int:
    """How many of the first axes, and of the last ones, stay as they are."""
    of_first = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(told, sizes, strict=False))))
    pairs = zip(reversed(told), reversed(sizes), strict=False)
    return of_first + len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


@reads("Flatten")
def flatten(r: Reader, node: Node) -> Value:
    x, axis = r.value(node), node.get("axis", 1)
    axis = axis + x.rank if axis < 0 else axis
    before = tuple(atom for group in x.source[:axis] for atom in group)
    behind = tuple(atom for group in x.source[axis:] for atom in group)
    return Value(x.edge, x.ours, (before, behind), x.positive, x.made)


@reads("Transpose")
def transpose(r: Reader, node: Node) -> Value:
    x = r.value(node)
    return r.build.transpose(x, node.get("perm", list(range(x.rank))[::-1]))


def _axes(r: Reader, node: Node) -> Any:
    return r.whole(node, 1) if r.has(node, 1) else node.get("axes")


@reads("Squeeze")
def squeeze(r: Reader, node: Node) -> Value:
    x, axes = r.value(node), _axes(r, node)
    if r.batch == 1 and axes is not None and any(x.is_apart(x.axis(axis)) for axis in axes):
        raise ValueError("it drops the axis of the batch, for the graph is written for one row")
    return r.build.squeeze(x, axes)


@reads("Unsqueeze")
def unsqueeze(r: Reader, node: Node) -> Value:
    return r.build.unsqueeze(r.value(node), _axes(r, node))


@reads("Slice")
def slice_(r: Reader, node: Node) -> Value:
    x = r.value(node)
    given = [x, *(r.array(node, i) for i in range(1, len(node.inputs)))]
    for axis, part in parts_of(node, x.sizes, given):
        n, last = x.sizes[axis], part.stop
        if part.step == -1 and part.indices(n) == (n - 1, -1, -1) and n > 1:
            is_turned = isinstance(x.made, Turned) and n == x.made.in_reverse.sizes[x.made.axis]
            x = reverse(r, x) if is_turned else gathered(r, x, axis, list(range(n))[::-1] if n <= MOST_PARTS else [])
            continue
        if part.step < 0:
            raise ValueError(f"steps of {part.step} have no counterpart")
        if n in (ROWS, LENGTH) and part.start in (0, -n) and last is not None and last >= n and part.step == 1:
            continue
        x = r.build.slice(x, axis, part.start, part.stop, part.step)
    return x


def reverse(r: Reader, x: Value) -> Value:
    """The outputs of a layer that goes backwards in its own order, in the shape of those in that of the steps."""
    return r.build.reshape(x.made.in_reverse, x.sizes)


@reads("Split")
def split(r: Reader, node: Node) -> list[Value]:
    x, axis = r.value(node), r.value(node).axis(node.get("axis", 0))
    sizes = r.array(node, 1) if r.has(node, 1) else node.get("split")
    if node.get("num_outputs", len(node.outputs)) != len(node.outputs):
        raise ValueError("it has not as many outputs as it says")
    return r.build.split(x, axis, split_sizes(node, x.sizes[axis], sizes))


@reads("Concat")
def concat(r: Reader, node: Node) -> Value:
    given = [r.env[name] for name in node.inputs]
    like = next(one for one in given if isinstance(one, Value))
    values = [one if isinstance(one, Value) else constant(r, compressed(one), one.shape, like) for one in given]
    return r.build.concatenate(values, node.get("axis"), node.layer)


def constant(r: Reader, array: np.ndarray, shape: Sequence[int], like: Value) -> Value:
    """Known numbers, repeated to a shape, as a value with the batch where that of another one has it."""
    batch = next((i for i in range(like.rank) if like.is_apart(i)), None)
    if batch is None:
        raise ValueError(f"known numbers beside {like.told()}, whose batch is no axis by itself, have no counterpart")
    array = r.once(array, batch)
    if array.shape[batch] != 1:
        raise ValueError("known numbers that differ from row to row of the batch have no counterpart")
    sizes = [n for i, n in enumerate(shape) if i != batch]
    numbers = np.broadcast_to(np.squeeze(array, batch), sizes)
    return r.build.constant(like, numbers, batch)


@reads("Gather")
def gather(r: Reader, node: Node) -> Value:
    data, indices, axis = r.env[node.inputs[0]], r.env[node.inputs[1]], node.get("axis", 0)
    if isinstance(data, np.ndarray):
        return _looked_up(r, data, indices, axis % data.ndim, node.layer)
    if isinstance(indices, Value):
        raise ValueError("numbers chosen by what depends on the input have no counterpart")
    axis = data.axis(axis)
    places = [int(i) for i in compressed(indices).reshape(-1)]
    made = gathered(r, data, axis, places)
    if indices.ndim == 0:
        return r.build.squeeze(made, [axis])
    if indices.ndim > 1:
        return r.build.reshape(made, [*made.sizes[:axis], *indices.shape, *made.sizes[axis + 1 :]])
    return made


def _looked_up(r: Reader, table: np.ndarray, places: Value, axis: int, name: str | None) -> Value:
    """Parts of a table along an axis: rows of a matrix, with their axes where the standard has them."""
    rest = [n for i, n in enumerate(table.shape) if i != axis]
    rows = np.moveaxis(table, axis, 0).reshape(table.shape[axis], -1)
    found = r.build.embedding(places, rows, name)
    if len(rest) != 1:
        found = r.build.reshape(found, [*places.sizes, *rest])
    order = [*range(places.rank, places.rank + axis), *range(places.rank)]
    return r.build.transpose(found, [*order, *range(len(order), found.rank)]) if axis else found


def gathered(r: Reader, x: Value, axis: int, places: list[int]) -> Value:
    """Numbers at places along an axis: a slice, repeats, or slices put together."""
    n = x.sizes[axis]
    places = [place + n if place < 0 else place for place in places]
    if not places:
        raise ValueError(f"numbers in reverse along an axis of {n} have no counterpart, at most {MOST_PARTS}")
    if any(not 0 <= place < n for place in places):
        raise ValueError(f"places {places[:4]} lie outside of an axis of {n}")
    if len(places) == n and places == list(range(n)):
        return x
    step = places[1] - places[0] if len(places) > 1 else 1
    if step > 0 and places == list(range(places[0], places[0] + step * len(places), step)):
        return r.build.slice(x, axis, places[0], places[-1] + 1, step)
    factor = len(places) // n
    if len(places) == factor * n and places == [i // factor for i in range(n * factor)]:
        return r.build.upsample(x, [factor if i == axis else 1 for i in range(x.rank)])
    if len(places) > MOST_PARTS:
        raise ValueError(f"{len(places)} numbers out of their order have no counterpart, at most {MOST_PARTS}")
    return r.build.concatenate([r.build.slice(x, axis, place, place + 1) for place in places], axis)


@reads("Expand")
def expand(r: Reader, node: Node) -> Value:
    x, sizes = r.value(node), r.whole(node, 1)
    told = [1] * (max(x.rank, len(sizes)) - len(sizes)) + sizes
    own = [1] * (len(told) - x.rank) + list(x.sizes)
    told = [mine if n in (1, r.batch) and mine % ROWS == 0 else n for n, mine in zip(told, own, strict=True)]
    return r.build.expand(x, told)


@reads("Tile")
def tile(r: Reader, node: Node) -> Value:
    x = r.value(node)
    for axis, n in enumerate(r.whole(node, 1)):
        if n == 1:
            continue
        if x.sizes[axis] == 1:
            x = r.build.expand(x, [n if i == axis else size for i, size in enumerate(x.sizes)])
        elif n > MOST_PARTS:
            raise ValueError(f"{n} repeats of an axis have no counterpart, at most {MOST_PARTS}")
        else:
            x = r.build.concatenate([x] * n, axis)
    return x


@reads("Pad")
def pad(r: Reader, node: Node) -> Value:
    x, mode = r.value(node), node.get("mode", "constant")
    if mode != "constant":
        raise ValueError(f"mode {mode!r} has no counterpart, only 'constant'")
    pads = r.whole(node, 1) if r.opset >= 11 else list(node.get("pads", node.get("paddings")))
    value = r.array(node, 2) if r.opset >= 11 else np.float32(node.get("value", 0.0))
    axes = r.whole(node, 3, list(range(x.rank)))
    sides = [(0, 0)] * x.rank
    for i, axis in enumerate(axes):
        sides[x.axis(axis)] = pads[i], pads[i + len(axes)]
    return r.build.pad(x, sides, 0.0 if value is None else float(np.reshape(value, ())))


REDUCTIONS = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min"}


@reads(*REDUCTIONS)
def reduce(r: Reader, node: Node) -> Value:
    x, axes = r.value(node), _axes(r, node)
    if not axes:
        if node.get("noop_with_empty_axes", 0):
            return x
        axes = range(x.rank)
    return r.build.reduce(x, REDUCTIONS[node.op], axes, bool(node.get("keepdims", 1)), node.layer)


@reads("GlobalAveragePool", "GlobalMaxPool")
def global_pool(r: Reader, node: Node) -> Value:
    return r.build.global_pool(r.value(node), "max" if node.op == "GlobalMaxPool" else "average", node.layer)


@reads("DepthToSpace", "SpaceToDepth")
def blocks(r: Reader, node: Node) -> Value:
    x, b = r.value(node), node.get("blocksize")
    n, c, h, w = x.sizes
    if node.op == "SpaceToDepth":
        x = r.build.reshape(x, (n, c, h // b, b, w // b, b))
        order = (0, 3, 5, 1, 2, 4) if node.get("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
        return r.build.reshape(r.build.transpose(x, order), (n, c * b * b, h // b, w // b))
    if node.get("mode", "DCR") == "DCR":
        x = r.build.transpose(r.build.reshape(x, (n, b, b, c // (b * b), h, w)), (0, 3, 4, 1, 5, 2))
    else:
        x = r.build.transpose(r.build.reshape(x, (n, c // (b * b), b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return r.build.reshape(x, (n, c // (b * b), h * b, w * b))
