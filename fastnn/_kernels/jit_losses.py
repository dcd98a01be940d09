"""Losses on a block: a kernel returns the sum of weighted losses and writes the gradient to ``dy``.

Elementwise formulas are those of :mod:`fastnn.losses.formulas`; the cross-entropies over a row are written here
as loops. The target is a flat vector as wide as the output, or class indices: whichever is not empty. The columns of
a row take the ``parameters`` in turn; the loops over a row have one.
"""

from __future__ import annotations

import math

from fastnn._kernels.jit_activations import exponentials, largest
from fastnn._kernels.jit_compile import inlined
from fastnn._kernels.jit_formulas import compiled, maximum, minimum
from fastnn._kernels.jit_math import exp
from fastnn.losses.formulas import CLIP, FAR
from fastnn.losses.formulas import smoothed as formula_smoothed
from fastnn.losses.records import ALL_LOSSES

smoothed = compiled(formula_smoothed)
ARGUMENTS = "target, labels, weight, y, dy, width, repeat, scale, parameters"
LEAST = 2.2250738585072014e-308  # no logarithm of less is taken


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
    def loop(target, labels, weight, y, dy, width, repeat, scale, parameters):
        total, share, n = 0.0, (1.0 if sums else 1.0 / width), parameters.shape[0]
        together = width if n == 1 else 1  # numbers with the same parameter
        for row in range(y.shape[0] // width):
            w, value, which = weight_at(weight, row // repeat), 0.0, 0
            factor = w * scale / repeat * share
            for first in range(row * width, (row + 1) * width, together):
                p = y.dtype.type(parameters[which])
                which = which + 1 if which + 1 < n else 0
                for i in range(first, first + together):
                    value += term_of(target[i], y[i], p)
                    dy[i] = factor * slope_of(target[i], y[i], p)
            total += w * value * share
        return total / repeat

    return loop


@inlined
def crossentropy_logits(target, labels, weight, y, dy, width, repeat, scale, parameters):
    """``-sum(t log softmax(y))``; ``dy`` first holds the exponentials."""
    exponentials(y, dy, width)
    total, p = 0.0, parameters[0]
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
def crossentropy(target, labels, weight, y, dy, width, repeat, scale, parameters):
    """``-sum(t log(y / sum y))`` with the shares kept in [CLIP, 1 - CLIP]; ``dy`` first holds the slopes by them."""
    total, p = 0.0, parameters[0]
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


@inlined
def focal(target, labels, weight, y, dy, width, repeat, scale, parameters):
    """``-sum(t (1 - q)**gamma log q)`` of the shares ``q``, as :func:`crossentropy`."""
    total, gamma = 0.0, parameters[0]
    for row in range(y.shape[0] // width):
        w, first = weight_at(weight, row // repeat), row * width
        whole, value, mean = 0.0, 0.0, 0.0
        for j in range(width):
            whole += y[first + j]
        for j in range(width):
            t, share = target_at(target, labels, row, j, width, 0.0), y[first + j] / whole
            q = minimum(maximum(share, CLIP), 1 - CLIP)
            power, log_q = t * exp(gamma * math.log(1 - q)), math.log(q)
            value -= power * log_q
            slope = power * (gamma * log_q / (1 - q) - 1 / q) if share == q else 0.0
            mean += slope * share
            dy[first + j] = slope
        for j in range(width):
            dy[first + j] = w * scale / repeat * ((dy[first + j] - mean) / whole)
        total += w * value
    return total / repeat


@inlined
def focal_pull(t, e, surprise, summed, others, gamma):
    """Of a class: ``1 - share``, its value and its pull, as in ``loss_formulas``; ``e`` is exp(z - largest z)."""
    share = e / summed
    left = others / summed if share > 0.5 else 1 - share
    if t == 0:
        return left, 0.0, 0.0
    least = max(left, LEAST)
    power = t * exp(gamma * math.log(least))
    return left, power * surprise, power * (1 + gamma * (share * minimum(surprise, FAR) / least))


@inlined
def focal_logits(target, labels, weight, y, dy, width, repeat, scale, parameters):
    """``-sum(t (1 - s)**gamma log s)`` of ``s = softmax(y)``; ``dy`` first holds the exponentials."""
    total, gamma = 0.0, parameters[0]
    for row in range(y.shape[0] // width):
        w, first, top = weight_at(weight, row // repeat), row * width, largest(y, row * width, width)
        summed, rest, value, pulls = 0.0, 0.0, 0.0, 0.0
        for j in range(first, first + width):
            dy[j] = 1 if y[j] == top else exp(y[j] - top)
            summed += dy[j]
            rest += dy[j] if y[j] < top else 0
        others = rest if summed < 2 else summed - 1
        base = math.log1p(others)
        for j in range(width):
            t, i = target_at(target, labels, row, j, width, 0.0), first + j
            surprise = base if y[i] == top else base + (top - y[i])
            _, term, pull = focal_pull(t, dy[i], surprise, summed, others, gamma)
            value, pulls = value + term, pulls + pull
        for j in range(width):
            t, i = target_at(target, labels, row, j, width, 0.0), first + j
            surprise = base if y[i] == top else base + (top - y[i])
            left, _, pull = focal_pull(t, dy[i], surprise, summed, others, gamma)
            dy[i] = w * scale / repeat * (dy[i] / summed * (pulls - pull) - pull * left)
        total += w * value
    return total / repeat


def _loop(record):
    if not record.rowwise:
        return _elementwise(record.term, record.slope, record.sums)
    if record.parameter_name == "gamma":
        return focal_logits if record.from_logits else focal
    return crossentropy_logits if record.from_logits else crossentropy


KERNELS = {record.code: _loop(record) for record in ALL_LOSSES}
