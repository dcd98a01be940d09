"""Where a graph of layers begins: the shape of one sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from fastnn.layers.arguments import TargetShape
from fastnn.layers.described import Described, described
from fastnn.layers.edges import Call, Edge, Edges, Masks
from fastnn.layers.parameter import Shape, check_shape, other_shape

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


@described
class InputLayer(Described):
    """States the shape of one sample; :func:`Input` makes it, and gives its edge.

    Parameters
    ----------
    shape : shape of one sample, without the rows; None for a length that differs from batch to batch.
    name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense, InputLayer
    >>> Sequential([InputLayer((20,)), Dense(3)]).output_shape
    (None, 3)
    """

    shape: TargetShape
    name: str | None = field(default=None, compare=False)
    states_input = True
    n_inputs = 0
    stored_as = "Input"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", check_shape("shape", self.shape, may_be_open=True))

    @property
    def input_shape(self) -> Shape:  # type: ignore[override]  # other layers are given it
        return self.shape

    @property
    def edge(self) -> Edge:
        """The edge that stands for the rows of this input."""
        if self.calls:
            return self.calls[0].outputs[0]
        return self._record(Call(self, (), [self.shape], others=[other_shape(self.shape)]))[0]

    def __call__(self, inputs: Edges, mask: Masks = None, training: object = None) -> Edge:
        raise TypeError(f"{self!r} reads no edge: it is where a graph begins, see fastnn.Input")


if TYPE_CHECKING:

    def Input(
        shape: int | Sequence[int | None] | None = None,
        name: str | None = None,
        *,
        dtype: DTypeLike | None = None,
        batch_size: int | None = None,
        batch_shape: Sequence[int | None] | None = None,
        **neutral: object,
    ) -> Edge:
        """Where a graph of layers begins: an edge for rows of ``shape``; ``neutral`` changes nothing, as ``sparse``."""

else:

    def Input(*arguments: object, **named: object) -> Edge:
        """Where a graph of layers begins: an edge for rows of ``shape``, the arguments of :class:`InputLayer`.

        Also the first in the list of a :class:`fastnn.Sequential`.

        Parameters
        ----------
        *arguments : as of :func:`fastnn.layers.Input` in Keras: ``shape``, ``name``, ``dtype``, ``batch_shape``.
        **named : the same by name.

        >>> from fastnn import Model
        >>> from fastnn.layers import Dense, Input
        >>> x = Input((20,), name="features")
        >>> Model(x, Dense(3)(x)).output_shape
        (None, 3)
        """
        return InputLayer(*arguments, **named).edge
