"""Means and ratios of sums, and ``average=``: how the values of several outputs or classes become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastnn._base.types import Numbers

AVERAGES = ("micro", "macro", "weighted", None)


def r_mean(sums: Numbers) -> float:
    """The first sum divided by the second."""
    return sums[0] / sums[1] if sums[1] else float("nan")


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """``above / below``, and 0 where nothing is below."""
    found: np.ndarray = np.divide(above, below, out=np.zeros_like(above), where=below != 0)
    return found


def check_average(came: object) -> None:
    """``ValueError`` when it is none of ``AVERAGES``."""
    if came not in AVERAGES:
        raise ValueError(f'average must be "micro", "macro", "weighted" or None, got {came!r}')


def averaged(values: np.ndarray, counts: np.ndarray, weights: np.ndarray, average: str | None) -> Numbers:
    """The mean of the values that count, plain or by weights; None gives them all.

    Where nothing counts the mean is 0 if the values are numbers, and NaN if there are none.
    """
    if average is None:
        return values
    share = np.where(counts, weights if average == "weighted" else 1.0, 0.0)
    if not share.sum():
        return values.mean()
    return (np.where(counts, values, 0.0) * share).sum() / share.sum()
