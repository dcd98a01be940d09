"""A slice of the parameters: the plan by which it is updated alone, and the clipping of its gradients."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from fastnn._engine.distribution import STEP, Distribution
from fastnn._plan.plan import Plan
from fastnn.optimizers.updates import ClipCode

PIECE = 1024  # parameters whose squares are added together; slices begin and end with a piece


def sliced(plan: Plan, begin: int, end: int) -> Plan:
    """A plan for updates of ``params[begin:end]`` as a vector of its own, without penalties, clipping, constraints."""
    header, optimizer, spans = plan.header.copy(), plan.optimizer.copy(), plan.spans.copy()
    spans["first"], spans["last"] = (
        np.clip(spans["first"], begin, end) - begin,
        np.clip(spans["last"], begin, end) - begin,
    )
    spans = spans[spans["first"] < spans["last"]]
    header["n_params"], header["n_spans"], header["n_segments"] = end - begin, len(spans), 0
    header["has_penalty"] = header["has_constraint"] = 0
    optimizer["clip"] = ClipCode.NONE
    return replace(
        plan, header=header, optimizer=optimizer, spans=spans, segments=plan.segments[:0], faults={}, chosen={}
    )


def clipped(plan: Plan, grads: np.ndarray, begin: int, distribution: Distribution) -> None:
    """Clip the gradients of the slice that begins at ``begin`` as the optimiser wants it, in place."""
    code, bound = int(plan.optimizer["clip"]), float(plan.optimizer["clip_at"])
    if code == ClipCode.VALUE:
        np.clip(grads, -bound, bound, out=grads)
    elif code in (ClipCode.NORM, ClipCode.GLOBAL_NORM):
        pieces = _pieces(plan.segments, begin, begin + len(grads))
        squares = [np.square(grads[a - begin : b - begin], dtype=np.float64).sum() for _, a, b in pieces]
        heard = np.frombuffer(b"".join(distribution.gather(STEP, np.array(squares).tobytes())))
        norms = _norms(plan.segments, heard, code == ClipCode.GLOBAL_NORM)
        for segment, first, last in pieces:
            if norms[segment] > bound:
                grads[first - begin : last - begin] *= grads.dtype.type(bound / norms[segment])


def _pieces(segments: np.ndarray, begin: int, end: int) -> list[tuple[int, int, int]]:
    """Pieces of all variables between two places of ``params``, in order: ``(segment, first, last)``."""
    found = []
    for i in np.argsort(segments["offset"]).tolist():
        offset, size = int(segments["offset"][i]), int(segments["size"][i])
        first, last = max(begin, offset), min(end, offset + size)
        borders = [first, *range(first // PIECE * PIECE + PIECE, last, PIECE), last]
        found += [(i, a, b) for a, b in pairwise(borders) if a < b]
    return found


def _norms(segments: np.ndarray, squares: np.ndarray, together: bool) -> list[float]:
    """The norm of each variable's gradient, or of all of them for each, from the squares of all pieces."""
    numbers = [segment for segment, *_ in _pieces(segments, 0, int((segments["offset"] + segments["size"]).max()))]
    if together:
        return [math.sqrt(math.fsum(squares))] * len(segments)
    sums: list[list[float]] = [[] for _ in segments]
    for number, square in zip(numbers, squares.tolist(), strict=True):
        sums[number].append(square)
    return [math.sqrt(math.fsum(own)) if np.isfinite(own).all() else math.nan for own in sums]
