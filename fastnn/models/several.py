"""Predictions in hot loops by models of several inputs or outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

import numpy as np

from fastnn._base.types import DataLike, Outputs
from fastnn._engine.predictor import Following
from fastnn._engine.state import State
from fastnn._plan.plan import Plan
from fastnn.models.structure import Structure


class SeveralPredictor(Following):
    """``f(x)`` or ``f(x, out=)`` for a model of several inputs or outputs; follows its parameters as they train.

    ``x`` is a list of arrays, or a dict of them by name, in the order and under the names that the model takes; of a
    model of one input it is one array. Each is one row of its input's shape, or all are batches ``(n, *shape)`` of as
    many rows, C-contiguous and of the model's dtype; anything else is a ``TypeError`` or ``ValueError``. NaN and
    infinities go through. Outputs come as the model gives them, in a list or a dict; ``out`` is such a list or dict of
    arrays to write to. Threads may share a predictor.

    >>> import numpy as np
    >>> from fastnn import Input, Model
    >>> from fastnn.layers import Add, Dense
    >>> a, b = Input((2,), name="a"), Input((1,), name="b")
    >>> total = Add(name="total")([Dense(1, kernel_initializer="ones")(a), b])
    >>> predict = Model({"a": a, "b": b}, [total, b], backend="numpy").predictor()
    >>> predict
    <SeveralPredictor a (2,), b (1,) -> total (1,), b (1,), float32, on numpy>
    >>> [y.tolist() for y in predict({"a": np.float32([1, 2]), "b": np.float32([4])})]
    [[7.0], [4.0]]
    """

    def __init__(self, plan: Plan, name: str, backend: ModuleType, state: State, ends: tuple[Structure, Structure]):
        super().__init__(plan, name, backend, state)
        self.ends = ends
        self.shapes, self.output_shapes = list(plan.layout.input_shapes), list(plan.layout.output_shapes)
        self._sizes = [math.prod(shape) for shape in self.shapes]
        self._output_sizes = [math.prod(shape) for shape in self.output_shapes]
        self._labels = [ends[0].label("x", i) for i in range(len(self.shapes))]

    def renew(self, plan: Plan) -> None:
        """Predict by another plan, since the model's parameters stand elsewhere."""
        super().renew(plan)
        self.free.append(self.memory)

    def __call__(self, x: DataLike, out: Outputs = None) -> Outputs:
        """Predict; returns ``out``, or new arrays of shape ``output_shape`` or ``(n, *output_shape)`` each."""
        inputs = self.ends[0].split("x", x)
        rows = self._rows(inputs)
        shapes = self.output_shapes if rows is None else [(rows, *shape) for shape in self.output_shapes]
        if out is None:
            made = [np.empty(shape, self.dtype) for shape in shapes]
        else:
            made = self._checked(out, shapes)
            inputs = [a.copy() if any(np.may_share_memory(a, y) for y in made) else a for a in inputs]
        n = 1 if rows is None else rows
        self.predict_into(_flat(inputs, n, self._sizes), _flat(made, n, self._output_sizes))
        return self.ends[1].join(made) if out is None else out

    def _rows(self, inputs: Sequence[np.ndarray]) -> int | None:
        """How many rows each array has, None where each is one row."""
        found: int | None = None
        for i, (label, array, shape) in enumerate(zip(self._labels, inputs, self.shapes, strict=True)):
            n = self.rows_in(label, array, shape)
            if i and n != found:
                first, here = ("one row" if count is None else f"{count} rows" for count in (found, n))
                raise ValueError(f"all inputs must have as many rows: {self._labels[0]} has {first}, {label} {here}")
            found = n
        return found

    def _checked(self, out: object, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
        """The arrays of ``out``, in the order of the outputs."""
        places = self.ends[1].split("out", out)
        for i, (place, shape) in enumerate(zip(places, shapes, strict=True)):
            label = self.ends[1].label("out", i)
            self.check_place(label, place, shape)
            if any(np.may_share_memory(place, other) for other in places[:i]):
                raise ValueError(f"{label} must not share memory with an output before it")
        return places

    @property
    def cfunc(self) -> NoReturn:
        """None is there: a C function takes rows of one input and gives one output."""
        raise ValueError("a C function takes one input and gives one output; fastnn export writes C for several")

    def __repr__(self) -> str:
        ends = zip(self.ends, (self.shapes, self.output_shapes), strict=True)
        told = [", ".join(f"{name} {shape}" for name, shape in zip(end.names, s, strict=True)) for end, s in ends]
        return f"<SeveralPredictor {' -> '.join(told)}, {self.precision or self.dtype}, on {self.name}>"


def _flat(arrays: Sequence[np.ndarray], n: int, sizes: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Each as ``(n, numbers a sample)``, without the ways of a subclass."""
    return tuple(np.asarray(array).reshape(n, size) for array, size in zip(arrays, sizes, strict=True))
