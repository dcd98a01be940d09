"""Predictions step by step: a sequence's states are kept between the calls."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.arrays import of_reals, real_array
from fastnn._engine.convert import of_rows
from fastnn._engine.predictor import Predictor, lines_of
from fastnn._engine.state import State
from fastnn._plan.layout import Layout
from fastnn._plan.memory import allocate
from fastnn._plan.plan import Plan
from fastnn.layers.parameter import Shape

if TYPE_CHECKING:
    from fastnn._engine.cfunction import CFunction


BUSY = "two threads step through one sequence; each wants a predictor of its own"


class Stepper:
    """``step(x)``: the output for the next step of one sequence, or of several at once.

    ``x`` is one step ``step_shape``, or a step of each of ``n`` sequences ``(n, *step_shape)``; how many there are is
    decided by the first call after a reset. A backend may bring a ``Stepper`` of its own, which hands unusual arguments
    to the one here.
    """

    def __init__(self, plan: Plan, backend: ModuleType, state: State, states: Sequence[tuple[str, Shape]]):
        self.plan, self.backend, self.state = plan, backend, state
        self.memory = allocate(plan, state.params)
        self.dtype = state.params.dtype
        self.step_shape = plan.layout.input_shape[1:]
        output = plan.layout.output_shape
        self.output_shape = output[1:] if len(output) > 1 and output[0] == 1 else output
        self.names, self.shapes = [name for name, _ in states], [shape for _, shape in states]
        self.n: int | None = None  # sequences at once; None for one alone
        self._free = [True]  # taken by who works with the states; to take from a list is one step for all threads
        self.begin(None)

    @contextlib.contextmanager
    def claimed(self, waits: bool = False) -> Iterator[None]:
        """A block that one thread is in at a time; ``RuntimeError`` in another one, unless it ``waits``."""
        while True:
            try:
                self._free.pop()
                break
            except IndexError:
                if not waits:
                    raise RuntimeError(BUSY) from None
                time.sleep(0.0001)
        try:
            yield
        finally:
            self._free.append(True)

    def begin(self, n: int | None) -> None:
        """Have states of zeros for so many sequences, None for one alone."""
        rows = 1 if n is None else n
        self.n, self.is_fresh = n, True
        self.states = [np.zeros((rows, int(np.prod(shape))), self.dtype) for shape in self.shapes]

    def __call__(self, x: object, out: np.ndarray | None = None) -> np.ndarray:
        """The output for one more step."""
        with self.claimed():
            return self._stepped(x, out)

    def _stepped(self, x: object, out: np.ndarray | None = None) -> np.ndarray:
        x = x if type(x) is np.ndarray else of_reals("x", x)
        is_number = not x.ndim
        x = real_array("x", x, self.dtype)
        x = x.reshape(()) if is_number else x
        n = len(x) if x.ndim == len(self.step_shape) + 1 else None
        if x.shape not in (self.step_shape, (n, *self.step_shape)):
            raise ValueError(
                f"x must be a step of shape {self.step_shape} or {of_rows(self.step_shape)}, got {x.shape}"
            )
        if n == 0:
            raise ValueError("x is empty; at least one row is needed")
        if n != self.n:
            if not self.is_fresh:
                had = "one sequence" if self.n is None else f"{self.n} sequences"
                raise ValueError(f"x is a step of {n or 'one'}, and the steps before were of {had}; call reset() first")
            self.begin(n)
        shape = self.output_shape if n is None else (n, *self.output_shape)
        out = np.empty(shape, self.dtype) if out is None else out
        if out.shape != shape or out.dtype != self.dtype or not out.flags.carray:
            raise ValueError(f"out must be a C-contiguous array {shape} of {self.dtype}, got {out.shape}, {out.dtype}")
        rows = 1 if n is None else n
        self.backend.predict(
            self.plan, self.memory, (x.reshape(rows, -1), *self.states), (out.reshape(rows, -1), *self.states)
        )
        self.is_fresh = False
        return out

    def __repr__(self) -> str:
        return f"<Stepper {self.step_shape} -> {self.output_shape}, {self.dtype}>"


class Stepped(Protocol):
    """A model, of which this is what the predictor asks."""

    @property
    def layout(self) -> Layout: ...
    def stepper(self) -> Stepper: ...
    def of_sizes(self, sizes: tuple[int, ...], /) -> Stepped: ...
    def predictor_of_rows(self) -> Predictor: ...


class RecurrentPredictor:
    """``f(x)`` for whole sequences, ``f.step(x)`` for one step after the other; follows the model as it trains.

    Attributes
    ----------
    step : see :class:`Stepper`; ``f.step(x, out=)``.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Input, SimpleRNN
    >>> layer = SimpleRNN(1, "linear", kernel_initializer="ones", recurrent_initializer="ones")
    >>> f = Sequential([Input((None, 1)), layer], backend="numpy").predictor()
    >>> float(f(np.float32([[1], [2], [3]]))[0])
    6.0
    >>> [float(f.step(np.float32([x]))[0]) for x in (1, 2, 3)]
    [1.0, 3.0, 6.0]
    >>> f.state
    {'simple_rnn_h': array([6.], dtype=float32)}
    >>> f.reset()
    """

    def __init__(self, model: Stepped):
        self._model = model
        self._found: dict[int, Predictor] = {}  # predictors by length
        self.precision: str | None = None  # where it is not that of the dtype
        self.fates: Sequence[Sequence[str]] = ()
        self._take_steps()

    def _take_steps(self) -> None:
        self._stepper: Any = None
        try:
            self._stepper = self._model.stepper()
        except ValueError as error:
            self.step: Any = _Refused(str(error))
            return
        faster = getattr(self._stepper.backend, "Stepper", None)
        self.step = faster(self._stepper) if faster else self._stepper

    def __call__(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Predict whole sequences, ``(steps, ...)`` or ``(n, steps, ...)``; states of steps stay as they are."""
        layout, shape = self._model.layout, getattr(x, "shape", ())
        rank = len(layout.input_shape)
        if not rank <= len(shape) <= rank + 1 or 0 in shape:
            raise ValueError(f"x must be one sequence {layout.stated(layout.inputs)[0]} or several, got {shape}")
        length = shape[-rank] if layout.is_open else 0
        predict = self._found.get(length)
        if predict is None:
            own = self._model.of_sizes((math.prod(shape[-rank:]),)) if layout.is_open else self._model
            predict = self._found[length] = own.predictor_of_rows()
        return predict(x, out)

    @property
    def cfunc(self) -> CFunction:
        """As of :class:`fastnn._engine.predictor.Predictor`, for whole sequences; their length must be known."""
        layout = self._model.layout
        if layout.is_open:
            raise ValueError(
                f"a C function takes sequences of one length, and the model any, {layout.stated(layout.inputs)[0]}; "
                "give the length to its Input"
            )
        if 0 not in self._found:
            self._found[0] = self._model.predictor_of_rows()
        return self._found[0].cfunc

    def reset(self, n: int | None = None) -> None:
        """Begin anew, with ``n`` sequences at once, or with as many as the next step has."""
        with self._alone() as own:
            own.begin(own.n if n is None else integer("n", n, low=1))
            self._renew()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Stepper]:
        """A block in which no other thread steps, begins anew or looks at the states; gives what steps."""
        own, step = self._steps(), self.step
        with own.claimed():
            if step is own:
                yield own
                return
            step.claim()
            try:
                yield own
            finally:
                step.release()

    def _steps(self) -> Stepper:
        if self._stepper is None:
            self.step()
        found: Stepper = self._stepper
        return found

    @property
    def state(self) -> dict[str, np.ndarray]:
        """What is remembered, by layer: copies, ``(units,)``, or ``(n, units)`` of ``n`` sequences."""
        with self._alone() as own:
            several = () if own.n is None else (own.n,)
            return {
                name: array.reshape((*several, *shape)).copy()
                for name, array, shape in zip(own.names, own.states, own.shapes, strict=True)
            }

    @state.setter
    def state(self, came: dict[str, object]) -> None:
        own = self._steps()
        given: object = came
        if not isinstance(given, dict) or set(given) != set(own.names):
            raise ValueError(f"state must be a dict with {', '.join(own.names)}, as f.state gives it, got {came!r}")
        arrays = [real_array(name, came[name], own.dtype) for name in own.names]
        for array, shape, name in zip(arrays, own.shapes, own.names, strict=True):
            if array.shape != shape and array.shape != (len(array), *shape):
                raise ValueError(f"state {name!r} must have the shape {shape} or (n, *{shape}), got {array.shape}")
        counts = {None if array.shape == shape else len(array) for array, shape in zip(arrays, own.shapes, strict=True)}
        if len(counts) > 1:
            raise ValueError(f"the states are of different numbers of sequences, {sorted(map(str, counts))}")
        with self._alone() as own:
            own.begin(counts.pop())
            own.is_fresh = False
            for place, array in zip(own.states, arrays, strict=True):
                place[...] = array.reshape(place.shape)
            self._renew()

    def _renew(self) -> None:
        """Have the backend's own stepper, which is claimed, work with the states that are there now."""
        if self.step is not self._stepper:
            self.step.begin(self._stepper.states, self._stepper.n)

    def renew(self, plan: Plan) -> None:
        """Go on where the model's parameters stand now, since its layers have joined others."""
        kept = self._stepper
        self._found.clear()
        self._take_steps()
        if kept is not None:
            with kept.claimed(waits=True):
                self._stepper.n, self._stepper.states, self._stepper.is_fresh = kept.n, kept.states, kept.is_fresh
            self._renew()

    def __repr__(self) -> str:
        layout = self._model.layout
        ends = f"{layout.stated(layout.inputs)[0]} -> {layout.stated(layout.outputs)[0]}"
        return f"<RecurrentPredictor {ends}{', ' + self.precision if self.precision else ''}>"

    def __str__(self) -> str:
        return "\n".join([repr(self), *lines_of(self.fates)])


class _Refused:
    """In place of steps that there are not."""

    def __init__(self, why: str):
        self.why = why

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise ValueError(self.why)
