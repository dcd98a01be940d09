"""A layer that is a function of NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn.layers.base import Layer
from fastnn.layers.parameter import Shape, check_shape


class Lambda(Layer):
    """``y = function(x)``, with the gradient that is given for it.

    Parameters
    ----------
    function : ``f(x)`` for rows ``x`` ``(rows, ...)``, a list of arrays for several inputs.
    gradient : ``g(x, dy)`` gives ``dx``, the gradient of the loss by ``x`` from ``dy``, that by ``y``; for several
        inputs a list of them. Without it the layer may stand where nothing before it is trained.
    output_shape : shape of one sample of ``y``; without it ``function`` is asked with two rows of zeros.
    **given : those of every layer: ``name``, ``trainable``, ``dtype``, ``input_shape``, ``activity_regularizer``.
    name, trainable, dtype, input_shape, activity_regularizer : see :class:`Layer`.

    Rows pass in blocks, as in a layer of one's own; see docs/own_layers.md.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense, Lambda
    >>> squared = Lambda(np.square, lambda x, dy: 2 * x * dy)
    >>> model = Sequential([Dense(8, "tanh", input_shape=(4,)), squared, Dense(1)])
    >>> model.predict(np.ones((3, 4))).shape
    (3, 1)
    """

    def __init__(self, function: Any, gradient: Any = None, output_shape: object = None, **given: Any):
        super().__init__(**given)
        _check_callable("function", function)
        if gradient is not None:
            _check_callable("gradient", gradient)
        self.function: Callable[..., Any] = function
        self.gradient: Callable[..., Any] | None = gradient
        self._shape = output_shape if output_shape is None else check_shape("output_shape", output_shape)

    @property
    def has_gradient(self) -> bool:  # type: ignore[override]  # a constant elsewhere
        """Whether the way back is known."""
        return self.gradient is not None

    def call(self, x: Any) -> Any:
        self._x = x
        return self.function(x)

    def backward(self, dy: Any) -> Any:
        assert self.gradient is not None
        return self.gradient(self._x, dy)

    def output_shape(self, *shapes: Shape) -> Shape:
        return super().output_shape(*shapes) if self._shape is None else self._shape


def _check_callable(name: str, came: object) -> None:
    if not callable(came):
        raise TypeError(f"{name} of a Lambda must be a function of arrays, got {came!r}")
