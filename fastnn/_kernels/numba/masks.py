"""Losses and statistics of an output that has a mask: stretches of positions that count, one by one.

The same as ``masks.py`` of the reference. A stretch lies within a sample, so that the weight of that sample is the
weight of all its rows; kernels are told only of rows that count.
"""

from __future__ import annotations

from fastnn._kernels import steps
from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.losses import weight_at
from fastnn._kernels.numba.table import block_loss, block_statistic
from fastnn._plan.records import BY_NOTHING, BY_WEIGHT
from fastnn.metrics.statistics import StatisticCode

PREDICTIONS = int(StatisticCode.PREDICTIONS)
over = inlined(steps.over)


@inlined
def mask_of(tables, memory, loss, n_rows):
    """The mask of an output's rows, a number for as many rows as it is shorter than they."""
    value = tables.values[loss.mask]
    return memory.workspace[value.offset : value.offset + n_rows * value.size]


@inlined
def stretch_end(mask, group, first, last):
    """Where rows end that count, or do not, as ``first`` does; ``group`` rows have a number of the mask."""
    counts, row = mask[first // group] != 0, first + 1
    while row < last and (mask[row // group] != 0) == counts:
        row += 1
    return row


@inlined
def balance(tables, loss, mask, weight, n_rows):
    """What rows that count are multiplied by so as to be all of the loss; 0 where none does."""
    divisor = tables.header[()].divisor
    if divisor == BY_NOTHING or not loss.balanced:
        return 1.0
    own, n_steps, whole, there = weight if divisor == BY_WEIGHT else weight[:0], mask.shape[0] // n_rows, 0.0, 0.0
    for step in range(mask.shape[0]):
        w = weight_at(own, step // n_steps)
        whole += w
        there += w if mask[step] != 0 else 0.0
    return over(whole, there)


@kernel
def masked_loss(tables, loss, mask, arguments, n_rows):
    """The loss of rows that count; the others have no gradient."""
    target, labels, weight, y, dy, width, repeat, scale, parameters = arguments
    total, group, factor = 0.0, n_rows * repeat // mask.shape[0], balance(tables, loss, mask, weight, n_rows)
    for sample in range(n_rows):
        first, last = sample * repeat, (sample + 1) * repeat
        while first < last:
            end = stretch_end(mask, group, first, last)
            here, w = slice(first * width, end * width), weight[sample : sample + 1]
            if mask[first // group] != 0:
                own = target[here], labels[first:end], w, y[here], dy[here], width, repeat, scale * factor, parameters
                total += block_loss(tables.kernels, loss.code, own)
            else:
                dy[here] = 0
            first = end
    return total * factor


@kernel
def masked_statistic(tables, metric, mask, arguments, n_rows):
    """A statistic of rows that count; kept predictions are all, each followed by 1 or 0."""
    target, labels, weight, y, width, repeat, out, parameter = arguments
    group, keeps = n_rows * repeat // mask.shape[0], metric.statistic == PREDICTIONS
    for sample in range(n_rows):
        first, last = sample * repeat, (sample + 1) * repeat
        while first < last:
            end, step = stretch_end(mask, group, first, last), first // group
            here = slice(first * width, end * width)
            w = mask[step : step + 1] if keeps else weight[sample : sample + 1]
            if keeps or mask[step] != 0:
                own = target[here], labels[first:end], w, y[here], width, repeat, out, parameter
                block_statistic(tables.kernels, metric.statistic, own)
            first = end
