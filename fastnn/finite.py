"""Finite weights to go back to when training diverges.

Design: weights are copied when an epoch begins (at most once a stretch). The copy is a fraction of one update's memory
traffic; looking at every update for NaN (rejected) is not.
"""

from __future__ import annotations

import numpy as np


class Finite:
    """Keeps a copy of the last weights ``params`` that were finite."""

    def __init__(self, params: np.ndarray):
        self.params, self.kept = params, params.copy()

    def keep(self) -> None:
        """Copy the weights, which are finite."""
        np.copyto(self.kept, self.params)

    def holds(self) -> bool:
        """Whether the weights are finite."""
        with np.errstate(all="ignore"):  # an overflow of the sum only costs the second look
            return bool(np.isfinite(self.params.sum()) or np.isfinite(self.params).all())

    def go_back(self) -> None:
        """To the copy, unless the weights are finite."""
        if not self.holds():
            np.copyto(self.params, self.kept)
