"""What all losses share: a value for each row, and how a batch's rows become the one number that is minimised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import fixed, number, shown
from fastnn._base.arrays import floats, of_reals
from fastnn._base.listing import Listed
from fastnn.losses.names import ReductionName

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


MEAN: ReductionName = "sum_over_batch_size"
REDUCTIONS: tuple[ReductionName | None, ...] = (MEAN, "mean", "sum", "mean_with_sample_weight", "none", None)


@fixed
@dataclass(frozen=True)
class Reduction:
    """How the losses of a batch's rows become the one number that is minimised.

    Attributes
    ----------
    scale : factor of the loss's gradient.
    by_weight : the batch's total weight divides loss and penalties (scikit-learn); else its number of rows divides the
        loss, and penalties count whole (Keras). A total of zero divides to zero.
    reported : factor of the loss in history and sums, which scikit-learn counts by other rules than its gradient.
    summed : nothing divides the loss (Keras' ``"sum"``).
    whole_penalties : penalties count whole also where ``by_weight`` divides the loss.
    """

    scale: float = 1.0
    by_weight: bool = False
    reported: float = 1.0
    summed: bool = False
    whole_penalties: bool = False


class Loss(Listed):
    """A loss of your own: a subclass with ``call(y_true, y_pred)``, as in Keras.

    ``call`` sees arrays: predictions ``(rows, n)`` and the targets as they were given. It returns one loss a row
    ``(rows,)``, one a number ``(rows, n)`` (averaged), or the pair ``(loss, gradient)`` with the gradient of each
    row's loss by the prediction; without it the gradient is taken by central differences, 2 n calls a batch.

    Parameters
    ----------
    name : shown by the model; the class's own name without it.
    reduction : ``"sum_over_batch_size"`` or ``"mean"`` (a batch's losses times their weights, over its rows),
        ``"sum"``, ``"mean_with_sample_weight"`` (over its weights), or None for a loss a row, which cannot be trained
        with.
    dtype : None; a loss computes in the dtype of its prediction.

    >>> import numpy as np
    >>> from fastnn import losses
    >>> class Quartic(losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return np.mean((y_pred - y_true) ** 4, axis=-1)
    >>> Quartic()([[0.0], [1.0]], [[2.0], [1.0]])
    8.0
    >>> Quartic(reduction=None)([[0.0], [1.0]], [[2.0], [1.0]])
    array([16.,  0.])
    """

    _INNER = "is_own"

    name: str
    reduction: ReductionName | None = MEAN

    def __init__(self, name: str | None = None, reduction: ReductionName | None = MEAN, dtype: None = None):
        check_dtype(dtype)
        self.name = name or snake_case(type(self).__name__)
        self.reduction = check_reduction(reduction)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> ArrayLike | tuple[ArrayLike, ArrayLike]:
        """Loss of each row.

        Parameters
        ----------
        y_true : targets as they were given to ``fit``.
        y_pred : predictions ``(rows, n)``.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method call(self, y_true, y_pred)")

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float | Any:
        """The reduced loss of arrays: a number, or with ``reduction=None`` one for each row."""
        result = self.call(of_reals("y_true", y_true), floats("y_pred", y_pred))
        return reduced(result[0] if isinstance(result, tuple) else result, sample_weight, self.reduction)

    def __repr__(self) -> str:
        return f"<loss {getattr(self, 'name', type(self).__name__)}>"


def snake_case(name: str) -> str:
    """``MeanSquaredError`` as ``mean_squared_error``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def check_reduction(came: object) -> ReductionName | None:
    """The reduction under the one name it has here."""
    if isinstance(came, str | None) and came in REDUCTIONS:
        return MEAN if came == "mean" else None if came == "none" else came
    names = ", ".join(map(repr, REDUCTIONS))
    raise ValueError(f"reduction must be one of {names}, got {shown(came)}")


def check_dtype(came: object) -> None:
    """Refuse a dtype, which would be ignored."""
    if came is not None:
        raise ValueError(f"dtype must be None, got {shown(came)}: a loss computes in the dtype of its prediction")


def reduced(values: object, sample_weight: object, reduction: str | None) -> float | Any:
    """Losses of rows as one number, or as they are; weights ``(n,)`` or ``(n, 1)``, or as many as there are losses."""
    values = floats("losses of rows", values)
    weight = None if sample_weight is None else _weight_of(sample_weight, values)
    values = values if weight is None else values * weight
    if reduction is None or not values.ndim:
        return values if values.ndim else float(values)
    total = float(np.sum(values, dtype=np.float64))
    if reduction == "sum":
        return total
    whole = float(np.sum(weight)) if weight is not None and reduction == "mean_with_sample_weight" else values.size
    return total / whole if whole else 0.0


def _weight_of(came: object, values: np.ndarray) -> np.ndarray:
    weight = of_reals("sample_weight", came).astype(values.dtype)
    if weight.ndim == values.ndim + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if weight.shape != values.shape[: weight.ndim]:
        raise ValueError(f"sample_weight must have shape {values.shape}, got {weight.shape}")
    return weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))


def reduction_of(loss: Loss, weight: float = 1.0) -> Reduction:
    """How a model is trained with a loss that counts ``weight`` (Keras' ``loss_weights``).

    Parameters
    ----------
    loss : a loss.
    weight : its factor.
    """
    if loss.reduction is None:
        raise ValueError(
            f"the loss {loss.name!r} has reduction=None, which keeps one loss for each row; training minimises one "
            f"number, so take 'sum_over_batch_size', 'sum' or 'mean_with_sample_weight'"
        )
    by_weight = loss.reduction == "mean_with_sample_weight"
    return Reduction(weight, by_weight, weight, loss.reduction == "sum", whole_penalties=by_weight)


def weight_of(loss_weights: object) -> float:
    """Keras' ``loss_weights`` for the one output of a model: a number, or a list or dict of one.

    Parameters
    ----------
    loss_weights : as of ``compile``.
    """
    if isinstance(loss_weights, list | tuple | dict):
        if len(loss_weights) != 1:
            raise ValueError(f"loss_weights must hold one number for the one output, got {shown(loss_weights)}")
        loss_weights = next(iter(loss_weights.values() if isinstance(loss_weights, dict) else loss_weights))
    return 1.0 if loss_weights is None else number("loss_weights", loss_weights)
