"""scikit-learn's decorators of methods, which have no types: through these a method keeps its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils.metaestimators import available_if

Random = int | np.random.RandomState | None
"""What ``random_state`` may be."""

Method = TypeVar("Method", bound=Callable[..., object])


def fit_context(nested: bool) -> Callable[[Method], Method]:
    """Check an estimator's parameters before the method; with ``nested`` those of estimators in it, too."""
    decorated: Callable[[Method], Method] = _fit_context(prefer_skip_nested_validation=not nested)
    return decorated


def if_stochastic(method: Method) -> Method:
    """Have the method where the solver takes rows batch by batch."""
    made: Method = available_if(lambda estimator: estimator._check_solver())(method)
    return made
