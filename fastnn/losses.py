"""Losses: one record each, with its value for a row and the gradient of that value.

The formulas are in :mod:`fastnn.loss_formulas`. Elementwise losses give a term and its slope for each
output, averaged (or summed) over the last axis; row-wise ones give the row's value and its gradient. Rows are
averaged by the training loop, weights included: ``sum(w * loss) / rows``, as Keras 3 does.

Design: a sigmoid or softmax before its cross-entropy is taken together with it (``on_logits``),
because the pair is exact where each alone overflows, and its gradient is just ``y - t``. The plan
decides this once; users write the plain pair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from fastnn import loss_formulas as formulas
from fastnn.custom_loss import CustomLoss
from fastnn.definitions import lookup, number


class LossCode(IntEnum):
    """Number of each loss in the plan; the C enum ``fnn_loss_code`` is the same."""

    BINARY_CROSSENTROPY = 0
    BINARY_CROSSENTROPY_LOGITS = 1
    CATEGORICAL_CROSSENTROPY = 2
    CATEGORICAL_CROSSENTROPY_LOGITS = 3
    SPARSE_CATEGORICAL_CROSSENTROPY = 4
    SPARSE_CATEGORICAL_CROSSENTROPY_LOGITS = 5
    MEAN_SQUARED_ERROR = 6
    MEAN_ABSOLUTE_ERROR = 7
    HUBER = 8
    LOG_COSH = 9
    POISSON = 10
    KL_DIVERGENCE = 11
    HINGE = 12
    PINBALL = 13


@dataclass(frozen=True)
class Reduction:
    """How the losses of a batch's rows become the one number that is minimised.

    Attributes
    ----------
    scale : factor of the loss's gradient.
    by_weight : the batch's total weight divides loss and penalties (scikit-learn); else its number of rows divides the
        loss, and penalties count whole (Keras).
    reported : factor of the loss in history and sums, which scikit-learn counts by other rules than its gradient.
    """

    scale: float = 1.0
    by_weight: bool = False
    reported: float = 1.0


@dataclass(frozen=True)
class Loss:
    """One loss with its parameter bound; called with ``(target, prediction)`` it gives the mean.

    Attributes
    ----------
    name, code : its name in the interface and its number in the plan.
    term, slope : the formula and its derivative by ``y``; see the module's docstring.
    rowwise : the formula gives a value for a whole row.
    sums : the row's value is the sum of the terms and not their mean (Kullback-Leibler).
    sparse : the target is a class index, not a row as wide as the prediction.
    activation : name of the activation that this loss can take together with itself.
    from_logits : the prediction is what comes before that activation.
    parameter_name, parameter : the one free number, 0.0 where there is none. For the cross-entropies on dense targets
        it is ``label_smoothing``, the share of each target that the loss spreads evenly over all classes; metrics
        see the target as it is.
    """

    name: str
    code: LossCode
    term: Callable[..., Any]
    slope: Callable[..., Any]
    rowwise: bool = False
    sums: bool = False
    sparse: bool = False
    activation: str | None = None
    from_logits: bool = False
    parameter_name: str | None = None
    parameter: float = 0.0

    def __call__(self, target, prediction) -> float:
        return float(np.mean(self.value(np.asarray(target), np.asarray(prediction))))

    def value(self, target, y):
        """Loss of each row: ``(..., n)`` -> ``(...)``; a sparse target has shape ``(...)``."""
        terms = self.term(self._dense(target, y), y, self.parameter)
        if self.rowwise:
            return terms
        return terms.sum(axis=-1) if self.sums else terms.mean(axis=-1)

    def gradient(self, target, y):
        """Derivative of each row's loss by ``y``, of the shape of ``y``."""
        slope = self.slope(self._dense(target, y), y, self.parameter)
        return slope if self.rowwise or self.sums else slope / y.shape[-1]

    def _dense(self, target, y):
        if not self.sparse:
            return target
        return (np.asarray(target)[..., None] == np.arange(y.shape[-1])).astype(y.dtype)

    def on_logits(self) -> Loss:
        """The same loss taken together with its activation."""
        return replace(LOSSES_ON_LOGITS[self.name], parameter=self.parameter)

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        stored: dict[str, Any] = {"name": self.name}
        if self.parameter_name and self.parameter:
            stored[self.parameter_name] = self.parameter
        if self.from_logits:
            stored["from_logits"] = True
        return stored

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in self.config().items() if k != "name")
        return f"<loss {self.name}({inside})>" if inside else f"<loss {self.name}>"


SMOOTHING = "label_smoothing"


def _elementwise(code: LossCode, term, slope, **more) -> Loss:
    return Loss(code.name.lower(), code, term, slope, **more)


def _crossentropy(name: str, term, slope, *, logits: bool, **more) -> Loss:
    code = LossCode[name.upper() + ("_LOGITS" if logits else "")]
    return Loss(name, code, term, slope, from_logits=logits, **more)


def _crossentropies(logits: bool) -> dict[str, Loss]:
    binary = (
        (formulas.t_binary_crossentropy_logits, formulas.s_binary_crossentropy_logits)
        if logits
        else (formulas.t_binary_crossentropy, formulas.s_binary_crossentropy)
    )
    classes = (
        (formulas.t_categorical_crossentropy_logits, formulas.s_categorical_crossentropy_logits)
        if logits
        else (formulas.t_categorical_crossentropy, formulas.s_categorical_crossentropy)
    )
    records = (
        _crossentropy("binary_crossentropy", *binary, logits=logits, activation="sigmoid", parameter_name=SMOOTHING),
        _crossentropy(
            "categorical_crossentropy",
            *classes,
            logits=logits,
            rowwise=True,
            activation="softmax",
            parameter_name=SMOOTHING,
        ),
        _crossentropy(
            "sparse_categorical_crossentropy", *classes, logits=logits, rowwise=True, sparse=True, activation="softmax"
        ),
    )
    return {record.name: record for record in records}


LOSSES_ON_LOGITS: Mapping[str, Loss] = _crossentropies(logits=True)

LOSSES: Mapping[str, Loss] = _crossentropies(logits=False) | {
    record.name: record
    for record in (
        _elementwise(LossCode.MEAN_SQUARED_ERROR, formulas.t_mean_squared_error, formulas.s_mean_squared_error),
        _elementwise(LossCode.MEAN_ABSOLUTE_ERROR, formulas.t_mean_absolute_error, formulas.s_mean_absolute_error),
        _elementwise(LossCode.HUBER, formulas.t_huber, formulas.s_huber, parameter_name="delta", parameter=1.0),
        _elementwise(LossCode.LOG_COSH, formulas.t_log_cosh, formulas.s_log_cosh),
        _elementwise(LossCode.POISSON, formulas.t_poisson, formulas.s_poisson),
        _elementwise(LossCode.KL_DIVERGENCE, formulas.t_kl_divergence, formulas.s_kl_divergence, sums=True),
        _elementwise(LossCode.HINGE, formulas.t_hinge, formulas.s_hinge),
        _elementwise(
            LossCode.PINBALL, formulas.t_pinball, formulas.s_pinball, parameter_name="quantile", parameter=0.5
        ),
    )
}

ALL_LOSSES = (*LOSSES.values(), *LOSSES_ON_LOGITS.values())
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
    **arguments : ``from_logits``, ``label_smoothing``, ``delta`` (huber), ``quantile`` (pinball).
    """
    if isinstance(loss, dict):
        arguments = {k: v for k, v in loss.items() if k != "name"} | arguments
        loss = loss.get("name")
    if isinstance(loss, Loss | CustomLoss) and not arguments:
        return loss
    if isinstance(loss, str):
        return _bind(lookup("loss", ALIASES.get(loss, loss), LOSSES), arguments)
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
            high, inside = None if name == "delta" else 1.0, name != SMOOTHING
            bound = number(name, value, low=0.0, high=high, open_low=inside, open_high=inside)
            loss = replace(loss, parameter=bound)
        else:
            raise ValueError(f"loss {loss.name!r} has no argument {name!r}")
    return loss


def BinaryCrossentropy(from_logits: bool = False, label_smoothing: float = 0.0) -> Loss:
    """Yes/no outputs, each on its own: mean of ``-(t log y + (1-t) log(1-y))``."""
    return _bind(LOSSES["binary_crossentropy"], {"from_logits": from_logits, "label_smoothing": label_smoothing})


def CategoricalCrossentropy(from_logits: bool = False, label_smoothing: float = 0.0) -> Loss:
    """One of n classes, target one-hot: ``-sum(t log(y / sum y))``."""
    return _bind(LOSSES["categorical_crossentropy"], {"from_logits": from_logits, "label_smoothing": label_smoothing})


def SparseCategoricalCrossentropy(from_logits: bool = False) -> Loss:
    """One of n classes, target a class index: ``-log(y[t] / sum y)``."""
    return _bind(LOSSES["sparse_categorical_crossentropy"], {"from_logits": from_logits})


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


def KLDivergence() -> Loss:
    """Sum of ``t log(t / y)``, both kept in [1e-7, 1]."""
    return LOSSES["kl_divergence"]


def Hinge() -> Loss:
    """Margin: mean of ``max(1 - t y, 0)``; targets 0 and 1 are taken as -1 and 1."""
    return LOSSES["hinge"]


def Pinball(quantile: float = 0.5) -> Loss:
    """Quantile regression: mean of ``max(q (t - y), (q - 1) (t - y))`` (Koenker and Bassett 1978)."""
    return _bind(LOSSES["pinball"], {"quantile": quantile})
