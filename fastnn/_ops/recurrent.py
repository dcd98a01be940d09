"""What recurrent kinds have in common: the walk over the steps of a sequence, forward and back.

A sample is a sequence of ``repeat`` steps, each ``n_in`` numbers. A cell (``simple_rnn.py``, ``lstm.py``, ``gru.py``)
makes of what one step reads and of the states before it the states after it, each ``n_out`` numbers; the first of them,
``h``, is the step's output. The input's part of the gates is ``x @ w + b``, to which a cell adds the state's part.

Geometry
--------
reads_back : the last step comes first. writes_back : outputs are written in that order, too: they stand at the steps
    that they belong to.
sequences : the output is that of all steps, else of the last one. states : behind it stand the states after the last
    step.
masked : the second input is a mask, ``(samples, steps)`` of ones and zeros. Where it is 0 the states stay as they are
    and the output is repeated, that of no step before being 0; with ``zeros`` it is 0.
started : the last inputs are the states before the first step, else those are 0.
gate : the activation of the gates, its parameter ``numbers[0]``; the op's own activation is the cell's.
keeps_z : one of the two has no slope that follows, number by number, from what it gives. What all gates are before
    their activations is kept then, too, and the way back goes through activations a row at a time.

With a ``rate``, what a cell reads of ``h`` is multiplied in training by factors as of dropout, the same for all steps
of a sequence (Gal and Ghahramani 2016, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, SupportsInt

import numpy as np

from fastnn._base import random
from fastnn._base.types import Numbers
from fastnn._ops.activation import BY_CODE, apply
from fastnn._ops.base import Op, Operation, Wants, When, Work

if TYPE_CHECKING:
    from fastnn._ops.views import Views
    from fastnn.activations import Activation

    Vectors = Sequence[np.ndarray]
    Step = Callable[[np.void, Views, np.ndarray, np.ndarray, Vectors, np.ndarray], list[np.ndarray]]
    Gradients = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[np.ndarray | int]]
    StepBack = Callable[[np.void, Views, np.ndarray, Vectors, Vectors, Vectors, np.ndarray], Gradients]

GEOMETRY = (
    *("reads_back", "writes_back", "sequences", "states", "masked"),
    *("zeros", "started", "gate", "variant", "keeps_z"),
)
SHARD = 16  # samples whose parts of the parameters' gradients are one sum
NO_SUMS: Sequence[Numbers] = (0, 0, 0, 0)  # numbers, which become arrays as steps are added


class Cell(NamedTuple):
    """One kind of cell.

    Attributes
    ----------
    n_gates : how many times ``n_out`` columns the kernels have.
    n_states : how many states it has.
    n_activated : how many times ``n_out`` numbers a step the op's own activation has; the gates' has all gates but one.
    n_kept : how many times ``n_out`` numbers a step it keeps for the way back, beside the states and, where the op
        keeps them, the gates before their activations.
    step : ``(op, a, z, read, states, kept) -> states after it``; ``z`` is the input's part of the gates, ``read`` what
        is read of ``h``, ``(samples, n_out)`` each.
    step_back : ``(op, a, read, states, states after it, their gradients, kept) -> (dz, ds, du, dread, dstates)``: the
        gradients of the input's part and of the state's part of the gates, of the recurrent kernel, of ``read`` and
        of the states before it, without what comes by ``read``.
    """

    n_gates: int
    n_states: int
    n_activated: int
    n_kept: int
    step: Step
    step_back: StepBack


class Sequences:
    """The arrays of one op, with the steps in the order in which it takes them, first axis."""

    def __init__(self, op: np.void, a: Views, cell: Cell, when: When | None) -> None:
        self.op, self.a, self.cell, self.size = op, a, cell, a.sizes
        self.n, self.steps, self.units = a.n_samples, int(op["repeat"]), int(op["n_out"])
        self.x = in_order(a.xs[0].reshape(self.n, self.steps, -1), self.size.reads_back)
        self.mask = in_order(a.xs[1], self.size.reads_back)[..., None] != 0 if self.size.masked else None
        self.n_kept = cell.n_kept + cell.n_gates * self.size.keeps_z
        self.kept = self._room()
        self.factors = self._factors(when)

    def _room(self) -> np.ndarray:
        """What is kept of each step: the cell's numbers, maybe gates before activations, and the states after it."""
        shape = self.steps, self.n, self.n_kept + self.cell.n_states, self.units
        if self.op["room"] < 0:
            return np.empty(shape, self.x.dtype)
        return self.a.room[: np.prod(shape)].reshape(shape)

    def _factors(self, when: When | None) -> np.ndarray | int:
        """Of what is read of ``h``, ``(samples, units)``; on the way back those that stand behind what is kept."""
        rate, numbers = float(self.op["rate"]), self.n * self.units
        if not rate or self.op["room"] < 0:
            return 1
        place = self.a.room[self.kept.size :][:numbers].reshape(self.n, self.units)
        if when is not None:
            first = when.first_row * self.units
            seed, stream = int(self.op["seed"]), int(self.op["stream"])
            drawn = random.dropout_scale(seed, stream, when.step, rate, first, numbers)
            place[...] = drawn.reshape(place.shape) if when.training else 1
        return place

    def outputs(self, whole: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Of ``(samples, numbers)`` as the op's output: the outputs of the steps, first axis, and the last states."""
        steps = self.steps if self.size.sequences else 1
        ys = whole[:, : steps * self.units].reshape(self.n, steps, self.units)
        states = whole[:, steps * self.units :].reshape(self.n, -1, self.units).swapaxes(0, 1)
        return in_order(ys, self.size.writes_back), list(states)

    def starts(self) -> list[np.ndarray]:
        """The states before the first step."""
        if self.size.started:
            return self.a.xs[-self.cell.n_states :]
        return [np.zeros((self.n, self.units), self.x.dtype)] * self.cell.n_states

    def states(self, step: int) -> list[np.ndarray]:
        """The states after a step."""
        return list(self.kept[step, :, self.n_kept :].swapaxes(0, 1)) if step >= 0 else self.starts()

    def kept_of(self, step: int) -> np.ndarray:
        """What the cell keeps of a step, ``(n_kept, samples, units)``, behind it its gates before their activations."""
        return self.kept[step, :, : self.n_kept].swapaxes(0, 1)

    def keep_states(self, step: int, states: Sequence[np.ndarray]) -> None:
        self.kept[step, :, self.n_kept :] = np.stack(states, axis=1)

    def chosen(self, step: int, this: Numbers, that: Numbers) -> Numbers:
        """``this`` where the step counts, ``that`` where it is masked."""
        return this if self.mask is None else np.where(self.mask[step], this, that)


def in_order(array: np.ndarray, backwards: int) -> np.ndarray:
    """``(steps, samples, ...)`` of ``(samples, steps, ...)``, and the other way round."""
    return (array[:, ::-1] if backwards else array).swapaxes(0, 1)


def forward(op: np.void, a: Views, when: When, cell: Cell) -> None:
    s = Sequences(op, a, cell, when)
    ys, last = s.outputs(a.whole_y)
    states, y = s.starts(), 0
    for t in range(s.steps):
        z = s.x[t] @ a.w + input_bias(op, a, cell)
        made = cell.step(op, a, z, states[0] * s.factors, states, s.kept_of(t))
        states = [s.chosen(t, new, old) for new, old in zip(made, states, strict=True)]
        s.keep_states(t, states)
        y = s.chosen(t, made[0], 0 if s.size.zeros else y)
        if s.size.sequences or t == s.steps - 1:
            ys[t if s.size.sequences else 0] = y
    for place, state in zip(last, states, strict=False):
        place[...] = state


def backward(op: np.void, a: Views, when: When, cell: Cell) -> None:
    s = Sequences(op, a, cell, None)
    dys, dlast = s.outputs(a.whole_dy)
    nothing = np.zeros((s.n, s.units), s.x.dtype)
    dstates: Sequence[Numbers] = dlast or [nothing] * cell.n_states
    dy, dx, sums = nothing, np.empty_like(s.x), NO_SUMS
    for t in reversed(range(s.steps)):
        if s.size.sequences or t == s.steps - 1:
            dy = dy + dys[t if s.size.sequences else 0]
        dmade = [s.chosen(t, d, 0) for d in dstates]
        dmade[0] = dmade[0] + s.chosen(t, dy, 0)
        passed = [0 if s.mask is None else s.chosen(t, 0, d) for d in dstates]
        dy = nothing if s.mask is None or s.size.zeros else s.chosen(t, 0, dy)
        before = s.states(t - 1)
        read = before[0] * s.factors
        dz, ds, du, dread, dbefore = cell.step_back(op, a, read, before, s.states(t), dmade, s.kept_of(t))
        new = s.x[t].T @ dz, dz.sum(axis=0), du, ds.sum(axis=0)
        sums = [total + part for total, part in zip(sums, new, strict=True)]
        dx[t] = dz @ a.w.T
        dbefore[0] = dbefore[0] + dread * s.factors
        dstates = [old + more for old, more in zip(passed, dbefore, strict=True)]
    take(op, a, cell, *sums)
    if a.dx:
        a.dx.take(in_order(dx, 0)[:, :: -1 if s.size.reads_back else 1].reshape(a.xs[0].shape))
    for taker, d in zip(a.dxs[-cell.n_states :] if s.size.started else (), dstates, strict=False):
        taker.take(d)


def take(op: np.void, a: Views, cell: Cell, dw: np.ndarray, db: np.ndarray, du: np.ndarray, ds: np.ndarray) -> None:
    """Hand on the gradients of the parameters; ``ds`` is the sum of those of the state's part of the gates."""
    if a.dw:
        a.dw.take(dw)
    if op["db"] >= 0:
        a.gradient(op["db"], bias_size(op, cell)).take(np.concatenate((db, ds)) if has_two_biases(op) else db)
    if op["dmore"][0] >= 0:
        a.gradient(op["dmore"][0], du.size).take(du.ravel())


def gate(op: np.void, z: np.ndarray) -> np.ndarray:
    """The gates' activation."""
    return apply(op["geometry"][GEOMETRY.index("gate")], z, op["numbers"][0])


def gate_back(op: np.void, z: np.ndarray | None, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Its way back, ``dz``, from what it gave; ``z`` is None where that is not kept."""
    return back(op["geometry"][GEOMETRY.index("gate")], op["numbers"][0], z, y, dy)


def cell_back(op: np.void, z: np.ndarray | None, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """The way back of the cell's activation, likewise."""
    return back(op["activation"], op["parameter"], z, y, dy)


def back(code: SupportsInt, parameter: float, z: np.ndarray | None, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    record = BY_CODE[int(code)]
    found: np.ndarray = (
        record.derivative(y, dy) if record.rowwise else dy * record.derivative(z, y, y.dtype.type(parameter))
    )
    return found


def keep_z(kept: np.ndarray, cell: Cell, *gates: np.ndarray) -> None:
    """Keep all gates as they are before their activations, where there is room for them."""
    if len(kept) > cell.n_kept:
        kept[cell.n_kept :] = gates


def kept_z(kept: np.ndarray, cell: Cell) -> Iterable[np.ndarray | None]:
    """Of each gate; None where that is not kept."""
    return kept[cell.n_kept :] if len(kept) > cell.n_kept else (None,) * cell.n_gates


def needs_z(activation: Activation) -> bool:
    """Whether the way back needs more of an activation than each number that it gave."""
    return activation.keeps_z or activation.rowwise


def has_two_biases(op: np.void) -> bool:
    """Whether the state's part of the gates has a bias of its own."""
    return bool(op["geometry"][GEOMETRY.index("variant")])


def bias_size(op: np.void, cell: Cell) -> int:
    return cell.n_gates * int(op["n_out"]) * (1 + has_two_biases(op))


def input_bias(op: np.void, a: Views, cell: Cell) -> np.ndarray:
    """``(n_gates * n_out,)``, or 0."""
    size = cell.n_gates * int(op["n_out"])
    return a.parameter(op["b"], size) if op["b"] >= 0 else a.w.dtype.type(0)


def recurrent_bias(op: np.void, a: Views, cell: Cell) -> np.ndarray:
    """``(n_gates * n_out,)``: zeros where the state's part has none."""
    size = cell.n_gates * int(op["n_out"])
    return a.parameter(op["b"] + size, size) if op["b"] >= 0 and has_two_biases(op) else np.zeros(size, a.w.dtype)


def recurrent_kernel(op: np.void, a: Views, cell: Cell) -> np.ndarray:
    """``(n_out, n_gates * n_out)``."""
    n = int(op["n_out"])
    return a.parameter(op["more"][0], n * cell.n_gates * n).reshape(n, -1)


def kind(code: int, name: str, cell: Cell) -> Op:
    """The record of a recurrent kind."""

    def work(op: np.void, wants: Wants) -> Work:
        n_in, n, states = int(op["n_in"]), int(op["n_out"]), int(op["repeat"]) * int(op["n_out"])
        through, gate = cell.n_gates * states, int(op["geometry"][GEOMETRY.index("gate")])
        back = through * (n * (wants.dw or any(wants.dx)) + n_in * wants.dx[0])  # of states for any gradient at all
        activated = (int(op["activation"]), states * cell.n_activated), (gate, through - states)
        return Work(through * (n_in + n), back, through * (n_in + n) * wants.dw, activated)

    def room(operation: Operation, rows: int) -> int:
        drops = operation.rate > 0  # with dropout, what was read of each step, and the factors
        z = cell.n_gates * operation.geometry[GEOMETRY.index("keeps_z")]
        return rows * operation.n_out * (operation.repeat * (cell.n_kept + cell.n_states + z + drops) + drops)

    return Op(
        code,
        name,
        partial(forward, cell=cell),
        partial(backward, cell=cell),
        keeps=lambda operation: False,
        weights=lambda operation: cell.n_gates * operation.n_out * (operation.n_in + operation.n_out),
        work=work,
        geometry=GEOMETRY,
        shape=lambda op: (int(op["n_in"]), cell.n_gates * int(op["n_out"])),
        units=lambda operation: operation.n_in + operation.n_out,
        room=room,
        by_sample=True,
    )
