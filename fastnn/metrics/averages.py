"""``average=``: how the values of several outputs or classes become one."""

from __future__ import annotations

from typing import Any

import numpy as np

AVERAGES = ("micro", "macro", "weighted", None)


def check_average(came: Any) -> None:
    """``ValueError`` when it is none of ``AVERAGES``."""
    if came not in AVERAGES:
        raise ValueError(f'average must be "micro", "macro", "weighted" or None, got {came!r}')


def averaged(values: np.ndarray, counts: np.ndarray, weights: np.ndarray, average: str | None) -> Any:
    """The mean of the values that count, plain or by weights; None gives them all.

    Where nothing counts the mean is 0 if the values are numbers, and NaN if there are none.
    """
    if average is None:
        return values
    share = np.where(counts, weights if average == "weighted" else 1.0, 0.0)
    if not share.sum():
        return values.mean()
    return (np.where(counts, values, 0.0) * share).sum() / share.sum()
