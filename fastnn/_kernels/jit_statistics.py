"""Statistics of a block, added to a metric's place in the sums; see :mod:`fastnn.metrics` for what they are.

Every kernel takes the same arguments: ``weight`` is per sample, ``repeat`` rows of ``y`` belong to one, and an
empty ``weight`` means ones. All sums are float64.
"""

from __future__ import annotations

from fastnn._kernels.jit_compile import inlined, kernel
from fastnn._kernels.jit_losses import weight_at
from fastnn.metrics import N_THRESHOLDS, StatisticCode

ARGUMENTS = "target, labels, weight, y, width, repeat, out, p"


@kernel
def argmax(y, first, width):
    """Place of the largest of a row; the first NaN counts as the largest, as in NumPy."""
    best, place = y[first], 0
    for j in range(1, width):
        value = y[first + j]
        if value > best or (value != value and best == best):
            best, place = value, j
    return place


@inlined
def label(target, labels, row, width):
    """Class index of a row."""
    return int(labels[row]) if labels.shape[0] else argmax(target, row * width, width)


def _mean(score):
    @inlined
    def loop(target, labels, weight, y, width, repeat, out, p):
        for row in range(y.shape[0] // width):
            w = weight_at(weight, row // repeat)
            out[0] += w * score(target, labels, y, row, width, p)
            out[1] += w

    return loop


@inlined
def hits(target, labels, y, row, width, p):
    count = 0
    for i in range(row * width, (row + 1) * width):
        count += target[i] == 1 if y[i] > p else target[i] <= 0
    return count / width


@inlined
def argmax_hits(target, labels, y, row, width, p):
    return 1.0 if label(target, labels, row, width) == argmax(y, row * width, width) else 0.0


@inlined
def top_k_hits(target, labels, y, row, width, p):
    above, hit = 0, y[row * width + label(target, labels, row, width)]
    for i in range(row * width, (row + 1) * width):
        above += y[i] > hit
    return 1.0 if above < p else 0.0


@inlined
def squared_error(target, labels, y, row, width, p):
    total = 0.0
    for i in range(row * width, (row + 1) * width):
        error = float(y[i] - target[i])
        total += error * error
    return total / width


@inlined
def absolute_error(target, labels, y, row, width, p):
    total = 0.0
    for i in range(row * width, (row + 1) * width):
        total += abs(y[i] - target[i])
    return total / width


@inlined
def confusion(target, labels, weight, y, width, repeat, out, p):
    for i in range(y.shape[0]):
        w, j = weight_at(weight, i // width // repeat), i % width
        actual, predicted = target[i] > 0, y[i] > p
        out[j] += w * (actual and predicted)
        out[width + j] += w * predicted
        out[2 * width + j] += w * actual


@inlined
def argmax_confusion(target, labels, weight, y, width, repeat, out, p):
    for row in range(y.shape[0] // width):
        w = weight_at(weight, row // repeat)
        actual, predicted = label(target, labels, row, width), argmax(y, row * width, width)
        out[predicted] += w * (actual == predicted)
        out[width + predicted] += w
        out[2 * width + actual] += w


@inlined
def moments(target, labels, weight, y, width, repeat, out, p):
    for i in range(y.shape[0]):
        w, j, t = weight_at(weight, i // width // repeat), i % width, float(target[i])
        out[j] += w
        out[width + j] += w * t
        out[2 * width + j] += w * t * t
        out[3 * width + j] += w * (t - y[i]) * (t - y[i])


@inlined
def roc(target, labels, weight, y, width, repeat, out, p):
    for i in range(y.shape[0]):
        scaled, place = y.dtype.type(y[i] * N_THRESHOLDS), 0  # rounded as the reference does, for the same bin
        if scaled >= N_THRESHOLDS:
            place = N_THRESHOLDS - 1
        elif scaled > 0:
            place = int(scaled)
        table = width + i % width if target[i] > 0 else i % width
        out[table * N_THRESHOLDS + place] += weight_at(weight, i // width // repeat)


KERNELS = {
    StatisticCode.HITS: _mean(hits),
    StatisticCode.ARGMAX_HITS: _mean(argmax_hits),
    StatisticCode.TOP_K_HITS: _mean(top_k_hits),
    StatisticCode.SQUARED_ERROR: _mean(squared_error),
    StatisticCode.ABSOLUTE_ERROR: _mean(absolute_error),
    StatisticCode.CONFUSION: confusion,
    StatisticCode.ARGMAX_CONFUSION: argmax_confusion,
    StatisticCode.MOMENTS: moments,
    StatisticCode.ROC: roc,
}
