"""Penalties on parameters or on what layers give, added to the loss: ``l1 * sum |w| + l2 * sum w**2``, as in Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from fastnn._base.arguments import fixed, lookup, number, refuse_subclass, shown
from fastnn._base.reprs import call_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def penalty(segments: np.ndarray, params: np.ndarray) -> float:
    """The penalties of all parameters, from a plan's segments."""
    total = 0.0
    for offset, size, l1, l2, *_ in segments:
        w = params[offset : offset + size]
        if l1 or l2:
            total += l1 * np.abs(w).sum(dtype=np.float64) + l2 * np.square(w).sum(dtype=np.float64)
    return float(total)


def penalize(segments: np.ndarray, params: np.ndarray, grads: np.ndarray, scale: float = 1.0) -> float:
    """Add ``scale`` times the penalties' gradients to ``grads``; returns ``scale`` times the penalties."""
    for offset, size, l1, l2, *_ in segments:
        if l1 or l2:
            w, g = params[offset : offset + size], grads[offset : offset + size]
            g += (scale * (l1 * np.sign(w) + 2 * l2 * w)).astype(g.dtype)
    return scale * penalty(segments, params)


@fixed
@dataclass(frozen=True, repr=False, eq=False)
class L1L2:
    """Both penalties; a factor of zero is none. Called on an array, it gives the penalty.

    Parameters
    ----------
    l1 : factor of the sum of absolute values.
    l2 : factor of the sum of squares.

    >>> from fastnn.layers import Dense
    >>> from fastnn.regularizers import L1L2
    >>> Dense(1, kernel_regularizer=L1L2(l1=0.001, l2=0.01))
    Dense(units=1, kernel_regularizer=L1L2(l1=0.001, l2=0.01))
    >>> L1L2(l1=1.0, l2=0.5)([1.0, -2.0])
    5.5
    """

    l1: float = 0.0
    l2: float = 0.0

    def __init_subclass__(cls) -> None:
        refuse_subclass(cls, "a regularizer", "updates are compiled; compose L1L2, or add the penalty in a custom loss")

    def __post_init__(self) -> None:
        number("l1", self.l1, low=0.0)
        number("l2", self.l2, low=0.0)

    def __call__(self, x: ArrayLike) -> float:
        """The penalty of an array, summed in float64."""
        x = np.asarray(x)
        return float(self.l1 * np.abs(x).sum(dtype=np.float64) + self.l2 * np.square(x, dtype=np.float64).sum())

    def __eq__(self, other: object) -> bool:
        """Penalties are the same where they cost the same, whatever the class that made them."""
        return isinstance(other, L1L2) and (self.l1, self.l2) == (other.l1, other.l2)

    def __hash__(self) -> int:
        return hash((self.l1, self.l2))

    def __repr__(self) -> str:
        return call_of(self)

    def config(self) -> dict[str, float]:
        """What the model file stores."""
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """``l1 * sum |w|``.

    Parameters
    ----------
    l1 : factor of the sum of absolute values.
    """

    def __init__(self, l1: float = 0.01):
        super().__init__(l1=l1)


class L2(L1L2):
    """``l2 * sum w**2``.

    Parameters
    ----------
    l2 : factor of the sum of squares.

    >>> from fastnn.regularizers import L2
    >>> L2(0.5)
    L2(l2=0.5)
    """

    def __init__(self, l2: float = 0.01):
        super().__init__(l2=l2)


l1, l2, l1_l2 = L1, L2, L1L2
RegularizerName = Literal["l1", "l2", "l1_l2", "L1", "L2", "L1L2"]  # a test compares it with the table
REGULARIZERS: dict[str, type[L1L2]] = {"l1": L1, "l2": L2, "l1_l2": L1L2}
NAMED = {"l1": L1(), "l2": L2(), "l1_l2": L1L2(0.01, 0.01)}


def get(regularizer: object) -> L1L2:
    """Turn what a user wrote (name, object, class, configuration, None) into a penalty.

    Parameters
    ----------
    regularizer : a name, a class, an object, a configuration, or None.

    >>> from fastnn import regularizers
    >>> regularizers.get("L2"), regularizers.get({"class_name": "L1", "config": {"l1": 0.5}})
    (L2(), L1(l1=0.5))
    """
    if regularizer is None:
        return L1L2()
    if isinstance(regularizer, L1L2):
        return regularizer
    if isinstance(regularizer, type) and regularizer in REGULARIZERS.values():
        found: L1L2 = regularizer()
        return found
    if isinstance(regularizer, dict) and "class_name" in regularizer:
        kind = lookup("regularizer", regularizer["class_name"], REGULARIZERS)
        return kind(**regularizer.get("config", {}))
    if isinstance(regularizer, dict):
        return L1L2(**regularizer)
    if isinstance(regularizer, str):
        return lookup("regularizer", regularizer, NAMED)
    raise TypeError(f"a regularizer must be a name or an object of fastnn.regularizers, got {shown(regularizer)}")
