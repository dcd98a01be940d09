"""Losses on a block: a kernel returns the sum of weighted losses and writes the gradient to ``dy``.

Elementwise formulas are those of :mod:`fastnn.losses.formulas`; the cross-entropies over a row are written here
as loops. The target is a flat vector as wide as the output, or class indices: whichever is not empty. The columns of
a row take the ``parameters`` in turn; the loops over a row have one.
"""

from __future__ import annotations

import math

from fastnn._kernels.numba.activations import exponentials, largest
from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.formulas import compiled, maximum, minimum
from fastnn._kernels.numba.vector.math import exp
from fastnn.losses.focal import FAR
from fastnn.losses.formulas import CLIP
from fastnn.losses.formulas import smoothed as formula_smoothed
from fastnn.losses.records import EVERY_KERNEL, LossCode

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


@inlined
def focal_target(target, labels, row, j, width, parameters):
    """:func:`target_at` times the alpha of the class."""
    alpha = parameters[2 + j] if parameters.shape[0] > 3 else parameters[2]
    return alpha * target_at(target, labels, row, j, width, parameters[1])


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


def _with_all_parameters(term, slope):
    """An elementwise loss whose formulas take all of its four parameters."""
    term_of, slope_of = compiled(term), compiled(slope)

    @inlined
    def loop(target, labels, weight, y, dy, width, repeat, scale, parameters):
        number, total = y.dtype.type, 0.0
        p = number(parameters[0]), number(parameters[1]), number(parameters[2]), number(parameters[3])
        for row in range(y.shape[0] // width):
            w, value = weight_at(weight, row // repeat), 0.0
            factor = w * scale / repeat / width
            for i in range(row * width, (row + 1) * width):
                value += term_of(target[i], y[i], p)
                dy[i] = factor * slope_of(target[i], y[i], p)
            total += w * value / width
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
            t, share = focal_target(target, labels, row, j, width, parameters), y[first + j] / whole
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
    """Of a class: ``1 - share``, its value and its pull, as in ``losses/focal.py``; ``e`` is exp(z - largest z)."""
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
            t, i = focal_target(target, labels, row, j, width, parameters), first + j
            surprise = base if y[i] == top else base + (top - y[i])
            _, term, pull = focal_pull(t, dy[i], surprise, summed, others, gamma)
            value, pulls = value + term, pulls + pull
        for j in range(width):
            t, i = focal_target(target, labels, row, j, width, parameters), first + j
            surprise = base if y[i] == top else base + (top - y[i])
            left, _, pull = focal_pull(t, dy[i], surprise, summed, others, gamma)
            dy[i] = w * scale / repeat * (dy[i] / summed * (pulls - pull) - pull * left)
        total += w * value
    return total / repeat


@inlined
def categorical_hinge(target, labels, weight, y, dy, width, repeat, scale, parameters):
    """``max(max((1 - t) y) - sum(t y) + 1, 0)``; classes that tie for the largest share its slope."""
    total = 0.0
    for row in range(y.shape[0] // width):
        w, first = weight_at(weight, row // repeat), row * width
        right, worst, ties = 0.0, -math.inf, 0
        for i in range(first, first + width):
            wrong = (1 - target[i]) * y[i]
            right += target[i] * y[i]
            ties = 1 if wrong > worst else ties + (wrong == worst)
            worst = max(worst, wrong)
        value = worst - right + 1
        factor = 0.0 if value <= 0 else w * scale / repeat
        for i in range(first, first + width):
            rest = 1 - target[i]
            dy[i] = factor * ((rest / ties if rest * y[i] == worst else 0.0) - target[i])
        total += w * (0.0 if value <= 0 else value)
    return total / repeat


@inlined
def cosine_similarity(target, labels, weight, y, dy, width, repeat, scale, parameters):
    """``-sum(t y)`` of rows of unit length."""
    total = 0.0
    for row in range(y.shape[0] // width):
        w, first = weight_at(weight, row // repeat), row * width
        tt, yy, similarity = 0.0, 0.0, 0.0
        for i in range(first, first + width):
            tt += target[i] * target[i]
            yy += y[i] * y[i]
        t_length, y_length = maximum(math.sqrt(tt), CLIP), maximum(math.sqrt(yy), CLIP)
        for i in range(first, first + width):
            similarity += target[i] / t_length * (y[i] / y_length)
        along = similarity if y_length > CLIP else 0.0
        for i in range(first, first + width):
            dy[i] = w * scale / repeat * ((along * (y[i] / y_length) - target[i] / t_length) / y_length)
        total -= w * similarity
    return total / repeat


OWN = {LossCode.CATEGORICAL_HINGE: categorical_hinge, LossCode.COSINE_SIMILARITY: cosine_similarity}


def _loop(record):
    if record.code in OWN:
        return OWN[record.code]
    if record.more and not record.rowwise:
        return _with_all_parameters(record.term, record.slope)
    if not record.rowwise:
        return _elementwise(record.term, record.slope, record.sums)
    if record.parameter_name == "gamma":
        return focal_logits if record.from_logits else focal
    return crossentropy_logits if record.from_logits else crossentropy


KERNELS = {record.code: _loop(record) for record in EVERY_KERNEL}
