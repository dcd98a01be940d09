"""Weights of one model mixed into another's, without arrays made anew for each time."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from fastnn._plan.layout import Layout, padded


class Mixed(Protocol):
    """A model, of which its parameters count."""

    @property
    def params(self) -> np.ndarray: ...
    @property
    def layout(self) -> Layout: ...


class Blend:
    """Called with ``tau``: ``target = tau * source + (1 - tau) * target``.

    Parameters
    ----------
    source, target : vectors of parameters, which may be one and the same.
    source_layout, target_layout : where the parameters stand in them; of the same shapes.
    """

    def __init__(self, source: np.ndarray, target: np.ndarray, source_layout: Layout, target_layout: Layout):
        self.source, self.target = source, target
        cuts: list[list[int]] = []
        for a, b in zip(source_layout.variables, target_layout.variables, strict=True):
            if source is target and a.offset == b.offset:  # of a layer that both have
                continue
            whole = padded(a.size)  # padding may be mixed, too: it is zero
            if cuts and (a.offset, b.offset) == (sum(cuts[-1][::2]), sum(cuts[-1][1:])):
                cuts[-1][2] += whole
            else:
                cuts.append([a.offset, b.offset, whole])
        longest = max((size for *_, size in cuts), default=0)
        rooms = np.empty((2, longest), source.dtype)
        self.pieces = [(source[a : a + n], target[b : b + n], *rooms[:, :n]) for a, b, n in cuts]

    def __repr__(self) -> str:
        return f"<Blend of {sum(piece[0].size for piece in self.pieces)} numbers>"

    def fits(self, source: np.ndarray, target: np.ndarray) -> bool:
        """Whether the vectors are still these."""
        return source is self.source and target is self.target

    def __call__(self, tau: float) -> None:
        """Mix; what is written is whole before the target changes."""
        for source, target, mixed, rest in self.pieces:
            if tau != 1:
                np.multiply(source, tau, out=mixed)
                np.multiply(target, 1 - tau, out=rest)
                np.add(mixed, rest, out=mixed)
                source = mixed
            target[...] = source


def blend_of(source: Mixed, target: Mixed) -> Blend:
    """A blend of two models; ``ValueError`` where their parameters are not of the same shapes and dtype."""
    shapes, others = ([v.parameter.shape for v in model.layout.variables] for model in (source, target))
    own, dtype = source.params.dtype, target.params.dtype
    if shapes != others or own != dtype:
        raise ValueError(
            f"soft_update needs a model with the same parameters: {target!r} has {others} of {dtype}, and this one "
            f"{shapes} of {own}"
        )
    return Blend(source.params, target.params, source.layout, target.layout)
