"""Predictions in hot loops: no conversion, no checks for NaN, arrays prepared once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, TypeVar

import numpy as np

from fastnn._base.arrays import is_sparse
from fastnn._base.foreign import check_mask
from fastnn._base.types import DataLike, Outputs
from fastnn._engine.cfunction import CFunction, c_function_of
from fastnn._engine.convert import of_rows, way_to
from fastnn._engine.state import State
from fastnn._plan.memory import Memory, allocate
from fastnn._plan.plan import Plan

if TYPE_CHECKING:

    class AnyPredictor(Protocol):
        """What ``Model.predictor`` gives, of any model; ``step`` and what follows are of those that go in steps."""

        def __call__(self, x: DataLike, out: Outputs = None) -> Outputs: ...
        @property
        def cfunc(self) -> CFunction: ...
        @property
        def step(self) -> Callable[..., np.ndarray]: ...

        state: dict[str, np.ndarray]

        def reset(self, n: int | None = None) -> None: ...


Made = TypeVar("Made")
Predict = Callable[..., np.ndarray]
NO_STEP = (
    "this predictor has no step: that is of recurrent and causal networks whose layers go on step by step, and not of "
    "those that read all steps at once (Bidirectional, Flatten, a pooling over steps)"
)
UNPICKLED = "a predictor is neither pickled nor copied: pickle the model, and call its predictor() there"


def make_predictor(plan: Plan, name: str, backend: ModuleType, state: State) -> Predict:
    """The callable that ``Model.predictor`` returns; see :class:`Predictor`.

    A backend may bring a ``Predictor`` of its own, which hands unusual arguments to the one here.
    """
    own = Predictor(plan, name, backend, state)
    faster = getattr(own.backend, "Predictor", None)
    if faster is None:
        own.free.append(own.memory)
        return own
    found: Predict = faster(own.plan, own.memory, own.shape, own.output_shape, own)
    return found


def lines_of(fates: Sequence[Sequence[str]]) -> list[str]:
    """What became of each layer, in columns."""
    widths = [max(map(len, column)) for column in zip(*fates, strict=True)]
    return ["  ".join(map(str.ljust, fate, widths)).rstrip() for fate in fates]


def describe(predictor: Made, precision: str, fates: Sequence[Sequence[str]]) -> Made:
    """Have a predictor say of itself that it is of a precision, and what that means for each layer."""
    own: Any = getattr(predictor, "fallback", predictor)
    own.precision, own.fates = precision, fates
    return predictor


class _Standing(NamedTuple):
    """Where a predictor works: read and replaced as one, for threads may call it while another one renews it."""

    plan: Plan
    params: np.ndarray
    memory: Memory
    free: list[Memory]  # for calls of more threads


class Following:
    """What all predictors share: where they work, as the model's parameters train and move, and what arrays must be."""

    def __init__(self, plan: Plan, name: str, backend: ModuleType, state: State):
        self.name, self.backend, self.state = name, backend, state
        self.precision: str | None = None  # where it is not that of the dtype
        self.fates: Sequence[Sequence[str]] = ()
        self.renew(plan)
        self.dtype = self.params.dtype

    def renew(self, plan: Plan) -> None:
        """Predict by another plan, since the model's parameters stand elsewhere: its layers have joined others."""
        params = self.state.params
        self.standing = _Standing(plan, params, allocate(plan, params), [])

    @property
    def plan(self) -> Plan:
        """What is executed."""
        return self.standing.plan

    @property
    def params(self) -> np.ndarray:
        """The model's parameters, ``(n_params,)``."""
        return self.standing.params

    @property
    def memory(self) -> Memory:
        """Memory that a backend's own predictor works in."""
        return self.standing.memory

    @property
    def free(self) -> list[Memory]:
        """Memory that no call works in."""
        return self.standing.free

    def predict_into(self, rows: tuple[np.ndarray, ...], out: tuple[np.ndarray, ...]) -> None:
        """Predict rows ``(n, numbers a sample)`` of each input into such places of each output."""
        standing = self.standing
        memory = _memory_in(standing)
        try:
            self.backend.predict(standing.plan, memory, rows, out)
        finally:
            standing.free.append(memory)

    def __reduce__(self) -> NoReturn:
        raise TypeError(UNPICKLED)

    @property
    def step(self) -> NoReturn:
        """None is there; see :class:`fastnn._engine.stepping.RecurrentPredictor`."""
        raise AttributeError(NO_STEP)

    def check_array(self, name: str, array: object, made: str | None = None) -> None:
        """Refuse what kernels do not take as it lies there; ``made`` is how the user makes what they take."""
        made = made or f"np.ascontiguousarray({name}, np.{self.dtype})"
        if not isinstance(array, np.ndarray):
            hint = "sparse rows go to model.predict" if is_sparse(array) else f"{made} makes one"
            raise TypeError(f"{name} must be an array, got {type(array).__name__}; {hint}")
        check_mask(name, array)
        flags = array.flags
        if array.dtype != self.dtype or not (flags.c_contiguous and flags.aligned):
            fault = "" if flags.aligned else ", not aligned"
            fault += "" if flags.c_contiguous else ", not contiguous"
            raise TypeError(
                f"{name} must be a C-contiguous array of {self.dtype}, got {array.dtype}{fault}; {made} makes one"
            )

    def rows_in(self, name: str, x: np.ndarray, shape: tuple[int, ...]) -> int | None:
        """How many rows of this shape an input has, None where it is a row itself; errors where it is neither."""
        self.check_array(name, x)
        if x.shape == shape:
            return None
        if x.shape[1:] != shape:
            raise ValueError(
                f"{name} must have shape {shape} or {of_rows(shape)}, got {x.shape}{way_to(shape, x.shape)}"
            )
        return len(x)

    def check_place(self, name: str, out: np.ndarray, shape: tuple[int, ...]) -> None:
        """Refuse what outputs of this shape cannot be written to."""
        self.check_array(name, out, f"np.empty({shape}, np.{self.dtype})")
        if out.shape != shape or not out.flags.writeable:
            raise ValueError(f"{name} must be writable and have shape {shape}, got {out.shape}")

    def __str__(self) -> str:
        return "\n".join([repr(self), *lines_of(self.fates)])


class Predictor(Following):
    """``f(x)`` or ``f(x, out=)`` for one model; follows the model's parameters as they train.

    ``x`` is one row ``input_shape`` or a batch ``(n, *input_shape)``, C-contiguous and of the model's dtype;
    anything else is a ``TypeError`` or ``ValueError``. NaN and infinities go through. ``out`` may lie over ``x``.
    Threads may share a predictor: a call that finds another one at work takes arrays of its own.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense
    >>> predict = Sequential([Dense(1, kernel_initializer="ones", input_shape=(2,))], backend="numpy").predictor()
    >>> predict
    <Predictor (2,) -> (1,), float32, on numpy>
    >>> out = np.empty((3, 1), np.float32)
    >>> predict(np.ones((3, 2), np.float32), out=out) is out, out.ravel().tolist()
    (True, [2.0, 2.0, 2.0])
    """

    def __init__(self, plan: Plan, name: str, backend: ModuleType, state: State):
        super().__init__(plan, name, backend, state)
        self.shape, self.output_shape = plan.layout.input_shape, plan.layout.output_shape
        self.n_input, self.n_output = int(self.plan.inputs[0]["size"]), int(self.plan.outputs[0]["size"])

    def renew(self, plan: Plan) -> None:
        """Predict by another plan; the C function is another one, too."""
        super().renew(plan)
        self._cfunc: CFunction | None = None

    def __call__(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Predict; returns ``out``, or a new array of shape ``output_shape`` or ``(n, *output_shape)``."""
        n = self.rows_in("x", x, self.shape)
        shape = self.output_shape if n is None else (n, *self.output_shape)
        if out is None:
            out = np.empty(shape, self.dtype)
        else:
            self.check_place("out", out, shape)
            if np.may_share_memory(x, out):  # rows not yet read would be written over
                x = x.copy()
        rows, places = np.asarray(x), np.asarray(out)  # without the ways of a subclass
        self.predict_into((rows.reshape(-1, self.n_input),), (places.reshape(-1, self.n_output),))
        return out

    @property
    def cfunc(self) -> CFunction:
        """The predictor as a pointer for C, Cython, Numba and ctypes; see :class:`fastnn._engine.cfunction.CFunction`.

        Raises
        ------
        BackendError
            the backend has no code that runs without Python, or a layer is Python code itself.
        """
        if self._cfunc is None:
            self._cfunc = c_function_of(self)
        return self._cfunc

    def __repr__(self) -> str:
        return f"<Predictor {self.shape} -> {self.output_shape}, {self.precision or self.dtype}, on {self.name}>"


def _memory_in(standing: _Standing) -> Memory:
    """Memory that no other call works in."""
    try:
        return standing.free.pop()
    except IndexError:
        return allocate(standing.plan, standing.params)
