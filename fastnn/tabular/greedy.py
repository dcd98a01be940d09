"""How much each of several models counts in their mean: greedy selection with replacement.

Source: Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models" (2004). A selection on
few rows fits their noise; what is returned is the mean over selections on random halves of the rows (their bagging).
"""

from __future__ import annotations

import numpy as np

ROUNDS = 25
HALVES = 8
LEAST = 0.04  # a share below is none
TINY = 1e-7  # a probability is at least this and at most one less this


def row_losses(classes: bool, output: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Log-loss of probabilities, or squared error, of each row.

    Parameters
    ----------
    output : ``(..., n, n_out)``; one probability of two classes is of the second one.
    y : ``(n,)`` indices of classes, or numbers.

    Returns
    -------
    ``(..., n)``

    >>> row_losses(True, np.array([[0.25], [0.5]]), np.array([1.0, 0.0])).round(3).tolist()
    [1.386, 0.693]
    """
    if not classes:
        made: np.ndarray = (output[..., 0] - y) ** 2
        return made
    if output.shape[-1] == 1:
        p = np.where(y > 0, output[..., 0], 1 - output[..., 0])
    else:
        p = output[..., np.arange(len(y)), y.astype(np.int64)]
    found: np.ndarray = -np.log(np.clip(p, TINY, 1 - TINY))
    return found


def selected(
    outputs: np.ndarray, y: np.ndarray, classes: bool, weights: np.ndarray | None = None, rounds: int = ROUNDS
) -> np.ndarray:
    """How often each model is selected, ``(k,)``: in every round the one with which the mean's loss is lowest.

    Parameters
    ----------
    outputs : ``(k, n, n_out)``, what each says of the rows.   y : ``(n,)``.   weights : ``(n,)``, of rows.
    """
    counts, total = np.zeros(len(outputs), np.int64), np.zeros(outputs.shape[1:])
    for i in range(rounds):
        losses = row_losses(classes, (total + outputs) / (i + 1), y)
        best = int(np.average(losses, axis=-1, weights=weights).argmin())
        counts[best] += 1
        total += outputs[best]
    return counts


def shares(
    outputs: np.ndarray, y: np.ndarray, classes: bool, weights: np.ndarray | None = None, seed: int = 0
) -> np.ndarray:
    """How much each model counts, ``(k,)``, in sum 1; arguments as of :func:`selected`.

    >>> y = np.linspace(-1, 1, 40)
    >>> outputs = np.stack([y + 1, y - 1, y + 9])[..., None]
    >>> found = shares(outputs, y, classes=False)
    >>> bool(abs(found[0] - 0.5) < 0.1), float(found[2])
    (True, 0.0)
    """
    random, outputs = np.random.default_rng([seed, 0x64EE]), outputs.astype(np.float64)
    counts = np.zeros(len(outputs))
    n = len(y)
    for _ in range(HALVES):
        rows = np.sort(random.permutation(n)[: max(1, n // 2)])
        given = None if weights is None or not weights[rows].any() else weights[rows]
        counts += selected(outputs[:, rows], y[rows], classes, given)
    counts /= counts.sum()
    counts[counts < min(LEAST, counts.max())] = 0.0
    found: np.ndarray = counts / counts.sum()
    return found
