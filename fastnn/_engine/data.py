"""Rows, targets and weights of a fit, from what a user hands in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import number
from fastnn._base.reprs import call_of
from fastnn._base.sparse import SparseRows
from fastnn._engine import convert
from fastnn._kernels.contract import Rows

if TYPE_CHECKING:
    from fastnn.models.sequential import Sequential


@dataclass
class Data:
    """Arrays as the backends take them (see ``_kernels/contract.py``)."""

    x: np.ndarray | SparseRows
    target: np.ndarray
    weight: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return call_of(self)

    @cached_property
    def rows(self) -> Rows:
        """As the contract has them."""
        return Rows((self.x,), (self.target,), (self.weight,))

    def part(self, rows: slice) -> Data:
        """Some of the rows, without a copy."""
        return Data(self.x[rows], self.target[rows], None if self.weight is None else self.weight[rows])


def check_given(x: Any, y: Any) -> None:
    """``TypeError`` where targets are missing, as beside a generator or a data set that has them."""
    if y is None:
        raise TypeError(
            f"y is missing beside x, a {type(x).__name__}: targets come as an array; generators and data sets are not "
            f"taken yet, so collect their batches first, such as by np.concatenate"
        )


def make_data(model: Sequential, x: Any, y: Any, sample_weight: Any = None, prefix: str = "") -> Data:
    """Check and convert for a model that is built."""
    if model.loss is None:
        raise ValueError("the model is not compiled; call compile(optimizer=..., loss=...) first")
    check_given(x, y)
    model.resolved_metrics()  # a metric that does not fit the loss is an error before any work
    rows = convert.inputs(f"{prefix}x", x, model.layout.input_shape, model.dtype)
    shape = model.layout.output_shape
    target = convert.targets(y, len(rows), shape, model.loss, model.dtype)
    convert.metrics(model.resolved_metrics(), target, shape, model.loss)
    weight = convert.weights(sample_weight, None, target, shape, model.loss, model.dtype)
    return Data(rows, target, weight)


def split_data(model: Sequential, given: tuple, share: Any, validation: Any) -> tuple[Data, Data | None]:
    """Training and validation data: the last ``share`` of the rows, or ``validation``, or none.

    ``given`` is ``(x, y, sample_weight, class_weight)``; class weights are for the rows that train.
    """
    share = number("validation_split", share, low=0.0, high=1.0, open_high=True)
    x, y, sample_weight, class_weight = given
    data = make_data(model, x, y, sample_weight)
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
            raise ValueError("validation_data must be (x, y) or (x, y, sample_weight)")
        x, y, weight = (*validation, None)[:3]
        return _weighted(model, data, class_weight), make_data(model, x, y, weight, prefix="validation ")
    if not share:
        return _weighted(model, data, class_weight), None
    first = int(len(data) * (1 - share))
    if not 0 < first < len(data):
        raise ValueError(
            f"validation_split {share:g} of {len(data)} rows leaves none for "
            f"{'training' if first == 0 else 'validation'}"
        )
    convert.warn_when_sorted(data.target)
    return _weighted(model, data.part(slice(None, first)), class_weight), data.part(slice(first, None))


def _weighted(model: Sequential, data: Data, class_weight: Any) -> Data:
    """The same rows with the weights of their classes."""
    if class_weight is None:
        return data
    assert model.loss is not None
    shape, loss = model.layout.output_shape, model.loss
    return replace(data, weight=convert.weights(data.weight, class_weight, data.target, shape, loss, model.dtype))
