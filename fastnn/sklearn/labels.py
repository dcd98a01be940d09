"""Labels of classes, as scikit-learn's own functions are asked about them."""

from __future__ import annotations

import numpy as np

TIMES = 3


def check_kind(y: np.ndarray) -> None:
    """``TypeError`` for objects of which some are words."""
    if y.dtype.kind == "O" and len({issubclass(kind, str) for kind in set(map(type, y.flat))}) > 1:
        raise TypeError("y must hold labels of one kind, words or numbers, and has both")


def distinct(y: np.ndarray) -> np.ndarray:
    """Labels that tell of classes what all of them tell: of words each stands there a few times, in any order.

    Python's objects take long to sort. Labels that stand there once would be a sign of numbers to scikit-learn, which
    takes many of them in few rows for the targets of a regression.

    >>> distinct(np.array(["no", "yes", "no", "no"], object)).tolist()
    ['no', 'yes', 'no', 'yes', 'no', 'yes']
    """
    return np.array([*dict.fromkeys(y)] * TIMES, dtype=object) if y.dtype.kind == "O" and y.ndim == 1 else y
