"""Test vectors: samples for a model's inputs, and what it gives for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastnn.interop.c.simulate import Simulation
from fastnn.interop.program import Program

if TYPE_CHECKING:
    from fastnn.models.model import Model

COUNT = {"predict": 3, "step": 5}  # samples, and steps of one sequence


class Vectors(NamedTuple):
    """Arrays ``(samples, numbers)`` of each input and each output."""

    inputs: list[np.ndarray]
    outputs: list[np.ndarray]


def drawn(program: Program, n_ids: Sequence[int | None], count: int) -> list[np.ndarray]:
    """Random numbers, or rows of tables, ``(count, numbers)`` float32 for each input that is no state."""
    draw = np.random.default_rng(0)
    found = []
    for value, n in zip(program.inputs, n_ids, strict=False):
        shape = count, program.size(value)
        found.append(draw.integers(0, n, shape) if n else draw.standard_normal(shape))
    return [x.astype(np.float32) for x in found]


def predicted(model: Model, program: Program, inputs: Sequence[np.ndarray]) -> Vectors:
    """With what ``predict`` gives."""
    shaped = [x.reshape(-1, *shape) for x, shape in zip(inputs, program.input_shapes, strict=True)]
    outputs = model.predict(model.ends[0].join(shaped) if len(shaped) > 1 else shaped[0])
    flat = outputs if isinstance(outputs, list) else model.ends[1].split("outputs", outputs)
    return Vectors(list(inputs), [np.asarray(y).reshape(len(y), -1) for y in flat])


def simulated(simulation: Simulation, inputs: Sequence[np.ndarray]) -> Vectors:
    """With what the program gives, one sample after the other."""
    outputs = [simulation(sample) for sample in zip(*inputs, strict=True)]
    return Vectors(list(inputs), [np.stack(parts) for parts in zip(*outputs, strict=True)])
