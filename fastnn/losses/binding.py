"""A loss with a user's arguments: each is checked, and kept in the record."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypedDict

import numpy as np

from fastnn._base.arguments import number, shown
from fastnn.losses.base import check_dtype, check_reduction
from fastnn.losses.records import LOSSES, N_PARAMETERS, SMOOTHING, LossRecord


class Range(TypedDict, total=False):
    """What :func:`fastnn._base.arguments.number` is told of an argument."""

    low: float
    high: float
    open_low: bool
    open_high: bool


RANGES: dict[str, Range] = {
    SMOOTHING: {"low": 0.0, "high": 1.0},
    "delta": {"low": 0.0, "open_low": True},
    "gamma": {"low": 0.0},
    "alpha": {"low": 0.0},
    "quantile": {"low": 0.0, "high": 1.0, "open_low": True, "open_high": True},
}
MOST_ALPHAS = N_PARAMETERS - 2  # beside gamma and the label smoothing


def bind(loss: LossRecord, arguments: Mapping[str, object]) -> LossRecord:
    """The loss with a user's arguments."""
    for name, value in arguments.items():
        if name == "from_logits" and loss.activation:
            loss = loss.on_logits() if value else loss
        elif name == loss.parameter_name:
            loss = replace(loss, parameter=_parameter(name, value))
        elif name in dict(loss.more):
            loss = replace(loss, more=tuple((n, _other(loss, n, value) if n == name else v) for n, v in loss.more))
        elif name in COMMON:
            loss = COMMON[name](loss, value)
        else:
            raise ValueError(f"loss {loss.definition!r} has no argument {name!r}")
    return loss


def _parameter(name: str, value: object) -> float | tuple[float, ...]:
    several = name == "quantile" and isinstance(value, list | tuple | np.ndarray) and np.ndim(value)
    return _rising(name, value) if several else number(name, value, **RANGES[name])


def _rising(name: str, came: Any) -> tuple[float, ...]:
    """Several values of a parameter, each in its range and larger than the one before."""
    values = tuple(number(name, value, **RANGES[name]) for value in came)
    if not 1 <= len(values) <= N_PARAMETERS:
        raise ValueError(f"{name} must be 1 to {N_PARAMETERS} numbers, got {len(values)}")
    if any(low >= high for low, high in itertools.pairwise(values)):
        raise ValueError(f"{name} must rise from number to number, got {values}; sort them, each only once")
    return values


def _other(loss: LossRecord, name: str, value: object) -> bool | float | tuple[float, ...]:
    """An argument of a focal loss beside gamma."""
    if name == "apply_class_balancing":
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} must be True or False, got {shown(value)}")
        return bool(value)
    if name == SMOOTHING:
        return number(name, value, **RANGES[name])
    if loss.rowwise and isinstance(value, list | tuple | np.ndarray) and np.ndim(value):
        if not 1 <= len(value) <= MOST_ALPHAS:
            raise ValueError(f"alpha must be 1 to {MOST_ALPHAS} numbers, got {len(value)}; class_weight takes more")
        return tuple(number(name, each, **RANGES[name]) for each in value)
    return number(name, value, **RANGES[name] | ({} if loss.rowwise else {"high": 1.0}))


def _named(loss: LossRecord, name: object) -> LossRecord:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be a text, got {shown(name)}")
    return replace(loss, name=name or loss.definition)


def _on_last_axis(loss: LossRecord, axis: object) -> LossRecord:
    if axis != -1:
        raise ValueError(f"axis must be -1, got {shown(axis)}: classes lie along the last axis")
    return loss


def _of_any_dtype(loss: LossRecord, dtype: object) -> LossRecord:
    check_dtype(dtype)
    return loss


COMMON: Mapping[str, Callable[[LossRecord, object], LossRecord]] = {
    "reduction": lambda loss, reduction: replace(loss, reduction=check_reduction(reduction)),
    "name": _named,
    "label": _named,
    "axis": _on_last_axis,
    "dtype": _of_any_dtype,
}


def made(definition: str, given: Mapping[str, object]) -> LossRecord:
    """The loss from the ``locals()`` of the function that is called."""
    return bind(LOSSES[definition], given)
