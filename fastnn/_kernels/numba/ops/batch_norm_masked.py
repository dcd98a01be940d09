"""Batch normalisation of rows of which some do not count; see ``batch_norm.py``.

Sums are in double, over the rows that count in their order: so what stands in the others, and how many they are,
changes no bit. On the way back gradients of the others count, too, and their numbers are looked at where there is one.
"""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import kernel
from fastnn._ops.batch_norm import VECTORS

MASKED = 1  # in the geometry


@kernel
def n_counted(mask):
    """Rows that count, at least 1."""
    count = 0
    for i in range(mask.shape[0]):
        count += mask[i] != 0
    return max(count, 1)


@kernel
def measure_counted(x, mask, mean, variance):
    """Mean and variance; means are counted from the first row that counts, squares from the mean. Zeros of no row."""
    n, lead = mean.shape[0], 0
    sums, rows = np.zeros(n), n_counted(mask)
    while lead < mask.shape[0] and mask[lead] == 0:
        lead += 1
    mean[:] = 0
    variance[:] = 0
    if lead == mask.shape[0]:
        return
    for i in range(lead, mask.shape[0]):
        if mask[i] != 0:
            for j in range(n):
                sums[j] += np.float64(x[i * n + j]) - np.float64(x[lead * n + j])
    means = sums / rows
    sums[:] = 0
    for i in range(lead, mask.shape[0]):
        if mask[i] != 0:
            for j in range(n):
                apart = np.float64(x[i * n + j]) - np.float64(x[lead * n + j]) - means[j]
                sums[j] += apart * apart
    for j in range(n):
        mean[j] = np.float64(x[lead * n + j]) + means[j]
        variance[j] = sums[j] / rows


@kernel
def sum_counted_slopes(x, dy, mask, mean, out):
    """Sums of ``dy``, and behind them of ``dy * (x - mean)``."""
    n = mean.shape[0]
    sums = np.zeros(2 * n)
    for i in range(mask.shape[0]):
        for j in range(n):
            slope = dy[i * n + j]
            if mask[i] != 0 or slope != 0:
                sums[j] += slope
                sums[n + j] += np.float64(slope) * np.float64(x[i * n + j] - mean[j])
    for j in range(2 * n):
        out[j] = sums[j]


@kernel
def normalize_counted_back(op, rows, measured, room, dx, added):
    """What the statistics hand back goes along the rows that count; the others were only shifted and scaled."""
    (x, dy, mask), (mean, variance, by) = rows, measured
    n, kind = op.n_out, x.dtype.type
    count, along, shared = kind(n_counted(mask)), room[VECTORS * n :], room[(VECTORS + 1) * n :]  # not needed now
    for j in range(n):
        along[j] = room[3 * n + j] / (variance[j] + kind(op.numbers[0])) / count
        shared[j] = room[2 * n + j] / count
    for i in range(mask.shape[0]):
        for j in range(n):
            at, gradient = i * n + j, dy[i * n + j] * by[j]
            if mask[i] != 0:
                gradient = (dy[at] - shared[j] - (x[at] - mean[j]) * along[j]) * by[j]
            dx[at] = dx[at] + gradient if added else gradient
