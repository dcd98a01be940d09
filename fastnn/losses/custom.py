"""A user's own loss and its gradient without an autograd tape."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fastnn._base.arguments import fixed
from fastnn._base.types import Config
from fastnn.losses.base import MEAN, Loss
from fastnn.losses.names import ReductionName


@fixed
@dataclass(frozen=True, repr=False)
class CustomLoss(Loss):
    """A user's function ``f(target, prediction)``, differentiated by central differences.

    The function sees predictions ``(rows, n)`` and returns one loss a row ``(rows,)``, one a
    number ``(rows, n)`` (averaged), or the pair ``(loss, gradient)`` with the gradient of each
    row's loss in the shape of the prediction, which is exact and cheapest. A function that returns
    one number for all rows is called row by row, which is slow.

    Targets as wide as the output come as ``(rows, n)`` of the model's dtype; all others (whole numbers, old
    probabilities and advantages beside actions) as they were given, some rows at a time. Where the output has more
    axes, predictions come as ``(rows, *output_shape)`` beside such targets, else as rows of the last axis: of an output
    that has a mask, those of positions that count. Beside targets that are not as wide, a mask is an error.

    Design: rows do not depend on each other, so one output column of all rows is moved at once and
    a gradient costs ``2 n`` calls, not ``2 n rows``. An autograd tape (rejected) is a second library.

    Parameters
    ----------
    function : ``f(target, prediction)`` gives one loss a row, or the pair of it and its gradient.
    name, reduction : as of :class:`Loss`.

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

    function: Callable[..., object]
    name: str = ""
    reduction: ReductionName | None = MEAN

    definition: ClassVar[None] = None  # whatever its name, it is none of ours
    is_own: ClassVar[bool] = True
    sparse: ClassVar[bool] = False
    signs: ClassVar[bool] = False
    low: ClassVar[float] = -math.inf
    high: ClassVar[float] = math.inf
    activation: ClassVar[None] = None
    from_logits: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.key)

    @property
    def key(self) -> str:
        """What the model file calls it: the function's name, or the class's of a :class:`fastnn.losses.Loss`."""
        owner = getattr(self.function, "__self__", None)
        return type(owner).__name__ if isinstance(owner, Loss) else getattr(self.function, "__name__", "custom")

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> Any:
        """What the function returns."""
        return self._ask(y_true, y_pred)

    def value(self, target: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss of each row, ``(rows,)``."""
        result = self._ask(target, y)
        if not isinstance(result, tuple):
            return self._rows(result, target, y)
        return self._pair(result, y)[0]

    def gradient(self, target: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Derivative of each row's loss by ``y``."""
        return self.value_and_gradient(target, y)[1]

    def value_and_gradient(self, target: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both; one call of a function that returns both."""
        result = self._ask(target, y)
        if isinstance(result, tuple):
            return self._pair(result, y)
        return self._rows(result, target, y), self._differences(target, y)

    def _ask(self, target: np.ndarray, y: np.ndarray) -> object:
        """The function's answer; an error of shapes or types in it names the loss and what it was given."""
        try:
            return self.function(target, y)
        except (ValueError, IndexError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                f"loss {self.name!r} failed on a target of shape {target.shape} and a prediction of shape {y.shape}: "
                f"{error}"
            ) from error

    def _numbers(self, result: object) -> np.ndarray:
        array = np.asarray(result)
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"loss {self.name!r} must return numbers, one a row, or (loss, gradient), got {type(result).__name__}"
            )
        return array

    def _pair(self, result: tuple[object, ...], y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(result) != 2:
            raise ValueError(f"loss {self.name!r} must return a loss or (loss, gradient), got {len(result)} things")
        value, gradient = map(self._numbers, result)
        if gradient.shape != y.shape:
            raise ValueError(f"the gradient of loss {self.name!r} must have shape {y.shape}, got {gradient.shape}")
        if value.shape[:1] != y.shape[:1]:
            raise ValueError(
                f"loss {self.name!r} must return one value a row ({len(y)},) beside its gradient, got shape "
                f"{value.shape}; take means over axis=-1 only"
            )
        return value.reshape(len(y), -1).mean(axis=1), gradient

    def _differences(self, target: np.ndarray, y: np.ndarray) -> np.ndarray:
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

    def _rows(self, result: object, target: np.ndarray, y: np.ndarray) -> np.ndarray:
        result = self._numbers(result)
        if result.ndim == 0:
            if len(y) == 1:
                found: np.ndarray = result.reshape(1)
                return found
            return np.array([self.value(target[i : i + 1], y[i : i + 1])[0] for i in range(len(y))])
        if result.shape[0] != len(y):
            raise ValueError(f"loss {self.name!r} must return one value a row ({len(y)},), got shape {result.shape}")
        found = result.reshape(len(y), -1).mean(axis=1)
        return found

    def config(self) -> Config:
        """A function cannot be stored; the model file names it, and loading asks for it again."""
        return {"custom": self.key}

    def __repr__(self) -> str:
        return f"<loss function {self.name}>"
