"""``--class-weight``: how much the rows of each class count in training, and in the loss that says when to stop."""

from __future__ import annotations

import csv
import json
import math
from typing import Any

import numpy as np

from fastnn._base.arguments import nearest
from fastnn.tables.target import Classes

BALANCED = "balanced"
FORMS = 'balanced, a list such as "yes=5,no=1", or JSON such as {"yes": 5, "no": 1}'


def parse_weights(text: str) -> str | dict[str, float]:
    """What ``--class-weight`` says: ``"balanced"``, or weights by name; ``ValueError`` for what is neither."""
    if text.strip() == BALANCED:
        return BALANCED
    try:
        pairs: Any = json.loads(text).items() if text.lstrip().startswith("{") else map(_pair, next(csv.reader([text])))
        weights = {str(name): float(weight) for name, weight in pairs}
    except (ValueError, TypeError, StopIteration):
        raise ValueError(f"must be {FORMS}, got {text!r}") from None
    if not weights:
        raise ValueError(f"must be {FORMS}, got {text!r}")
    for name, weight in weights.items():
        if not (weight >= 0 and math.isfinite(weight)):
            raise ValueError(f"the weight of {name!r} must be a number of at least 0, got {weight:g}")
    return weights


def _pair(text: str) -> tuple[str, str]:
    name, sign, weight = text.rpartition("=")
    if not sign:
        raise ValueError(text)
    return name.strip(), weight


def class_weights(asked: str | dict[str, float], target: Classes, y: np.ndarray) -> np.ndarray:
    """The weight of each class, ``(n_classes,)``; ``y`` ``(n,)`` are the training rows' classes.

    ``"balanced"`` is ``n / (n_classes * rows of the class)``, as in scikit-learn. A class without a weight counts 1.
    """
    counts = np.bincount(y, minlength=len(target.labels))
    if asked == BALANCED:
        return len(y) / (len(counts) * np.maximum(counts, 1))
    assert isinstance(asked, dict)
    names = [str(label) for label in target.labels]
    unknown = [name for name in asked if name not in names]
    if unknown:
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise ValueError(f"--class-weight names {unknown[0]!r}{nearest(unknown[0], names)}; the classes are {shown}")
    weights = np.array([asked.get(name, 1.0) for name in names])
    if not weights[counts > 0].any():
        raise ValueError("--class-weight gives every class the weight 0: there is nothing to learn")
    return weights
