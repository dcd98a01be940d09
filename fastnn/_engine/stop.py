"""The rule that ends a fit whose loss stands still."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Stop:
    """A fit ends when an epoch's mean loss has not improved on the best by ``tol`` for more than ``patience`` epochs.

    Attributes
    ----------
    patience : -1 never ends a fit.
    best, wait : where the rule stands: the least loss, and the epochs since it improved. Kept up to date.
    on_stall : asked then; False lets the fit go on, ``wait`` from 0.
    """

    patience: int
    tol: float
    best: float = math.inf
    wait: int = 0
    on_stall: Callable[[], bool] = lambda: True
