"""Losses on a block: a kernel returns the sum of weighted losses and writes the gradient to ``dy``.

Elementwise formulas are those of :mod:`fastnn.loss_formulas`; the cross-entropies over a row are written here
as loops. The target is a flat vector as wide as the output, or class indices: whichever is not empty.
"""

from __future__ import annotations

import math

from fastnn._kernels.jit_activations import exponentials, largest
from fastnn._kernels.jit_compile import inlined
from fastnn._kernels.jit_formulas import compiled, maximum, minimum
from fastnn.loss_formulas import CLIP
from fastnn.loss_formulas import smoothed as formula_smoothed
from fastnn.losses import ALL_LOSSES

smoothed = compiled(formula_smoothed)
ARGUMENTS = "target, labels, weight, y, dy, width, repeat, scale, p"


@inlined
def weight_at(weight, sample):
    """Weight of a sample; an empty vector means ones."""
    return float(weight[sample]) if weight.shape[0] else 1.0


@inlined
def target_at(target, labels, row, j, width, smoothing):
    """Target of output ``j`` of a row, from the dense target or from the class indices."""
    if labels.shape[0]:
        return 1.0 if labels[row] == j else 0.0
    return float(smoothed(target[row * width + j], smoothing, width))


def _elementwise(term, slope, sums):
    term_of, slope_of = compiled(term), compiled(slope)

    @inlined
    def loop(target, labels, weight, y, dy, width, repeat, scale, p):
        total, share = 0.0, (1.0 if sums else 1.0 / width)
        for row in range(y.shape[0] // width):
            w, value = weight_at(weight, row // repeat), 0.0
            factor = w * scale / repeat * share
            for i in range(row * width, (row + 1) * width):
                value += term_of(target[i], y[i], p)
                dy[i] = factor * slope_of(target[i], y[i], p)
            total += w * value * share
        return total / repeat

    return loop


@inlined
def crossentropy_logits(target, labels, weight, y, dy, width, repeat, scale, p):
    """``-sum(t log softmax(y))``; ``dy`` first holds the exponentials."""
    exponentials(y, dy, width)
    total = 0.0
    for row in range(y.shape[0] // width):
        w, first = weight_at(weight, row // repeat), row * width
        top, summed, whole, value = largest(y, first, width), 0.0, 0.0, 0.0
        for j in range(width):
            summed += dy[first + j]
            whole += target_at(target, labels, row, j, width, p)
        log_sum = math.log(summed)
        for j in range(width):
            t = target_at(target, labels, row, j, width, p)
            value -= t * (y[first + j] - top - log_sum)
            dy[first + j] = w * scale / repeat * (dy[first + j] / summed * whole - t)
        total += w * value
    return total / repeat


@inlined
def crossentropy(target, labels, weight, y, dy, width, repeat, scale, p):
    """``-sum(t log(y / sum y))`` with the shares kept in [CLIP, 1 - CLIP]; ``dy`` first holds the slopes by them."""
    total = 0.0
    for row in range(y.shape[0] // width):
        w, first = weight_at(weight, row // repeat), row * width
        whole, value, mean = 0.0, 0.0, 0.0
        for j in range(width):
            whole += y[first + j]
        for j in range(width):
            t, share = target_at(target, labels, row, j, width, p), y[first + j] / whole
            value -= t * math.log(minimum(maximum(share, CLIP), 1 - CLIP))
            slope = -t / share if CLIP <= share <= 1 - CLIP else 0.0
            mean += slope * share
            dy[first + j] = slope
        for j in range(width):
            dy[first + j] = w * scale / repeat * ((dy[first + j] - mean) / whole)
        total += w * value
    return total / repeat


def _loop(record):
    if record.rowwise:
        return crossentropy_logits if record.from_logits else crossentropy
    return _elementwise(record.term, record.slope, record.sums)


KERNELS = {record.code: _loop(record) for record in ALL_LOSSES}
