"""The scalars of a step: what an update formula needs besides arrays, computed once a step in double precision.

Pure functions ``(hyper, step, rate) -> c[1:]`` of the numbers of ``Optimizer.hyper()``, the step (from 1) and its
learning rate; Numba compiles them as they stand here, and ``c/scalars.c`` has their twins. All give as many numbers,
so that backends have one shape for all; what a formula does not read is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastnn.optimizers.updates import OptimizerCode


def power(base: float, exponent: int) -> float:
    """``base ** exponent`` by squaring: only products, so the same bits on every machine."""
    result = 1.0
    while exponent:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


def sgd(hyper: Sequence[float], step: int, rate: float) -> tuple[float, ...]:
    return rate, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


def momentum(hyper: Sequence[float], step: int, rate: float) -> tuple[float, ...]:
    return hyper[0], rate, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


def rmsprop(hyper: Sequence[float], step: int, rate: float) -> tuple[float, ...]:
    rho, epsilon, centered, moment = hyper[0], hyper[1], hyper[2], hyper[3]
    return rho, 1 - rho, rate, epsilon, centered, moment, 0.0, 0.0, 0.0


def adagrad(hyper: Sequence[float], step: int, rate: float) -> tuple[float, ...]:
    return rate, hyper[0], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


def adadelta(hyper: Sequence[float], step: int, rate: float) -> tuple[float, ...]:
    rho, epsilon = hyper[0], hyper[1]
    return rho, 1 - rho, rate, epsilon, 0.0, 0.0, 0.0, 0.0, 0.0


def adam(hyper: Sequence[float], step: int, rate: float) -> tuple[float, ...]:
    beta_1, beta_2, epsilon, keras = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second = 1 - power(beta_1, step), math.sqrt(1 - power(beta_2, step))
    size, root = rate / first, 1 / second
    if keras:
        size, root = rate * second / first, 1.0
    return beta_1, 1 - beta_1, beta_2, 1 - beta_2, size, root, epsilon, 0.0, 0.0


def nadam_momentum(beta_1: float, step: int) -> float:
    return beta_1 * (1 - 0.5 * power(0.96, step))


def nadam(hyper: Sequence[float], step: int, rate: float) -> tuple[float, ...]:
    beta_1, beta_2, epsilon = hyper[0], hyper[1], hyper[2]
    product = 1.0
    for i in range(1, step + 1):
        product *= nadam_momentum(beta_1, i)
        if product < 1e-20:  # 1 - product is 1 from here on
            break
    now, after = nadam_momentum(beta_1, step), nadam_momentum(beta_1, step + 1)
    ahead, here = rate * after / (1 - product * after), rate * (1 - now) / (1 - product)
    root = 1 / math.sqrt(1 - power(beta_2, step))
    return beta_1, 1 - beta_1, beta_2, 1 - beta_2, ahead, here, root, epsilon, 0.0


def adamax(hyper: Sequence[float], step: int, rate: float) -> tuple[float, ...]:
    beta_1, beta_2, epsilon = hyper[0], hyper[1], hyper[2]
    return beta_1, 1 - beta_1, beta_2, rate / (1 - power(beta_1, step)), epsilon, 0.0, 0.0, 0.0, 0.0


def lion(hyper: Sequence[float], step: int, rate: float) -> tuple[float, ...]:
    beta_1, beta_2 = hyper[0], hyper[1]
    return rate, beta_1, 1 - beta_1, beta_2, 1 - beta_2, 0.0, 0.0, 0.0, 0.0


def ftrl(hyper: Sequence[float], step: int, rate: float) -> tuple[float, ...]:
    l1, l2, shrinkage, beta = hyper[0], hyper[1], hyper[2], hyper[3]
    inverse = 1 / rate if rate else math.inf
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
