"""Rows of a sample that are normalised, masked or pooled."""

from __future__ import annotations

from fastnn.interop.c.function import Function
from fastnn.interop.c.kinds.columns import rows as rows_of
from fastnn.interop.c.kinds.products import conv_max, pool_windows
from fastnn.interop.c.text import real
from fastnn.interop.program import Step


def layer_norm(f: Function, step: Step) -> None:
    f.call("normalize_rows", f.x(step), *rows_of(step), real(step.record["numbers"][0]), f.y(step))
    _gamma_and_beta(f, step)


def group_norm(f: Function, step: Step) -> None:
    groups, epsilon = step.arrays.sizes.groups, real(step.record["numbers"][0])
    f.call("normalize_groups", f.x(step), *rows_of(step), groups, epsilon, f.y(step))
    _gamma_and_beta(f, step)


def _gamma_and_beta(f: Function, step: Step) -> None:
    if step.record["w"] >= 0:
        f.call("scale_columns", f.y(step), *rows_of(step), f.table(step, "gamma", step.arrays.w), f.y(step))
    if step.record["b"] >= 0:
        f.call("shift_columns", f.y(step), *rows_of(step), f.table(step, "beta", step.arrays.b))


def normalize(f: Function, step: Step) -> None:
    length, stride = step.arrays.sizes
    f.call("normalize_lengths", f.x(step), f.size(step) // (length * stride), length, stride, f.y(step))


def mask(f: Function, step: Step) -> None:
    n_rows = int(step.record["repeat"])
    value = real(step.record["numbers"][0])
    f.call("mark_rows", f.x(step), n_rows, f.size(step) // n_rows, value, f.y(step))


def blank(f: Function, step: Step) -> None:
    f.call("blank_rows", f.x(step), f.x(step, 1), *rows_of(step), f.y(step))


def masked_mean(f: Function, step: Step) -> None:
    n_rows = step.arrays.sizes.rows
    f.call("mean_of_rows", f.x(step), f.x(step, 1), n_rows, f.size(step) // n_rows, f.y(step))


def pool(f: Function, step: Step) -> None:
    if step.output in f.joined:
        conv_max(f, f.joined[step.output], step)
        return
    piece = "pool_average" if step.arrays.sizes.average else "pool_max"
    f.call(piece, pool_windows(f, step), f.x(step), f.y(step))
