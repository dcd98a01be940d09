"""Learning-rate schedules, by the names and arguments of Keras where Keras has them."""

from __future__ import annotations

from typing import Any

from fastnn._base.arguments import lookup
from fastnn.schedules.base import Constant, Schedule
from fastnn.schedules.cosine import CosineDecay, CosineDecayRestarts, CosineLog, FlatCosine
from fastnn.schedules.decays import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    StepDecay,
)
from fastnn.schedules.plateau import Plateau

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

LearningRateSchedule = Schedule
SCHEDULES: dict[str, type[Schedule]] = {
    c.__name__: c
    for c in (
        *(Constant, ExponentialDecay, StepDecay, PiecewiseConstantDecay, PolynomialDecay, InverseTimeDecay),
        *(CosineDecay, CosineDecayRestarts, CosineLog, FlatCosine, Plateau),
    )
}


def schedule_from_config(stored: dict[str, Any]) -> Schedule:
    """The schedule that :meth:`Schedule.config` described, or Keras: ``{"class_name": ..., "config": {...}}``.

    Parameters
    ----------
    stored : the configuration that a schedule's ``get_config`` gave, with its class.

    >>> from fastnn import schedules
    >>> config = {"initial_learning_rate": 0.1, "decay_steps": 100}
    >>> schedules.schedule_from_config({"class_name": "CosineDecay", "config": config})
    CosineDecay(0.1, 100)
    """
    if "class_name" in stored:
        return lookup("schedule", stored["class_name"], SCHEDULES).from_config(stored.get("config", {}))
    arguments = {k: v for k, v in stored.items() if k != "name"}
    return lookup("schedule", stored.get("name"), SCHEDULES)(**arguments)
