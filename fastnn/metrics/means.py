"""Means of values, and functions of the user as metrics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastnn._base.arrays import of_reals
from fastnn._base.types import Config, DataLike, DtypeLike
from fastnn.metrics.base import Metric
from fastnn.metrics.readings import Reading, Task


class Mean(Metric):
    """Weighted mean of the values handed to it; for loops of your own, not for ``compile``.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import metrics
    >>> mean = metrics.Mean()
    >>> mean([1, 3, 5, 7]), mean([4, 9], sample_weight=[1, 0])
    (4.0, 4.0)
    """

    def __init__(self, name: str | None = None, dtype: DtypeLike | None = None) -> None:
        super().__init__(name, dtype)
        self.total, self.count = self.add_variable(), self.add_variable()

    def update_state(self, values: DataLike, sample_weight: DataLike = None) -> None:  # type: ignore[override]  # as Keras
        """Add values: one a row, or an array a row, which is averaged.

        Parameters
        ----------
        values : a number, or an array of them.
        sample_weight : None or weights of the values.
        """
        rows = self._rows(values)
        weight = (
            np.ones(len(rows))
            if sample_weight is None
            else of_reals("sample_weight", sample_weight).astype(np.float64).reshape(-1)
        )
        if weight.shape != (len(rows),) and weight.size != 1:
            raise ValueError(
                f"metric {self.name!r} has {len(rows)} values for {weight.size} weights; weighted metrics need a "
                f"value for each row"
            )
        weight = np.broadcast_to(weight, (len(rows),))
        self.total.assign_add((rows * weight).sum())
        self.count.assign_add(weight.sum())

    def _rows(self, values: object) -> np.ndarray:
        numbers = np.atleast_1d(of_reals(f"values of metric {self.name!r}", values)).astype(np.float64)
        return numbers.reshape(len(numbers), -1).mean(axis=1) if numbers.size else numbers.reshape(-1)

    def result(self) -> float:
        """The mean; NaN of nothing."""
        return float(self.total / self.count) if self.count else float("nan")

    def reading(self, task: Task) -> Reading:
        raise TypeError("Mean takes values, not targets and predictions; give a function f(target, prediction) instead")


class MeanMetricWrapper(Mean):
    """A function ``fn(target, prediction)`` as a metric: its number, or the mean of the numbers it gives.

    In ``compile(metrics=[f])`` a function becomes one by itself. It is called once an epoch with all targets and
    predictions of that data, as NumPy arrays in the order in which they were trained; its ``__name__`` is the key in
    ``History``, and whether more is better is for the ``mode`` of a callback to say. In ``weighted_metrics`` it must
    give a value for each row.

    Parameters
    ----------
    fn : ``f(target, prediction)``, called once an epoch on all predictions.
    **kwargs : further arguments of ``fn``.
    name, dtype : as of :class:`Metric`.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Activation
    >>> def largest_error(target, prediction):
    ...     return np.abs(target - prediction).max()
    >>> model = Sequential([Activation("linear", input_shape=(1,))])
    >>> model.compile("sgd", "mse", metrics=[largest_error])
    >>> model.evaluate([[1.0], [2.0]], [1.0, 5.0], return_dict=True)
    {'loss': 4.5, 'largest_error': 3.0}
    """

    def __init__(
        self, fn: Callable[..., object], name: str | None = None, dtype: DtypeLike | None = None, **kwargs: object
    ) -> None:
        if not callable(fn):
            raise TypeError(f"fn must be a function f(target, prediction), got {fn!r}")
        super().__init__(name or getattr(fn, "__name__", type(fn).__name__), dtype)
        self.fn, self.kwargs = fn, kwargs

    def update_state(self, y_true: DataLike, y_pred: DataLike, sample_weight: DataLike = None) -> None:  # type: ignore[override]  # as Keras
        """Add the function's values of these rows.

        Parameters
        ----------
        y_true, y_pred, sample_weight : as of :meth:`Metric.update_state`.
        """
        super().update_state(self.fn(y_true, y_pred, **self.kwargs), sample_weight)

    def reading(self, task: Task) -> Reading:
        return Metric.reading(self, task)

    def config(self) -> Config:
        return {"custom": getattr(self.fn, "__name__", self.name)}

    def __repr__(self) -> str:
        return f"<metric function {self.name}>"
