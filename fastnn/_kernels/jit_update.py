"""The update of all parameters: penalties, clipping, the scalars of a step, and the optimiser's formula.

``update_params`` is :func:`fastnn._kernels.reference.update`. Formulas are those of :mod:`fastnn.updates`; the
scalars repeat ``Optimizer.scalars`` from the numbers of the OPTIMIZER record, in the order of ``hyper()``.
"""

from __future__ import annotations

import math

from fastnn._kernels.jit_compile import choice, inlined, kernel
from fastnn._kernels.jit_formulas import compiled
from fastnn.optimizers import power as python_power
from fastnn.updates import N_SLOTS, UPDATES, ClipCode, OptimizerCode

CLIP_VALUE, CLIP_NORM, CLIP_GLOBAL_NORM = int(ClipCode.VALUE), int(ClipCode.NORM), int(ClipCode.GLOBAL_NORM)
CLIPS = tuple(int(code) for code in ClipCode)
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
}
step_scalars = choice("step_scalars", SCALARS, "hyper, step, rate")  # c[1:] of the formulas


def _update(formula, n_slots):
    on_number = compiled(formula)

    @inlined
    def without_slots(w, g, slots, c):
        for i in range(w.shape[0]):
            w[i], _ = on_number(w[i], g[i], (), c)

    @inlined
    def with_one(w, g, slots, c):
        s0 = slots[0]
        for i in range(w.shape[0]):
            w[i], (s0[i],) = on_number(w[i], g[i], (s0[i],), c)

    @inlined
    def with_two(w, g, slots, c):
        s0, s1 = slots[0], slots[1]
        for i in range(w.shape[0]):
            w[i], (s0[i], s1[i]) = on_number(w[i], g[i], (s0[i], s1[i]), c)

    @inlined
    def with_three(w, g, slots, c):
        s0, s1, s2 = slots[0], slots[1], slots[2]
        for i in range(w.shape[0]):
            w[i], (s0[i], s1[i], s2[i]) = on_number(w[i], g[i], (s0[i], s1[i], s2[i]), c)

    return (without_slots, with_one, with_two, with_three)[n_slots]


KERNELS = {code: _update(formula, N_SLOTS[code]) for code, formula in UPDATES.items()}
apply = choice("apply", KERNELS, "w, g, slots, c")


@inlined
def penalize(segments, params, grads):
    """Add the gradients of l1 and l2 to ``grads``; returns the penalty."""
    penalty = 0.0
    for segment in segments:
        l1, l2 = segment.l1, segment.l2
        if l1 or l2:
            for i in range(segment.offset, segment.offset + segment.size):
                w = float(params[i])
                penalty += l1 * abs(w) + l2 * w * w
                grads[i] += l1 * ((w > 0) - (w < 0)) + 2 * l2 * w
    return penalty


@kernel
def clip_norm(grads, bound):
    total = 0.0
    for i in range(grads.shape[0]):
        total += float(grads[i]) * float(grads[i])
    norm = math.sqrt(total)
    if norm > bound:
        factor = grads.dtype.type(bound / norm)
        for i in range(grads.shape[0]):
            grads[i] *= factor


@inlined
def clip(code, bound, segments, grads):
    """Clip each gradient, each variable's norm, or the norm of all."""
    if code == CLIP_VALUE:
        for i in range(grads.shape[0]):
            if grads[i] > bound:
                grads[i] = bound
            elif grads[i] < -bound:
                grads[i] = -bound
    elif code == CLIP_GLOBAL_NORM:
        clip_norm(grads, bound)
    elif code == CLIP_NORM:
        for segment in segments:
            clip_norm(grads[segment.offset : segment.offset + segment.size], bound)


@kernel
def update_params(tables, memory, step, rate):
    """One update from ``memory.grads``; returns the penalty of the parameters before it."""
    optimizer, params, grads, penalty = tables.optimizer[()], memory.params, memory.grads, 0.0
    if tables.header[()].has_penalty:
        penalty = penalize(tables.segments, params, grads)
    clip(optimizer.clip, optimizer.clip_at, tables.segments, grads)
    decay, of = rate * optimizer.weight_decay, params.dtype.type
    c1, c2, c3, c4, c5, c6, c7, c8, c9 = step_scalars(optimizer.code, optimizer.hyper, step, rate)
    c = (of(decay), of(c1), of(c2), of(c3), of(c4), of(c5), of(c6), of(c7), of(c8), of(c9))
    apply(optimizer.code, params, grads, memory.slots, c)
    return penalty
