"""What a classifier of any make says of rows, in one form: a share for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.types import DataLike
from fastnn.models.sequential import Sequential
from fastnn.plot import inputs

MEND = "wrap the model in a function that gives them, such as lambda x: 1 / (1 + np.exp(-model.predict(x)))"


@dataclass(frozen=True)
class Votes:
    """What a model says of rows.

    Attributes
    ----------
    shares : ``(n, classes)``; the largest of a row is the class decided for.
    classes : labels of the columns.
    certain : whether shares are probabilities, and not labels or scores.
    """

    shares: np.ndarray
    classes: np.ndarray
    certain: bool


def vote(model: object, rows: DataLike, labels: np.ndarray) -> Votes:
    """Ask ``model`` about ``rows``; ``labels`` of other rows tell what the classes are called."""
    known = getattr(model, "classes_", None)
    came = np.asarray(_ask(model, rows))
    if came.shape[:1] != (len(rows),) or came.ndim > 2 or came.shape[1:] == (0,):
        raise ValueError(f"the model must give (n, classes) or (n,) for n = {len(rows)} points, got shape {came.shape}")
    one_column = came.ndim == 1 or came.shape[1] == 1
    if one_column and (came.dtype.kind not in "fc" or (known is not None and not hasattr(model, "predict_proba"))):
        return _of_labels(came.reshape(-1), labels)
    scores = _activated(model, inputs.real("what the model gives", came))
    shares = _two_columns(scores.reshape(-1)) if one_column else scores
    certain = bool(shares.min() > -1e-6 and np.abs(shares.sum(axis=1) - 1).max() < 1e-3)
    return Votes(shares, _classes(known, labels, shares.shape[1]), certain)


def _ask(model: object, rows: object) -> object:
    if isinstance(model, Sequential) and not model.built:  # predict would build it, with weights that mean nothing
        raise ValueError("the model has no weights yet; fit it first")
    for name in ("predict_proba", "predict"):
        if hasattr(model, name):
            return getattr(model, name)(rows)
    if callable(model):
        return model(rows)
    raise TypeError(f"model must have predict_proba or predict, or be a function f(x), got {shown(model)}")


def _of_labels(given: np.ndarray, labels: np.ndarray) -> Votes:
    given = inputs.labels("what the model gives", given)
    inputs.same_kind("y", labels, "the model's answer", given)
    classes = np.unique(np.concatenate([labels, given]))
    return Votes(np.eye(len(classes))[np.searchsorted(classes, given)], classes, certain=False)


def _activated(model: object, scores: np.ndarray) -> np.ndarray:
    """Probabilities of a model that was compiled to give logits."""
    if not getattr(getattr(model, "loss", None), "from_logits", False):
        return scores
    if scores.ndim == 1 or scores.shape[1] == 1:
        return 0.5 * (1 + np.tanh(0.5 * scores))
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return found


def _two_columns(second: np.ndarray) -> np.ndarray:
    low, high = second.min(), second.max()
    if low < -1e-6 or high > 1 + 1e-6:
        raise ValueError(f"one column must hold probabilities of the second class, got {low:g} to {high:g}; {MEND}")
    return np.column_stack([1 - second, second])


def _classes(known: Sequence[object] | None, labels: np.ndarray, n: int) -> np.ndarray:
    """Labels of ``n`` columns: the estimator's, or 0 to n - 1, or those of the points in sorted order."""
    if known is not None and len(known) == n:
        return np.asarray(known)
    present = np.unique(labels)
    if present.dtype.kind in "iub" and present[0] >= 0 and present[-1] < n:
        return np.arange(n)
    if len(present) != n:
        raise ValueError(f"the model gives {n} classes, but y has {len(present)}: {', '.join(map(str, present[:20]))}")
    return present
