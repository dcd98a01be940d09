"""Kinds that multiply by tables of weights: which may be int8, and with known inputs be products of whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn.interop.c.constants import MOST, quantized
from fastnn.interop.c.function import Function, label
from fastnn.interop.c.kinds.columns import activate
from fastnn.interop.c.text import real
from fastnn.interop.program import Step

if TYPE_CHECKING:
    from fastnn._ops.base import Sizes


def dense(f: Function, step: Step) -> None:
    n_rows, n_in, n_out = (int(step.record[name]) for name in ("repeat", "n_in", "n_out"))
    if step.output in f.most:
        q, w, scale = _integers(f, step, -1, (1, 0))
        f.call("dense_integers", q, n_rows, n_in, w, scale, f.bias(step), n_out, f.y(step))
    else:
        w, scale = f.weights(step, "kernel", step.arrays.w)
        f.call("dense", f.x(step), n_rows, n_in, w, scale, f.bias(step), n_out, f.y(step))
    activate(f, step, 0, n_rows * n_out, n_out)


def conv(f: Function, step: Step) -> None:
    f.call("conv", *_windows(f, step), f.y(step))
    activate(f, step, 0, f.program.size(step.output), int(step.record["n_out"]))


def conv_max(f: Function, step: Step, pool: Step) -> None:
    """A convolution whose largest numbers alone are wanted."""
    n_out = int(step.record["n_out"])
    arguments, (piece, parameter) = _windows(f, step), f.activation(step)
    f.needs.add(piece)
    f.call("conv_max", *arguments, piece, parameter, pool_windows(f, pool), f.room(step, "y", n_out), f.y(pool))


def pool_windows(f: Function, step: Step) -> str:
    """Where the windows of a pooling lie."""
    sizes = step.arrays.sizes._asdict()
    del sizes["average"]
    return f.struct(step, "windows", {**sizes, "n": sizes["c"], "groups": 1})


def _windows(f: Function, step: Step) -> tuple[str, ...]:
    """Arguments of a convolution: sizes, what one window computes, image, kernel, scales, bias."""
    sizes = step.arrays.sizes
    geometry = f.struct(step, "windows", {**sizes._asdict(), "n": int(step.record["n_out"])})
    if step.output in f.most:
        piece = "window_integers" if _lies_together(sizes) else "window_integers_apart"
        x, w, scale = _integers(f, step, -1, (3, 0, 1, 2))
    else:
        x, (piece, w, scale) = f.x(step), _conv_weights(f, step, sizes, step.arrays.w)
    f.needs.add(piece)
    return geometry, piece, x, w, scale, f.bias(step)


def _lies_together(sizes: Sizes) -> bool:
    """Whether what a window reads of a row of the image lies side by side."""
    return sizes.groups == 1 and (sizes.dw == 1 or sizes.kw == 1)


def _conv_weights(f: Function, step: Step, sizes: Sizes, kernel: np.ndarray) -> tuple[str, str, str]:
    """The piece that suits, the kernel as it wants it, and scales."""
    if sizes.groups == 1:
        return "window_together" if _lies_together(sizes) else "window_apart", *f.weights(step, "kernel", kernel)
    if sizes.groups == sizes.c:
        return "window_depthwise", *f.weights(step, "kernel", kernel)
    kh, kw, c, n = kernel.shape
    apart = kernel.reshape(kh, kw, c, sizes.groups, n // sizes.groups)
    return "window_apart", *_by_groups(f, step, apart)


def _by_groups(f: Function, step: Step, kernel: np.ndarray) -> tuple[str, str]:
    """Of ``(kh, kw, c, groups, n)``, a group's numbers side by side; a filter is one of a group."""
    kh, kw, c, groups, n = kernel.shape
    if f.constants.weights == "float32":
        return f.table(step, "kernel", kernel.transpose(0, 1, 3, 2, 4)), "0"
    q, scale = quantized(kernel.reshape(kh, kw, c, groups * n), -1)
    q = q.reshape(kernel.shape).transpose(0, 1, 3, 2, 4)
    return f.constants.array(f"{label(step)}_kernel", q, f"{label(step)}: kernel, to be scaled"), f.table(
        step, "kernel_scale", scale
    )


def conv_transpose(f: Function, step: Step) -> None:
    sizes, n_in, n_out = step.arrays.sizes, int(step.record["n_in"]), int(step.record["n_out"])
    geometry = f.struct(step, "windows", {**sizes._asdict(), "n": n_in})
    w, scale = f.weights(step, "kernel", step.arrays.w, axis=2, order=(0, 1, 3, 2))
    f.call("conv_transpose", geometry, f.x(step), w, scale, f.bias(step), f.y(step))
    activate(f, step, 0, f.program.size(step.output), n_out)


def embedding(f: Function, step: Step) -> None:
    w, scale = f.weights(step, "table", step.arrays.w)
    n_rows, n_out = int(step.record["repeat"]), int(step.record["n_out"])
    f.call("embed", f.x(step), n_rows, w, scale, step.arrays.sizes.rows, n_out, f.y(step))


def _integers(f: Function, step: Step, axis: int, order: tuple[int, ...]) -> tuple[str, str, str]:
    """The input as whole numbers, the kernel's, and what their products are to be multiplied by."""
    unit = f.most[step.output] / MOST
    q, scale = quantized(step.arrays.w, axis)
    size = f.size(step)
    room = f.room(step, "x", -(-size // 4))
    f.call("to_integers", f.x(step), size, real(1 / unit), f"(int8_t *){room}")
    w = f.constants.array(f"{label(step)}_kernel", q.transpose(order), f"{label(step)}: kernel, to be scaled")
    return f"(const int8_t *){room}", w, f.table(step, "scale", scale.astype(np.float64) * unit)
