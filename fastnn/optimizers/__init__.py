"""Optimisers: one class each, with its arguments and the step-dependent scalars of its update.

Names, arguments and defaults are those of Keras 3; ``schedules`` holds learning rates that change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn.optimizers import schedules
    from fastnn.optimizers.adam import Adam, AdamW
    from fastnn.optimizers.adaptive import Adadelta, Adagrad, Ftrl, RMSprop
    from fastnn.optimizers.base import Optimizer
    from fastnn.optimizers.descent import SGD
    from fastnn.optimizers.known import OPTIMIZERS, get
    from fastnn.optimizers.moments import Adamax, Lion, Nadam
    from fastnn.optimizers.quasi_newton import LBFGS
    from fastnn.optimizers.rate import LearningRate

_MODULES = {
    "adam": "Adam AdamW",
    "adaptive": "Adadelta Adagrad Ftrl RMSprop",
    "base": "Optimizer",
    "descent": "SGD",
    "known": "OPTIMIZERS get",
    "moments": "Adamax Lion Nadam",
    "quasi_newton": "LBFGS",
    "rate": "LearningRate",
}

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "LearningRate",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
    "schedules",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _MODULES)
