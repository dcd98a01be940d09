"""Activations on whole rows: ``KERNELS`` overwrite ``z`` by ``y``, ``GRADIENTS`` overwrite ``dy`` by ``dz``.

Both take flat vectors of whole rows ``(rows * width,)``. Elementwise formulas are those of
:mod:`fastnn.activations.formulas`; the row-wise ones are written here as loops.
"""

from __future__ import annotations

import math

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.formulas import compiled
from fastnn._kernels.numba.vector.math import exp
from fastnn.activations import ACTIVATIONS, ActivationCode


def _forward(formula):
    on_number = compiled(formula)

    @inlined
    def loop(y, width, p):
        for i in range(y.shape[0]):
            y[i] = on_number(y[i], p)

    return loop


def _gradient(derivative):
    on_number = compiled(derivative)

    @inlined
    def loop(z, y, dy, width, p):
        for i in range(dy.shape[0]):
            dy[i] *= dy.dtype.type(on_number(z[i], y[i], p))  # the slope may be an integer, which makes float64 of all

    return loop


@kernel
def largest(y, first, width):
    """The largest of a row; NaN may be passed over, as it comes back in the sum of exponentials."""
    top = y[first]
    for j in range(first + 1, first + width):
        top = max(top, y[j])
    return top


@inlined
def exponentials(y, out, width):
    """``out = exp(y - largest of its row)``; one loop over all rows, which LLVM turns into vector code."""
    for first in range(0, y.shape[0], width):
        top = largest(y, first, width)
        for j in range(first, first + width):
            out[j] = y[j] - top
    for i in range(y.shape[0]):
        out[i] = exp(out[i])


@inlined
def softmax(y, width, p):
    exponentials(y, y, width)
    for first in range(0, y.shape[0], width):
        total = 0.0
        for j in range(first, first + width):
            total += y[j]
        for j in range(first, first + width):
            y[j] /= total


@inlined
def softmax_gradient(z, y, dy, width, p):
    for first in range(0, y.shape[0], width):
        mean = 0.0
        for j in range(first, first + width):
            mean += y[j] * dy[j]
        for j in range(first, first + width):
            dy[j] = y[j] * (dy[j] - mean)


@inlined
def log_softmax(y, width, p):
    for first in range(0, y.shape[0], width):
        top, total = largest(y, first, width), 0.0
        for j in range(first, first + width):
            total += exp(y[j] - top)
        for j in range(first, first + width):
            y[j] = y[j] - top - math.log(total)


@inlined
def log_softmax_gradient(z, y, dy, width, p):
    for first in range(0, y.shape[0], width):
        total = 0.0
        for j in range(first, first + width):
            total += dy[j]
        for j in range(first, first + width):
            dy[j] -= exp(y[j]) * total


ROWWISE = {
    ActivationCode.SOFTMAX: (softmax, softmax_gradient),
    ActivationCode.LOG_SOFTMAX: (log_softmax, log_softmax_gradient),
}
KERNELS, GRADIENTS = {}, {}
for record in ACTIVATIONS.values():
    pair = ROWWISE[record.code] if record.rowwise else (_forward(record.function), _gradient(record.derivative))
    KERNELS[record.code], GRADIENTS[record.code] = pair
