"""Penalties on parameters, added to the loss: ``l1 * sum |w| + l2 * sum w**2``, as in Keras."""

from __future__ import annotations

from dataclasses import dataclass

from fastnn.definitions import lookup, number
from fastnn.reprs import call_of


@dataclass(frozen=True, repr=False)
class L1L2:
    """Both penalties; a factor of zero is none.

    >>> from fastnn.layers import Dense
    >>> from fastnn.regularizers import L1L2
    >>> Dense(1, kernel_regularizer=L1L2(l1=0.001, l2=0.01))
    Dense(units=1, kernel_regularizer=L1L2(l1=0.001, l2=0.01))
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self):
        number("l1", self.l1, low=0.0)
        number("l2", self.l2, low=0.0)

    def __repr__(self) -> str:
        return call_of(self)

    def config(self) -> dict[str, float]:
        """What the model file stores."""
        return {"l1": self.l1, "l2": self.l2}


def L1(l1: float = 0.01) -> L1L2:
    """``l1 * sum |w|``."""
    return L1L2(l1=l1)


def L2(l2: float = 0.01) -> L1L2:
    """``l2 * sum w**2``.

    >>> from fastnn.regularizers import L2
    >>> L2(0.5)
    L1L2(l2=0.5)
    """
    return L1L2(l2=l2)


NAMED = {"l1": L1L2(l1=0.01), "l2": L1L2(l2=0.01), "l1_l2": L1L2(0.01, 0.01)}


def get(regularizer: object) -> L1L2:
    """Turn what a user wrote (name, object, stored config, None) into a penalty."""
    if regularizer is None:
        return L1L2()
    if isinstance(regularizer, L1L2):
        return regularizer
    if isinstance(regularizer, dict):
        return L1L2(**regularizer)
    if isinstance(regularizer, str):
        return lookup("regularizer", regularizer, NAMED)
    raise TypeError(f"a regularizer must be a name or an object of fastnn.regularizers, got {regularizer!r}")
