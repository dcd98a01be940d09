"""Convolutions, poolings and normalisations over channels, which ONNX has with the channels first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._ops import batch_norm as batch_norm_kind
from fastnn.interop.onnx.graph import Graph, Tensor
from fastnn.interop.onnx.writers import along, end, kept, sizes_of, writes
from fastnn.interop.program import Step

if TYPE_CHECKING:
    from fastnn._ops.base import Sizes


class Axes:
    """What windows move over: of a signal, whose height is 1, one axis, else two."""

    def __init__(self, size: Sizes):
        self.one = size.h == size.kh == size.oh == 1
        self.image, self.out = self._of(size.h, size.w), self._of(size.oh, size.ow)
        self.kernel, self.strides = self._of(size.kh, size.kw), self._of(size.sh, size.sw)
        self.dilations, self.before = self._of(size.dh, size.dw), self._of(size.top, size.left)

    def _of(self, of_height: int, of_width: int) -> tuple[int, ...]:
        return (of_width,) if self.one else (of_height, of_width)

    @property
    def rank(self) -> int:
        return len(self.image)

    @property
    def first(self) -> tuple[int, ...]:
        """The order of axes with the channels first."""
        return (self.rank, *range(self.rank))

    def behind(self) -> list[int]:
        """How much padding windows read behind; below 0, how much they leave there."""
        axes = zip(self.image, self.out, self.kernel, self.strides, self.dilations, self.before, strict=True)
        return [(o - 1) * s + (k - 1) * d + 1 - n - at for n, o, k, s, d, at in axes]

    def pads(self, g: Graph) -> list[int]:
        """ONNX' attribute; of a length that differs, what follows from the strides being 1."""
        behind = self.behind()
        for n, s in zip(self.image, self.strides, strict=True):
            if n in g.open_sizes and s != 1 and any(p > 0 for p in (*self.before, *behind)):
                raise ValueError("windows with padding that are apart need a length that is known")
        return [*self.before, *(max(n, 0) for n in behind)]


@writes("conv")
def conv(g: Graph, step: Step) -> None:
    size, axes, (_, _, n) = step.arrays.sizes, Axes(step.arrays.sizes), sizes_of(step)
    x = g.get(step.inputs[0], (*axes.image, size.c), axes.first)
    w = step.arrays.w.reshape(*axes.kernel, -1, n)
    kernel = np.moveaxis(w, (-1, -2), (0, 1))
    bias = step.arrays.b
    inputs = [x, g.constant(kernel, "kernel"), *([g.constant(bias, "bias")] if np.ndim(bias) else [])]
    told: dict[str, object] = {"strides": axes.strides, "dilations": axes.dilations}
    told |= {"group": size.groups, "pads": axes.pads(g)}
    y = g.add("Conv", inputs, kernel_shape=axes.kernel, **told)
    end(g, step, Tensor(y, (*axes.out, n), axes.first))


@writes("conv_transpose")
def conv_transpose(g: Graph, step: Step) -> None:
    size, axes, (_, n, filters) = step.arrays.sizes, Axes(step.arrays.sizes), sizes_of(step)
    x = g.get(step.inputs[0], (*axes.out, n), axes.first)
    kernel = np.moveaxis(step.arrays.w.reshape(*axes.kernel, size.c, n), (-1, -2), (0, 1))
    bias = step.arrays.b
    inputs = [x, g.constant(kernel, "kernel"), *([g.constant(bias, "bias")] if np.ndim(bias) else [])]
    cut = axes.behind()
    told: dict[str, object] = {"strides": axes.strides, "dilations": axes.dilations}
    told["pads"] = (*axes.before, *(max(n, 0) for n in cut))
    told["output_padding"] = tuple(max(-n, 0) for n in cut)
    y = g.add("ConvTranspose", inputs, kernel_shape=axes.kernel, **told)
    end(g, step, Tensor(y, (*axes.image, filters), axes.first))


@writes("pool")
def pool(g: Graph, step: Step) -> None:
    size, axes = step.arrays.sizes, Axes(step.arrays.sizes)
    if axes.kernel == axes.image and all(n == 1 for n in axes.out) and not any(axes.before):
        tensor, rank = g.tensor(step.inputs[0]), axes.rank
        if tensor.sizes != (*axes.image, size.c):
            g.get(step.inputs[0], (*axes.image, size.c))
            tensor = g.formed(tensor, (*axes.image, size.c))
        places = [tensor.order.index(axis) + 1 for axis in range(rank)]
        y = g.reduced("ReduceMean" if size.average else "ReduceMax", tensor.name, places, False)
        g.set(step.output, Tensor(y, (size.c,), (0,)))
        return
    x = g.get(step.inputs[0], (*axes.image, size.c), axes.first)
    told: dict[str, object] = {"kernel_shape": axes.kernel, "strides": axes.strides, "pads": axes.pads(g)}
    y = g.add("AveragePool" if size.average else "MaxPool", [x], **told)
    g.set(step.output, Tensor(y, (*axes.out, size.c), axes.first))


@writes("batch_norm")
def batch_norm(g: Graph, step: Step) -> None:
    n = int(step.record["n_out"])
    x = kept(g, step, step.inputs[0], n)
    vectors: list[Any] = [step.arrays.w if step.record["w"] >= 0 else np.ones(n)]
    vectors += [step.arrays.b if step.record["b"] >= 0 else np.zeros(n)]
    vectors += batch_norm_kind.moving(step.record, step.arrays)
    epsilon = float(step.record["numbers"][0])
    if x.order[0] != len(x.sizes) - 1:  # the channels are not the first axis, which the node wants
        factor = vectors[0] / np.sqrt(vectors[3].astype(np.float64) + epsilon)
        y = g.add("Sub", [x.name, g.constant(along(x, vectors[2]), "mean")])
        y = g.add("Mul", [y, g.constant(along(x, factor), "factor")])
        y = g.add("Add", [y, g.constant(along(x, vectors[1]), "beta")]) if np.any(vectors[1]) else y
        end(g, step, x.renamed(y))
        return
    names = [g.constant(v, hint) for v, hint in zip(vectors, ("gamma", "beta", "mean", "variance"), strict=True)]
    end(g, step, x.renamed(g.add("BatchNormalization", [x.name, *names], epsilon=epsilon)))


@writes("layer_norm")
def layer_norm(g: Graph, step: Step) -> None:
    repeat, _, n = sizes_of(step)
    tensor = g.tensor(step.inputs[0])
    sizes = tensor.sizes if tensor.sizes[-1] == n else (n,) if repeat == 1 else (repeat, n)
    x = g.get(step.inputs[0], sizes)
    gamma = step.arrays.w if step.record["w"] >= 0 else np.ones(n)
    inputs = [x, g.constant(gamma.reshape(-1), "gamma")]
    if step.record["b"] >= 0:
        inputs.append(g.constant(step.arrays.b, "beta"))
    y = g.add("LayerNormalization", inputs, axis=-1, epsilon=float(step.record["numbers"][0]))
    g.set(step.output, Tensor(y, sizes, tuple(range(len(sizes)))))


@writes("group_norm")
def group_norm(g: Graph, step: Step) -> None:
    repeat, _, n = sizes_of(step)
    groups, tensor = step.arrays.sizes.groups, g.tensor(step.inputs[0])
    lead = tensor.sizes[:-1] if tensor.sizes[-1] == n and len(tensor.sizes) > 1 else (repeat,)
    form = Tensor("", (*lead, n), (len(lead), *range(len(lead))))
    x = g.get(step.inputs[0], form.sizes, form.order)
    inside = math.prod(lead) * n // groups
    if any(size in g.open_sizes for size in lead):
        raise ValueError("a group normalisation needs a length that is known")
    flat = g.reshaped(x, form.shape, (groups, inside))
    unit = [g.constant(np.ones(groups), "ones"), g.constant(np.zeros(groups), "zeros")]
    y = g.add("InstanceNormalization", [flat, *unit], epsilon=float(step.record["numbers"][0]))
    y = g.reshaped(y, (groups, inside), form.shape)
    if step.record["w"] >= 0:
        y = g.add("Mul", [y, g.constant(along(form, step.arrays.w), "gamma")])
    if step.record["b"] >= 0:
        y = g.add("Add", [y, g.constant(along(form, step.arrays.b), "beta")])
    g.set(step.output, form.renamed(y))
