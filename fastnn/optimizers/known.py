"""Optimisers by their names, and how what a user wrote becomes one."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from fastnn import optimizers
from fastnn._base import lazy
from fastnn._base.arguments import lookup, shown
from fastnn.optimizers.base import SCHEDULED, Optimizer
from fastnn.schedules.base import Schedule

_CLASSES = ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "Nadam", "Adamax", "Lion", "Ftrl", "LBFGS")
OPTIMIZERS: Mapping[str, type[Optimizer]] = lazy.table(optimizers.__name__, {name.lower(): name for name in _CLASSES})


def get(optimizer: object) -> Optimizer:
    """Turn what a user wrote (name, object, configuration) into an optimiser of its own.

    An object is copied with its schedule, so that two models never share one learning rate. A configuration is what
    a model file holds, ``{"name": ..., argument: value}``, or what Keras serialises, ``{"class_name": ...,
    "config": {...}}``.

    Parameters
    ----------
    optimizer : a name such as ``"adam"``, an object, or a configuration as of ``get_config``.

    >>> from fastnn import optimizers
    >>> optimizers.get({"class_name": "Adam", "config": {"name": "adam", "learning_rate": 0.01}})
    Adam(learning_rate=0.01)
    """
    if isinstance(optimizer, Optimizer):
        made = copy.copy(optimizer)
        for name in SCHEDULED:
            if isinstance(getattr(optimizer, name), Schedule):
                setattr(made, name, copy.copy(getattr(optimizer, name)))
        made.check()
        return made
    if isinstance(optimizer, dict):
        if "class_name" in optimizer:
            return lookup("optimizer", optimizer["class_name"], OPTIMIZERS).from_config(optimizer.get("config", {}))
        arguments = {k: v for k, v in optimizer.items() if k != "name"}
        return lookup("optimizer", optimizer.get("name"), OPTIMIZERS).from_config(arguments)
    if isinstance(optimizer, str):
        return lookup("optimizer", optimizer, OPTIMIZERS)()
    raise TypeError(f"optimizer must be a name or an object of fastnn.optimizers, got {shown(optimizer)}")
