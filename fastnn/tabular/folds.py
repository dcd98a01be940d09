"""Which rows each network is trained on, and which say how good it is: folds that keep classes or groups together.

Design: folds are disjoint, so that the rows that one network never saw are never seen twice, and what all networks say
of the rows they did not see is one honest score of as many rows as there are.
"""

from __future__ import annotations

import numpy as np

from fastnn._base.reprs import counted
from fastnn.tables.objects import is_gap


def folds(n_folds: int, seed: int, y: np.ndarray, classes: bool, groups: np.ndarray | None = None) -> np.ndarray:
    """The fold of each row, ``(n,)`` of 0 to ``n_folds - 1``.

    Parameters
    ----------
    n_folds : how many; every one gets at least a row where there are as many rows (or groups).
    y : ``(n,)`` encoded target: indices of classes, or numbers.
    classes : whether it is the former. Each class is spread over the folds evenly, numbers by their order of size.
    groups : ``(n,)`` what belongs together (a patient, a house); all rows of a group are in one fold.

    >>> import numpy as np
    >>> place = folds(2, 0, np.array([0, 0, 0, 0, 1, 1]), True)
    >>> np.bincount(place).tolist(), sorted(place[:4].tolist()), sorted(place[4:].tolist())
    ([3, 3], [0, 0, 1, 1], [0, 1])
    """
    random = np.random.default_rng(seed)
    if groups is not None:
        return _grouped(n_folds, random, groups)
    order = random.permutation(len(y))
    by = _rarest_first(n_folds, y) if classes else y
    order = order[np.argsort(by[order], kind="stable")]  # equal ones stay in random order
    found = np.empty(len(y), np.int64)
    if classes:
        found[order] = np.arange(len(y)) % n_folds
        return found
    for first in range(0, len(y), n_folds):  # of neighbours by size one each, in random order
        rows = order[first : first + n_folds]
        found[rows] = random.permutation(n_folds)[: len(rows)]
    return found


def _rarest_first(n_folds: int, y: np.ndarray) -> np.ndarray:
    """By what rows are ordered: the class; where one has fewer rows than there are folds, the rarest class first.

    The first folds then have rows of it: of one network's the first is all that says how good it is.
    """
    counts = np.bincount(y.astype(np.int64))
    if counts[counts > 0].min(initial=n_folds) >= n_folds:
        return y
    ranks = np.empty(len(counts), np.int64)
    ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    return ranks[y.astype(np.int64)]


def _grouped(n_folds: int, random: np.random.Generator, groups: np.ndarray) -> np.ndarray:
    """Whole groups, the largest first, each to the fold that has fewest rows."""
    _, place, counts = np.unique(_comparable(groups), return_inverse=True, return_counts=True)
    if len(counts) < n_folds:
        raise ValueError(
            f"the rows are of {counted(len(counts), 'group')}, and {n_folds} folds need a group each; leave groups "
            f"out, or give smaller ones"
        )
    sizes, fold = np.zeros(n_folds, np.int64), np.empty(len(counts), np.int64)
    shuffled = random.permutation(len(counts))
    for group in shuffled[np.argsort(-counts[shuffled], kind="stable")]:
        fold[group] = sizes.argmin()
        sizes[fold[group]] += counts[group]
    return fold[place.reshape(-1)]


def _comparable(groups: np.ndarray) -> np.ndarray:
    """Groups that can be put into an order, whatever types of objects they are; ``ValueError`` for a gap."""
    values = groups.tolist()
    gaps = [row for row, value in enumerate(values) if is_gap(value)]
    if gaps:
        raise ValueError(
            f"groups has gaps (NaN or None) in {counted(len(gaps), 'row')} of {len(values):,} (row {gaps[0] + 1} is "
            f"the first); give each row a group, a row that stands alone one of its own"
        )
    if groups.dtype.kind != "O" or len(set(map(type, values))) == 1:
        return groups
    return np.array([f"{type(value).__name__} {value!r}" for value in values])
