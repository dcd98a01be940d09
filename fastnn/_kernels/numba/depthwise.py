"""Convolutions whose filters read a channel each: products of single numbers, all channels of a tap side by side."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.vector.rows import copy
from fastnn._kernels.numba.vector.runs import multiply_add_runs
from fastnn._kernels.numba.windows import inside, place, sizes

ARGUMENTS = "op, image, weights, windows, first, last"
WINDOWS, KERNEL, IMAGE = range(3)  # what the products are added to


@small_kernel
def is_depthwise(op, n):
    groups = op.geometry[13]
    return groups > 1 and groups == op.geometry[2] and groups == n


@kernel
def begin_windows(bias, n, windows):
    """Every window begins with the bias, an empty one stands for zeros."""
    for at in range(0, windows.shape[0], n):
        if bias.shape[0]:
            copy(windows[at : at + n], bias)
        else:
            windows[at : at + n] = 0


def _by_channel(sought):
    """Adds to one of the three the products of the other two; ``windows`` begins with the window ``first``."""

    @inlined
    def add(op, image, weights, windows, first, last):
        h, wide, c, oh, ow, kh, kw, sh, sw, top, left, dh, dw, _ = sizes(op)
        window = first
        while window < last:
            line, ox = window // ow, window % ow
            times = min(ow - ox, last - window)
            for tap in range(kh * kw):
                y, across, w = place(line % oh, tap // kw, sh, dh, top), place(ox, tap % kw, sw, dw, left), tap * c
                low, high = inside(across, sw, wide - 1, times if 0 <= y < h else 0)
                at, to = ((line // oh * h + y) * wide + across + low * sw) * c, (window - first + low) * c
                if sought == WINDOWS:
                    multiply_add_runs(windows, to, c, image, at, sw * c, weights, w, 0, high - low, c)
                elif sought == KERNEL:
                    multiply_add_runs(weights, w, 0, image, at, sw * c, windows, to, c, high - low, c)
                else:
                    multiply_add_runs(image, at, sw * c, windows, to, c, weights, w, 0, high - low, c)
            window += times

    return add


KERNELS = {sought: _by_channel(sought) for sought in (WINDOWS, KERNEL, IMAGE)}
