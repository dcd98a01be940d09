"""Layers that normalise each sample by itself: rows, groups of channels, lengths of vectors."""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING

from fastnn._base.arguments import integer, shown
from fastnn._ops import Operation, group_norm, layer_norm, normalize
from fastnn.layers.arguments import Axes, ConstraintLike, InitializerLike, RegularizerLike, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.normalization import Normalizing, check_last, checked_axis
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import settle

if TYPE_CHECKING:
    from fastnn.layers.base import Layer


@described
class LayerNormalization(Normalizing):
    """``y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`` with mean and variance of each row.

    In training as in prediction. Source: Ba et al. 2016.

    Parameters
    ----------
    axis : the last one, or a list of the last ones, which then are one row.
    epsilon : added to the variance.
    center, scale : whether there is a beta, and a gamma.
    beta_initializer, gamma_initializer : names or objects of :mod:`fastnn.initializers`.
    beta_regularizer, gamma_regularizer : names or objects of :mod:`fastnn.regularizers`.
    beta_constraint, gamma_constraint : names or objects of :mod:`fastnn.constraints`, applied after every update.
    input_shape : shape of one sample, for the first layer.
    name : shown in summaries and files.

    Shapes: ``(..., n)`` -> ``(..., n)``; weights gamma and beta, of the shape of the axes.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import LayerNormalization
    >>> model = Sequential([LayerNormalization(epsilon=0.0, input_shape=(4,))])
    >>> model.predict([[1.0, 1.0, 5.0, 5.0]]).tolist()
    [[-1.0, -1.0, 1.0, 1.0]]
    """

    axis: Axes = default(-1)
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: InitializerLike = default("zeros")
    gamma_initializer: InitializerLike = default("ones")
    beta_regularizer: RegularizerLike = default(None)
    gamma_regularizer: RegularizerLike = default(None)
    beta_constraint: ConstraintLike = default(None)
    gamma_constraint: ConstraintLike = default(None)
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        self._settle(axis=checked_axes(self.axis))

    @property
    def by_step(self) -> bool:
        return self.axis in (-1, 2)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return tuple(self._trained(shape[-count_of_axes(self, shape) :]))

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        count = count_of_axes(self, shape)
        n, repeat = math.prod(shape[-count:]), math.prod(shape[:-count])
        return (Operation(layer_norm.OP, n, n, repeat, numbers=(self.epsilon,), **self._places()),)


@described
class GroupNormalization(Normalizing):
    """``y = (x - mean) / sqrt(variance + epsilon) * gamma + beta``, mean and variance those of a group of channels.

    They are over the channels of the group and all positions of a sample, in training as in prediction. Source: Wu and
    He 2018.

    Parameters
    ----------
    groups : equal runs of channels; -1 for groups of one channel.
    axis : that of the channels, the last one.
    epsilon, center, scale, beta_initializer ... gamma_constraint, input_shape, name : as of
        :class:`LayerNormalization`.

    Shapes: ``(..., channels)`` -> ``(..., channels)``; weights gamma and beta, each ``(channels,)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import GroupNormalization
    >>> model = Sequential([GroupNormalization(groups=2, epsilon=0.0, input_shape=(4,))])
    >>> model.predict([[1.0, 3.0, 10.0, 50.0]]).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    groups: int = 32
    axis: int = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: InitializerLike = default("zeros")
    gamma_initializer: InitializerLike = default("ones")
    beta_regularizer: RegularizerLike = default(None)
    gamma_regularizer: RegularizerLike = default(None)
    beta_constraint: ConstraintLike = default(None)
    gamma_constraint: ConstraintLike = default(None)
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        groups = integer("groups", self.groups, low=-1)
        if groups == 0:
            raise ValueError("groups must be at least 1, or -1 for one of each channel, got 0")
        self._settle(groups=groups, axis=checked_axis(self.axis))

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        check_last(self, shape)
        if shape[-1] % self._count(shape):
            raise ValueError(f"{self!r} cannot make {self.groups} equal groups of {shape[-1]} channels")
        return tuple(self._trained(shape[-1:]))

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        n, told = shape[-1], self._places()
        sizes, numbers = (self._count(shape),), (self.epsilon,)
        return (Operation(group_norm.OP, n, n, math.prod(shape[:-1]), geometry=sizes, numbers=numbers, **told),)

    def _count(self, shape: Shape) -> int:
        return shape[-1] if self.groups == -1 else self.groups


@described
class UnitNormalization(Described):
    """``y = x / |x|``: vectors of length 1 along an axis; a length below 1e-7 counts as that.

    Parameters
    ----------
    axis : the axis of the vectors, with that of the batch as 0, or a list of the last ones.
    input_shape : shape of one sample, for the first layer.
    name : shown in summaries and files.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import UnitNormalization
    >>> Sequential([UnitNormalization(input_shape=(2,))], dtype="float64").predict([[3.0, 4.0]]).round(6).tolist()
    [[0.6, 0.8]]
    """

    hands_on_masks = True

    axis: Axes = default(-1)
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self, axis=checked_axes(self.axis))

    def output_shape(self, shape: Shape) -> Shape:
        self._run(shape)
        return shape

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        first, last = self._run(shape)
        n, repeat = math.prod(shape[first:]), math.prod(shape[:first])
        lengths = math.prod(shape[first:last]), math.prod(shape[last:])
        return (Operation(normalize.OP, n, n, repeat, geometry=lengths),)

    def _run(self, shape: Shape) -> tuple[int, int]:
        """The axes of a sample that are one vector: first, and behind the last."""
        if isinstance(self.axis, tuple):
            return len(shape) - count_of_axes(self, shape), len(shape)
        at = self.axis - 1 if self.axis > 0 else len(shape) + self.axis
        if not 0 <= at < len(shape):
            raise ValueError(f"{self!r} gets samples {tuple(shape)}, which have no axis {self.axis}")
        return at, at + 1


def checked_axes(came: object) -> int | tuple[int, ...]:
    """An axis, or several as a tuple."""
    if not isinstance(came, list | tuple):
        return checked_axis(came)
    if not came:
        raise ValueError(f"axis must be an axis or a list of them, got {shown(came)}")
    axes = tuple(checked_axis(axis) for axis in came)
    return axes[0] if len(axes) == 1 else axes


def count_of_axes(layer: Layer, shape: Shape) -> int:
    """How many axes the layer's are, which must be the last ones of samples of this shape."""
    axes = layer.axis if isinstance(layer.axis, tuple) else (layer.axis,)
    found = sorted(axis + len(shape) + 1 if axis < 0 else axis for axis in axes)
    if found[0] < 1 or found != list(range(len(shape) + 1 - len(found), len(shape) + 1)):
        raise ValueError(
            f"{layer!r} takes the last axes together, such as -1 or [-2, -1], got axis={layer.axis} for samples "
            f"{tuple(shape)}"
        )
    return len(found)
