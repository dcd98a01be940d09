"""Learning-rate schedules, by the names and arguments of Keras where Keras has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn.schedules.base import Constant, LearningRateSchedule, Schedule
    from fastnn.schedules.cosine import CosineDecay, CosineDecayRestarts, CosineLog, FlatCosine
    from fastnn.schedules.decays import (
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
        StepDecay,
    )
    from fastnn.schedules.known import SCHEDULES, schedule_from_config
    from fastnn.schedules.plateau import Plateau

_MODULES = {
    "base": "Constant LearningRateSchedule Schedule",
    "cosine": "CosineDecay CosineDecayRestarts CosineLog FlatCosine",
    "decays": "ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay StepDecay",
    "known": "SCHEDULES schedule_from_config",
    "plateau": "Plateau",
}

__all__ = [
    "SCHEDULES",
    "Constant",
    "CosineDecay",
    "CosineDecayRestarts",
    "CosineLog",
    "ExponentialDecay",
    "FlatCosine",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "Plateau",
    "PolynomialDecay",
    "Schedule",
    "StepDecay",
    "schedule_from_config",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _MODULES)
