"""Numbers as trained waves: an embedding of columns of tables."""

from __future__ import annotations

import math
from dataclasses import field

from fastnn._base.arguments import flag, integer, number
from fastnn._ops import Operation, periodic
from fastnn.initializers import RandomNormal, RandomUniform
from fastnn.layers.arguments import ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import settle


@described
class Periodic(Described):
    """Each number of the last axis by itself as waves of trained frequencies, mixed to a few numbers.

    For a number ``x`` of column ``j``: ``h = cos(2 pi frequencies[j] x + phases[j])`` and
    ``e = kernel[j] @ h + bias[j]``; the output has ``e`` and behind it ``x`` of one column after the other. With
    these defaults it is the embedding "PBLD" of RealMLP (Holzmueller, Grinsztajn and Steinwart 2024), which follows
    the periodic embeddings of Gorishniy, Rubachev and Babenko (2022). Inputs should be of the size of one, as scaled
    columns of a table are.

    Parameters
    ----------
    frequencies : waves of each number.
    units : numbers that they are mixed to.
    sigma : frequencies start as normal numbers with this deviation, in waves for a change of the input by 1: more for
        a target that wiggles with an input. Phases start uniform over a wave, kernel and bias uniform within
        ``1 / sqrt(frequencies)``.
    include_input : whether the number itself stands behind those it is mixed to.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(..., n)`` -> ``(..., n * (units + 1))``, without the input ``(..., n * units)``; frequencies and phases
    ``(n, frequencies)``, kernel ``(n, units, frequencies)``, bias ``(n, units)``.

    Raises
    ------
    ValueError, TypeError
        an argument is wrong; the message names it.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Periodic
    >>> model = Sequential([Periodic(frequencies=1, units=1, input_shape=(1,))])
    >>> model.set_weights([[[0.5]], [[0.0]], [[[2.0]]], [[1.0]]])
    >>> model.predict([[0.0], [1.0], [2.0]]).tolist()
    [[3.0, 0.0], [-1.0, 1.0], [3.0, 2.0]]
    """

    hands_on_masks = by_step = True

    frequencies: int = 16
    units: int = 3
    sigma: float = 0.1
    include_input: bool = True
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        number("sigma", self.sigma, low=0.0)
        settle(
            self,
            frequencies=integer("frequencies", self.frequencies, low=1),
            units=integer("units", self.units, low=1),
            include_input=flag("include_input", self.include_input),
        )

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], shape[-1] * (self.units + self.include_input))

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        n, around = shape[-1], RandomUniform(-(self.frequencies**-0.5), self.frequencies**-0.5)
        return (
            Parameter("frequencies", (n, self.frequencies), RandomNormal(0.0, float(self.sigma))),
            Parameter("phases", (n, self.frequencies), RandomUniform(-math.pi, math.pi)),
            Parameter("kernel", (n, self.units, self.frequencies), around),
            Parameter("bias", (n, self.units), around),
        )

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        sizes = self.units, self.frequencies, int(self.include_input)
        wide = self.output_shape(shape)[-1]
        return (Operation(periodic.OP, shape[-1], wide, math.prod(shape[:-1]), w=0, b=3, rest=(1, 2), geometry=sizes),)
