"""Losses as users write them: by name with :func:`get`, or made by a function with Keras' name.

Each returns a record of :mod:`fastnn.losses.records`, with its parameters checked and bound.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastnn.definitions import lookup, number
from fastnn.losses.custom import CustomLoss
from fastnn.losses.records import (
    ALL_LOSSES,
    LOSSES,
    LOSSES_ON_LOGITS,
    N_PARAMETERS,
    SMOOTHING,
    Loss,
    LossCode,
    Reduction,
)

__all__ = [
    "ALL_LOSSES",
    "LOSSES",
    "LOSSES_ON_LOGITS",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CustomLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossCode",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Pinball",
    "Poisson",
    "PoissonDeviance",
    "Reduction",
    "SparseCategoricalCrossentropy",
    "SparseCategoricalFocalCrossentropy",
    "get",
]

RANGES: Mapping[str, Mapping[str, Any]] = {
    SMOOTHING: {"low": 0.0, "high": 1.0},
    "delta": {"low": 0.0, "open_low": True},
    "gamma": {"low": 0.0},
    "quantile": {"low": 0.0, "high": 1.0, "open_low": True, "open_high": True},
}
ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "logcosh": "log_cosh",
    "kld": "kl_divergence",
    "bce": "binary_crossentropy",
}


def get(loss: object, **arguments: Any) -> Loss | CustomLoss:
    """Turn what a user wrote (name, record, stored config, function) into a loss.

    Parameters
    ----------
    loss : str, Loss, dict as from :meth:`Loss.config`, or a function ``f(target, prediction)``.
    **arguments : ``from_logits``, ``label_smoothing``, ``gamma`` (focal), ``delta`` (huber), ``quantile`` (pinball).

    >>> from fastnn import losses
    >>> losses.get("huber", delta=0.5)
    <loss huber(delta=0.5)>
    >>> losses.get("mse")([0.0, 2.0], [1.0, 5.0])
    5.0
    """
    if isinstance(loss, dict):
        arguments = {k: v for k, v in loss.items() if k != "name"} | arguments
        loss = loss.get("name")
    if isinstance(loss, Loss | CustomLoss) and not arguments:
        return loss
    if isinstance(loss, str):
        return _bind(lookup("loss", loss, LOSSES, ALIASES), arguments)
    if isinstance(loss, Loss):
        return _bind(loss, arguments)
    if getattr(loss, "__module__", None) == __name__ and callable(loss):
        raise TypeError(f"loss must be made first: {getattr(loss, '__name__', loss)}()")
    if callable(loss) and not arguments:
        return CustomLoss(loss)
    raise TypeError(f"loss must be a name, a record of fastnn.losses or a function f(target, prediction), got {loss!r}")


def _bind(loss: Loss, arguments: dict[str, Any]) -> Loss:
    for name, value in arguments.items():
        if name == "from_logits" and loss.activation:
            loss = loss.on_logits() if value else loss
        elif name == loss.parameter_name:
            several = name == "quantile" and isinstance(value, list | tuple | np.ndarray) and np.ndim(value)
            bound = _rising(name, value) if several else number(name, value, **RANGES[name])
            loss = replace(loss, parameter=bound)
        else:
            raise ValueError(f"loss {loss.name!r} has no argument {name!r}")
    return loss


def _rising(name: str, came: Any) -> tuple[float, ...]:
    """Several values of a parameter, each in its range and larger than the one before."""
    values = tuple(number(name, value, **RANGES[name]) for value in came)
    if not 1 <= len(values) <= N_PARAMETERS:
        raise ValueError(f"{name} must be 1 to {N_PARAMETERS} numbers, got {len(values)}")
    if any(low >= high for low, high in itertools.pairwise(values)):
        raise ValueError(f"{name} must rise from number to number, got {values}; sort them, each only once")
    return values


def BinaryCrossentropy(from_logits: bool = False, label_smoothing: float = 0.0) -> Loss:
    """Yes/no outputs, each on its own: mean of ``-(t log y + (1-t) log(1-y))``."""
    return _bind(LOSSES["binary_crossentropy"], {"from_logits": from_logits, "label_smoothing": label_smoothing})


def CategoricalCrossentropy(from_logits: bool = False, label_smoothing: float = 0.0) -> Loss:
    """One of n classes, target one-hot: ``-sum(t log(y / sum y))``.

    >>> from fastnn import losses
    >>> loss = losses.CategoricalCrossentropy(label_smoothing=0.1)
    >>> round(loss([[0.0, 1.0]], [[0.25, 0.75]]), 4)
    0.3426
    """
    return _bind(LOSSES["categorical_crossentropy"], {"from_logits": from_logits, "label_smoothing": label_smoothing})


def SparseCategoricalCrossentropy(from_logits: bool = False) -> Loss:
    """One of n classes, target a class index: ``-log(y[t] / sum y)``."""
    return _bind(LOSSES["sparse_categorical_crossentropy"], {"from_logits": from_logits})


def BinaryFocalCrossentropy(gamma: float = 2.0, from_logits: bool = False) -> Loss:
    """Cross-entropy of yes/no outputs times ``(1 - p_t)**gamma``, which leaves out what is easy (Lin et al. 2017).

    ``p_t = t y + (1-t) (1-y)``; 0 for ``gamma`` is the plain cross-entropy. Their alpha is ``class_weight`` in ``fit``.
    """
    return _bind(LOSSES["binary_focal_crossentropy"], {"gamma": gamma, "from_logits": from_logits})


def CategoricalFocalCrossentropy(gamma: float = 2.0, from_logits: bool = False) -> Loss:
    """One of n classes, target one-hot or soft: ``-sum(t (1-p)**gamma log p)`` with ``p = y / sum y``.

    As :func:`BinaryFocalCrossentropy`, alpha is left to ``class_weight``.
    """
    return _bind(LOSSES["categorical_focal_crossentropy"], {"gamma": gamma, "from_logits": from_logits})


def SparseCategoricalFocalCrossentropy(gamma: float = 2.0, from_logits: bool = False) -> Loss:
    """:func:`CategoricalFocalCrossentropy` whose target is a class index: ``-(1-p[t])**gamma log p[t]``."""
    return _bind(LOSSES["sparse_categorical_focal_crossentropy"], {"gamma": gamma, "from_logits": from_logits})


def MeanSquaredError() -> Loss:
    """Mean of ``(y - t)**2``."""
    return LOSSES["mean_squared_error"]


def MeanAbsoluteError() -> Loss:
    """Mean of ``|y - t|``."""
    return LOSSES["mean_absolute_error"]


def Huber(delta: float = 1.0) -> Loss:
    """Half the squared error up to ``delta``, linear beyond (Huber 1964)."""
    return _bind(LOSSES["huber"], {"delta": delta})


def LogCosh() -> Loss:
    """Mean of ``log(cosh(y - t))``."""
    return LOSSES["log_cosh"]


def Poisson() -> Loss:
    """Counts: mean of ``y - t log(y + 1e-7)``."""
    return LOSSES["poisson"]


def PoissonDeviance() -> Loss:
    """Counts and rates: mean of ``t log(t / y) - (t - y)``, half the Poisson deviance, for ``y > 0``.

    End the model with ``exponential``, which is taken together with the loss, or with ``softplus``.
    """
    return LOSSES["poisson_deviance"]


def KLDivergence() -> Loss:
    """Sum of ``t log(t / y)``, both kept in [1e-7, 1]."""
    return LOSSES["kl_divergence"]


def Hinge() -> Loss:
    """Margin: mean of ``max(1 - t y, 0)``; targets 0 and 1 are taken as -1 and 1."""
    return LOSSES["hinge"]


def Pinball(quantile: float | Sequence[float] = 0.5) -> Loss:
    """Quantile regression: mean of ``max(q (t - y), (q - 1) (t - y))`` (Koenker and Bassett 1978).

    ``quantile`` is one number, or up to 32 in rising order that the columns of the output take in turn: with 3
    quantiles, columns 0, 3, 6 ... are of the first. The target is as wide as the output.

    >>> from fastnn import losses
    >>> upper = losses.Pinball(0.9)
    >>> round(upper([10.0], [8.0]), 3), round(upper([10.0], [12.0]), 3)  # too low costs nine times as much as too high
    (1.8, 0.2)
    """
    return _bind(LOSSES["pinball"], {"quantile": quantile})
