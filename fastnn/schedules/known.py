"""Schedules by their names."""

from __future__ import annotations

from collections.abc import Mapping

from fastnn import schedules
from fastnn._base import lazy
from fastnn._base.arguments import lookup
from fastnn._base.types import Config
from fastnn.schedules.base import Schedule

_CLASSES = (
    *("Constant", "ExponentialDecay", "StepDecay", "PiecewiseConstantDecay", "PolynomialDecay", "InverseTimeDecay"),
    *("CosineDecay", "CosineDecayRestarts", "CosineLog", "FlatCosine", "Plateau"),
)
SCHEDULES: Mapping[str, type[Schedule]] = lazy.table(schedules.__name__, {name: name for name in _CLASSES})


def schedule_from_config(stored: Config) -> Schedule:
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
