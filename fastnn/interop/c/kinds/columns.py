"""Factors and shifts of numbers and of columns, and activations: what may write over what it reads."""

from __future__ import annotations

import numpy as np

from fastnn._ops import batch_norm as normed
from fastnn._ops import standardize as standard
from fastnn._ops.periodic import PER_RADIAN
from fastnn.activations import ActivationCode
from fastnn.interop.c.function import Function
from fastnn.interop.c.text import real
from fastnn.interop.program import Step


def activate(f: Function, step: Step, first: int, numbers: int, row: int) -> None:
    """The op's activation of so many of its output's numbers; some go row by row."""
    code = ActivationCode(int(step.record["activation"]))
    piece, parameter = f.activation(step)
    if code == ActivationCode.LINEAR:
        return
    place = f"{f.y(step)} + {first}" if first else f.y(step)
    if code not in (ActivationCode.SOFTMAX, ActivationCode.LOG_SOFTMAX) or numbers == row:
        f.call(piece, place, numbers, parameter)
        return
    f.needs.add(piece)
    f.lines.append(f"for (int r = 0; r < {numbers // row}; ++r) {piece}({place} + r * {row}, {row}, {parameter});")


def activation(f: Function, step: Step) -> None:
    size = f.size(step)
    if f.x(step) != f.y(step):
        f.call("copy_numbers", f.x(step), size, f.y(step))
    activate(f, step, 0, size, int(step.record["n_out"]))


def rescale(f: Function, step: Step) -> None:
    factor, shift = step.record["numbers"][:2]
    f.call("rescale", f.x(step), f.size(step), real(factor), real(shift), f.y(step))


def rows(step: Step) -> tuple[int, int]:
    """How many rows a sample has, and how wide they are."""
    return int(step.record["repeat"]), int(step.record["n_out"])


def scale(f: Function, step: Step) -> None:
    f.call("scale_columns", f.x(step), *rows(step), f.table(step, "factors", step.arrays.w), f.y(step))


def prelu(f: Function, step: Step) -> None:
    f.call("prelu_columns", f.x(step), *rows(step), f.table(step, "alpha", step.arrays.w), f.y(step))


def parametric(f: Function, step: Step) -> None:
    size = f.size(step)
    f.call("copy_numbers", f.x(step), size, f.y(step))
    activate(f, step, 0, size, int(step.record["n_out"]))
    f.call("blend_columns", f.x(step), *rows(step), f.table(step, "alpha", step.arrays.w), f.y(step))


def periodic(f: Function, step: Step) -> None:
    a, n = step.arrays, int(step.record["n_in"])
    units, count, hands_on = a.sizes
    sizes = {"rows": rows(step)[0], "n": n, "units": units, "count": count, "hands_on": hands_on}
    phases = a.vector(0, n * count).astype(np.float64) * PER_RADIAN
    tables = (
        f.table(step, "frequencies", a.w),
        f.table(step, "phases", phases.astype(a.w.dtype)),
        f.table(step, "kernel", a.vector(1, n * units * count)),
        f.table(step, "bias", a.parameter(step.record["b"], n * units)),
    )
    f.call("waves", f.struct(step, "wave_sizes", sizes), f.x(step), *tables, f.y(step))


def batch_norm(f: Function, step: Step) -> None:
    mean, variance = normed.moving(step.record, step.arrays)
    factor = normed.inverse(step.record, variance) * normed.gamma(step.record, step.arrays)
    _standardized(f, step, mean, factor)
    if step.record["b"] >= 0:
        f.call("shift_columns", f.y(step), *rows(step), f.table(step, "beta", step.arrays.b))
    n_rows, n = rows(step)
    activate(f, step, 0, n_rows * n, n)


def standardize(f: Function, step: Step) -> None:
    mean = step.arrays.vector(0, int(step.record["n_out"]))
    factor = standard.factor(step.record, step.arrays)
    if not step.arrays.sizes.inverts:
        _standardized(f, step, mean, factor)
        return
    f.call("scale_columns", f.x(step), *rows(step), f.table(step, "deviation", factor), f.y(step))
    f.call("shift_columns", f.y(step), *rows(step), f.table(step, "mean", mean))


def _standardized(f: Function, step: Step, mean: np.ndarray, factor: np.ndarray) -> None:
    tables = f.table(step, "mean", mean), f.table(step, "factor", np.broadcast_to(factor, mean.shape))
    f.call("standardize_columns", f.x(step), *rows(step), *tables, f.y(step))
