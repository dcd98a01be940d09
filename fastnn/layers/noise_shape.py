"""Keras' ``noise_shape``: which numbers of a sample share what dropout draws for them."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from fastnn._base.arguments import integer, shown
from fastnn.layers.parameter import Shape

if TYPE_CHECKING:
    from fastnn.layers.dropout import Sharing

NoiseShape = tuple[int | None, ...]


def check_noise_shape(came: object) -> NoiseShape | None:
    """A noise shape as a layer is given it, which knows no input yet."""
    if came is None:
        return None
    if not isinstance(came, tuple | list) or not came:
        raise TypeError(f"noise_shape must be None or a tuple such as (None, 1, 8), got {shown(came)}")
    axes = tuple(None if n is None else integer("noise_shape", n, low=1) for n in came)
    if axes[0] is not None:
        fitting = (None, *axes[1:])
        raise ValueError(f"noise_shape must begin with None, as each sample draws its own: {fitting}, got {axes}")
    return axes


def shared_rows(layer: Sharing, shape: Shape) -> tuple[int, int, int]:
    """A sample as rows for the op of dropout: their width, how many, and how many one behind the other draw the same.

    Raises
    ------
    ValueError
        the layer's noise shape does not fit inputs of this shape, or shares along axes that are apart.
    """
    if layer.noise_shape is None:
        return shape[-1], math.prod(shape[:-1]), 1
    axes = layer.noise_shape[1:]
    if len(axes) != len(shape) or any(n not in (None, 1, own) for n, own in zip(axes, shape, strict=True)):
        raise ValueError(
            f"noise_shape of {layer!r} does not fit inputs of the shape {(None, *shape)}: it has None or the size for "
            f"each axis, such as {(None, *shape)}, or 1 where all numbers along the axis are dropped together"
        )
    runs = _runs(shape, axes)
    shared = [size for together, size in runs if together]
    if len(shared) > 1:
        fitting = (None, *[1] * (len(shape) - 1), shape[-1])
        raise ValueError(
            f"noise_shape of {layer!r} shares along axes with others between them, for inputs of the shape "
            f"{(None, *shape)}; axes of 1 that are neighbours would do, such as {fitting}"
        )
    if not shared:
        return shape[-1], math.prod(shape[:-1]), 1
    width = 1 if runs[-1][0] else runs[-1][1]
    return width, math.prod(shape) // width, shared[0]


def _runs(shape: Shape, axes: NoiseShape) -> list[tuple[bool, int]]:
    """Neighbouring axes that share, or do not, as one: whether they do, and their numbers. Axes of 1 do both."""
    told = [(n == 1, size) for n, size in zip(axes, shape, strict=True) if size > 1]
    groups = itertools.groupby(told, key=lambda axis: axis[0])
    return [(together, math.prod(size for _, size in axes)) for together, axes in groups]
