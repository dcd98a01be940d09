"""How a model is trained, in Keras' words: optimiser, losses, metrics by the names that both libraries have."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from fastnn import metrics
from fastnn._base import users_line
from fastnn._base.arguments import shown
from fastnn._base.types import Stored
from fastnn.metrics.accuracy import ResolvedAccuracy
from fastnn.schedules import Schedule

if TYPE_CHECKING:
    import keras

    from fastnn.metrics.base import Metric
    from fastnn.models import Model
    from fastnn.models.choices import AnyLoss
    from fastnn.optimizers.base import Optimizer

AT_REST = (("axis", -1), ("ignore_class", None), ("dtype", None), ("dtype", "float32"))  # arguments of losses
OURS = ("form",)  # arguments that Keras has not, at their defaults


def from_compiled(stored: Stored) -> dict[str, object]:
    """How a model of Keras' is trained, with metrics that are ours.

    Raises
    ------
    ValueError, TypeError
        a metric has no counterpart.
    """
    told = dict(stored)
    optimizer = told.get("optimizer")
    if isinstance(optimizer, dict) and isinstance(optimizer.get("config"), dict):
        rate = optimizer["config"].get("learning_rate")
        if type(rate) is float:  # Keras keeps it in single precision
            told["optimizer"] = {**optimizer, "config": {**optimizer["config"], "learning_rate": _shortest(rate)}}
    told["loss"] = _from_losses(told.get("loss"))
    return told | {name: _from_metrics(told.get(name)) for name in ("metrics", "weighted_metrics")}


def _from_losses(came: object) -> object:
    """Losses without those of Keras' arguments that are at rest."""
    if isinstance(came, list | tuple):
        return [_from_losses(inner) for inner in came]
    if not isinstance(came, dict):
        return came
    if "class_name" not in came:
        return {name: _from_losses(inner) for name, inner in came.items()}
    if not isinstance(came.get("config"), dict):
        raise ValueError(f"the loss {shown(came.get('config'))} is a function of your own")
    config = {name: value for name, value in came["config"].items() if (name, value) not in AT_REST}
    return {**came, "config": config}


def _shortest(rate: float) -> float:
    """The shortest decimal number that single precision holds as this one, where it is one of single precision."""
    single = np.float32(rate)
    return float(str(single)) if float(single) == rate else rate


def _from_metrics(came: object) -> object:
    if isinstance(came, dict) and "class_name" not in came:
        return {name: _from_metrics(inner) for name, inner in came.items()}
    if isinstance(came, list | tuple):
        return [_from_metrics(inner) for inner in came]
    if not isinstance(came, dict):
        return came
    if not isinstance(came.get("config"), dict):
        raise ValueError(f"the metric {shown(came.get('config'))} is a function of your own")
    kind = getattr(metrics, str(came["class_name"]), None)
    if not isinstance(kind, type) or not issubclass(kind, metrics.Metric):
        raise ValueError(f"there is no metric {shown(came['class_name'])}")
    return kind(**{name: value for name, value in came["config"].items() if name != "dtype"})


def compile_keras(keras: ModuleType, other: keras.Model, model: Model) -> None:
    """Compile a model of Keras' as ours is; a warning where something has no counterpart."""
    if model.optimizer is None:
        return
    try:
        if model.dropout_schedule is not None:
            raise ValueError("Keras has no dropout that follows a schedule")
        told = {
            "optimizer": _optimizer(keras, model.optimizer),
            "loss": _each(model.loss, lambda loss: _loss(keras, loss)),
            "metrics": _each(model.metrics, lambda metric: _metric(keras, metric)),
            "weighted_metrics": _each(model.weighted_metrics, lambda metric: _metric(keras, metric)),
            "loss_weights": model.loss_weights,
        }
    except (AttributeError, TypeError, ValueError) as error:
        users_line.warn(f"the model of Keras is not compiled, for {error}")
        return
    other.compile(**told)


def _each(came: object, change: Callable[[Stored], object]) -> object:
    if isinstance(came, list | tuple):
        return [_each(inner, change) for inner in came]
    return None if came is None else change(came)


def _optimizer(keras: ModuleType, optimizer: Optimizer) -> object:
    kind, config = type(optimizer).__name__, optimizer.get_config()
    if getattr(optimizer, "form", "keras") != "keras" or not hasattr(keras.optimizers, kind):
        raise ValueError(f"Keras has no optimizer {optimizer!r}")
    if optimizer.learning_rate_factors or optimizer.weight_decay_factors:
        raise ValueError(f"Keras has no factors of single layers, as {optimizer!r} has them")
    if isinstance(optimizer.weight_decay, Schedule):
        raise ValueError(f"Keras has no weight decay that follows a schedule, as {optimizer!r} has it")
    config = {name: value for name, value in config.items() if name not in OURS}
    rate = config["learning_rate"]
    if isinstance(rate, dict):
        schedule = getattr(keras.optimizers.schedules, rate["class_name"], None)
        if schedule is None:
            raise ValueError(f"Keras has no schedule {optimizer.learning_rate!r}")
        config["learning_rate"] = schedule(**rate["config"])
    return getattr(keras.optimizers, kind)(**config)


def _loss(keras: ModuleType, loss: AnyLoss) -> object:
    if not hasattr(loss, "definition"):
        raise ValueError(f"the loss {loss!r} is a function of your own")
    config = loss.config()
    name, known = config.pop("name"), _by_name(keras.losses, keras.losses.Loss)
    if name not in known:
        raise ValueError(f"Keras has no loss {loss!r}")
    if "label" in config:
        config["name"] = config.pop("label")
    return known[name](**config)


def _metric(keras: ModuleType, metric: Metric) -> object:
    if isinstance(metric, ResolvedAccuracy):
        return metric.name
    config = metric.config()
    kind = config.pop("class", None)
    known = {cls.__name__: cls for cls in _by_name(keras.metrics, keras.metrics.Metric).values()}
    if kind not in known:
        raise ValueError(f"Keras has no metric {metric!r}")
    return known[kind](**config)


def _by_name(module: ModuleType, base: type) -> dict[str, Callable[..., object]]:
    """Classes of a module by the names that their functions have."""
    from fastnn.interop.keras.weights import snake_case

    found = (kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, base))
    return {snake_case(kind.__name__): kind for kind in found}
