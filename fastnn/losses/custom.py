"""A user's own loss function and its gradient without an autograd tape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn.definitions import fixed


@fixed
@dataclass(frozen=True)
class CustomLoss:
    """A user's function ``f(target, prediction)``, differentiated by central differences.

    The function sees arrays of shape ``(rows, n)`` and returns one loss a row ``(rows,)``, one a
    number ``(rows, n)`` (averaged), or the pair ``(loss, gradient)`` with the gradient of each
    row's loss in the shape of the prediction, which is exact and cheapest. A function that returns
    one number for all rows is called row by row, which is slow.

    Design: rows do not depend on each other, so one output column of all rows is moved at once and
    a gradient costs ``2 n`` calls, not ``2 n rows``. An autograd tape (rejected) is a second library.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense
    >>> def squared(target, prediction):
    ...     error = prediction - target
    ...     return (error**2).mean(axis=-1), 2 * error / error.shape[-1]
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", squared)
    >>> x = np.array([[-1.0], [1.0]])
    >>> history = model.fit(x, 3 * x, epochs=500)
    >>> round(float(model.predict([[2.0]])[0, 0]), 2)
    6.0
    """

    function: Callable[..., Any]
    sparse: bool = False
    activation: str | None = None
    from_logits: bool = False

    @property
    def name(self) -> str:
        return getattr(self.function, "__name__", "custom")

    def value(self, target, y):
        """Loss of each row, ``(rows,)``."""
        result = self.function(target, y)
        return self._rows(result[0] if isinstance(result, tuple) else result, target, y)

    def gradient(self, target, y):
        """Derivative of each row's loss by ``y``."""
        result = self.function(target, y)
        if isinstance(result, tuple):
            gradient = np.asarray(result[1])
            if gradient.shape != y.shape:
                raise ValueError(f"the gradient of loss {self.name!r} must have shape {y.shape}, got {gradient.shape}")
            return gradient
        y = y.astype(np.float64)
        target = target.astype(np.float64) if target.dtype.kind == "f" else target
        gradient = np.empty_like(y)
        flat, moved = gradient.reshape(len(y), -1), y.copy()
        columns = moved.reshape(len(y), -1)
        for j in range(columns.shape[1]):
            kept = columns[:, j].copy()
            h = 1e-6 * np.maximum(1.0, np.abs(kept))
            columns[:, j] = kept + h
            above = self.value(target, moved)
            columns[:, j] = kept - h
            flat[:, j] = (above - self.value(target, moved)) / (2 * h)
            columns[:, j] = kept
        return gradient

    def _rows(self, result, target, y):
        result = np.asarray(result)
        if result.ndim == 0:
            if len(y) == 1:
                return result.reshape(1)
            return np.array([self.value(target[i : i + 1], y[i : i + 1])[0] for i in range(len(y))])
        if result.shape[0] != len(y):
            raise ValueError(f"loss {self.name!r} must return one value a row ({len(y)},), got shape {result.shape}")
        return result.reshape(len(y), -1).mean(axis=1)

    def config(self) -> dict[str, Any]:
        """A function cannot be stored; the model file names it, and loading asks for it again."""
        return {"custom": self.name}

    def __repr__(self) -> str:
        return f"<loss function {self.name}>"
