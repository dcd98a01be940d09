"""An operation as a module of PyTorch: the record, and what kinds of operations share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastnn._ops import Operation
from fastnn.activations import linear
from fastnn.activations.records import Activation
from fastnn.layers.parameter import Shape


@dataclass(frozen=True)
class Source:
    """Where a parameter of PyTorch's comes from.

    Attributes
    ----------
    index : of our layer's parameter; -1 where PyTorch has numbers that we have not.
    turned : ours in PyTorch's layout.
    constant : what those numbers are. With an ``index`` they are added to that parameter when they come back.
    """

    index: int
    turned: Callable[[np.ndarray], np.ndarray] = np.asarray
    constant: np.ndarray | None = None


@dataclass(frozen=True)
class Part:
    """An operation as a module.

    Attributes
    ----------
    kind, arguments : the module's class and what it is made with; a function of :mod:`fastnn.interop.torch.functions`
        where the name begins small, and nothing where nothing has to be computed.
    reads : the shape of a sample of each input.
    gives : that of the output.
    more : what the module is called with, behind the inputs.
    sources : its parameters and buffers, by their names in the module.
    activation : what comes behind it.
    """

    kind: str
    reads: tuple[Shape, ...]
    gives: Shape
    arguments: dict[str, Any] = field(default_factory=dict)
    more: tuple[object, ...] = ()
    sources: dict[str, Source] = field(default_factory=dict)
    activation: Activation = linear


def rows(operation: Operation, shape: Shape, width: int = 0) -> Shape:
    """The shape as it is, where it is rows of the operation's width, else as such rows."""
    width = width or math.prod(shape) // operation.repeat
    if shape[-1:] == (width,):
        return shape
    return (width,) if operation.repeat == 1 else (operation.repeat, width)


def like(operation: Operation, shapes: list[Shape]) -> tuple[Shape, Shape]:
    """The first input as rows, and the output beside it."""
    reads = rows(operation, shapes[0])
    return reads, (*reads[:-1], operation.n_out)


def by_row(kind: str, operation: Operation, shapes: list[Shape], **told: Any) -> Part:
    reads, gives = like(operation, shapes)
    return Part(kind, (reads,), gives, **told)


def ones(n: int) -> Source:
    return Source(-1, constant=np.ones(n))


def zeros(n: int) -> Source:
    return Source(-1, constant=np.zeros(n))


def factors(operation: Operation) -> dict[str, Source]:
    """Weight and bias of a normalisation; those that the layer has not are ones and zeros for ever."""
    n, flat = operation.n_out, np.ravel
    return {
        "weight": Source(operation.w, flat) if operation.w >= 0 else ones(n),
        "bias": Source(operation.b, flat) if operation.b >= 0 else zeros(n),
    }
