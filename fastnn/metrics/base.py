"""``Metric``: the base of all metrics, and of those that users write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.arrays import model_dtype, of_reals
from fastnn._base.listing import Listed
from fastnn._base.reprs import call_of
from fastnn._base.types import Argument, Config, DataLike, DtypeLike
from fastnn.metrics.readings import SOFTMAXES, Reading, Task
from fastnn.metrics.statistics import STATISTICS, StatisticCode, n_sums

Name = Argument[str | None, str]
UNNAMED: Any = None  # for the descriptor that type checkers see


class Variable(np.ndarray):
    """An array that takes Keras' ``assign`` and ``assign_add``."""

    def assign(self, value: object) -> None:
        """Take over numbers."""
        self[...] = value

    def assign_add(self, value: object) -> None:
        """Add numbers."""
        self[...] += value


class Metric(Listed):
    """Base of metrics, with the methods of Keras'; write subclasses for metrics of your own.

    In ``compile(metrics=[...])`` it is reset, updated and asked once an epoch, with all targets and predictions of
    that data, as NumPy arrays: ``(n, *output_shape)``, or class indices ``(n,)`` of a sparse loss. ``sample_weight``
    is None but in ``weighted_metrics``. Logs of batches do not hold it. By itself it is called on arrays as in Keras:
    each call adds to what came before, until :meth:`reset_state`.

    Parameters
    ----------
    name : key in ``History.history``; the class's name in snake_case when None.
    dtype : None, float32 or float64, for Keras' sake: sums are float64.

    Attributes
    ----------
    rises : whether more is better, for callbacks with ``mode="auto"``; None leaves it to ``mode``.

    >>> import numpy as np
    >>> from fastnn import metrics
    >>> class LargestError(metrics.Metric):
    ...     rises = False
    ...     def __init__(self, name="largest_error"):
    ...         super().__init__(name=name)
    ...         self.largest = self.add_variable(())
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(max(self.largest, np.abs(y_true - y_pred).max()))
    ...     def result(self):
    ...         return float(self.largest)
    >>> metric = LargestError()
    >>> metric(np.array([1.0, 2.0]), np.array([1.5, 2.0])), metric(np.array([3.0]), np.array([1.0]))
    (0.5, 2.0)
    """

    _INNER = "label_weights of_all reading score usual_name"

    rises: ClassVar[bool | None] = None
    name: Name

    def __init__(self, name: str | None = None, dtype: DtypeLike | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtype
        check_dtype(dtype)

    @property
    def variables(self) -> list[Variable]:
        """What :meth:`add_variable` made."""
        made: list[Variable] = self.__dict__.setdefault("_variables", [])
        return made

    def add_variable(
        self,
        shape: int | Sequence[int] = (),
        initializer: object = "zeros",
        dtype: DtypeLike | None = None,
        name: str | None = None,
    ) -> Variable:
        """An array of zeros that :meth:`reset_state` sets to zero again.

        Parameters
        ----------
        shape : of the array, ``()`` for a number.
        initializer : ``"zeros"``, the only one.
        dtype : None for float64.
        name : for Keras' sake; nothing depends on it.
        """
        if initializer not in ("zeros", None):
            raise ValueError(f"a metric's variables start from zeros, got initializer={initializer!r}")
        variable = np.zeros(shape, dtype or np.float64).view(Variable)
        self.variables.append(variable)
        return variable

    add_weight = add_variable

    def update_state(self, y_true: DataLike, y_pred: DataLike, sample_weight: DataLike = None) -> None:
        """Take in rows.

        Parameters
        ----------
        y_true : targets of some rows.
        y_pred : predictions of these rows, ``(rows, n)``.
        sample_weight : None or a weight for each row, ``(rows,)``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update_state(y_true, y_pred, sample_weight)")

    def result(self) -> Any:
        """The value of all rows so far: a number, several, or a dict of them."""
        raise NotImplementedError(f"{type(self).__name__} must define result()")

    def reset_state(self) -> None:
        """Forget all rows."""
        for variable in self.variables:
            variable[...] = 0

    def __call__(self, *arguments: object, **named: object) -> Any:
        """:meth:`update_state`, then :meth:`result`."""
        self.update_state(*arguments, **named)
        return self.result()

    def get_config(self) -> Config:
        """Arguments that make the metric again; subclasses with more of them add theirs."""
        return {"name": self.name, "dtype": self.dtype}

    def config(self) -> Config:
        """What the model file stores; loading asks for the class by its name."""
        return {"custom": type(self).__name__, "arguments": self.get_config()}

    def reading(self, task: Task) -> Reading:
        """The metric for a model's task: once an epoch, on all predictions."""
        return Reading(self.name, StatisticCode.PREDICTIONS, self._of_all, rises=self.rises)

    def _of_all(self, target: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> object:
        self.reset_state()
        self.update_state(target, y, sample_weight=weight)
        return self.result()

    def __repr__(self) -> str:
        return f"<metric {self.name}>"


class Definition(Metric):
    """Base of fastnn's own metrics, dataclasses of Keras' arguments: read from sums, or from all predictions.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    usual_name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        name: object = self.name
        if name is None:
            self.name = self.usual_name or snake_case(type(self).__name__)
        elif not isinstance(name, str):
            raise TypeError(f"name must be text, got {name!r}")
        check_dtype(vars(self).get("dtype"))
        self.check()

    def check(self) -> None:
        """Raise for an argument that is wrong."""

    def update_state(self, y_true: DataLike, y_pred: DataLike, sample_weight: DataLike = None) -> None:
        target, y, weight = as_rows(y_true, y_pred, sample_weight)
        state = self.__dict__
        reading = state.setdefault("_reading", self.reading(task_of_arrays(target, y)))
        if reading.keeps:
            state.setdefault("_rows", []).append((target, y, weight))
            return
        sums = state.setdefault("_sums", np.zeros(n_sums(reading.statistic, y.shape[-1])))
        counted = np.ones(len(y)) if weight is None else weight
        with np.errstate(all="ignore"):
            STATISTICS[reading.statistic](target, y, counted, sums, reading.parameter)

    def result(self) -> Any:
        reading = self.__dict__.get("_reading")
        if reading is None:
            return float("nan")
        with np.errstate(all="ignore"):
            given = _joined(self.__dict__["_rows"]) if reading.keeps else (self.__dict__["_sums"],)
            value = reading.read(*given)
        return value if np.ndim(value) else float(value)

    def reset_state(self) -> None:
        for name in ("_reading", "_rows", "_sums"):
            self.__dict__.pop(name, None)

    def get_config(self) -> Config:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]  # dataclasses

    def config(self) -> Config:
        given = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]  # dataclasses
        usual = {f.name: f.default for f in fields(self)}  # type: ignore[arg-type]  # dataclasses
        kept = {k: list(v) if isinstance(v, tuple) else v for k, v in given.items() if v != usual[k]}
        return {"class": type(self).__name__} | kept

    def reading(self, task: Task) -> Reading:
        raise NotImplementedError

    def __getstate__(self) -> Config:
        return {k: v for k, v in self.__dict__.items() if k not in ("_reading", "_rows", "_sums")}

    def __repr__(self) -> str:
        shown = call_of(self)
        usual = self.usual_name or snake_case(type(self).__name__)
        return shown.replace(f"name={usual!r}, ", "").replace(f", name={usual!r}", "").replace(f"name={usual!r}", "")


def snake_case(name: str) -> str:
    """``"BinaryAccuracy"`` -> ``"binary_accuracy"``, as Keras names its objects."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def check_dtype(came: object) -> None:
    """Refuse a dtype that a metric's float64 sums would be taken for in vain."""
    try:
        if came is not None:
            model_dtype(came)
    except ValueError:
        raise ValueError(f"dtype must be None, float32 or float64, got {shown(came)}: sums are float64") from None


def as_rows(
    y_true: object, y_pred: object, sample_weight: object = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Arrays as statistics take them: target ``(rows, n)`` or class indices ``(rows,)``, prediction ``(rows, n)``.

    Axes between the first and the last are positions of a row, whose weight counts for each of them.
    """
    y, t = of_reals("y_pred", y_pred), of_reals("y_true", y_true)
    y = y if y.dtype in (np.float32, np.float64) else y.astype(np.float64)
    y = y.reshape(-1, 1) if y.ndim < 2 else y
    positions, n_out = y.shape[:-1], y.shape[-1]
    if t.shape == y.shape or (n_out == 1 and t.size == y.size):
        t = t.reshape(-1, n_out)
    elif t.shape in (positions, (*positions, 1)):
        t = _indices(t.reshape(-1), n_out)
    else:
        raise ValueError(f"y_true must have the shape of y_pred {y.shape}, or hold class indices, got shape {t.shape}")
    weight = None if sample_weight is None else of_reals("sample_weight", sample_weight).astype(np.float64)
    if weight is not None:
        if weight.shape not in ((), (len(y),), (len(y), 1)):
            raise ValueError(f"sample_weight must have shape {(len(y),)}, got {weight.shape}")
        weight = np.repeat(np.broadcast_to(weight.reshape(-1), (len(y),)), y.size // n_out // max(1, len(y)))
    return t, y.reshape(-1, n_out), weight


def _indices(t: np.ndarray, n_classes: int) -> np.ndarray:
    whole = t.dtype.kind != "f" or np.array_equal(t, np.floor(t))
    if not whole or (t.size and not 0 <= t.min() <= t.max() < n_classes):
        raise ValueError(f"y_true must hold class indices from 0 to {n_classes - 1}")
    return t.astype(np.int64)


def task_of_arrays(target: np.ndarray, y: np.ndarray) -> Task:
    """What arrays tell by themselves: class indices, and shares that add up to one in every row."""
    shares = y.shape[-1] > 1 and bool((y >= 0).all() and np.allclose(y.sum(axis=-1), 1.0, atol=1e-3))
    return Task(sparse=target.ndim < y.ndim, activation=SOFTMAXES[0] if shares else None, n_out=y.shape[-1])


def _joined(parts: list[tuple[np.ndarray | None, ...]]) -> tuple[np.ndarray | None, ...]:
    target, y, weight = (None if column[0] is None else np.concatenate(column) for column in zip(*parts, strict=True))
    return target, y, weight
