"""PReLU: a ReLU whose slope below zero is trained (He et al. 2015, "Delving Deep into Rectifiers")."""

from __future__ import annotations

import math
from dataclasses import field

from fastnn._base.arguments import integer, shown
from fastnn._ops import Operation, prelu
from fastnn.layers.arguments import ConstraintLike, InitializerLike, MaybeSizes, RegularizerLike, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import parameter, settle


@described
class PReLU(Described):
    """``x`` above zero and ``alpha * x`` below, with a trained ``alpha`` for each number of a sample.

    Parameters
    ----------
    alpha_initializer, alpha_regularizer, alpha_constraint : names or objects of :mod:`fastnn.initializers`,
        :mod:`fastnn.regularizers` and :mod:`fastnn.constraints`.
    shared_axes : axes along which one alpha serves, counted with 0 for the batch: the first ones, so ``[1, 2]`` for an
        alpha for each channel of an image, ``[1]`` for each channel of a signal.
    input_shape, name : as of :class:`Layer`.

    Shapes: as it came; weight alpha as large as a sample, with 1 for shared axes.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import PReLU
    >>> Sequential([PReLU("ones", input_shape=(2,))]).predict([[-1.0, 3.0]]).tolist()
    [[-1.0, 3.0]]
    """

    hands_on_masks = True

    alpha_initializer: InitializerLike = default("zeros")
    alpha_regularizer: RegularizerLike = default(None)
    alpha_constraint: ConstraintLike = default(None)
    shared_axes: MaybeSizes = default(None)
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        came: object = self.shared_axes
        axes = () if came is None else tuple(came) if isinstance(came, tuple | list) else (came,)
        axes = tuple(sorted(integer("shared_axes", axis, low=1) for axis in axes))
        if axes != tuple(range(1, len(axes) + 1)):
            raise ValueError(f"shared_axes must be the first axes of a sample, [1] or [1, 2] ..., got {shown(came)}")
        settle(self, shared_axes=axes or None)
        if self.alpha_constraint is not None:
            self.alpha_constraint.matrix((1,))

    def _shared(self, shape: Shape) -> int:
        shared = len(self.shared_axes or ())
        if shared >= len(shape):
            raise ValueError(
                f"{self!r} shares more axes than samples {tuple(shape)} have before their last one; shared_axes may be "
                f"{list(range(1, len(shape))) or None}"
            )
        return shared

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        shared = self._shared(shape)
        return (parameter(self, "alpha", ((1,) * shared + tuple(shape[shared:]))),)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        shared = self._shared(shape)
        n = math.prod(shape[shared:])
        return (Operation(prelu.OP, n, n, math.prod(shape[:shared]), w=0),)
