"""Losses by their names, and how what a user wrote becomes one."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TypeGuard, overload

from fastnn._base.arguments import lookup
from fastnn._base.types import Config
from fastnn.losses.base import Loss, check_reduction, snake_case
from fastnn.losses.binding import bind
from fastnn.losses.custom import CustomLoss
from fastnn.losses.records import LOSSES, LossRecord

CLASSES = ("fastnn.losses.classes", "fastnn.losses.of_classes")  # modules that have them
ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "bce": "binary_crossentropy",
}


@overload
def get(loss: str | LossRecord, **arguments: object) -> LossRecord: ...
@overload
def get(loss: object, **arguments: object) -> LossRecord | CustomLoss: ...
def get(loss: object, **arguments: object) -> LossRecord | CustomLoss:
    """Turn what a user wrote (name, record, stored config, function, class) into a loss.

    Parameters
    ----------
    loss : str in any of Keras' spellings, a loss of this module or its class, a :class:`Loss` of yours, dict as from
        ``config()`` or as Keras serialises losses, or a function ``f(target, prediction)``.
    **arguments : those of the loss's class, such as ``from_logits``, ``delta`` (huber), ``reduction``, ``name``.

    >>> from fastnn import losses
    >>> losses.get("huber", delta=0.5)
    <loss huber(delta=0.5)>
    >>> losses.get("MSE")([0.0, 2.0], [1.0, 5.0])
    5.0
    """
    if isinstance(loss, dict):
        return _of_config(loss, arguments)
    if isinstance(loss, str):
        return bind(lookup("loss", loss, LOSSES, ALIASES), arguments)
    if isinstance(loss, LossRecord):
        return bind(loss, arguments)
    if isinstance(loss, CustomLoss) and not arguments:
        return loss
    if is_ours(loss) or (isinstance(loss, type) and issubclass(loss, Loss) and loss is not Loss):
        make: Callable[..., LossRecord | Loss] = loss
        return get(make(**arguments))
    if isinstance(loss, Loss) and not arguments:
        name = getattr(loss, "name", None) or snake_case(type(loss).__name__)  # without Loss.__init__ it has none
        return CustomLoss(loss.call, name, check_reduction(loss.reduction))
    if isinstance(loss, FunctionType) and (definition := _definition_of(loss)):
        return bind(LOSSES[definition], arguments)
    if callable(loss) and not isinstance(loss, type) and not arguments:
        return CustomLoss(loss)
    raise TypeError(f"loss must be a name, a loss of fastnn.losses or a function f(target, prediction), got {loss!r}")


def is_ours(loss: object) -> TypeGuard[Callable[..., LossRecord]]:
    """Whether it is a class of Keras' name, which is a function here."""
    return isinstance(loss, FunctionType) and loss.__module__ in CLASSES and loss.__name__[0].isupper()


def _definition_of(function: FunctionType) -> str | None:
    from fastnn.losses.functions import FUNCTIONS

    return FUNCTIONS.get(function)


def _of_config(config: Config, arguments: dict[str, object]) -> LossRecord | CustomLoss:
    if "class_name" in config:
        return get(config["class_name"], **(config.get("config") or {}) | arguments)
    if "name" not in config:
        raise TypeError(f"a model has one output: give its loss alone, not a dict of outputs, got {config!r}")
    return get(config.get("name"), **{k: v for k, v in config.items() if k != "name"} | arguments)
