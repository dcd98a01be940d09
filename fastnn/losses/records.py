"""What a loss is: its record, with its value for a row and the gradient of that value, and the table of all losses.

The formulas are in :mod:`fastnn.losses.formulas`. Elementwise losses give a term and its slope for each
output, averaged (or summed) over the last axis; row-wise ones give the row's value and its gradient. Rows are
averaged by the training loop, weights included: ``sum(w * loss) / rows``, as Keras 3 does.

Design: a sigmoid, softmax or exponential before its own loss is taken together with it (``on_logits``), because the
pair is exact where each alone overflows, and its gradient is simple (``y - t`` for the cross-entropies). The plan
decides this once; users write the plain pair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from fastnn.definitions import fixed
from fastnn.losses import formulas


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


N_PARAMETERS = 32  # of one loss at most


@fixed
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


@fixed
@dataclass(frozen=True)
class Loss:
    """One loss with its parameters bound; called with ``(target, prediction)`` it gives the mean.

    Attributes
    ----------
    name, code : its name in the interface and its number in the plan.
    term, slope : the formula and its derivative by ``y``; see the module's docstring.
    rowwise : the formula gives a value for a whole row.
    sums : the row's value is the sum of the terms and not their mean (Kullback-Leibler).
    sparse : the target is a class index, not a row as wide as the prediction.
    activation : name of the activation that this loss can take together with itself.
    from_logits : the prediction is what comes before that activation.
    parameter_name, parameter : the one free number, 0.0 where there is none, or a tuple of at most N_PARAMETERS that
        the columns of the output take in turn (quantiles). For the cross-entropies on dense targets it is
        ``label_smoothing``, the share of each target that the loss spreads evenly over all classes; metrics see the
        target as it is.
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
    parameter: float | tuple[float, ...] = 0.0

    def __call__(self, target, prediction) -> float:
        return float(np.mean(self.value(np.asarray(target), np.asarray(prediction))))

    def value(self, target, y):
        """Loss of each row: ``(..., n)`` -> ``(...)``; a sparse target has shape ``(...)``."""
        terms = self.term(self._dense(target, y), y, self._of_columns(y))
        if self.rowwise:
            return terms
        return terms.sum(axis=-1) if self.sums else terms.mean(axis=-1)

    def gradient(self, target, y):
        """Derivative of each row's loss by ``y``, of the shape of ``y``."""
        slope = self.slope(self._dense(target, y), y, self._of_columns(y))
        return slope if self.rowwise or self.sums else slope / y.shape[-1]

    def _dense(self, target, y):
        if not self.sparse:
            return target
        return (np.asarray(target)[..., None] == np.arange(y.shape[-1])).astype(y.dtype)

    @property
    def parameters(self) -> tuple[float, ...]:
        """The parameters that the columns of the output take in turn; one serves all."""
        return self.parameter if isinstance(self.parameter, tuple) else (self.parameter,)

    def check_width(self, n_out: int) -> None:
        """``ValueError`` when the columns of an output do not come out even with the parameters."""
        count = len(self.parameters)
        if n_out % count:
            raise ValueError(
                f"loss {self.name!r} with {count} values of {self.parameter_name} needs an output whose width is a "
                f"multiple of {count}, got {n_out}; end the model with Dense({count})"
            )

    def _of_columns(self, y):
        if len(self.parameters) == 1:
            return self.parameters[0]
        self.check_width(y.shape[-1])
        return np.resize(np.asarray(self.parameters, y.dtype), y.shape[-1])

    def on_logits(self) -> Loss:
        """The same loss taken together with its activation."""
        return replace(LOSSES_ON_LOGITS[self.name], parameter=self.parameter)

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        stored: dict[str, Any] = {"name": self.name}
        if self.parameter_name and (self.parameter or LOSSES[self.name].parameter):
            several = isinstance(self.parameter, tuple)
            stored[self.parameter_name] = list(self.parameters) if several else self.parameter
        if self.from_logits:
            stored["from_logits"] = True
        return stored

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in self.config().items() if k != "name")
        return f"<loss {self.name}({inside})>" if inside else f"<loss {self.name}>"


SMOOTHING = "label_smoothing"


def _record(code: LossCode, **more: Any) -> Loss:
    """The loss with the formulas of its name; a sparse one has those on dense targets."""
    formula = code.name.lower().removeprefix("sparse_")
    name = code.name.lower().removesuffix("_logits")
    term, slope = getattr(formulas, f"t_{formula}"), getattr(formulas, f"s_{formula}")
    return Loss(name, code, term, slope, from_logits=code.name.endswith("_LOGITS"), **more)


def _with_activation(end: str) -> dict[str, Loss]:
    """The losses that can take an activation together with themselves; ``end`` is that of their codes' names."""
    smoothed = {"parameter_name": SMOOTHING}
    focal = {"parameter_name": "gamma", "parameter": 2.0}
    classes = {"activation": "softmax", "rowwise": True}
    kinds: dict[str, dict[str, Any]] = {
        "BINARY_CROSSENTROPY": {"activation": "sigmoid", **smoothed},
        "CATEGORICAL_CROSSENTROPY": classes | smoothed,
        "SPARSE_CATEGORICAL_CROSSENTROPY": {**classes, "sparse": True},
        "POISSON_DEVIANCE": {"activation": "exponential"},
        "BINARY_FOCAL_CROSSENTROPY": {"activation": "sigmoid", **focal},
        "CATEGORICAL_FOCAL_CROSSENTROPY": classes | focal,
        "SPARSE_CATEGORICAL_FOCAL_CROSSENTROPY": {**classes, **focal, "sparse": True},
    }
    records = [_record(LossCode[name + end], **more) for name, more in kinds.items()]
    return {record.name: record for record in records}


LOSSES_ON_LOGITS: Mapping[str, Loss] = _with_activation("_LOGITS")

LOSSES: Mapping[str, Loss] = _with_activation("") | {
    record.name: record
    for record in (
        _record(LossCode.MEAN_SQUARED_ERROR),
        _record(LossCode.MEAN_ABSOLUTE_ERROR),
        _record(LossCode.HUBER, parameter_name="delta", parameter=1.0),
        _record(LossCode.LOG_COSH),
        _record(LossCode.POISSON),
        _record(LossCode.KL_DIVERGENCE, sums=True),
        _record(LossCode.HINGE),
        _record(LossCode.PINBALL, parameter_name="quantile", parameter=0.5),
    )
}

ALL_LOSSES = (*LOSSES.values(), *LOSSES_ON_LOGITS.values())
