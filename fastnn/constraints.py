"""Constraints: what parameters are made to fulfil after every update, as in Keras.

Names, arguments and formulas are those of Keras 3; norms are Euclidean, summed in float64.

Design: backends know two projections, so that they need no more when a constraint comes in: negative numbers become
zero, or each group of a matrix is scaled by :func:`factor` of its norm. A function of one's own is refused, for the
compiled loop of updates does not come back to Python.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

import numpy as np

from fastnn._base.arguments import fixed, lookup, number, refuse_subclass, shown
from fastnn._base.listing import Listed
from fastnn._base.reprs import call_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fastnn._base.types import Config, Numbers

EPSILON = 1e-7  # keeps the quotient of norms finite


class ConstraintCode(IntEnum):
    """Number of each projection in the plan; the C enum ``fnn_constraint_code`` is the same."""

    UNCONSTRAINED = 0
    NON_NEG = 1
    NORM = 2


def factor(norm: Numbers, least: float, most: float, rate: float) -> Numbers:
    """By what the numbers of a group are multiplied: Keras' ``(rate clip(norm) + (1 - rate) norm) / (eps + norm)``."""
    clipped = np.minimum(np.maximum(norm, least), most)
    return (rate * clipped + (1 - rate) * norm) / (EPSILON + norm)


class Constraint(Listed):
    """Base of all constraints; an object is called with an array and gives the projected one."""

    _INNER = "code"

    code = ConstraintCode.NORM

    def __init_subclass__(cls) -> None:
        refuse_subclass(cls, "a constraint", "updates are compiled; choose one of fastnn.constraints, or project the "
                        "weights in a callback by get_weights and set_weights")  # fmt: skip

    def bounds(self) -> tuple[float, float, float]:
        """``least``, ``most`` and ``rate`` of :func:`factor`."""
        return 0.0, 0.0, 0.0

    def matrix(self, shape: Sequence[int]) -> tuple[int, bool]:
        """How a parameter's numbers lie: columns of the matrix of them, and whether norms are those of its rows.

        Raises
        ------
        ValueError
            the parameter has no such axis.
        """
        rank, axis = len(shape), getattr(self, "axis", None)
        axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        if any(not -rank <= a < rank for a in axes):
            raise ValueError(f"{self!r} needs a parameter that has axis {axis}, this one has shape {tuple(shape)}")
        summed = sorted({a % rank for a in axes})
        if len(summed) == rank:
            return math.prod(shape), True
        if summed == list(range(len(summed))):
            return math.prod(shape[len(summed) :]), False
        if summed == list(range(rank - len(summed), rank)):
            return math.prod(shape[rank - len(summed) :]), True
        raise ValueError(f"{self!r} must sum over the first or the last axes of a parameter of shape {tuple(shape)}")

    def __call__(self, w: ArrayLike) -> np.ndarray:
        """The projected array, of the shape and dtype of ``w``.

        >>> from fastnn.constraints import MaxNorm
        >>> MaxNorm(1.0)([[3.0, 0.5], [4.0, 0.0]]).round(3).tolist()
        [[0.6, 0.5], [0.8, 0.0]]
        """
        w = np.array(w)
        w = w if w.dtype.kind == "f" else w.astype(np.float64)
        project(w.reshape(-1), self.code, *self.matrix(w.shape), *self.bounds())
        return w

    def __repr__(self) -> str:
        return call_of(self)

    def config(self) -> Config:
        """What the model file stores."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]  # dataclasses
        return {"name": type(self).__name__, **given}


def project(w: np.ndarray, code: int, columns: int, by_row: bool, least: float, most: float, rate: float) -> None:
    """Project flat parameters in place, as every backend does after an update."""
    if code == ConstraintCode.NON_NEG:
        w[...] = np.where(w < 0, w.dtype.type(0), w)
    elif code == ConstraintCode.NORM:
        matrix = w.reshape(-1, columns)
        norm = np.sqrt(np.square(matrix, dtype=np.float64).sum(axis=1 if by_row else 0, keepdims=True))
        matrix *= factor(norm, least, most, rate).astype(w.dtype)


@fixed
@dataclass(frozen=True, repr=False)
class NonNeg(Constraint):
    """``max(w, 0)``."""

    code = ConstraintCode.NON_NEG


@fixed
@dataclass(frozen=True, repr=False)
class MaxNorm(Constraint):
    """Norms of at most ``max_value`` (Srivastava et al. 2014).

    Parameters
    ----------
    max_value : float >= 0.
    axis : the axis, or axes, over which a norm is summed: 0 of a kernel ``(n_in, units)`` for the weights that go into
        each unit; None for all numbers together.
    """

    max_value: float = 2
    axis: int | Sequence[int] | None = 0

    def __post_init__(self) -> None:
        number("max_value", self.max_value, low=0.0)
        _settle_axis(self)

    def bounds(self) -> tuple[float, float, float]:
        return 0.0, float(self.max_value), 1.0


@fixed
@dataclass(frozen=True, repr=False)
class UnitNorm(Constraint):
    """Norms of 1; ``axis`` as in :class:`MaxNorm`.

    Parameters
    ----------
    axis : axis or axes over which a norm is taken.
    """

    axis: int | Sequence[int] | None = 0

    def __post_init__(self) -> None:
        _settle_axis(self)

    def bounds(self) -> tuple[float, float, float]:
        return 1.0, 1.0, 1.0


@fixed
@dataclass(frozen=True, repr=False)
class MinMaxNorm(Constraint):
    """Norms between two bounds.

    Parameters
    ----------
    min_value, max_value : 0 <= min_value <= max_value.
    rate : share of the way to the bound that one update goes, in [0, 1].
    axis : as in :class:`MaxNorm`.
    """

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: int | Sequence[int] | None = 0

    def __post_init__(self) -> None:
        number("min_value", self.min_value, low=0.0)
        number("max_value", self.max_value, low=self.min_value)
        number("rate", self.rate, low=0.0, high=1.0)
        _settle_axis(self)

    def bounds(self) -> tuple[float, float, float]:
        return float(self.min_value), float(self.max_value), float(self.rate)


def _settle_axis(constraint: MaxNorm | UnitNorm | MinMaxNorm) -> None:
    """Keep ``axis`` as None, a whole number or a tuple of them."""
    axis = constraint.axis
    whole = axis if isinstance(axis, tuple | list) else () if axis is None else (axis,)
    if any(isinstance(a, bool) or not isinstance(a, int | np.integer) for a in whole) or axis in ((), []):
        raise TypeError(f"axis must be None, a whole number or a tuple of them, got {axis!r}")
    numbers = tuple(int(a) for a in whole)
    object.__setattr__(constraint, "axis", numbers if isinstance(axis, tuple | list) else numbers[0] if whole else None)


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
# fmt: off
ConstraintName = Literal[
    "max_norm",
    "non_neg",
    "unit_norm",
    "min_max_norm",
    "MaxNorm",
    "NonNeg",
    "UnitNorm",
    "MinMaxNorm",
]
# fmt: on
CONSTRAINTS: dict[str, type[Constraint]] = {c.__name__: c for c in (MaxNorm, NonNeg, UnitNorm, MinMaxNorm)}


def get(constraint: object) -> Constraint | None:
    """Turn what a user wrote (name, object, class, stored config, None) into a constraint, or None for none.

    Parameters
    ----------
    constraint : a name, a class, an object, a configuration, or None.

    >>> from fastnn import constraints
    >>> constraints.get("non_neg"), constraints.get({"class_name": "MaxNorm", "config": {"max_value": 3}})
    (NonNeg(), MaxNorm(max_value=3))
    """
    if constraint is None or isinstance(constraint, Constraint):
        return constraint
    if isinstance(constraint, type) and constraint in CONSTRAINTS.values():
        found: Constraint | None = constraint()
        return found
    if isinstance(constraint, str):
        return lookup("constraint", constraint, CONSTRAINTS)()
    if isinstance(constraint, dict):
        given = constraint.get("config", {}) if "class_name" in constraint else constraint
        name = constraint.get("class_name", constraint.get("name"))
        return lookup("constraint", name, CONSTRAINTS)(**{k: v for k, v in given.items() if k != "name"})
    raise TypeError(f"a constraint must be a name or an object of fastnn.constraints, got {shown(constraint)}")
