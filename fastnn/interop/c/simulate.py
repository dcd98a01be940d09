"""What a program gives in NumPy, step by step: for test vectors, and to see how large the inputs of products are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastnn._ops.base import When
from fastnn._ops.recurrent import GEOMETRY as RECURRENT
from fastnn._ops.views import Views
from fastnn._plan.memory import Memory
from fastnn.interop.c.constants import MOST, quantized
from fastnn.interop.program import Program, Step

WHOLE = ("dense", "conv")  # kinds whose products may be of whole numbers


class Simulation:
    """A program at work on one sample after the other.

    Parameters
    ----------
    program : what is computed.
    weights : ``"float32"`` or ``"int8"``, as which it takes the weights.
    most : the largest inputs of products of whole numbers, by the value that the product writes.
    """

    def __init__(self, program: Program, weights: str = "float32", most: Mapping[int, float] | None = None):
        self.program, self.most, self.is_rounded = program, most or {}, weights == "int8"
        memory: Any = program.steps[0].arrays.memory
        self.memory: Memory = replace(memory, params=memory.params.copy(), states=np.zeros_like(memory.states))
        self.reset()
        self.seen: dict[int, float] = {}
        if weights == "int8":
            _round_weights(program, self.memory)

    def reset(self) -> None:
        """Begin anew."""
        self.memory.states[...] = 0
        values = self.program.inputs[len(self.program.inputs) - len(self.program.states) :]
        self.states = [np.zeros((1, self.program.size(value)), self.memory.params.dtype) for value in values]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Outputs of one sample ``(numbers,)`` each; states are kept."""
        dtype = self.memory.params.dtype
        own = [*(np.asarray(x, dtype).reshape(1, -1) for x in inputs), *self.states]
        done = []
        for step in self.program.steps:
            arrays = Views(self.program.plan, self.memory, step.record, own)
            self._run(step, arrays)
            done.append((step, arrays))
        for step, arrays in done:
            if step.op.remembers:
                step.op.settle(step.record, arrays)
        found = [self._output(value) for value in self.program.outputs]
        count = len(found) - len(self.states)
        self.states = [state.reshape(1, -1) for state in found[count:]]
        return found[:count]

    def _output(self, value: int) -> np.ndarray:
        record = self.program.plan.values[value]
        at = int(record["offset"])
        return self.memory.workspace[at : at + int(record["size"])].copy()

    def _run(self, step: Step, arrays: Views) -> None:
        if step.op.name not in WHOLE:
            step.op.forward(step.record, arrays, When())
            return
        x = arrays.x
        self.seen[step.output] = max(self.seen.get(step.output, 0.0), float(np.abs(x).max(initial=0)))
        kept = x.copy()
        if step.output in self.most:
            unit = self.most[step.output] / MOST
            x[...] = in_units(x, unit) * unit
        step.op.forward(step.record, arrays, When())
        x[...] = kept


def largest_inputs(program: Program, sequences: Iterable[Sequence[Sequence[np.ndarray]]]) -> dict[int, float]:
    """How large inputs of dense layers and convolutions become, by the value that each writes.

    ``sequences`` are of samples, each an array for each input; every one begins anew.
    """
    simulation = Simulation(program)
    for sequence in sequences:
        simulation.reset()
        for sample in sequence:
            simulation(sample)
    return {value: most or 1.0 for value, most in simulation.seen.items()}


def in_units(x: np.ndarray, unit: float) -> np.ndarray:
    """The nearest int8 numbers to ``x / unit``, halves away from zero, as the C code has them; NaN is 0.

    >>> import numpy as np
    >>> in_units(np.float32([0.5, -1.5, 3.4, 1000, np.nan]), 1.0).tolist()
    [1.0, -2.0, 3.0, 127.0, 0.0]
    """
    z = np.nan_to_num(x * x.dtype.type(1 / unit), nan=0.0, posinf=MOST, neginf=-MOST)
    found: np.ndarray = np.clip(np.trunc(z + np.copysign(0.5, z)), -MOST, MOST).astype(x.dtype)
    return found


def _round_weights(program: Program, memory: Memory) -> None:
    """Have the parameters be what int8 weights and their scales stand for."""
    for step in program.steps:
        for w, axis in tables(step, Views(program.plan, memory, step.record, ())):
            q, scale = quantized(w, axis)
            along = [1] * w.ndim
            along[axis] = -1
            w[...] = q * scale.reshape(along)


def tables(step: Step, arrays: Views) -> Iterator[tuple[np.ndarray, int]]:
    """A step's tables of weights and the axis of their channels."""
    name = step.op.name
    if name in ("dense", "conv", "embedding"):
        yield arrays.w, -1
    elif name == "conv_transpose":
        yield arrays.w, 2
    elif step.op.geometry == RECURRENT:
        yield arrays.w, -1
        n = int(step.record["n_out"])
        yield arrays.vector(0, n * arrays.w.shape[1]).reshape(n, -1), -1
