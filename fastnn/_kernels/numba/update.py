"""The update of all parameters: penalties, clipping, the optimiser's kernel, and constraints.

``update_params`` is :func:`fastnn._kernels.reference.update`.
"""

from __future__ import annotations

import math

from fastnn._kernels.numba import table
from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.constraints import constrain
from fastnn.optimizers.updates import ClipCode

CLIP_VALUE, CLIP_NORM, CLIP_GLOBAL_NORM = int(ClipCode.VALUE), int(ClipCode.NORM), int(ClipCode.GLOBAL_NORM)
CLIPS = tuple(int(code) for code in ClipCode)


@inlined
def penalize(segments, params, grads, scale):
    """Add ``scale`` times the gradients of l1 and l2 to ``grads``; returns ``scale`` times the penalty."""
    penalty = 0.0
    for segment in segments:
        l1, l2 = segment.l1, segment.l2
        if l1 or l2:
            for i in range(segment.offset, segment.offset + segment.size):
                w = float(params[i])
                penalty += l1 * abs(w) + l2 * w * w
                grads[i] += scale * (l1 * ((w > 0) - (w < 0)) + 2 * l2 * w)
    return scale * penalty


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
def update_params(tables, memory, step, rate, scale, decay):
    """One update from ``memory.grads``; returns the penalty of the parameters before it."""
    optimizer, params, grads, penalty = tables.optimizer[()], memory.params, memory.grads, 0.0
    if tables.header[()].has_penalty:
        penalty = penalize(tables.segments, params, grads, scale)
    clip(optimizer.clip, optimizer.clip_at, tables.segments, grads)
    given = params, grads, memory.slots, tables.spans, tables.optimizer, step, rate, decay
    table.update(tables.kernels, optimizer.code, given)
    if tables.header[()].has_constraint:
        constrain(tables.segments, params)
    return penalty
