"""Weights to go back to when training diverges: those of before the epoch.

Design: weights are copied when an epoch begins (at most once a stretch). The copy is a fraction of one update's memory
traffic; looking at every update for NaN (rejected) is not. Weights of 1e30 that are finite still (also rejected) are of
no more use than NaN once the loss is not.
"""

from __future__ import annotations

import numpy as np

from fastnn._base.arrays import is_surely_finite


class Finite:
    """Keeps a copy of weights ``params`` with which training can begin again, once :meth:`keep` has been called."""

    def __init__(self, params: np.ndarray):
        self.params, self.kept = params, params[:0]

    def keep(self) -> None:
        """Copy the weights, which are finite."""
        if len(self.kept) == len(self.params):
            np.copyto(self.kept, self.params)
        else:
            self.kept = self.params.copy()

    def holds(self) -> bool:
        """Whether the weights are finite."""
        if is_surely_finite(self.params):
            return True
        with np.errstate(all="ignore"):  # an overflow of the sum only costs the second look
            return bool(np.isfinite(self.params.sum()) or np.isfinite(self.params).all())

    def go_back(self) -> None:
        """To the copy; where there is none, nothing has been trained."""
        if len(self.kept):
            np.copyto(self.params, self.kept)
