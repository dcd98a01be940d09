"""What each kind of operation is in PyTorch: the class of a module, its arguments, its arrays, the shapes it reads.

Nothing here imports PyTorch, so that weights under its names are written and read without it. Classes are those of
``torch.nn``, and of :mod:`fastnn.interop.torch.modules` and its neighbours where that has no counterpart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._ops import Operation, copy
from fastnn._ops.alpha_dropout import numbers_of
from fastnn._ops.merge import Join
from fastnn.interop.torch import sequences, windows
from fastnn.interop.torch.part import Part, Source, by_row, factors, like
from fastnn.layers.parameter import Shape
from fastnn.layers.rearranging import Cropping, Rearranging, ZeroPadding
from fastnn.layers.repeating import Permute, RepeatVector, UpSampling1D, UpSampling2D

if TYPE_CHECKING:
    from fastnn.layers.base import Layer


def part_of(operation: Operation, shapes: Sequence[Shape], layer: Layer, shape: Shape) -> Part:
    """The module for an operation that reads samples of these shapes, of a layer whose first input has ``shape``.

    Raises
    ------
    TypeError
        it is NumPy code of the user's own, or of a kind that has no part here.
    """
    kind = operation.op.name
    if kind == "own":
        raise TypeError(
            f"layer {layer.name!r} ({type(layer).__name__}) is NumPy code of your own, which PyTorch cannot run; "
            f"leave it out, or write it as a module of torch.nn and put it between two exported models"
        )
    moved = _moved(layer, shape) if kind == "copy" else None
    if moved is None and kind not in PARTS:
        raise TypeError(f"layer {layer.name!r} is an operation {kind!r}, which PyTorch has no counterpart for")
    return moved or PARTS[kind](operation, list(shapes))


def _moved(layer: Layer, shape: Shape) -> Part | None:
    """Layers that move numbers by PyTorch's own words for it; None for copies that are part of another layer."""
    made = layer.output_shape(shape) if isinstance(layer, Rearranging) else shape
    if isinstance(layer, Permute):
        return Part("permute", (shape,), made, {"dims": layer.dims})
    if isinstance(layer, RepeatVector):
        return Part("repeated", (shape,), made, {"sizes": (layer.n,)})
    if isinstance(layer, UpSampling1D | UpSampling2D):
        sizes = (layer.size,) if isinstance(layer, UpSampling1D) else layer.size
        return Part("upsampled", (shape,), made, {"sizes": sizes})
    if isinstance(layer, ZeroPadding | Cropping):
        came: Any = getattr(layer, layer.framed)
        sides, sign = ((came,) if layer.rank == 1 else came), (1 if isinstance(layer, ZeroPadding) else -1)
        return Part("padded", (shape,), made, {"around": (0, 0, *(sign * n for side in sides[::-1] for n in side))})
    return None


def _dense(o: Operation, shapes: list[Shape]) -> Part:
    sources = {"weight": Source(o.w, partial(_columns, n=o.n_out))}
    if o.b >= 0:
        sources["bias"] = Source(o.b, np.ravel)
    told = {"in_features": o.n_in, "out_features": o.n_out, "bias": o.b >= 0}
    return by_row("Linear", o, shapes, arguments=told, sources=sources, activation=o.activation)


def _columns(w: np.ndarray, n: int) -> np.ndarray:
    """A kernel with its columns as rows."""
    return w.reshape(-1, n).T


def _activation(o: Operation, shapes: list[Shape]) -> Part:
    if not o.activation.rowwise:
        return Part("", (shapes[0],), shapes[0], activation=o.activation)
    return by_row("", o, shapes, activation=o.activation)


def _dropout(o: Operation, shapes: list[Shape]) -> Part:
    if o.geometry[0] == 1:
        return Part("Dropout", (shapes[0],), shapes[0], {"p": o.rate})
    return _shared(o, shapes, "SharedDropout", {"p": o.rate})


def _alpha_dropout(o: Operation, shapes: list[Shape]) -> Part:
    factor, shift, dropped = numbers_of(o.rate)
    return _shared(o, shapes, "AlphaDropout", {"p": o.rate, "factor": factor, "shift": shift, "dropped": dropped})


def _shared(o: Operation, shapes: list[Shape], kind: str, told: dict[str, Any]) -> Part:
    """Dropout in which rows one behind the other share what is drawn."""
    reads = (o.repeat // o.geometry[0], o.geometry[0], o.n_out)
    return Part(kind, (reads,), reads, told)


def _noise(o: Operation, shapes: list[Shape]) -> Part:
    return Part("Noise", (shapes[0],), shapes[0], {"deviation": o.rate, "multiplies": bool(o.geometry[0])})


def _scale(o: Operation, shapes: list[Shape]) -> Part:
    return by_row("Scale", o, shapes, arguments={"n": o.n_out}, sources={"weight": Source(o.w, np.ravel)})


def _merge(o: Operation, shapes: list[Shape]) -> Part:
    kind = Join(o.geometry[0]).name.lower()
    if len(set(shapes)) == 1:
        return Part(kind, tuple(shapes), shapes[0])
    reads = tuple((o.repeat, math.prod(shape) // o.repeat) for shape in shapes)
    return Part(kind, reads, (o.repeat, o.n_out))


def _concatenate(o: Operation, shapes: list[Shape]) -> Part:
    widths = [math.prod(shape) // o.repeat for shape in shapes]
    if all(shape[-1:] == (n,) and shape[:-1] == shapes[0][:-1] for shape, n in zip(shapes, widths, strict=True)):
        return Part("concatenate", tuple(shapes), (*shapes[0][:-1], sum(widths)))
    return Part("concatenate", tuple((o.repeat, n) for n in widths), (o.repeat, sum(widths)))


def _dot(o: Operation, shapes: list[Shape]) -> Part:
    m, k, n, first, second = o.geometry[:5]
    reads = (o.repeat, *((k, m) if first else (m, k))), (o.repeat, *((n, k) if second else (k, n)))
    return Part("dot", reads, (o.repeat, m, n), {"turns_first": bool(first), "turns_second": bool(second)})


def _normalize(o: Operation, shapes: list[Shape]) -> Part:
    length, stride = o.geometry[:2]
    reads = (math.prod(shapes[0]) // (length * stride), length, stride)
    return Part("unit_norm", (reads,), reads)


def _copy(o: Operation, shapes: list[Shape]) -> Part:
    counts, strides, (top, bottom, left, right, start) = o.geometry[:5], o.geometry[5:10], o.geometry[10:15]
    size, reads, gives = math.prod(shapes[0]), (math.prod(shapes[0]),), (o.n_written,)
    if counts[:4] == (1, 1, 1, 1) and (top, bottom, left, right) == (0, 1, 0, counts[4]) and strides[4] == 1:
        return Part("narrow", (reads,), gives, {"start": start, "count": counts[4]})
    box = copy.OP.sizes({"geometry": o.geometry})
    places = np.full(counts, size)  # a zero behind the numbers
    places[..., top:bottom, left:right] = copy._places(box)
    return Part("Gather", (reads,), gives, {"places": places.ravel()})


def _batch_norm(o: Operation, shapes: list[Shape]) -> Part:
    epsilon, momentum = o.numbers[:2]
    told = {"num_features": o.n_out, "eps": epsilon, "momentum": 1 - momentum}  # PyTorch's is the other share
    sources = factors(o) | {"running_mean": Source(o.rest[0], np.ravel), "running_var": Source(o.rest[1], np.ravel)}
    reads, gives = like(o, shapes)
    if len(shapes) > 1:
        return Part("BatchNorm1d", ((o.repeat, o.n_in), (o.repeat,)), (o.repeat, o.n_out), told, (), sources)
    kind = "BatchNorm2d" if len(reads) == 3 else "BatchNorm1d"
    return Part(kind, (reads,), gives, told, (), sources)


def _layer_norm(o: Operation, shapes: list[Shape]) -> Part:
    told = {"normalized_shape": o.n_out, "eps": o.numbers[0]}
    return by_row("LayerNorm", o, shapes, arguments=told, sources=factors(o))


def _group_norm(o: Operation, shapes: list[Shape]) -> Part:
    told = {"num_groups": o.geometry[0], "num_channels": o.n_out, "eps": o.numbers[0]}
    return by_row("GroupNorm", o, shapes, arguments=told, sources=factors(o))


def _rescale(o: Operation, shapes: list[Shape]) -> Part:
    return Part("rescale", (shapes[0],), shapes[0], {"scale": o.numbers[0], "offset": o.numbers[1]})


def _standardize(o: Operation, shapes: list[Shape]) -> Part:
    sources = {"mean": Source(o.rest[0], np.ravel), "variance": Source(o.rest[1], np.ravel)}
    told = {"n": o.n_out, "inverts": bool(o.geometry[0])}
    return by_row("Standardize", o, shapes, arguments=told, sources=sources)


def _prelu(o: Operation, shapes: list[Shape]) -> Part:
    sources = {"weight": Source(o.w, np.ravel)}
    return by_row("PReLU", o, shapes, arguments={"num_parameters": o.n_out}, sources=sources)


def _parametric(o: Operation, shapes: list[Shape]) -> Part:
    told = {"n": o.n_out, "activation": o.activation}
    return by_row("ParametricActivation", o, shapes, arguments=told, sources={"weight": Source(o.w, np.ravel)})


def _periodic(o: Operation, shapes: list[Shape]) -> Part:
    units, frequencies, hands_on = o.geometry
    told = {"n": o.n_in, "frequencies": frequencies, "units": units, "include_input": bool(hands_on)}
    names = {"frequency": o.w, "phase": o.rest[0], "weight": o.rest[1], "bias": o.b}
    return by_row("Periodic", o, shapes, arguments=told, sources={name: Source(at) for name, at in names.items()})


def _warp(o: Operation, shapes: list[Shape]) -> Part:
    h, w, c, oh, ow, *_ = o.geometry
    told = {"geometry": tuple(o.geometry[:8]), "numbers": tuple(o.numbers), "draws": o.rate > 0}
    return Part("Warp", ((h, w, c),), (oh, ow, c), told)


PARTS: dict[str, Callable[[Operation, list[Shape]], Part]] = {
    "dense": _dense,
    "activation": _activation,
    "dropout": _dropout,
    "scale": _scale,
    "merge": _merge,
    "concatenate": _concatenate,
    "dot": _dot,
    "normalize": _normalize,
    "conv": windows.conv,
    "pool": windows.pool,
    "copy": _copy,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "conv_transpose": windows.conv_transpose,
    "alpha_dropout": _alpha_dropout,
    "noise": _noise,
    "rescale": _rescale,
    "standardize": _standardize,
    "prelu": _prelu,
    "parametric": _parametric,
    "periodic": _periodic,
    "warp": _warp,
    "simple_rnn": sequences.recurrent,
    "lstm": sequences.recurrent,
    "gru": sequences.recurrent,
    "embedding": sequences.embedding,
    "mask": sequences.mask,
    "blank": sequences.blank,
    "attention": sequences.attention,
    "masked_mean": sequences.masked_mean,
    "position": sequences.position,
    "recall": sequences.recall,
    "remember": sequences.remember,
}
