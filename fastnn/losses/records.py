"""What a loss is: its record, with its value for a row and the gradient of that value, and the table of all losses.

The formulas are in :mod:`fastnn.losses.formulas` and :mod:`fastnn.losses.focal`. Elementwise losses give a term and
its slope for each output, averaged (or summed) over the last axis; row-wise ones give the row's value and its gradient.
Rows are averaged by the training loop, weights included: ``sum(w * loss) / rows``, as Keras 3 does.

Design: a sigmoid, softmax or exponential before its own loss is taken together with it (``on_logits``), because the
pair is exact where each alone overflows, and its gradient is simple (``y - t`` for the cross-entropies). The plan
decides this once; users write the plain pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np

from fastnn._base.arguments import fixed
from fastnn._base.types import Config, Numbers
from fastnn.losses import focal, formulas
from fastnn.losses.base import MEAN, Loss
from fastnn.losses.names import ReductionName


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
    POISSON_DEVIANCE = 14
    POISSON_DEVIANCE_LOGITS = 15
    BINARY_FOCAL_CROSSENTROPY = 16
    BINARY_FOCAL_CROSSENTROPY_LOGITS = 17
    CATEGORICAL_FOCAL_CROSSENTROPY = 18
    CATEGORICAL_FOCAL_CROSSENTROPY_LOGITS = 19
    SPARSE_CATEGORICAL_FOCAL_CROSSENTROPY = 20
    SPARSE_CATEGORICAL_FOCAL_CROSSENTROPY_LOGITS = 21
    MEAN_ABSOLUTE_PERCENTAGE_ERROR = 22
    MEAN_SQUARED_LOGARITHMIC_ERROR = 23
    SQUARED_HINGE = 24
    CATEGORICAL_HINGE = 25
    COSINE_SIMILARITY = 26
    INNER_PRODUCT = 27


N_PARAMETERS = 32  # of one loss at most
SMOOTHING = "label_smoothing"
COUNTS: dict[str, object] = {"low": 0.0}
SHARES: dict[str, object] = {"low": 0.0, "high": 1.0}


@fixed
@dataclass(frozen=True, repr=False)
class LossRecord(Loss):
    """One loss with its parameters bound; called with ``(target, prediction)`` it gives the mean.

    Attributes
    ----------
    name, code : what the user calls it, and its number in the plan; ``definition`` is its name in the interface.
    term, slope : the formula and its derivative by ``y``; see the module's docstring.
    rowwise : the formula gives a value for a whole row.
    sums : the row's value is the sum of the terms and not their mean (Kullback-Leibler).
    sparse : the target is a class index, not a row as wide as the prediction.
    activation : name of the activation that this loss can take together with itself.
    from_logits : the prediction is what comes before that activation.
    parameter_name, parameter : its main free number, 0.0 where there is none, or a tuple of at most N_PARAMETERS that
        the columns of the output take in turn (quantiles). For the cross-entropies on dense targets it is
        ``label_smoothing``, the share of each target that the loss spreads evenly over all classes; metrics see the
        target as it is.
    more : the other arguments by name, of the focal losses, whose formulas take all ``parameters`` at once.
    low, high : what a target may be.
    signs : targets are -1 and 1; 0 and 1 are taken for them.
    reduction : as of :class:`fastnn.losses.Loss`.
    """

    is_own: ClassVar[bool] = False  # whether it is a function of the user's, which no kernel knows

    name: str
    code: LossCode
    term: Callable[..., Numbers]
    slope: Callable[..., Numbers]
    rowwise: bool = False
    sums: bool = False
    sparse: bool = False
    activation: str | None = None
    from_logits: bool = False
    parameter_name: str | None = None
    parameter: float | tuple[float, ...] = 0.0
    more: tuple[tuple[Any, ...], ...] = ()
    low: float = -math.inf
    high: float = math.inf
    signs: bool = False
    reduction: ReductionName | None = MEAN

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Loss of each row of arrays, which are matched as Keras matches them."""
        if y_pred.ndim == 1 and y_true.ndim == 2 and not self.sparse:
            y_pred = y_pred[:, None]
        return self.value(matched(self, y_true, y_pred), y_pred if y_pred.ndim else y_pred[None])

    @property
    def definition(self) -> str:
        """Its name in the interface, whatever the user calls it."""
        return self.code.name.lower().removesuffix("_logits")

    def value(self, target: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss of each row: ``(..., n)`` -> ``(...)``; a sparse target has shape ``(...)``."""
        terms = self.term(self._dense(target, y), y, self._numbers(y))
        if self.rowwise:
            found: np.ndarray = terms
            return found
        found = terms.sum(axis=-1) if self.sums else terms.mean(axis=-1)
        return found

    def gradient(self, target: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Derivative of each row's loss by ``y``, of the shape of ``y``."""
        slope = self.slope(self._dense(target, y), y, self._numbers(y))
        found: np.ndarray = slope if self.rowwise or self.sums else slope / y.shape[-1]
        return found

    def value_and_gradient(self, target: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both."""
        return self.value(target, y), self.gradient(target, y)

    def _dense(self, target: np.ndarray, y: np.ndarray) -> np.ndarray:
        if not self.sparse:
            return target
        found: np.ndarray = (np.asarray(target)[..., None] == np.arange(y.shape[-1])).astype(y.dtype)
        return found

    @property
    def parameters(self) -> tuple[float, ...]:
        """The numbers of the plan: those that the columns take in turn (one serves all), or all of a focal loss."""
        own = self.parameter if isinstance(self.parameter, tuple) else (self.parameter,)
        if not self.more:
            return own
        more = dict(self.more)
        alpha, smoothing = more["alpha"], more.get(SMOOTHING, 0.0)
        if self.rowwise:
            return *own, smoothing, *(alpha if isinstance(alpha, tuple) else (alpha,))
        return *own, smoothing, *((alpha, 1 - alpha) if more["apply_class_balancing"] else (1.0, 1.0))

    def check_width(self, n_out: int) -> None:
        """``ValueError`` when the columns of an output do not come out even with the parameters."""
        alpha = dict(self.more).get("alpha")
        if isinstance(alpha, tuple) and len(alpha) != n_out:
            raise ValueError(f"loss {self.name!r} has {len(alpha)} values of alpha for {n_out} classes; give one each")
        count = 1 if self.more else len(self.parameters)
        if n_out % count:
            raise ValueError(
                f"loss {self.name!r} with {count} values of {self.parameter_name} needs an output whose width is a "
                f"multiple of {count}, got {n_out}; end the model with Dense({count})"
            )

    def _numbers(self, y: np.ndarray) -> float | np.ndarray | tuple[float, ...]:
        self.check_width(y.shape[-1])
        if self.more:
            return self.parameters
        if len(self.parameters) == 1:
            return self.parameters[0]
        return np.resize(np.asarray(self.parameters, y.dtype), y.shape[-1])

    def on_logits(self) -> LossRecord:
        """The same loss taken together with its activation."""
        other = LOSSES_ON_LOGITS[self.definition]
        return replace(other, name=self.name, parameter=self.parameter, more=self.more, reduction=self.reduction)

    def config(self) -> Config:
        """What the model file stores."""
        usual = LOSSES[self.definition]
        stored: dict[str, object] = {"name": self.definition}
        if self.parameter_name and (self.parameter or usual.parameter):
            stored[self.parameter_name] = _plain(self.parameter)
        stored |= {name: _plain(value) for name, value in self.more if (name, value) not in usual.more}
        if self.from_logits:
            stored["from_logits"] = True
        if self.name != self.definition:
            stored["label"] = self.name
        if self.reduction != MEAN:
            stored["reduction"] = self.reduction
        return stored

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in self.config().items() if k != "name")
        return f"<loss {self.definition}({inside})>" if inside else f"<loss {self.definition}>"


def _plain(value: object) -> object:
    """A parameter as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def matched(loss: LossRecord, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """The target of the formula for arrays that a user hands in: ``(n,)`` and ``(n, 1)`` go together."""
    if loss.sparse:
        return _class_indices(loss, y_true, y_pred.shape)
    target = y_true.astype(y_pred.dtype, copy=False)
    if target.ndim + 1 == y_pred.ndim and y_pred.shape[-1] == 1:
        target = target[..., None]
    elif target.ndim == y_pred.ndim + 1 and target.shape[-1] == 1:
        target = target[..., 0]
    if target.shape != y_pred.shape:
        raise ValueError(f"y_true and y_pred must have the same shape, got {y_true.shape} and {y_pred.shape}")
    return 2 * target - 1 if loss.signs and np.isin(target, (0, 1)).all() else target


def _class_indices(loss: LossRecord, y_true: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if not shape or not shape[-1]:
        raise ValueError(f"y_pred must have a number for each class along its last axis, got shape {shape}")
    if y_true.ndim == len(shape) and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    if y_true.shape != shape[:-1]:
        raise ValueError(
            f"y_true must hold class indices of shape {shape[:-1]} for y_pred of shape {shape}, got {y_true.shape}"
        )
    whole = y_true.dtype.kind != "f" or np.array_equal(y_true, np.floor(y_true))
    if not whole or (y_true.size and not (y_true.min() >= 0 and y_true.max() < shape[-1])):
        raise ValueError(f"y_true must hold class indices from 0 to {shape[-1] - 1} for {loss.name}")
    return y_true


def _record(code: LossCode, **more: Any) -> LossRecord:
    """The loss with the formulas of its name; a sparse one has those on dense targets."""
    formula = code.name.lower().removeprefix("sparse_")
    name = code.name.lower().removesuffix("_logits")
    module = focal if "focal" in formula else formulas
    term, slope = getattr(module, f"t_{formula}"), getattr(module, f"s_{formula}")
    return LossRecord(name, code, term, slope, from_logits=code.name.endswith("_LOGITS"), **more)


def _with_activation(end: str) -> dict[str, LossRecord]:
    """The losses that can take an activation together with themselves; ``end`` is that of their codes' names."""
    smoothed = {"parameter_name": SMOOTHING}
    binary = {"activation": "sigmoid", **SHARES}
    classes = {"activation": "softmax", "rowwise": True}
    gamma = {"parameter_name": "gamma", "parameter": 2.0}
    alpha = ("alpha", 0.25)
    kinds: dict[str, dict[str, object]] = {
        "BINARY_CROSSENTROPY": binary | smoothed,
        "CATEGORICAL_CROSSENTROPY": classes | smoothed | COUNTS,
        "SPARSE_CATEGORICAL_CROSSENTROPY": {**classes, "sparse": True},
        "POISSON_DEVIANCE": {"activation": "exponential", **COUNTS},
        "BINARY_FOCAL_CROSSENTROPY": binary
        | gamma
        | {"more": (("apply_class_balancing", False), alpha, (SMOOTHING, 0.0))},
        "CATEGORICAL_FOCAL_CROSSENTROPY": classes | gamma | COUNTS | {"more": (alpha, (SMOOTHING, 0.0))},
        "SPARSE_CATEGORICAL_FOCAL_CROSSENTROPY": {**classes, **gamma, "more": (alpha,), "sparse": True},
    }
    records = [_record(LossCode[name + end], **more) for name, more in kinds.items()]
    return {record.name: record for record in records}


LOSSES_ON_LOGITS: Mapping[str, LossRecord] = _with_activation("_LOGITS")

LOSSES: Mapping[str, LossRecord] = _with_activation("") | {
    record.name: record
    for record in (
        _record(LossCode.MEAN_SQUARED_ERROR),
        _record(LossCode.MEAN_ABSOLUTE_ERROR),
        _record(LossCode.HUBER, parameter_name="delta", parameter=1.0),
        _record(LossCode.LOG_COSH),
        _record(LossCode.POISSON, **COUNTS),
        _record(LossCode.KL_DIVERGENCE, sums=True, **COUNTS),
        _record(LossCode.HINGE, signs=True),
        _record(LossCode.PINBALL, parameter_name="quantile", parameter=0.5),
        _record(LossCode.MEAN_ABSOLUTE_PERCENTAGE_ERROR),
        _record(LossCode.MEAN_SQUARED_LOGARITHMIC_ERROR),
        _record(LossCode.SQUARED_HINGE, signs=True),
        _record(LossCode.CATEGORICAL_HINGE, rowwise=True, **SHARES),
        _record(LossCode.COSINE_SIMILARITY, rowwise=True),
    )
}

ALL_LOSSES = (*LOSSES.values(), *LOSSES_ON_LOGITS.values())
INNER_PRODUCT = _record(LossCode.INNER_PRODUCT, sums=True)  # of plans for gradients that users bring; has no name
EVERY_KERNEL = (*ALL_LOSSES, INNER_PRODUCT)  # what backends have
