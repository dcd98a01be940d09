"""Statistics of a block, added to a metric's place in the sums; see :mod:`fastnn.metrics` for what they are.

Every kernel takes the same arguments: ``weight`` is per sample, ``repeat`` rows of ``y`` belong to one, and an
empty ``weight`` means ones. All sums are float64.
"""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.losses import weight_at
from fastnn.metrics.statistics import StatisticCode

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
        actual = int(labels[i // width]) == j if labels.shape[0] else target[i] > 0
        predicted = y[i] > p
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
        from_mean = t - out[width + j]
        if out[j] != 0:
            out[width + j] += from_mean * (w / out[j])
        out[2 * width + j] += w * from_mean * (t - out[width + j])
        out[3 * width + j] += w * (t - y[i]) * (t - y[i])


@inlined
def predictions(target, labels, weight, y, width, repeat, out, p):
    at = 1 + int(out[0])
    for row in range(y.shape[0] // width):
        for i in range(row * width, (row + 1) * width):
            out[at] = y[i]
            at += 1
        if p:
            out[at] = weight_at(weight, row // repeat)
            at += 1
    out[0] = at - 1


@inlined
def number_hits(target, labels, weight, y, width, repeat, out, p):
    for row in range(y.shape[0] // width):
        w = weight_at(weight, row // repeat)
        half, sign, equal, ones, zeros, nones = 0, 0, 0, 0, 0, 0
        for i in range(row * width, (row + 1) * width):
            t, yes = target[i], target[i] == 1
            half += (y[i] > 0.5) == yes
            sign += (y[i] > 0) == yes
            equal += y[i] == t
            ones += yes
            zeros += t == 0
            nones += t == -1
        largest = argmax(target, row * width, width) == argmax(y, row * width, width)
        out[0] += w * (half / width)
        out[1] += w * (sign / width)
        out[2] += w * (equal / width)
        out[3] += w * largest
        out[4] += w
        out[5] += width - ones - zeros
        out[6] += width - ones - nones
        out[7] += width == 1 or ones != 1 or zeros != width - 1


KERNELS = {
    StatisticCode.HITS: _mean(hits),
    StatisticCode.ARGMAX_HITS: _mean(argmax_hits),
    StatisticCode.TOP_K_HITS: _mean(top_k_hits),
    StatisticCode.SQUARED_ERROR: _mean(squared_error),
    StatisticCode.ABSOLUTE_ERROR: _mean(absolute_error),
    StatisticCode.CONFUSION: confusion,
    StatisticCode.ARGMAX_CONFUSION: argmax_confusion,
    StatisticCode.MOMENTS: moments,
    StatisticCode.PREDICTIONS: predictions,
    StatisticCode.NUMBER_HITS: number_hits,
}
