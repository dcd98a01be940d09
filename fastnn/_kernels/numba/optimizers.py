"""The optimisers: each a kernel that finds the scalars of a step and then updates the spans that are trained.

Formulas are those of :mod:`fastnn.optimizers.updates`, scalars those of :mod:`fastnn.optimizers.scalars`.
"""

from __future__ import annotations

from types import FunctionType

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.formulas import compiled
from fastnn.optimizers import scalars as of_step
from fastnn.optimizers.updates import N_SLOTS, UPDATES

ARGUMENTS = "w, g, slots, spans, optimizer, step, rate, decay"


def _with(function, **given):
    """A function with compiled versions of those that it calls."""
    return FunctionType(function.__code__, {**function.__globals__, **given}, function.__name__)


power = kernel(of_step.power)
nadam_momentum = inlined(_with(of_step.nadam_momentum, power=power))
SCALARS = {
    code: inlined(_with(function, power=power, nadam_momentum=nadam_momentum))
    for code, function in of_step.SCALARS.items()
}


def _rounded(scalars):
    @inlined
    def rounded(optimizer, step, rate, decay, span, of):
        """``c`` of the formula for the parameters of a span."""
        rate = rate * span.rate
        decay = rate * (optimizer[()].weight_decay * (span.decay * decay))
        c1, c2, c3, c4, c5, c6, c7, c8, c9 = scalars(optimizer[()].hyper, step, rate)
        return of(decay), of(c1), of(c2), of(c3), of(c4), of(c5), of(c6), of(c7), of(c8), of(c9)

    return rounded


def _update(formula, scalars, n_slots):
    on_number, rounded = compiled(formula), _rounded(scalars)

    @inlined
    def without_slots(w, g, slots, spans, optimizer, step, rate, decay):
        for span in spans:
            c = rounded(optimizer, step, rate, decay, span, w.dtype.type)
            for i in range(span.first, span.last):
                w[i], _ = on_number(w[i], g[i], (), c)

    @inlined
    def with_one(w, g, slots, spans, optimizer, step, rate, decay):
        s0 = slots[0]
        for span in spans:
            c = rounded(optimizer, step, rate, decay, span, w.dtype.type)
            for i in range(span.first, span.last):
                w[i], (s0[i],) = on_number(w[i], g[i], (s0[i],), c)

    @inlined
    def with_two(w, g, slots, spans, optimizer, step, rate, decay):
        s0, s1 = slots[0], slots[1]
        for span in spans:
            c = rounded(optimizer, step, rate, decay, span, w.dtype.type)
            for i in range(span.first, span.last):
                w[i], (s0[i], s1[i]) = on_number(w[i], g[i], (s0[i], s1[i]), c)

    @inlined
    def with_three(w, g, slots, spans, optimizer, step, rate, decay):
        s0, s1, s2 = slots[0], slots[1], slots[2]
        for span in spans:
            c = rounded(optimizer, step, rate, decay, span, w.dtype.type)
            for i in range(span.first, span.last):
                w[i], (s0[i], s1[i], s2[i]) = on_number(w[i], g[i], (s0[i], s1[i], s2[i]), c)

    return (without_slots, with_one, with_two, with_three)[n_slots]


KERNELS = {code: _update(formula, SCALARS[code], N_SLOTS[code]) for code, formula in UPDATES.items()}
