"""Probabilities as sure as they are right: each network's outputs are softened by what the rows it did not see say.

A network is surer than it is right, and the mean of several makes half of that good again; so each is softened by the
root of the temperature (Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks") that its
held-out rows ask for, one alone by all of it. The temperature becomes part of the last layer and costs nothing.

Design: temperatures are steps of a ladder, and not the end of a search, so that the last bits of logarithms decide
nothing. None is below one: rows that are all told right, of which small tables have folds, ask for endless sureness.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn import layers
from fastnn.tabular.greedy import TINY, row_losses

if TYPE_CHECKING:
    from fastnn.models.model import Model
    from fastnn.tabular.bag import Member

LADDER = tuple(2 ** (step / 8) for step in range(21))  # 1 to 5.7
OF_SEVERAL = 0.5  # power of the temperature by which each of several networks is softened


def temperature(output: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The step of :data:`LADDER` by which probabilities have the least log-loss.

    Parameters
    ----------
    output : probabilities ``(n, n_classes)``, or of the second of two classes ``(n, 1)``.
    y : ``(n,)`` indices of classes.
    weights : None or ``(n,)``, how much each row counts.

    >>> said = np.array([[0.99, 0.01]] * 10)
    >>> temperature(said, np.zeros(10)), round(temperature(said, np.arange(10) // 8), 1)
    (1.0, 3.4)
    """
    given = None if weights is None or not weights.any() else weights
    losses = [np.average(row_losses(True, softened(output, step), y), weights=given) for step in LADDER]
    return LADDER[int(np.argmin(losses))]


def softened(output: np.ndarray, degree: float) -> np.ndarray:
    """Probabilities whose logits are divided by ``degree``, float64."""
    whole = np.hstack([1.0 - output, output]) if output.shape[1] == 1 else output
    powers = np.clip(whole.astype(np.float64), TINY**2, 1.0) ** (1.0 / degree)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers[:, 1:] if output.shape[1] == 1 else powers


def soften(members: Sequence[Member], y: Sequence[np.ndarray], weights: Sequence[np.ndarray] | None = None) -> None:
    """Soften trained networks of classes, and what they said of the rows held from them.

    Members with shares stay: shares were found for what they say.

    Parameters
    ----------
    members : trained ones.
    y, weights : of each that has said something, the classes of the rows it was asked of, and None or their weights.
    """
    told = [member for member in members if member.output is not None and member.model is not None]
    if not told or any(member.share is not None for member in members):
        return
    outputs = np.concatenate([member.output for member in told if member.output is not None])
    found = temperature(outputs, np.concatenate(y), None if weights is None else np.concatenate(weights))
    degree = found if len(members) == 1 else found**OF_SEVERAL
    if degree == 1.0:
        return
    for member in told:
        if member.model is not None and member.output is not None:
            _divide_logits(member.model, degree)
            member.output = softened(member.output, degree).astype(member.output.dtype)


def _divide_logits(model: Model, degree: float) -> None:
    last = [layer for layer in model.layers if isinstance(layer, layers.Dense)][-1]
    last.set_weights([part / degree for part in last.get_weights()])
