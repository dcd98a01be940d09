"""Windows of images: the numbers that they read, gathered in rows for products, and handed back.

The geometry of the ops is h w c oh ow kh kw sh sw top left dh dw groups. Windows are counted over all samples of a
block, those of an image line by line; a row has the taps of a window in order, and of each the channels of a group.

Design: rows of some windows are laid out at a time, as many as stay in the cache, and multiplied from there by the
product that dense layers have. Loops over taps (rejected) took ten to twenty times as long. Whoever moves rows calls it
by address, for the ways there and back of two kinds would each compile it again.
"""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.vector.runs import add_runs, copy_runs

ARGUMENTS = "op, x, first, last, group, rows"
GATHER, HAND_BACK = range(2)
NUMBERS, LEAST = 8192, 16  # of a part, which is read again from the cache; windows at least


@small_kernel
def sizes(op):
    """The geometry, as a tuple that can be taken apart."""
    g = op.geometry
    return g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13]


@small_kernel
def window_size(op):
    """Numbers that a window reads of a group of channels."""
    return op.geometry[5] * op.geometry[6] * (op.geometry[2] // op.geometry[13])


@small_kernel
def windows_of_image(op):
    return op.geometry[3] * op.geometry[4]


@small_kernel
def part_size(op, n):
    """Windows whose rows are laid out together, or whose ``n`` numbers are computed together."""
    return max(LEAST, NUMBERS // max(window_size(op), n))


@small_kernel
def room_of_part(op):
    """Numbers of its rows at most."""
    return max(LEAST * window_size(op), NUMBERS)


@small_kernel
def are_pixels(op):
    """Whether each window is a pixel, in order, so that the image itself has their rows."""
    h, wide, _, oh, ow, kh, kw, sh, sw, _, _, _, _, _ = sizes(op)
    return kh == 1 and kw == 1 and sh == 1 and sw == 1 and oh == h and ow == wide


@small_kernel
def taps_side_by_side(op):
    """Taps whose numbers lie side by side in the image as in the row."""
    return op.geometry[6] if op.geometry[12] == 1 and op.geometry[13] == 1 else 1


@small_kernel
def place(out, tap, stride, dilation, before):
    """Where a tap of a window reads along one axis; outside of the image below 0 or beyond its length."""
    return out * stride + tap * dilation - before


@inlined
def _move_rows(op, x, first, last, group, rows, back):
    """Rows of the windows from ``first`` up to ``last``; ``back``, they are added to the image."""
    h, wide, c, oh, ow, kh, kw, sh, sw, top, left, dh, dw, groups = sizes(op)
    few, taps, row, window = c // groups, taps_side_by_side(op), window_size(op), first
    while window < last:
        line, ox = window // ow, window % ow
        times = min(ow - ox, last - window)
        to = (window - first) * row
        for ky in range(kh):
            y = place(line % oh, ky, sh, dh, top)
            for kx in range(0, kw, taps):
                across = place(ox, kx, sw, dw, left)
                at = ((line // oh * h + y) * wide + across) * c + group * few
                low, high = inside(across, sw, wide - taps, times if 0 <= y < h else 0)
                if back:
                    add_runs(x, at + low * sw * c, sw * c, rows, to + low * row, row, high - low, taps * few)
                else:
                    copy_runs(rows, to + low * row, row, x, at + low * sw * c, sw * c, high - low, taps * few)
                for i in range(times):
                    if low <= i < high:
                        continue
                    first_tap = across + i * sw
                    begin = max(-first_tap, 0) * few if 0 <= y < h else taps * few
                    end = min(wide - first_tap, taps) * few
                    _move_edge(x, at + i * sw * c, rows, to + i * row, begin, end, taps * few, back)
                to += taps * few
        window += times


@small_kernel
def inside(first, step, last, times):
    """Which of the places ``first + i * step`` with ``0 <= i < times`` are from 0 to ``last``: from, and up to."""
    low = min(max(-(first // step), 0), times)
    return low, max(min((last - first) // step + 1, times), low)


@inlined
def gather(op, x, first, last, group, rows):
    """Rows of the windows from ``first`` up to ``last``, zeros where a tap is outside of its image."""
    _move_rows(op, x, first, last, group, rows, 0)


@inlined
def hand_back(op, x, first, last, group, rows):
    """Adds the numbers of such rows to the image, where they would be read."""
    _move_rows(op, x, first, last, group, rows, 1)


@kernel
def _move_edge(x, at, rows, to, begin, end, count, back):
    """A run of which the image has the numbers from ``begin`` up to ``end``."""
    for j in range(count):
        if begin <= j < end:
            if back:
                x[at + j] += rows[to + j]
            else:
                rows[to + j] = x[at + j]
        elif not back:
            rows[to + j] = 0


KERNELS = {GATHER: gather, HAND_BACK: hand_back}
