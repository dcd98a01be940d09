"""The optimisers: each a kernel that finds the scalars of a step and then updates the whole vector.

Formulas are those of :mod:`fastnn.optimizers.updates`; the scalars repeat ``Optimizer.scalars`` from the numbers of the
OPTIMIZER record, in the order of ``hyper()``.
"""

from __future__ import annotations

import math

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.formulas import compiled
from fastnn.optimizers import power as python_power
from fastnn.optimizers.updates import N_SLOTS, UPDATES, OptimizerCode

ARGUMENTS = "w, g, slots, spans, optimizer, step, rate"
power = kernel(python_power)


@inlined
def sgd(hyper, step, rate):
    return rate, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@inlined
def momentum(hyper, step, rate):
    return hyper[0], rate, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@inlined
def rmsprop(hyper, step, rate):
    rho, epsilon, centered, moment = hyper[0], hyper[1], hyper[2], hyper[3]
    return rho, 1 - rho, rate, epsilon, centered, moment, 0.0, 0.0, 0.0


@inlined
def adagrad(hyper, step, rate):
    return rate, hyper[0], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@inlined
def adadelta(hyper, step, rate):
    rho, epsilon = hyper[0], hyper[1]
    return rho, 1 - rho, rate, epsilon, 0.0, 0.0, 0.0, 0.0, 0.0


@inlined
def adam(hyper, step, rate):
    beta_1, beta_2, epsilon, keras = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second = 1 - power(beta_1, step), math.sqrt(1 - power(beta_2, step))
    size, root = rate / first, 1 / second
    if keras:
        size, root = rate * second / first, 1.0
    return beta_1, 1 - beta_1, beta_2, 1 - beta_2, size, root, epsilon, 0.0, 0.0


@inlined
def _nadam_momentum(beta_1, step):
    return beta_1 * (1 - 0.5 * power(0.96, step))


@inlined
def nadam(hyper, step, rate):
    beta_1, beta_2, epsilon = hyper[0], hyper[1], hyper[2]
    product = 1.0
    for i in range(1, step + 1):
        product *= _nadam_momentum(beta_1, i)
        if product < 1e-20:  # 1 - product is 1 from here on
            break
    now, after = _nadam_momentum(beta_1, step), _nadam_momentum(beta_1, step + 1)
    ahead, here = rate * after / (1 - product * after), rate * (1 - now) / (1 - product)
    root = 1 / math.sqrt(1 - power(beta_2, step))
    return beta_1, 1 - beta_1, beta_2, 1 - beta_2, ahead, here, root, epsilon, 0.0


@inlined
def adamax(hyper, step, rate):
    beta_1, beta_2, epsilon = hyper[0], hyper[1], hyper[2]
    return beta_1, 1 - beta_1, beta_2, rate / (1 - power(beta_1, step)), epsilon, 0.0, 0.0, 0.0, 0.0


@inlined
def lion(hyper, step, rate):
    beta_1, beta_2 = hyper[0], hyper[1]
    return rate, beta_1, 1 - beta_1, beta_2, 1 - beta_2, 0.0, 0.0, 0.0, 0.0


@inlined
def ftrl(hyper, step, rate):
    l1, l2, shrinkage, beta = hyper[0], hyper[1], hyper[2], hyper[3]
    inverse = 1 / rate if rate else np.inf
    return inverse, 2 * shrinkage, 2 * l2 + beta * inverse, l1, 0.0, 0.0, 0.0, 0.0, 0.0


SCALARS = {
    OptimizerCode.SGD: sgd,
    OptimizerCode.MOMENTUM: momentum,
    OptimizerCode.NESTEROV: momentum,
    OptimizerCode.RMSPROP: rmsprop,
    OptimizerCode.RMSPROP_MOMENTUM: rmsprop,
    OptimizerCode.ADAGRAD: adagrad,
    OptimizerCode.ADADELTA: adadelta,
    OptimizerCode.ADAM: adam,
    OptimizerCode.NADAM: nadam,
    OptimizerCode.ADAMAX: adamax,
    OptimizerCode.LION: lion,
    OptimizerCode.AMSGRAD: adam,
    OptimizerCode.FTRL: ftrl,
}


def _update(formula, scalars, n_slots):
    on_number = compiled(formula)

    @inlined
    def rounded(optimizer, step, rate, of):
        """``c`` of the formula."""
        decay = rate * optimizer[()].weight_decay
        c1, c2, c3, c4, c5, c6, c7, c8, c9 = scalars(optimizer[()].hyper, step, rate)
        return of(decay), of(c1), of(c2), of(c3), of(c4), of(c5), of(c6), of(c7), of(c8), of(c9)

    @inlined
    def without_slots(w, g, slots, spans, optimizer, step, rate):
        c = rounded(optimizer, step, rate, w.dtype.type)
        for span in spans:
            for i in range(span.first, span.last):
                w[i], _ = on_number(w[i], g[i], (), c)

    @inlined
    def with_one(w, g, slots, spans, optimizer, step, rate):
        c, s0 = rounded(optimizer, step, rate, w.dtype.type), slots[0]
        for span in spans:
            for i in range(span.first, span.last):
                w[i], (s0[i],) = on_number(w[i], g[i], (s0[i],), c)

    @inlined
    def with_two(w, g, slots, spans, optimizer, step, rate):
        c, s0, s1 = rounded(optimizer, step, rate, w.dtype.type), slots[0], slots[1]
        for span in spans:
            for i in range(span.first, span.last):
                w[i], (s0[i], s1[i]) = on_number(w[i], g[i], (s0[i], s1[i]), c)

    @inlined
    def with_three(w, g, slots, spans, optimizer, step, rate):
        c, s0, s1, s2 = rounded(optimizer, step, rate, w.dtype.type), slots[0], slots[1], slots[2]
        for span in spans:
            for i in range(span.first, span.last):
                w[i], (s0[i], s1[i], s2[i]) = on_number(w[i], g[i], (s0[i], s1[i], s2[i]), c)

    return (without_slots, with_one, with_two, with_three)[n_slots]


KERNELS = {code: _update(formula, SCALARS[code], N_SLOTS[code]) for code, formula in UPDATES.items()}
