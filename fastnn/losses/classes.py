"""The losses under the names that Keras gives their classes; each call gives a record of :mod:`fastnn.losses.records`.

All take ``reduction``, ``name`` and ``dtype`` as :class:`fastnn.losses.Loss` does, those over classes also ``axis``,
which is the last one.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastnn._base.arguments import number, shown
from fastnn.losses.base import MEAN, check_dtype, check_reduction
from fastnn.losses.records import LOSSES, N_PARAMETERS, SMOOTHING, LossRecord

RANGES: dict[str, dict[str, Any]] = {
    SMOOTHING: {"low": 0.0, "high": 1.0},
    "delta": {"low": 0.0, "open_low": True},
    "gamma": {"low": 0.0},
    "alpha": {"low": 0.0},
    "quantile": {"low": 0.0, "high": 1.0, "open_low": True, "open_high": True},
}
MOST_ALPHAS = N_PARAMETERS - 2  # beside gamma and the label smoothing


def bind(loss: LossRecord, arguments: Mapping[str, Any]) -> LossRecord:
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


def _parameter(name: str, value: Any) -> float | tuple[float, ...]:
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


def _other(loss: LossRecord, name: str, value: Any) -> Any:
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


def _named(loss: LossRecord, name: Any) -> LossRecord:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be a text, got {shown(name)}")
    return replace(loss, name=name or loss.definition)


def _on_last_axis(loss: LossRecord, axis: Any) -> LossRecord:
    if axis != -1:
        raise ValueError(f"axis must be -1, got {shown(axis)}: classes lie along the last axis")
    return loss


def _of_any_dtype(loss: LossRecord, dtype: Any) -> LossRecord:
    check_dtype(dtype)
    return loss


COMMON: Mapping[str, Any] = {
    "reduction": lambda loss, reduction: replace(loss, reduction=check_reduction(reduction)),
    "name": _named,
    "label": _named,
    "axis": _on_last_axis,
    "dtype": _of_any_dtype,
}


def _make(definition: str, given: dict[str, Any]) -> LossRecord:
    """The loss from the ``locals()`` of a function below."""
    return bind(LOSSES[definition], given)


def BinaryCrossentropy(
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    reduction: str | None = MEAN,
    name: str | None = None,
    dtype: Any = None,
) -> LossRecord:
    """Yes/no outputs, each on its own: mean of ``-(t log y + (1-t) log(1-y))``."""
    return _make("binary_crossentropy", locals())


def CategoricalCrossentropy(
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    reduction: str | None = MEAN,
    name: str | None = None,
    dtype: Any = None,
) -> LossRecord:
    """One of n classes, target one-hot: ``-sum(t log(y / sum y))``.

    >>> from fastnn import losses
    >>> loss = losses.CategoricalCrossentropy(label_smoothing=0.1)
    >>> round(loss([[0.0, 1.0]], [[0.25, 0.75]]), 4)
    0.3426
    """
    return _make("categorical_crossentropy", locals())


def SparseCategoricalCrossentropy(
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
    reduction: str | None = MEAN,
    name: str | None = None,
    dtype: Any = None,
) -> LossRecord:
    """One of n classes, target a class index: ``-log(y[t] / sum y)``."""
    if ignore_class is not None:
        raise ValueError("ignore_class must be None; give the rows of that class the sample_weight 0")
    given = {"from_logits": from_logits, "axis": axis, "reduction": reduction, "name": name, "dtype": dtype}
    return _make("sparse_categorical_crossentropy", given)


def BinaryFocalCrossentropy(
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    reduction: str | None = MEAN,
    name: str | None = None,
    dtype: Any = None,
) -> LossRecord:
    """Cross-entropy of yes/no outputs times ``(1 - p_t)**gamma``, which leaves out what is easy (Lin et al. 2017).

    ``p_t = t y + (1-t) (1-y)``; 0 for ``gamma`` is the plain cross-entropy. With ``apply_class_balancing`` a yes
    counts ``alpha`` and a no ``1 - alpha``.
    """
    return _make("binary_focal_crossentropy", locals())


def CategoricalFocalCrossentropy(
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    reduction: str | None = MEAN,
    name: str | None = None,
    dtype: Any = None,
) -> LossRecord:
    """One of n classes, target one-hot or soft: ``-sum(alpha t (1-p)**gamma log p)`` with ``p = y / sum y``.

    ``alpha`` is one number for all classes or, of up to 30 classes, one for each.
    """
    return _make("categorical_focal_crossentropy", locals())


def SparseCategoricalFocalCrossentropy(
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    axis: int = -1,
    reduction: str | None = MEAN,
    name: str | None = None,
    dtype: Any = None,
) -> LossRecord:
    """:func:`CategoricalFocalCrossentropy` whose target is a class index: ``-alpha (1-p[t])**gamma log p[t]``."""
    return _make("sparse_categorical_focal_crossentropy", locals())


def MeanSquaredError(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Mean of ``(y - t)**2``."""
    return _make("mean_squared_error", locals())


def MeanAbsoluteError(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Mean of ``|y - t|``."""
    return _make("mean_absolute_error", locals())


def MeanAbsolutePercentageError(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Mean of ``100 |y - t| / |t|``, with ``|t|`` at least 1e-7."""
    return _make("mean_absolute_percentage_error", locals())


def MeanSquaredLogarithmicError(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Mean of ``(log(1 + y) - log(1 + t))**2``, both at least 1e-7."""
    return _make("mean_squared_logarithmic_error", locals())


def CosineSimilarity(
    axis: int = -1, reduction: str | None = MEAN, name: str | None = None, dtype: Any = None
) -> LossRecord:
    """Minus the cosine of the angle between target and prediction, -1 where they point the same way.

    >>> from fastnn import losses
    >>> losses.CosineSimilarity()([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]])  # doctest: +ELLIPSIS
    -0.49999...
    """
    return _make("cosine_similarity", locals())


def Huber(delta: float = 1.0, reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Half the squared error up to ``delta``, linear beyond (Huber 1964)."""
    return _make("huber", locals())


def LogCosh(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Mean of ``log(cosh(y - t))``."""
    return _make("log_cosh", locals())


def Poisson(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Counts: mean of ``y - t log(y + 1e-7)``."""
    return _make("poisson", locals())


def PoissonDeviance(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Counts and rates: mean of ``t log(t / y) - (t - y)``, half the Poisson deviance, for ``y > 0``.

    End the model with ``exponential``, which is taken together with the loss, or with ``softplus``.
    """
    return _make("poisson_deviance", locals())


def KLDivergence(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Sum of ``t log(t / y)``, both kept in [1e-7, 1]."""
    return _make("kl_divergence", locals())


def Hinge(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Margin: mean of ``max(1 - t y, 0)``; targets 0 and 1 are taken as -1 and 1."""
    return _make("hinge", locals())


def SquaredHinge(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Margin: mean of ``max(1 - t y, 0)**2``; targets 0 and 1 are taken as -1 and 1."""
    return _make("squared_hinge", locals())


def CategoricalHinge(reduction: str | None = MEAN, name: str | None = None, dtype: Any = None) -> LossRecord:
    """Margin between classes, target one-hot: ``max(max((1 - t) y) - sum(t y) + 1, 0)`` (Crammer and Singer 2001)."""
    return _make("categorical_hinge", locals())


def Pinball(
    quantile: float | Sequence[float] = 0.5, reduction: str | None = MEAN, name: str | None = None, dtype: Any = None
) -> LossRecord:
    """Quantile regression: mean of ``max(q (t - y), (q - 1) (t - y))`` (Koenker and Bassett 1978).

    ``quantile`` is one number, or up to 32 in rising order that the columns of the output take in turn: with 3
    quantiles, columns 0, 3, 6 ... are of the first. The target is as wide as the output.

    >>> from fastnn import losses
    >>> upper = losses.Pinball(0.9)
    >>> round(upper([10.0], [8.0]), 3), round(upper([10.0], [12.0]), 3)  # too low costs nine times as much as too high
    (1.8, 0.2)
    """
    return _make("pinball", locals())
