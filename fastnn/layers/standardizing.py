"""Layers that bring inputs to another scale, by numbers that are not trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fastnn._base import arrays
from fastnn._base.arguments import fixed, flag, number, shown
from fastnn._ops import Operation, rescale, standardize
from fastnn.initializers import Initializer
from fastnn.layers.arguments import Argument, ShapeLike, Statistic, default
from fastnn.layers.described import Described, described
from fastnn.layers.normalization import checked_axis
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import settle


@described
class Rescaling(Described):
    """``y = x * scale + offset``, also in prediction: ``Rescaling(1 / 255)`` takes images of bytes.

    Parameters
    ----------
    scale : what is multiplied with.
    offset : what is added behind that.
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Rescaling
    >>> Sequential([Rescaling(0.5, offset=-1.0, input_shape=(2,))]).predict([[2.0, 4.0]]).tolist()
    [[0.0, 1.0]]
    """

    hands_on_masks = by_step = True

    scale: float
    offset: float = 0.0
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self, scale=number("scale", self.scale), offset=number("offset", self.offset))

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        n, numbers = shape[-1], (self.scale, self.offset)
        return (Operation(rescale.OP, n, n, math.prod(shape[:-1]), numbers=numbers),)


@fixed
@dataclass(frozen=True, repr=False)
class Given(Initializer):
    """Numbers that are there already."""

    stored_name = "given"

    values: tuple[float, ...]

    def __call__(self, shape: Shape, seed: int = 0, stream: int = 0) -> np.ndarray:
        return np.reshape(np.array(self.values, np.float64), shape)


@described
class Normalization(Described):
    """``y = (x - mean) / max(sqrt(variance), 1e-7)`` with mean and variance of data that :meth:`adapt` has seen.

    Parameters
    ----------
    axis : the axes that have a mean of their own each, counted with 0 for the batch: -1 for the last one, None for one
        mean of all, or several, which are the last ones, as ``(1, 2, 3)`` for each number of an image.
    mean, variance : given, as numbers or arrays; None where :meth:`adapt` finds them. Until then 0 and 1.
    invert : ``y = x * max(sqrt(variance), 1e-7) + mean`` instead.
    input_shape, name : as of :class:`Layer`.

    Shapes: as it came; weights mean and variance, which are not trained.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense, Normalization
    >>> layer = Normalization()
    >>> layer.adapt([[1.0, 10.0], [3.0, 30.0]])
    >>> Sequential([layer]).predict([[3.0, 10.0]]).tolist()
    [[1.0, -1.0]]
    """

    hands_on_masks = True

    axis: Argument[int | Sequence[int] | None, int | tuple[int, ...]] = default(-1)
    mean: Statistic = default(None)
    variance: Statistic = default(None)
    invert: bool = False
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.variance is None):
            raise ValueError("mean and variance must be given together; without both, adapt(data) finds them")
        came: object = self.axis
        axis = () if came is None else came  # stored arguments that are None are left out
        axis = tuple(map(checked_axis, axis)) if isinstance(axis, tuple | list) else checked_axis(axis)
        told = {name: _numbers(name, getattr(self, name)) for name in ("mean", "variance")}
        if told["variance"] is not None and min(told["variance"]) < 0:
            raise ValueError(f"variance must be at least 0, got {shown(self.variance)}")
        settle(self, axis=axis, invert=flag("invert", self.invert), **told)

    def adapt(self, data: object) -> None:
        """Take mean and variance from data, in place of those that the layer had.

        Parameters
        ----------
        data : ``(n, ...)`` samples of the layer's input, one at least; a vector is ``n`` samples of one number. Sums
            are taken in float64, and variances are divided by ``n``.

        Raises
        ------
        ValueError, TypeError
            no samples, numbers that are not finite, or axes that samples do not have; the layer is as it was.
        """
        rows = arrays.numbers("data", data)
        rows = rows.reshape(-1, 1) if rows.ndim == 1 else rows
        if not rows.size:
            raise ValueError(f"data must hold one sample at least, got shape {rows.shape}")
        rows = np.ascontiguousarray(rows, np.float64)
        arrays.check_finite("data", rows, data)
        n = math.prod(self._kept(rows.shape[1:]))
        rows = rows.reshape(-1, n)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            mean = rows.mean(axis=0)
            found = {"mean": mean, "variance": np.square(rows - mean).mean(axis=0)}
        for name, numbers in found.items():
            arrays.check_finite(f"the {name} of data", numbers)
        if self.place is not None:
            self.set_weights([found[part.name].reshape(part.shape) for part in self.place.parameters])
        for name, numbers in found.items():
            object.__setattr__(self, name, tuple(numbers.tolist()))

    def _kept(self, shape: Shape) -> Shape:
        """The last axes of a sample, which have means of their own; none for one mean of all."""
        given = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        axes = sorted(axis if axis > 0 else len(shape) + 1 + axis for axis in given)
        if axes != list(range(len(shape) + 1 - len(axes), len(shape) + 1)):
            raise ValueError(f"axis must be the last of samples {tuple(shape)}, or several up to it, got {self.axis}")
        return tuple(shape[len(shape) - len(axes) :])

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        kept = self._kept(shape) or (1,)
        return tuple(
            Parameter(name, kept, _start(self, name, math.prod(kept), plain), trainable=False)
            for name, plain in (("mean", 0.0), ("variance", 1.0))
        )

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        n = math.prod(self._kept(shape))
        geometry = (int(self.invert),)
        return (Operation(standardize.OP, n, n, math.prod(shape) // n, rest=(0, 1), geometry=geometry),)


def _numbers(name: str, came: object) -> tuple[float, ...] | None:
    """A mean or variance as plain numbers."""
    if came is None:
        return None
    numbers = np.ascontiguousarray(arrays.numbers(name, came), np.float64)
    arrays.check_finite(name, numbers)
    return tuple(numbers.reshape(-1).tolist())


def _start(layer: Normalization, name: str, n: int, plain: float) -> Given:
    """What ``n`` numbers start from; one that was given serves all."""
    values = (plain,) if getattr(layer, name) is None else getattr(layer, name)
    if len(values) not in (1, n):
        raise ValueError(f"{name} of {layer!r} has {len(values)} numbers, and its input wants {n}")
    return Given(values if len(values) == n else values * n)
